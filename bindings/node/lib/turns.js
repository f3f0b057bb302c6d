"use strict";

/** Events of one connection that may wait for a handler of an earlier one, in count and in bytes. */
const WAITING_MAX = 1024;
const WAITING_BYTES_MAX = 4 << 20;

/** Events of one connection, one after the other: each waits for the promises of the handlers before it. */
class Turns {
  #waiting = [];
  #first = 0;
  #bytes = 0;

  /** pending: what the events that come from now on wait for; isDone is called when nothing waits. */
  constructor(pending, isDone) {
    this.isDone = isDone;
    pending.then(() => this.#run());
  }

  /** Lets an event wait. False: too many wait already. */
  add(run, size = 0) {
    if (this.#waiting.length - this.#first >= WAITING_MAX) return false;
    if (size > 0 && this.#bytes + size > WAITING_BYTES_MAX) return false;
    this.addLast(run, size);
    return true;
  }

  /** The same for what must not be lost, such as the end of the connection. */
  addLast(run, size = 0) {
    this.#waiting.push({ run, size });
    this.#bytes += size;
  }

  #run() {
    while (this.#first < this.#waiting.length) {
      const { run, size } = this.#waiting[this.#first];
      this.#waiting[this.#first++] = undefined;
      this.#bytes -= size;
      const pending = run();
      if (pending) return void pending.then(() => this.#run());
    }
    this.isDone();
  }
}

module.exports = { Turns };
