// Makes the elements of the page from names, texts and times. Everything that came from somebody
// else enters as text, never as markup.

const GROUP_WITHIN_MS = 3 * 60_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...children) {
    const made = document.createElement(name);
    made.className = className;
    made.append(...children);
    return made;
}

function hue(name) {
    let hash = 7;
    for (const character of name) {
        hash = (hash * 31 + character.codePointAt(0)) % 3600;
    }
    return Math.floor(hash / 10);
}

// The first letter of the first word and of the last: "Ada Lovelace" is AL, "Ada 2" is A2.
function initials(name) {
    const words = name.split(" ").filter((word) => word.length > 0);
    const first = (word) => [...word][0].toUpperCase();
    return words.length > 1 ? first(words[0]) + first(words.at(-1)) : first(words[0] ?? "?");
}

export function paintFace(face, name) {
    face.textContent = initials(name);
    face.style.setProperty("--hue", hue(name));
    return face;
}

export function face(name) {
    const made = paintFace(element("span", "face"), name);
    made.setAttribute("aria-hidden", "true");
    return made;
}

export function personName(name) {
    return element("bdi", "person-name", name);
}

// Web addresses become links; all else stays text.
function richText(text) {
    const pieces = [];
    for (const piece of text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,:;!?)])/u)) {
        if (/^https?:\/\//u.test(piece)) {
            const link = element("a", "", piece);
            link.href = piece;
            link.target = "_blank";
            link.rel = "noopener noreferrer nofollow";
            pieces.push(link);
        } else if (piece.length > 0) {
            pieces.push(piece);
        }
    }
    return pieces;
}

function isOnlyEmoji(text) {
    return /^(?:\p{Extended_Pictographic}[\p{Emoji_Modifier}\uFE0F\u200D]*\s*){1,3}$/u.test(text);
}

export function bubble(text) {
    const made = element("p", "bubble", ...richText(text));
    made.dir = "auto";
    made.classList.toggle("emoji", isOnlyEmoji(text));
    return made;
}

function startGroup(item) {
    const time = element("time", "", clock.format(item.time));
    time.dateTime = new Date(item.time).toISOString();
    const heading = element("p", "author", personName(item.name), " ", time);
    const bubbles = element("div", "bubbles", heading);
    const group = element("li", `group ${item.own ? "own" : "other"}`, face(item.name), bubbles);
    group.dataset.name = item.name;
    group.dataset.time = item.time;
    return group;
}

// Adds a message under its author's last group, or begins a new one.
function appendMessage(list, item) {
    const last = list.lastElementChild;
    const joins = last?.classList.contains("group") && last.dataset.name === item.name
        && item.time - Number(last.dataset.time) < GROUP_WITHIN_MS;
    const group = joins ? last : startGroup(item);
    group.dataset.time = item.time;
    group.querySelector(".bubbles").append(bubble(item.text));
    if (!joins) {
        list.append(group);
    }
}

function appendNotice(list, item) {
    const notice = element("li", `notice ${item.kind}`);
    if (item.name) {
        notice.append(personName(item.name), " ");
    }
    const time = element("time", "", clock.format(item.time));
    notice.append(item.text, " ", time);
    list.append(notice);
}

// item: {kind: "message", name, text, time, own} or {kind: "joined" | "left" | "local", name?, text, time}
export function appendItem(list, item) {
    if (item.kind === "message") {
        appendMessage(list, item);
    } else {
        appendNotice(list, item);
    }
}

export function showPending(list, unsent, isOpen) {
    list.replaceChildren();
    if (unsent.length === 0) {
        return;
    }
    const state = isOpen ? "sending…" : "will be sent when the connection is back";
    const waiting = unsent.map(({ text }) => bubble(text));
    const bubbles = element("div", "bubbles", ...waiting, element("p", "fate", state));
    list.append(element("li", "group own", bubbles));
}

export function showPeople(list, names, ownName, writers) {
    const sorted = [...names].sort((a, b) => (b === ownName) - (a === ownName) || a.localeCompare(b));
    list.replaceChildren(...sorted.map((name) => {
        const item = element("li", "person", face(name), personName(name));
        if (name === ownName) {
            item.append(element("small", "", "you"));
        } else if (writers.has(name)) {
            item.append(element("small", "writing", "typing…"));
        }
        return item;
    }));
}

export function showRooms(list, rooms, current, enter) {
    list.replaceChildren(...rooms.map(({ name, count }) => {
        const link = element("a", "", element("span", "room-hash", "#"), element("span", "", name));
        link.href = `#${name}`;
        if (name === current) {
            link.setAttribute("aria-current", "page");
        }
        if (count > 0) {
            const badge = element("span", "count", String(count));
            badge.title = count === 1 ? "1 person is here" : `${count} people are here`;
            link.append(badge);
        }
        link.addEventListener("click", (event) => {
            event.preventDefault();
            enter(name);
        });
        return element("li", "", link);
    }));
    list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

export function typingSentence(names) {
    if (names.length === 0) {
        return "";
    }
    if (names.length === 1) {
        return `${names[0]} is typing`;
    }
    if (names.length === 2) {
        return `${names[0]} and ${names[1]} are typing`;
    }
    return `${names.length} people are typing`;
}

export function latencyText(milliseconds) {
    if (milliseconds < 1) {
        return "<1 ms";
    }
    return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

// A line through the last round trips, scaled to the largest of them; at least 5 ms high, so that a
// quiet loopback does not look like a storm.
export function drawSparkline(svg, samples) {
    const top = Math.max(5, ...samples);
    const step = 60 / Math.max(1, samples.length - 1);
    const height = (sample) => (16 - 14 * sample / top).toFixed(1);
    const points = samples.map((sample, index) => `${(index * step).toFixed(1)},${height(sample)}`);
    svg.firstElementChild.setAttribute("points", points.join(" "));
}
