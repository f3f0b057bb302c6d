// What the tab remembers across a reload, and what the page remembers of each room it was in.

const rooms = new Map();

// sessionStorage belongs to the tab and may be switched off: then nothing is remembered.
export function remembered(key) {
    try {
        return sessionStorage.getItem(key) ?? "";
    } catch {
        return "";
    }
}

export function remember(key, value) {
    try {
        sessionStorage.setItem(key, value);
    } catch {
        // Nothing is lost but the comfort.
    }
}

export function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(10));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// {items: what was shown, unsent: what waits for the connection, draft: what is being written}
export function roomMemory(room) {
    if (!rooms.has(room)) {
        rooms.set(room, { items: [], unsent: [], draft: "" });
    }
    return rooms.get(room);
}

// The server knows rooms of a-z, 0-9 and "-": "Grandma's kitchen" is grandma-s-kitchen.
export function roomName(text) {
    return text.toLowerCase().replace(/[^a-z0-9]+/gu, "-").slice(0, 32).replace(/^-+|-+$/gu, "");
}

export function roomOfAddress() {
    return roomName(location.hash);
}
