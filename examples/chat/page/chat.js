// The chat page: joins a room, shows what the server says, sends what the person says. The wire is in
// connection.js, the making of elements in view.js, the field in composer.js. ../PROTOCOL.md: the protocol.

import { RoomConnection, UNSENT_MAX } from "./connection.js";
import { Composer, characters } from "./composer.js";
import { randomKey, remember, remembered, roomMemory, roomName, roomOfAddress } from "./memory.js";
import * as view from "./view.js";

const { byId } = view;
const USUAL_ROOMS = ["lobby", "kitchen", "garden", "workshop"];
const NAME_MAX = 24;
const ITEMS_MAX = 500;
const SEEN_MAX = 5_000;
const SAMPLES_MAX = 30;
const TYPING_ENDS_MS = 6_000;

const me = { chosen: "", name: "", visit: remembered("visit") || randomKey() };
const counts = new Map(); // room name -> how many people
const seen = new Set(); // name and key of messages shown
const writers = new Map(); // name -> timer that forgets it
let connection = null;
let current = "";
let people = [];
let lost = null; // names that were here when the connection went, until they are back
let samples = [];
let unread = 0;
let state = { name: "closed" };

const composer = new Composer({
    say: (text) => {
        const isTaken = connection.say(randomKey(), text);
        return isTaken ? "" : `${UNSENT_MAX} messages wait already: please wait for the connection.`;
    },
    typing: (isTyping) => connection.typing(isTyping),
});

// ---- entering and leaving

function address(room) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    // The unique name once there is one: two people called Ada keep their names after a restart.
    const name = me.name && characters(me.name) <= NAME_MAX ? me.name : me.chosen;
    return `${scheme}//${location.host}/chat/${room}?name=${encodeURIComponent(name)}&visit=${me.visit}`;
}

function enter(room) {
    if (current) {
        roomMemory(current).draft = composer.text;
        composer.stopTyping();
        connection.close();
    }
    current = room;
    people = [];
    lost = null;
    samples = [];
    forgetWriters();
    history.replaceState(null, "", `#${room}`);
    remember("room", room);
    const { items, unsent, draft } = roomMemory(room);
    byId("messages").replaceChildren();
    items.forEach((item) => view.appendItem(byId("messages"), item));
    byId("room-name").textContent = room;
    composer.text = draft;
    showRooms();
    showPeople();
    setPeopleOpen(false);
    const on = {
        state: stateChanged,
        object: received,
        latency: measured,
        unsent: () => { showPending(); scrollToEnd(); },
    };
    connection = new RoomConnection({ url: () => address(room), unsent, on });
    connection.connect();
    scrollToEnd();
    composer.focus();
}

function leave(problem) {
    composer.stopTyping();
    connection.close();
    connection = null;
    current = "";
    me.name = "";
    counts.clear();
    remember("joined", "");
    byId("chat").hidden = true;
    byId("doorstep").hidden = false;
    byId("join-problem").textContent = problem;
    byId("name").value = me.chosen;
    byId("name").focus();
    document.title = "Hearth chat";
}

function join(name, room) {
    me.chosen = name;
    me.name = "";
    remember("visit", me.visit);
    remember("name", name);
    remember("joined", "yes");
    byId("doorstep").hidden = true;
    byId("chat").hidden = false;
    enter(room);
}

// ---- what the server says

function received(object) {
    if (object.type === "welcome") {
        welcomed(object);
    } else if (object.type === "message") {
        messageReceived(object);
    } else if (object.type === "joined" || object.type === "left") {
        people = object.users;
        forgetWriter(object.name);
        const isBack = object.type === "joined" && lost?.delete(object.name);
        if (!isBack) {
            add({ kind: object.type, name: object.name, text: object.type, time: object.time });
        }
        showPeople();
    } else if (object.type === "rooms") {
        counts.clear();
        object.rooms.forEach(({ name, count }) => counts.set(name, count));
        showRooms();
    } else if (object.type === "typing") {
        typingReceived(object);
    } else if (object.type === "error") {
        composer.text ||= object.refused ?? "";
        composer.showProblem(object.message);
    }
}

function welcomed({ name, time, users }) {
    const isBack = lost !== null;
    me.name = name;
    people = users;
    users.forEach((user) => lost?.delete(user));
    add({ kind: "local", text: isBack ? "Connected again" : `You joined as ${name}`, time });
    view.paintFace(byId("me-face"), name);
    byId("me-name").textContent = name;
    showPeople();
}

function messageReceived({ key, name, text, time }) {
    const mark = `${name}\n${key}`;
    if (seen.has(mark)) {
        return;
    }
    seen.add(mark);
    if (seen.size > SEEN_MAX) {
        seen.delete(seen.values().next().value);
    }
    forgetWriter(name);
    add({ kind: "message", name, text, time, own: name === me.name });
}

function add(item) {
    const { items } = roomMemory(current);
    const list = byId("messages");
    const wasAtEnd = isAtEnd();
    items.push(item);
    view.appendItem(list, item);
    if (items.length > ITEMS_MAX) {
        items.shift();
        const oldest = list.firstElementChild;
        const bubbles = oldest.querySelectorAll(".bubble");
        (bubbles.length > 1 ? bubbles[0] : oldest).remove();
    }
    if (wasAtEnd || item.own) {
        scrollToEnd();
    } else if (item.kind === "message") {
        byId("to-newest").hidden = false;
    }
    if (item.kind === "message" && document.hidden) {
        unread += 1;
        showTitle();
    }
}

function typingReceived({ name, on }) {
    forgetWriter(name);
    if (on) {
        writers.set(name, setTimeout(() => { forgetWriter(name); }, TYPING_ENDS_MS));
        showWriters();
    }
}

function forgetWriter(name) {
    clearTimeout(writers.get(name));
    if (writers.delete(name)) {
        showWriters();
    }
}

function forgetWriters() {
    [...writers.keys()].forEach(forgetWriter);
}

// ---- the connection

function stateChanged(next) {
    const before = state.name;
    state = next;
    if (next.name === "closed") {
        leave(`The server did not let you in: ${next.reason || "no reason given"}.`);
        return;
    }
    if (next.name === "waiting" && before === "open") {
        lost = new Set(people.filter((name) => name !== me.name));
        forgetWriters();
        samples = [];
        add({ kind: "local", text: "Connection lost", time: Date.now() });
    }
    showState();
    showPending();
    showPeople();
}

function showState() {
    const left = Math.max(0, Math.ceil((state.retryAt - performance.now()) / 1000));
    const sentences = {
        connecting: "Connecting…",
        open: "Connected",
        waiting: left > 0 ? `Reconnecting in ${left} s` : "Reconnecting…",
    };
    byId("connection").dataset.state = state.name;
    byId("connection-text").textContent = sentences[state.name] ?? "";
    byId("retry").hidden = state.name !== "waiting";
    if (state.name !== "open") {
        byId("latency").textContent = "";
        view.drawSparkline(byId("sparkline"), []);
    }
    document.body.dataset.state = state.name;
}

function measured(milliseconds) {
    samples = [...samples, milliseconds].slice(-SAMPLES_MAX);
    byId("latency").textContent = view.latencyText(milliseconds);
    view.drawSparkline(byId("sparkline"), samples);
    const pulse = [{ boxShadow: "0 0 0 0 var(--lamp)" }, { boxShadow: "0 0 0 .5rem transparent" }];
    byId("connection").querySelector(".lamp").animate(pulse, { duration: 900, easing: "ease-out" });
}

// ---- what is shown

function showPeople() {
    const count = people.length;
    byId("people-count").textContent = `${count} here`;
    byId("people-button").setAttribute("aria-label", `${count} here, show who`);
    byId("people-faces").replaceChildren(...people.slice(0, 3).map(view.face));
    view.showPeople(byId("people-list"), people, me.name, writers);
    byId("people").dataset.stale = String(state.name !== "open");
}

function showWriters() {
    const sentence = view.typingSentence([...writers.keys()]);
    byId("typing").dataset.on = String(sentence !== "");
    byId("typing").querySelector("span").textContent = sentence;
    view.showPeople(byId("people-list"), people, me.name, writers);
}

function showRooms() {
    const others = [...counts.keys(), current].filter((room) => room && !USUAL_ROOMS.includes(room));
    const names = [...USUAL_ROOMS, ...new Set(others.sort())];
    const rooms = names.map((name) => ({ name, count: counts.get(name) ?? 0 }));
    view.showRooms(byId("rooms"), rooms, current, enter);
    showTitle();
}

function showTitle() {
    document.title = `${unread > 0 ? `(${unread}) ` : ""}#${current} · Hearth chat`;
}

function showPending() {
    view.showPending(byId("pending"), roomMemory(current).unsent, state.name === "open");
}

function setPeopleOpen(isOpen) {
    byId("people").classList.toggle("open", isOpen);
    byId("people-button").setAttribute("aria-expanded", String(isOpen));
}

function isAtEnd() {
    const scroll = byId("scroll");
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
}

function scrollToEnd() {
    byId("scroll").scrollTop = byId("scroll").scrollHeight;
    byId("to-newest").hidden = true;
}

// ---- wiring

function listen(target, type, act) {
    target.addEventListener(type, (event) => {
        if (type === "submit") {
            event.preventDefault();
        }
        act(event);
    });
}

function wireDoorstep() {
    const choice = byId("room-choice");
    const wanted = roomOfAddress() || remembered("room") || USUAL_ROOMS[0];
    for (const room of new Set([...USUAL_ROOMS, wanted])) {
        const radio = view.element("input", "");
        Object.assign(radio, { type: "radio", name: "room", value: room, checked: room === wanted });
        choice.append(view.element("label", "", radio, view.element("span", "", `#${room}`)));
    }
    byId("name").value = remembered("name");
    listen(byId("join"), "submit", () => {
        const name = byId("name").value.trim().replace(/\s+/gu, " ");
        byId("join-problem").textContent = name ? "" : "Please choose a name first.";
        if (name) {
            join(name, choice.querySelector(":checked").value);
        } else {
            byId("name").focus();
        }
    });
}

function wireChat() {
    listen(byId("new-room"), "submit", () => {
        const room = roomName(byId("new-room-name").value);
        byId("new-room-name").value = "";
        if (room && room !== current) {
            enter(room);
        }
    });
    document.querySelectorAll(".leave").forEach((button) => listen(button, "click", () => leave("")));
    listen(byId("retry"), "click", () => connection.retryNow());
    listen(byId("people-button"), "click", () => setPeopleOpen(!byId("people").classList.contains("open")));
    listen(byId("to-newest"), "click", () => scrollToEnd());
    listen(byId("scroll"), "scroll", () => { byId("to-newest").hidden ||= isAtEnd(); });
    listen(document, "keydown", (event) => {
        if (event.key === "Escape" && byId("people").classList.contains("open")) {
            setPeopleOpen(false);
            byId("people-button").focus();
        }
    });
    listen(document, "click", (event) => {
        if (!event.target.closest("#people, #people-button")) {
            setPeopleOpen(false);
        }
    });
    listen(window, "hashchange", () => {
        const room = roomOfAddress();
        if (current && room && room !== current) {
            enter(room);
        }
    });
    listen(window, "online", () => connection?.probe());
    listen(document, "visibilitychange", () => {
        if (!document.hidden && current) {
            unread = 0;
            showTitle();
            connection.probe();
        }
    });
    setInterval(() => { if (state.name === "waiting" && current) { showState(); } }, 250);
}

wireDoorstep();
wireChat();
if (remembered("joined") === "yes" && remembered("name")) {
    join(remembered("name"), roomOfAddress() || remembered("room") || USUAL_ROOMS[0]);
} else {
    byId("name").focus();
}
