// One person's connection to one room: it reconnects by itself, measures the round trip, and keeps what
// was said until the server has sent it back. It knows nothing of the page.

const BACKOFF_BASE_MS = 500;
const BACKOFF_MAX_MS = 30_000;
const STABLE_AFTER_MS = 10_000;
const OPEN_TIMEOUT_MS = 10_000;
const PING_INTERVAL_MS = 4_000;
const SILENCE_MAX_MS = 12_000;
export const UNSENT_MAX = 100;

// Full jitter: anywhere between nothing and the exponential bound, so that the pages of a restarted server
// come back spread out, also once they are at the cap.
export function backoff(attempt, random) {
    return Math.round(random() * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** attempt));
}

export class RoomConnection {
    // unsent: array of {key, text} that belongs to the room and outlives this connection.
    // on: {state({name, retryAt, reason}), object(object), latency(milliseconds), unsent()}
    constructor({ url, unsent, on }) {
        this.url = url;
        this.unsent = unsent;
        this.on = on;
        this.socket = null;
        this.attempt = 0;
        this.pings = new Map();
        this.pingNumber = 0;
        this.timers = {};
    }

    get isOpen() {
        return this.state === "open";
    }

    connect() {
        this.#stopTimers();
        this.#enter("connecting");
        const socket = new WebSocket(this.url());
        this.socket = socket;
        socket.onmessage = (event) => this.#receive(event.data);
        socket.onclose = (event) => this.#lost(event.code, event.reason);
        this.timers.open = setTimeout(() => this.#abandon(), OPEN_TIMEOUT_MS);
    }

    retryNow() {
        if (this.state === "waiting") {
            this.connect();
        }
    }

    close() {
        this.#stopTimers();
        this.#detach()?.close(1000);
        this.state = "closed";
    }

    // False: too much waits already.
    say(key, text) {
        if (this.unsent.length >= UNSENT_MAX) {
            return false;
        }
        this.unsent.push({ key, text });
        this.on.unsent();
        if (this.isOpen) {
            this.socket.send(`message:${key}:${text}`);
        }
        return true;
    }

    typing(on) {
        if (this.isOpen) {
            this.socket.send(on ? "typing:on" : "typing:off");
        }
    }

    // Asks for a sign of life when the page has reason to doubt: it was asleep, or the network changed.
    probe() {
        if (this.isOpen) {
            this.#ping();
        } else {
            this.retryNow();
        }
    }

    #receive(data) {
        this.receivedAt = performance.now();
        const object = JSON.parse(data);
        if (object.type === "pong") {
            const sentAt = this.pings.get(object.n);
            this.pings.delete(object.n);
            if (sentAt !== undefined) {
                this.on.latency(this.receivedAt - sentAt);
            }
            return;
        }
        if (object.type === "message" || object.type === "error") {
            this.#settle(object);
        }
        this.on.object(object);
        if (object.type === "welcome") {
            this.#welcomed();
        }
    }

    #welcomed() {
        clearTimeout(this.timers.open);
        this.#enter("open");
        this.timers.stable = setTimeout(() => { this.attempt = 0; }, STABLE_AFTER_MS);
        this.timers.ping = setInterval(() => this.#ping(), PING_INTERVAL_MS);
        for (const { key, text } of this.unsent) {
            this.socket.send(`message:${key}:${text}`);
        }
        this.#ping();
    }

    #settle(object) {
        const index = this.unsent.findIndex(({ key }) => key === object.key);
        if (index >= 0) {
            const [{ text }] = this.unsent.splice(index, 1);
            object.own = true;
            object.refused = object.type === "error" ? text : undefined;
            this.on.unsent();
        }
    }

    #ping() {
        if (performance.now() - this.receivedAt > SILENCE_MAX_MS) {
            this.#abandon();
            return;
        }
        this.pingNumber += 1;
        this.pings.set(this.pingNumber, performance.now());
        this.socket.send(`ping:${this.pingNumber}`);
    }

    // A dead network never answers the closing handshake: do not wait for it.
    #abandon() {
        this.#detach()?.close();
        this.#lost(1006, "");
    }

    #lost(code, reason) {
        this.#stopTimers();
        this.#detach();
        this.pings.clear();
        if (code >= 4000 && code < 4100) {
            this.#enter("closed", { reason });
            return;
        }
        const delay = backoff(this.attempt, Math.random);
        this.attempt += 1;
        this.#enter("waiting", { retryAt: performance.now() + delay });
        this.timers.retry = setTimeout(() => this.connect(), delay);
    }

    #detach() {
        const socket = this.socket;
        if (socket) {
            socket.onmessage = null;
            socket.onclose = null;
            this.socket = null;
        }
        return socket;
    }

    #enter(name, detail = {}) {
        this.state = name;
        this.on.state({ name, ...detail });
    }

    #stopTimers() {
        clearTimeout(this.timers.open);
        clearTimeout(this.timers.stable);
        clearTimeout(this.timers.retry);
        clearInterval(this.timers.ping);
    }
}
