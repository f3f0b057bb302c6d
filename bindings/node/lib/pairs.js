"use strict";

/** The strings of a list in which each is ended by a NUL. */
function listOf(text) {
  const items = text.split("\0");
  items.pop();
  return items;
}

/** name NUL value NUL … as an object; values of the same name are joined as HTTP joins headers. */
function pairsOf(text) {
  const items = listOf(text);
  const pairs = Object.create(null);
  for (let index = 0; index + 1 < items.length; index += 2) {
    const name = items[index];
    pairs[name] = name in pairs ? `${pairs[name]}, ${items[index + 1]}` : items[index + 1];
  }
  return pairs;
}

module.exports = { listOf, pairsOf };
