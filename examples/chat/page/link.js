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

// Link keeps one WebSocket open. url() says where to; on.event(e) hears of every event, on.state(state, milliseconds)
// of every change: "connecting", "open", or "waiting" for that long before the next attempt.
export class Link {
  #url;
  #on;
  #socket = null;
  #attempts = 0;
  #timer = 0;
  #asked = new Map(); // id -> {resolve, reject, timer}
  #nextID = 1;

  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  // open connects, now.
  open() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    this.#on.state("connecting");
    const socket = new WebSocket(this.#url());
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lose(socket), patience);
    socket.onmessage = (message) => {
      if (socket === this.#socket) this.#hear(JSON.parse(message.data));
    };
    socket.onclose = () => this.#lose(socket);
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

  // #lose waits before the next attempt: a random part of a span that doubles every time, so that all the clients of
  // a server that comes back do not arrive at once.
  #lose(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#timer);
    socket.close();
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new Error("The connection was lost before the server confirmed this."));
    }
    this.#asked.clear();
    const wait = Math.random() * Math.min(cap, base * 2 ** this.#attempts++);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#on.state("waiting", wait);
  }
}
