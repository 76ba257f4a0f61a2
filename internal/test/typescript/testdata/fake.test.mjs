// What the client does when: in fake time, with a WebSocket and a page that the test plays.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { beforeEach, mock, test } from "node:test";
import { connect, WsgateError } from "@wsgate/client";

let sockets, clients;

class FakeSocket {
  readyState = 0;
  protocol = "";
  sent = [];
  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    sockets.push(this);
  }
  send(data) { this.sent.push(data); }
  close(code) { this.readyState = 3; this.closedWith = code; }
  // What the server does.
  accept() { this.readyState = 1; this.onopen(); return this; }
  end(code = 1006, reason = "") { this.readyState = 3; this.onclose({ code, reason }); }
  hear(data) { this.onmessage({ data: typeof data === "string" || data instanceof ArrayBuffer ? data : JSON.stringify(data) }); }
}

// A page that the test plays: what happens to it, and who listens.
const page = { listeners: [], visible: true, online: true };
const target = (name) => ({
  addEventListener: (type, fn) => { page.listeners.push([`${name} ${type}`, fn]); },
  removeEventListener: (type, fn) => { page.listeners = page.listeners.filter(([t, f]) => t !== `${name} ${type}` || f !== fn); },
});
const happens = (what) => {
  for (const [type, fn] of [...page.listeners]) if (type === what) fn({ type: what.split(" ")[1] });
};
Object.assign(globalThis, target("window"));
globalThis.document = { ...target("document"), get visibilityState() { return page.visible ? "visible" : "hidden"; } };
Object.defineProperty(globalThis, "navigator", { configurable: true, value: { get onLine() { return page.online; } } });

const settle = async () => { for (let i = 0; i < 20; i++) await null; };
const pass = async (time) => { mock.timers.tick(time); await settle(); };
const last = () => sockets.at(-1);

beforeEach(() => {
  for (const c of clients ?? []) c.close();
  mock.reset();
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  mock.method(Math, "random", () => 1);
  sockets = [];
  clients = [];
  assert.deepEqual(page.listeners, []);
  page.visible = page.online = true;
});

function open(options = {}, url = "ws://example.com/") {
  const errors = [];
  const c = connect(url, { WebSocket: FakeSocket, onError: (e) => errors.push(e), ...options });
  c.errors = errors;
  clients.push(c);
  return c;
}

async function opened(options) {
  const c = open(options);
  await settle();
  last().accept();
  return c;
}

const failed = (promise) => promise.then(() => assert.fail("it has succeeded"), (e) => { assert.ok(e instanceof WsgateError); return e; });
const code = async (promise) => (await failed(promise)).code;

test("a call that has waited 5 s while nothing has arrived ends the connection", async () => {
  const c = await opened({ timeout: 5000 });
  const call = c.call("slow");
  await pass(4000);
  last().hear({ type: "other" }); // so the connection works
  await pass(1000);
  assert.equal(await code(call), "timeout");
  assert.equal(c.state.phase, "connected");

  const [short, silent, open] = [c.call("a", undefined, { timeout: 4999 }), c.call("b"), c.call("c", undefined, { timeout: 0 })];
  await pass(4999);
  assert.equal(await code(short), "timeout");
  assert.equal(c.state.phase, "connected");
  await pass(1);
  assert.equal(await code(silent), "timeout");
  assert.equal(await code(open), "disconnected");
  assert.deepEqual([c.state.phase, c.state.error.message], ["waiting", "the server is silent"]);
});

test("a call that waits in the queue does not end an attempt", async () => {
  const c = open({ timeout: 5000, queue: 1 });
  await settle();
  const call = c.call("queued");
  await pass(5000);
  assert.equal(await code(call), "timeout");
  assert.equal(c.state.phase, "connecting");
  last().accept();
  assert.deepEqual(last().sent, []);
});

test("messages of one turn leave in one write, with the package ws", async () => {
  const writes = [];
  class NodeSocket extends FakeSocket {
    tcp = { writableCorked: 0, cork() { this.writableCorked++; }, uncork() { this.writableCorked--; writes.push(last().sent.length); } };
    once(event, fn) { assert.equal(event, "upgrade"); fn({ socket: this.tcp }); }
  }
  const c = open({ WebSocket: NodeSocket });
  await settle();
  last().accept();
  for (const name of ["a", "b", "c"]) c.emit(name);
  assert.deepEqual([last().sent.length, last().tcp.writableCorked, writes], [3, 1, []]);
  await new Promise((turn) => process.nextTick(turn));
  assert.deepEqual([last().tcp.writableCorked, writes], [0, [3]]);
  c.emit("d");
  await new Promise((turn) => process.nextTick(turn));
  assert.deepEqual(writes, [3, 4]);
});

test("the bound doubles from 0.5 s to 20 s, and begins again after a connection of 5 s", async () => {
  const c = open();
  const waits = [];
  c.subscribe((s) => s.phase === "waiting" && waits.push(s.wait));
  await settle();
  for (let i = 0; i < 8; i++) {
    last().end();
    await pass(c.state.wait - 1);
    assert.equal(sockets.length, i + 1, "too early");
    await pass(1);
    assert.equal(sockets.length, i + 2);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
  last().accept();
  await pass(4999);
  last().end();
  assert.equal(waits.at(-1), 20000);
  await pass(20000);
  last().accept();
  await pass(5000);
  last().end();
  assert.equal(waits.at(-1), 500);
});

test("the wait is random from 0", async () => {
  const c = open();
  await settle();
  for (const [random, wait] of [[0, 0], [0.5, 500], [0.25, 500]]) {
    mock.method(Math, "random", () => random);
    last().end();
    assert.equal(c.state.wait, wait);
    await pass(wait);
  }
});

const table = {
  "stay away": [1000, 1002, 1003, 1007, 1008, 1009, 4000, 4001, 4409, 4999],
  "connect again": [1001, 1005, 1006, 1010, 1011, 1012, 1013, 1014, 1015, 3000, 3999, 4401],
};
for (const [what, all] of Object.entries(table)) {
  for (const n of all) {
    test(`close code ${n}: ${what}`, async () => {
      const c = await opened();
      last().end(n, "why");
      const { phase, code, reason, error } = c.state;
      assert.deepEqual([phase, code, reason, error.code], what === "stay away" ? ["closed", n, "why", "closed"] : ["waiting", n, "why", "connect"]);
      await pass(60_000);
      assert.equal(sockets.length, what === "stay away" ? 1 : 2);
      c.open();
      await settle();
      assert.equal(sockets.length, 2);
    });
  }
}

test("codes of the application after which the client connects again, but never 4409", async () => {
  for (const [n, phase] of [[4001, "waiting"], [4002, "closed"], [4409, "closed"], [1008, "closed"]]) {
    const c = await opened({ reconnect: [4001, 4409, 1008] });
    last().end(n);
    assert.equal(c.state.phase, phase, `${n}`);
  }
});

test("an attempt takes 20 s at most, also in the functions", async () => {
  for (const [url, limit] of [["ws://example.com/", undefined], [() => new Promise(() => {}), undefined], ["ws://example.com/", 3000]]) {
    const c = open(limit ? { connectTimeout: limit } : {}, url);
    await settle();
    await pass((limit ?? 20_000) - 1);
    assert.equal(c.state.phase, "connecting");
    const socket = last();
    await pass(1);
    assert.equal(c.state.phase, "waiting");
    assert.equal(c.state.error.message, `no connection within ${limit ?? 20_000} ms`);
    if (typeof url === "string") assert.equal(socket.closedWith, 1000);
  }
});

test("a function that answers after its attempt", async () => {
  let answer, aborted;
  const c = open({}, (signal) => new Promise((resolve) => {
    answer = resolve;
    signal.addEventListener("abort", () => { aborted = true; });
  }));
  await settle();
  c.close();
  assert.ok(aborted);
  answer("ws://late.example.com/");
  await settle();
  assert.equal(sockets.length, 0);
});

test("calls in flight fail at once when the connection is lost, and are not repeated", async () => {
  const c = await opened({ queue: 5 });
  const calls = [c.call("a"), c.do("b")];
  last().end(1001);
  for (const call of calls) {
    const e = await failed(call);
    assert.deepEqual([e.code, e.cause.code], ["disconnected", "connect"]);
  }
  await pass(500);
  last().accept();
  assert.deepEqual(last().sent, []);
});

test("a call that times out", async () => {
  const c = await opened();
  const calls = [c.call("a"), c.call("b", undefined, { timeout: 100 })];
  let forever = "open";
  c.call("c", undefined, { timeout: 0 }).catch(() => { forever = "failed"; });
  c.call("d", undefined, { timeout: Infinity }).catch(() => { forever = "failed"; });
  await pass(100);
  assert.equal(await code(calls[1]), "timeout");
  last().hear({ type: "error", id: 99, code: "other" }); // the connection works
  await pass(9899);
  let early = true;
  calls[0].catch(() => { early = false; });
  await settle();
  assert.ok(early);
  await pass(1);
  assert.equal(await code(calls[0]), "timeout");
  last().hear({ type: "a", id: 1 }); // nobody waits for it any more
  await pass(1e9);
  assert.deepEqual([forever, c.errors], ["open", []]);
});

test("the queue has bounds, keeps the order, and forgets calls that were given up", async () => {
  const c = open({ queue: 4 });
  await settle();
  const controller = new AbortController();
  assert.equal(c.emit("one"), true);
  const [aborted, late, kept] = [c.call("two", undefined, { signal: controller.signal }), c.call("three", undefined, { timeout: 50 }), c.call("four")];
  assert.equal(c.emit("five"), false);
  assert.equal(await code(c.do("five")), "queue_full");
  controller.abort();
  assert.equal(await code(aborted), "aborted");
  await pass(50);
  assert.equal(await code(late), "timeout");
  assert.equal(c.emit("six"), true);
  last().end();
  await pass(500);
  let during;
  c.subscribe((s) => { during = s.phase === "connected" && c.emit("seven"); });
  last().accept();
  assert.ok(during);
  assert.deepEqual(last().sent.map((m) => JSON.parse(m).type), ["one", "four", "six", "seven"]);
  last().hear({ type: "four", id: JSON.parse(last().sent[1]).id, data: "answer" });
  assert.equal(await kept, "answer");
});

test("a socket that closes takes nothing", async () => {
  const c = await opened();
  last().readyState = 2;
  assert.equal(c.emit("x"), false);
  assert.equal(await code(c.call("x")), "not_connected");
  assert.deepEqual(last().sent, []);
});

test("what waits fails when the server says to stay away", async () => {
  const c = open({ queue: 4 });
  await settle();
  const call = c.call("x");
  last().end(1008, "who are you");
  const e = await failed(call);
  assert.deepEqual([e.code, e.message], ["closed", "the connection has ended: 1008 who are you"]);
  assert.equal((await failed(c.call("x"))).code, "closed");
});

test("the page has no network", async () => {
  const c = await opened();
  const call = c.call("x");
  page.online = false;
  happens("window offline");
  assert.equal(await code(call), "disconnected");
  assert.deepEqual([c.state.phase, c.state.wait], ["waiting", 20_500]); // the browser may be wrong
  page.online = true;
  happens("window online");
  await settle();
  assert.equal(sockets.length, 2);
  happens("window online");
  await settle();
  assert.equal(sockets.length, 2);
});

test("nobody sees the page", async () => {
  const c = await opened();
  page.visible = false;
  happens("document visibilitychange");
  assert.equal(c.state.phase, "connected");
  last().end();
  assert.equal(c.state.wait, 20_500);
  page.visible = true;
  happens("document visibilitychange");
  await settle();
  assert.equal(sockets.length, 2);
});

test("the browser keeps the page without connections", async () => {
  const c = await opened();
  happens("window pagehide");
  assert.equal(last().closedWith, 1000);
  await pass(1e6);
  assert.equal(sockets.length, 1);
  happens("window pageshow");
  await settle();
  last().accept();
  assert.equal(c.state.phase, "connected");
});

test("a page that comes back connects at once, also where nobody sees it yet", async () => {
  for (const [before, event] of [["window pagehide", "window pageshow"], ["window offline", "window online"]]) {
    const c = await opened();
    page.visible = false;
    happens(before);
    const attempts = sockets.length;
    happens("document visibilitychange");
    await settle();
    assert.equal(sockets.length, attempts);
    happens(event);
    await settle();
    assert.equal(sockets.length, attempts + 1);
    c.close();
    page.visible = true;
  }
});

test("close leaves no listener and no timer behind, whoever ends it", async () => {
  for (const end of [(c) => c.close(), () => last().end(1008)]) {
    const c = await opened();
    assert.deepEqual(page.listeners.map(([type]) => type).sort(), ["document visibilitychange", "window offline", "window online", "window pagehide", "window pageshow"]);
    end(c);
    assert.equal(page.listeners.length, 0);
    const before = sockets.length;
    happens("window online");
    await pass(1e6);
    assert.equal(sockets.length, before);
    c.open();
    await settle();
    assert.equal(page.listeners.length, 5);
    c.close();
  }
});

test("open and drop", async () => {
  const c = await opened();
  c.open();
  await settle();
  assert.equal(sockets.length, 1);
  c.drop("silent");
  assert.deepEqual([c.state.phase, c.state.error.message], ["waiting", "silent"]);
  c.open();
  await settle();
  assert.equal(sockets.length, 2);
  c.drop();
  await pass(1000);
  assert.equal(sockets.length, 3);
  sockets[0].onmessage?.({ data: "{}" }); // of a connection that was given up
  assert.deepEqual(c.errors, []);
});

test("listeners that throw, reject, and come and go while they are called", async () => {
  const c = await opened();
  const heard = [];
  const stop = c.on("x", () => { stop(); heard.push("once"); });
  c.on("x", () => { throw new Error("thrown"); });
  c.on("x", async () => { throw new Error("rejected"); });
  c.on("x", (p) => heard.push(p));
  const same = (p) => heard.push(`same ${p}`);
  const one = c.on("x", same);
  c.on("x", same);
  last().hear({ type: "x", data: 1 });
  one();
  one();
  last().hear({ type: "x", data: 2 });
  await settle();
  assert.deepEqual(heard, ["once", 1, "same 1", "same 1", 2, "same 2"]);
  assert.deepEqual(c.errors.map((e) => [e.code, e.cause.message]), [["listener", "thrown"], ["listener", "thrown"], ["listener", "rejected"], ["listener", "rejected"]]);
  c.subscribe(() => { throw new Error("of the state"); });
  last().end();
  assert.equal(c.errors.at(-1).cause.message, "of the state");
  await pass(500);
  assert.equal(sockets.length, 2);
});

test("a listener that closes and opens the client", async () => {
  const c = open();
  await settle();
  const seen = [];
  c.subscribe((s) => { if (s.phase === "connected") c.close(); });
  c.subscribe((s) => seen.push(s.phase));
  last().accept();
  assert.deepEqual(seen, ["closed"]);
  assert.equal(c.state.phase, "closed");
  c.subscribe((s) => { if (s.phase === "waiting") c.open(); });
  c.open();
  await settle();
  last().end();
  await settle();
  assert.equal(sockets.length, 3);
  assert.equal(c.state.phase, "connecting");
});

test("what a settled call, a lost connection and a closed client leave", async () => {
  const c = await opened();
  const { signal } = new AbortController();
  const call = c.call("x", undefined, { signal });
  assert.equal(getEventListeners(signal, "abort").length, 1);
  last().hear({ type: "x", id: 1 });
  await call;
  assert.equal(getEventListeners(signal, "abort").length, 0);

  c.drop();
  await pass(500);
  sockets[0].onerror();
  assert.equal(c.state.phase, "connecting");
  last().end();
  assert.equal(c.state.wait, 1000);
  c.close();
  c.open();
  await settle();
  last().end();
  assert.equal(c.state.wait, 500);
});

test("a listener that is added by another hears only what comes after", async () => {
  const c = await opened();
  const heard = [];
  const stop = c.on("x", () => { stop(); c.on("x", (p) => heard.push(p)); });
  last().hear({ type: "x", data: 1 });
  last().hear({ type: "x", data: 2 });
  assert.deepEqual(heard, [2]);
});

test("messages that break the envelope, and events that nobody hears", async () => {
  const c = await opened();
  const malformed = ["", "{", "null", "5", "[]", '"x"', "{}", '{"type":5}', '{"Type":"x"}'];
  for (const text of malformed) last().hear(text);
  last().hear(new ArrayBuffer(1));
  last().hear({ type: "constructor" });
  last().hear({ type: "__proto__" });
  last().hear({ type: "error", code: "denied", message: "no" });
  last().hear({ type: "error" });
  assert.deepEqual(c.errors.map((e) => e.code), [...malformed.map(() => "malformed"), "unhandled", "unhandled", "unhandled", "denied", "malformed"]);
  assert.deepEqual(c.errors.map((e) => e.details).slice(0, malformed.length), malformed);
  assert.equal(c.state.phase, "connected");
});

const asked = (socket) => socket.sent.map((m) => JSON.parse(m)).filter((m) => m.type === "$refresh");

test("the server asks for a token", async () => {
  const tokens = ["first", "second"];
  const c = await opened({ refresh: async () => tokens.shift() });
  last().hear({ type: "$expiring", in: 30 });
  last().hear({ type: "$expiring", in: 20 }); // it is on its way
  await settle();
  assert.deepEqual(asked(last()), [{ type: "$refresh", id: 1, token: "first" }]);
  last().hear({ type: "$expiring", in: 10 });
  await settle();
  assert.equal(asked(last()).length, 1);
  last().hear({ type: "$refresh", id: 1, in: 3600 });
  await settle();
  last().hear({ type: "$expiring", in: 30 });
  await settle();
  assert.deepEqual(asked(last())[1], { type: "$refresh", id: 2, token: "second" });
  last().hear({ type: "$refresh", id: 2 });
  last().hear({ type: "$newer", of: "the server" });
  await settle();
  assert.deepEqual(c.errors, []);
});

test("a token that is none, and one that the server refuses", async () => {
  const results = [async () => null, async () => { throw new Error("no network"); }, () => { throw new Error("at once"); }, () => "bad", () => "late"];
  const c = await opened({ refresh: () => results.shift()() });
  for (let i = 0; i < 5; i++) {
    last().hear({ type: "$expiring", in: 0 });
    await settle();
    last().hear({ type: "error", id: 1, code: "unauthenticated", message: "log in" });
    await settle();
  }
  await pass(10_000);
  assert.deepEqual(c.errors.map((e) => [e.code, e.message]), [
    ["refresh", "the session was not renewed: no network"], ["refresh", "the session was not renewed: at once"],
    ["refresh", "the session was not renewed: log in"], ["refresh", "the session was not renewed: no answer within 10000 ms"],
  ]);
  assert.equal(c.errors[2].cause.code, "unauthenticated");
  assert.equal(c.state.phase, "connected");
});

test("a token that comes when the connection has ended", async () => {
  let answer, signal;
  const c = await opened({ queue: 5, refresh: (s) => { signal = s; return new Promise((resolve) => { answer = resolve; }); } });
  const first = last();
  first.hear({ type: "$expiring", in: 0 });
  await settle();
  first.end(4401, "session expired");
  assert.equal(signal.aborted, true);
  await pass(500);
  last().accept();
  answer("late");
  await settle();
  assert.deepEqual([asked(first), asked(last()), c.errors], [[], [], []]);
  last().hear({ type: "$expiring", in: 0 });
  await settle();
  answer("for this one");
  await settle();
  assert.equal(asked(last())[0].token, "for this one");
});

test("nobody asks without the option", async () => {
  const c = await opened();
  last().hear({ type: "$expiring", in: 0 });
  await settle();
  assert.deepEqual([last().sent, c.errors], [[], []]);
});

test("the console gets each error once, also one of onError", async () => {
  const lines = mock.method(console, "error", () => {});
  await opened({ onError: undefined });
  for (const type of ["x", "y", "x", "x"]) last().hear({ type });
  assert.deepEqual(lines.mock.calls.map((call) => call.arguments[1].message), ['event "x" has no listener', 'event "y" has no listener']);
  await opened({ onError: () => { throw new Error("broken"); } });
  last().hear({ type: "x" });
  last().hear({ type: "y" });
  assert.deepEqual(lines.mock.calls.slice(2).map((call) => call.arguments[1].message), ["onError failed: broken"]);
});

test("the forms of a message", async () => {
  class Dated { toJSON() { return { id: 1 }; } }
  const flat = [
    [undefined, '{"type":"x"}'],
    [{}, '{"type":"x"}'],
    [{ a: 1 }, '{"type":"x","a":1}'],
    [{ a: undefined }, '{"type":"x"}'],
    [{ id: 3, a: 1 }, '{"type":"x","data":{"id":3,"a":1}}'],
    [{ ID: 3 }, '{"type":"x","data":{"ID":3}}'],
    [{ id: null }, '{"type":"x","data":{"id":null}}'],
    [{ id: undefined, a: 1 }, '{"type":"x","a":1}'],
    [{ data: 1 }, '{"type":"x","data":{"data":1}}'],
    [[1], '{"type":"x","data":[1]}'],
    [null, '{"type":"x","data":null}'],
    [0, '{"type":"x","data":0}'],
    ["hi", '{"type":"x","data":"hi"}'],
    [new Date(0), '{"type":"x","data":"1970-01-01T00:00:00.000Z"}'],
    [new Dated(), '{"type":"x","data":{"id":1}}'],
  ];
  const nested = [
    [undefined, '{"event":"x"}'],
    [{}, '{"event":"x","data":{}}'],
    [{ id: 3 }, '{"event":"x","data":{"id":3}}'],
    ["hi", '{"event":"x","data":"hi"}'],
  ];
  const renamed = [
    [{ type: 1, id: 2 }, '{"kind":"x","type":1,"id":2}'],
    [{ "\u212aind": 1 }, '{"kind":"x","data":{"\u212aind":1}}'],
    [{ refſ: 1 }, '{"kind":"x","data":{"refſ":1}}'],
  ];
  for (const [envelope, rows] of [[undefined, flat], [{ type: "event", data: "data" }, nested], [{ type: "kind", id: "refs" }, renamed]]) {
    const c = await opened({ envelope });
    for (const [payload, want] of rows) {
      assert.equal(c.emit("x", payload), true);
      assert.equal(last().sent.at(-1), want);
    }
    c.call("x", { a: 1 }).catch(() => {});
    assert.match(last().sent.at(-1), envelope?.id ? /"refs":1/ : /"id":1/);
  }
  const c = await opened();
  for (const wrong of [["x", 1n], ["error"], ["$x"], ["x", (() => { const o = {}; o.o = o; return o; })()]]) {
    assert.throws(() => c.emit(...wrong), TypeError);
    await assert.rejects(c.call(...wrong), TypeError);
  }
});

test("the forms of what arrives", async () => {
  for (const [envelope, message, payload] of [
    [undefined, '{"type":"x"}', {}],
    [undefined, '{"type":"x","a":1,"id":null}', { a: 1 }],
    [undefined, '{"type":"x","data":{"id":1}}', { id: 1 }],
    [undefined, '{"type":"x","data":null}', null],
    [undefined, '{"a":1,"type":"x","__proto__":2}', JSON.parse('{"a":1,"__proto__":2}')],
    [{ data: "data" }, '{"type":"x","data":{"a":1},"more":1}', { a: 1 }],
    [{ data: "data" }, '{"type":"x"}', undefined],
    [{ type: "op", id: "ref" }, '{"op":"x","type":1}', { type: 1 }],
  ]) {
    const c = await opened({ envelope });
    let heard = "nothing";
    c.on("x", (p) => { heard = p; });
    last().hear(message);
    assert.deepEqual(heard, payload, message);
  }
});

test("addresses", async () => {
  globalThis.location = { href: "https://example.com/chat/page.html" };
  for (const [url, want] of [
    ["/ws?x=1", "wss://example.com/ws?x=1"], ["../ws", "wss://example.com/ws"], ["http://a.b/c", "ws://a.b/c"], [new URL("wss://a.b/"), "wss://a.b/"],
  ]) {
    open({ protocols: "one" }, url);
    await settle();
    assert.deepEqual([last().url, last().protocols], [want, ["one"]]);
  }
  delete globalThis.location;
});

test("there is no WebSocket", () => {
  const own = globalThis.WebSocket;
  delete globalThis.WebSocket;
  assert.throws(() => connect("ws://example.com/"), /there is no WebSocket here/);
  if (own) globalThis.WebSocket = own;
});

const reconnect = '{"type":"$reconnect"}';

test("a server that shuts down: the client connects elsewhere before it lets go", async () => {
  const c = await opened();
  const phases = [], heard = [];
  c.subscribe((s) => phases.push(s.phase));
  c.on("x", (n) => heard.push(n));
  const old = last();
  const slow = c.call("slow");
  old.hear({ type: "$reconnect" });
  old.hear({ type: "$reconnect" });
  await settle();
  assert.deepEqual([sockets.length, old.sent.at(-1)], [2, reconnect]);
  c.emit("before");
  assert.equal(old.sent.at(-1), '{"type":"before"}'); // it goes on
  let joined;
  c.subscribe(() => { joined ??= c.do("join"); });
  last().accept();
  assert.deepEqual([phases, c.state.phase], [["connected"], "connected"]);
  assert.deepEqual(last().sent, ['{"type":"join","id":2}', '{"type":"$reconnect","id":3}']);
  old.hear({ type: "x", data: 1 });
  last().hear({ type: "x", data: 2 });
  last().hear({ type: "join", id: 2 });
  await joined;
  last().hear({ type: "$reconnect", id: 3 });
  assert.equal(old.closedWith, undefined); // a call is in flight
  old.hear({ type: "x", data: 3 });
  old.hear({ type: "$expiring", in: 1 });
  old.hear({ type: "slow", id: 1, data: "answer" });
  assert.equal(await slow, "answer");
  assert.equal(old.closedWith, 1000);
  assert.deepEqual(heard, [1, 2, 3]);
  assert.deepEqual([c.errors, sockets.length], [[], 2]);
  await pass(60_000);
  assert.deepEqual([phases, sockets.length], [["connected"], 2]);
});

test("a server that shuts down: the next one cannot be reached at first", async () => {
  const c = await opened();
  const old = last(), phases = [];
  c.subscribe((s) => phases.push(s.phase));
  old.hear({ type: "$reconnect" });
  await settle();
  last().end(1006);
  assert.equal(sockets.length, 2);
  await pass(500);
  assert.equal(sockets.length, 3);
  await pass(20_000); // no answer
  await pass(1000);
  assert.deepEqual([sockets[2].closedWith, sockets.length, c.state.phase], [1000, 4, "connected"]);
  c.emit("x");
  assert.equal(old.sent.at(-1), '{"type":"x"}');
  last().accept();
  assert.deepEqual(phases, ["connected"]);
  await pass(10_000); // the answer that shows that it is open does not come
  assert.equal(old.closedWith, 1000);
});

test("a server that shuts down: the old connection ends first", async () => {
  for (const code of [1012, 1006, 4409, 1008]) {
    const c = await opened();
    const old = last(), phases = [];
    c.subscribe((s) => phases.push(s.phase));
    const call = failed(c.call("x"));
    old.hear({ type: "$reconnect" });
    await settle();
    old.end(code, "why");
    assert.equal((await call).code, "disconnected");
    assert.deepEqual([c.state.phase, c.state.code, c.emit("x")], ["connecting", code, false]);
    last().accept();
    assert.deepEqual([phases, c.emit("x")], [["connecting", "connected"], true]);
    last().end(1006);
    assert.equal(c.state.phase, "waiting");
  }
});

test("a server that shuts down: the old connection ends after it was replaced", async () => {
  const c = await opened();
  const old = last(), call = failed(c.call("x"));
  old.hear({ type: "$reconnect" });
  await settle();
  last().accept();
  old.end(4409, "one at a time");
  assert.equal((await call).code, "disconnected");
  assert.deepEqual([c.state.phase, c.emit("x")], ["connected", true]);
});

test("a server that shuts down: nowhere else", async () => {
  const c = await opened();
  const old = last();
  old.hear({ type: "$reconnect" });
  await settle();
  last().end(1006);
  old.end(1012, "server shutting down");
  assert.deepEqual([c.state.phase, c.state.code], ["waiting", 1012]);
  await pass(1000);
  last().accept();
  assert.equal(c.state.phase, "connected");
});

test("a server that shuts down: the client is closed meanwhile", async () => {
  for (const accepted of [false, true]) {
    const c = await opened();
    const old = last(), call = failed(c.call("x"));
    old.hear({ type: "$reconnect" });
    await settle();
    const next = last(), count = sockets.length;
    if (accepted) next.accept();
    c.close();
    assert.equal((await call).code, "disconnected");
    assert.deepEqual([old.closedWith, next.closedWith], [1000, 1000]);
    await pass(60_000);
    assert.equal(sockets.length, count);
  }
});

test("a server that shuts down: a listener closes the client as soon as it is connected elsewhere", async () => {
  const c = await opened();
  const old = last();
  old.hear({ type: "$reconnect" });
  await settle();
  c.subscribe((s) => { if (s.phase === "connected") c.close(); });
  last().accept();
  assert.deepEqual([old.closedWith, last().closedWith, c.state.phase], [1000, 1000, "closed"]);
});
