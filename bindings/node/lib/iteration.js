"use strict";

/** Messages of one iteration that may wait, in count and in bytes. */
const WAITING_MAX = 1024;
const WAITING_BYTES_MAX = 4 << 20;

/**
 * The messages of a connection or a client for `for await`. isFull is called with each one too many, and
 * isEmpty when half of them are taken afterwards.
 */
class Iteration {
  #waitingMax;
  #isFull;
  #isEmpty;
  #waitsForHalf = false;
  #waiting = [];
  #first = 0;
  #bytes = 0;
  #takers = [];
  #hasEnded = false;

  constructor({ waitingMax = WAITING_MAX, isFull, isEmpty }) {
    this.#waitingMax = waitingMax;
    this.#isFull = isFull;
    this.#isEmpty = isEmpty;
  }

  add(data) {
    if (this.#hasEnded) return;
    if (this.#takers.length > 0) return void this.#takers.shift()({ value: data, done: false });
    this.#waiting.push(data);
    this.#bytes += data.length;
    if (this.#waiting.length - this.#first >= this.#waitingMax || this.#bytes > WAITING_BYTES_MAX) {
      this.#waitsForHalf = true;
      this.#isFull();
    }
  }

  end() {
    this.#hasEnded = true;
    for (const taker of this.#takers) taker({ value: undefined, done: true });
    this.#takers = [];
  }

  next() {
    if (this.#first < this.#waiting.length) return Promise.resolve({ value: this.#take(), done: false });
    if (this.#hasEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => { this.#takers.push(resolve); });
  }

  /** The program leaves its loop: what comes later is not kept. */
  return() {
    this.#waiting = [];
    this.#first = 0;
    this.end();
    if (this.#waitsForHalf) this.#isEmpty?.();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() { return this; }

  #take() {
    const value = this.#waiting[this.#first++];
    this.#bytes -= value.length;
    if (this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    }
    const count = this.#waiting.length - this.#first;
    if (this.#waitsForHalf && count <= this.#waitingMax / 2 && this.#bytes <= WAITING_BYTES_MAX / 2) {
      this.#waitsForHalf = false;
      this.#isEmpty?.();
    }
    return value;
  }
}

module.exports = { Iteration };
