// The field in which one writes: its height, what is left of the length, and when others hear of the typing.

import { byId } from "./view.js";

const TEXT_MAX = 500;
const COUNT_FROM = 400;
const HEIGHT_MAX = 160;
const TYPING_REPEAT_MS = 3_000;

export const characters = (text) => [...text].length;

export class Composer {
    #text = byId("text");
    #typingSentAt = 0;
    #typingTimer = 0;

    // on: {say(text) -> sentence that tells why not, or "", typing(isTyping)}
    constructor(on) {
        this.on = on;
        this.#text.addEventListener("input", () => this.#typed());
        this.#text.addEventListener("keydown", (event) => {
            // While an input method composes, Enter belongs to it.
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                this.#say();
            }
        });
        byId("composer").addEventListener("submit", (event) => {
            event.preventDefault();
            this.#say();
        });
    }

    get text() {
        return this.#text.value;
    }

    set text(text) {
        this.#text.value = text;
        this.#changed();
    }

    showProblem(sentence) {
        byId("text-problem").textContent = sentence;
        this.#text.setAttribute("aria-invalid", String(sentence !== ""));
    }

    // On a touch screen the focus would bring up the keyboard over the conversation.
    focus() {
        if (matchMedia("(pointer: fine)").matches) {
            this.#text.focus({ preventScroll: true });
        }
    }

    stopTyping() {
        clearTimeout(this.#typingTimer);
        if (this.#typingSentAt > 0) {
            this.on.typing(false);
        }
        this.#typingSentAt = 0;
    }

    #changed() {
        const length = characters(this.text);
        this.#text.style.height = "auto";
        this.#text.style.height = `${Math.min(this.#text.scrollHeight + 2, HEIGHT_MAX)}px`;
        byId("counter").hidden = length < COUNT_FROM;
        byId("counter").textContent = String(TEXT_MAX - length);
        byId("counter").classList.toggle("over", length > TEXT_MAX);
        this.showProblem("");
    }

    #typed() {
        this.#changed();
        clearTimeout(this.#typingTimer);
        if (this.text.trim() === "") {
            this.stopTyping();
            return;
        }
        if (this.#typingSentAt === 0 || performance.now() - this.#typingSentAt > TYPING_REPEAT_MS) {
            this.on.typing(true);
            this.#typingSentAt = performance.now();
        }
        this.#typingTimer = setTimeout(() => this.stopTyping(), TYPING_REPEAT_MS);
    }

    #say() {
        const text = this.text.trim();
        if (text === "") {
            return;
        }
        if (characters(text) > TEXT_MAX) {
            const length = characters(text);
            this.showProblem(`A message has at most ${TEXT_MAX} characters; this one has ${length}.`);
            return;
        }
        this.stopTyping();
        const problem = this.on.say(text);
        if (problem) {
            this.showProblem(problem);
        } else {
            this.text = "";
        }
    }
}
