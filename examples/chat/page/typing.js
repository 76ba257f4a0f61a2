// Who is typing. That is told while it happens, and forgotten soon after.

const pause = 3000; // milliseconds between two times that we tell it
const forget = 6000; // after somebody has told it last

export class Typing {
  #changed;
  #told = 0; // when we told it last
  /** @type {Map<string, Map<string, {name: string, timer: number}>>} */
  #heard = new Map(); // conversation's key -> user id -> {name, timer}

  // changed is called when there is something else to show.
  constructor(/** @type {() => void} */ changed) { this.#changed = changed; }

  // due reports whether it is time to tell that we are typing.
  due() {
    if (Date.now() - this.#told < pause) return false;
    this.#told = Date.now();
    return true;
  }

  // done has the next word told at once.
  done() { this.#told = 0; }

  heard(/** @type {string} */ key, /** @type {string} */ id, /** @type {string} */ name) {
    this.stopped(key, id);
    const there = this.#heard.get(key) ?? new Map();
    this.#heard.set(key, there);
    there.set(id, { name, timer: setTimeout(() => this.stopped(key, id), forget) });
    this.#changed();
  }

  // stopped is for somebody whose message has come, or who is gone.
  stopped(/** @type {string} */ key, /** @type {string} */ id) {
    const there = this.#heard.get(key)?.get(id);
    if (!there) return;
    clearTimeout(there.timer);
    this.#heard.get(key)?.delete(id);
    this.#changed();
  }

  names(/** @type {string} */ key) { return [...(this.#heard.get(key)?.values() ?? [])].map(({ name }) => name); }
}
