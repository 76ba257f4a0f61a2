// The connection to the server. It comes back by itself.

const base = 500; // milliseconds
const cap = 20_000;
const patience = 10_000; // for a connection to open, or an answer to come

// Refusal is an error the server answered with.
export class Refusal extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

// isFinal reports whether the server closed with a code after which a client stays away: it would be closed again, or
// take the place of whoever has replaced it. See docs/protocol.md.
const isFinal = (code) => [1000, 1002, 1003, 1007, 1008, 1009].includes(code) || code >= 4000;

// Link keeps one WebSocket open. address() says where to, and with which subprotocols: [url, protocols]. on.event(e) hears
// of every event, on.state(state, detail) of every change: "connecting", "open", "waiting" for so many milliseconds before
// the next attempt, or "ended" by the server, for good, with a close code.
export class Link {
  #address;
  #on;
  #socket = null;
  #attempts = 0;
  #timer = 0;
  #ended = false; // by the server, for good
  #asked = new Map(); // id -> {resolve, reject, timer}
  #nextID = 1;

  constructor(address, on) {
    this.#address = address;
    this.#on = on;
  }

  // resume connects, unless the server has ended that: then somebody has to want it.
  resume() {
    if (!this.#ended) this.open();
  }

  // open connects, now.
  open() {
    clearTimeout(this.#timer);
    this.#ended = false;
    if (this.#socket) return;
    this.#on.state("connecting");
    const socket = new WebSocket(...this.#address());
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lose(socket), patience);
    socket.onmessage = (message) => {
      if (socket === this.#socket) this.#hear(JSON.parse(message.data));
    };
    socket.onclose = ({ code }) => this.#lose(socket, code);
  }

  // drop gives the connection up, as if it had been lost.
  drop() {
    if (this.#socket) this.#lose(this.#socket);
  }

  // leave closes the connection until the next open.
  leave() {
    this.drop();
    clearTimeout(this.#timer);
  }

  // ask sends something and promises the answer. It fails with a Refusal if that is what the server answered, and
  // with another error if it is not known whether the server did it.
  ask(type, fields = {}) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("There is no connection."));
    const id = this.#nextID++;
    socket.send(JSON.stringify({ ...fields, type, id }));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(socket), patience); // who does not answer is gone
      this.#asked.set(id, { resolve, reject, timer });
    });
  }

  #hear(e) {
    const question = this.#asked.get(e.id);
    if (question) {
      this.#asked.delete(e.id);
      clearTimeout(question.timer);
      if (e.type === "error") question.reject(new Refusal(e));
      else question.resolve(e);
      return;
    }
    if (e.type === "welcome") {
      clearTimeout(this.#timer);
      this.#attempts = 0;
      this.#on.state("open");
    }
    this.#on.event(e);
  }

  // #lose waits before the next attempt: a random part of a span that doubles every time, so that all the clients of a
  // server that comes back do not arrive at once. After a code that is final there is none.
  #lose(socket, code = 1006) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#timer);
    socket.close();
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new Error("The connection was lost before the server confirmed this."));
    }
    this.#asked.clear();
    if (isFinal(code)) {
      this.#ended = true;
      this.#on.state("ended", code);
      return;
    }
    const wait = Math.random() * Math.min(cap, base * 2 ** this.#attempts++);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#on.state("waiting", wait);
  }
}
