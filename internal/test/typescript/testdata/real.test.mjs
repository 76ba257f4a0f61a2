// The client against a real server, in Node: with its own WebSocket, or with that of the package ws.

import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { connect, path, WsgateError } from "@wsgate/client";
import WS from "ws";

const { SERVER, SECOND, SOCKET } = process.env;
const WebSocket = SOCKET === "ws" ? WS : globalThis.WebSocket;
const control = async (command, address = SERVER) => {
  const response = await fetch(`http://${address}/control/${command}`, { method: "POST" });
  assert.equal(response.status, 200, command);
  return response.text();
};

let rooms = 0;

// open connects to a room of its own, until the end of the test.
function open(t, url = `ws://${SERVER}/chat/${++rooms}`, options = {}) {
  const errors = [];
  const client = connect(url, { WebSocket, onError: (e) => errors.push(e), ...options });
  client.errors = errors;
  t.after(() => client.close());
  return client;
}

// reached resolves with the first state from now on of which the condition holds.
const reached = (client, condition) => new Promise((resolve) => {
  const look = (state) => { if (condition(state)) { stop(); resolve(state); } };
  const stop = client.subscribe(look);
});
const inPhase = (client, phase) => reached(client, (s) => s.phase === phase);
const next = (client, event) => new Promise((resolve) => {
  const stop = client.on(event, (payload) => { stop(); resolve(payload); });
});
const failure = async (promise) => {
  const e = await promise.then(() => assert.fail("it has succeeded"), (e) => e);
  assert.ok(e instanceof WsgateError, e);
  return e;
};
const code = async (promise) => (await failure(promise)).code;

test("events, calls and errors", async (t) => {
  const c = open(t);
  assert.equal(c.state.phase, "connecting");
  assert.equal(c.emit("say", "early"), false);
  assert.equal(await code(c.call("echo", {})), "not_connected");
  await c.ready();
  assert.deepEqual(c.state, { phase: "connected", protocol: "" });
  assert.equal(c.getSnapshot(), c.getSnapshot());

  const heard = next(c, "said");
  assert.equal(c.emit("say", "hello"), true);
  assert.deepEqual(await heard, { from: "all", text: "hello" });
  const greeting = next(c, "said");
  await c.do("greet");
  assert.deepEqual(await greeting, { from: "server", text: "hello" });
  assert.deepEqual(await c.call("echo", { from: "ann", text: "x" }), { from: "ann", text: "x" });
  assert.deepEqual(await c.call("move", { id: 7, title: "x" }), { id: 7, title: "x" });
  assert.equal(await c.do("check", "x"), undefined);

  const { code: refused, message, details, source } = await failure(c.do("check", ""));
  assert.deepEqual({ refused, message, details, source }, { refused: "invalid", message: "say something", details: ["text"], source: "server" });
  assert.equal(await code(c.call("sing")), "unknown_event");
  c.emit("check", "");
  await c.do("greet");
  assert.deepEqual(c.errors.map((e) => [e.code, e.source]), [["invalid", "server"], ["unhandled", "client"]]);
});

for (const [route, envelope] of [["nested", { type: "event", data: "data" }], ["renamed", { type: "op", id: "ref" }]]) {
  test(`the envelope is ${route}`, async (t) => {
    const c = open(t, `ws://${SERVER}/${route}`, { envelope });
    await c.ready();
    const heard = next(c, "said");
    c.emit("say", "hello");
    assert.deepEqual(await heard, { from: "all", text: "hello" });
    assert.deepEqual(await c.call("move", { id: 7, title: "x" }), { id: 7, title: "x" });
    assert.deepEqual(await c.call("echo", { from: "", text: "" }), { from: "", text: "" });
    const e = await failure(c.do("check", ""));
    assert.deepEqual([e.code, e.message, e.details], ["invalid", "say something", ["text"]]);
    c.emit("check", 5);
    c.emit("check");
    await c.do("check", "x");
    assert.deepEqual(c.errors.map((e) => e.code), ["invalid", "invalid"]);
  });
}

test("raw messages", async (t) => {
  const c = open(t, `ws://${SERVER}/raw`);
  const texts = [], binaries = [];
  const stop = c.onText((text) => texts.push(text));
  await c.ready();
  const done = new Promise((resolve) => c.onBinary((data) => { binaries.push([...new Uint8Array(data)]); if (binaries.length === 2) resolve(); }));
  assert.equal(c.send("plain"), true);
  assert.equal(c.send(new Uint8Array([1, 2, 3]).subarray(1)), true);
  assert.equal(c.send(new Uint8Array([255]).buffer), true);
  await done;
  assert.deepEqual([texts, binaries], [["plain"], [[2, 3], [255]]]);
  await assert.rejects(c.call("echo"), TypeError);
  stop();
  assert.deepEqual(c.errors, []);
});

test("a megabyte", async (t) => {
  const c = open(t);
  await c.ready();
  const text = "é".repeat(1 << 19);
  const answers = await Promise.all([1, 2, 3].map((n) => c.call("echo", { from: `${n}`, text })));
  assert.deepEqual(answers.map((l) => [l.from, l.text === text]), [["1", true], ["2", true], ["3", true]]);
});

test("timeout and abort", async (t) => {
  const c = open(t, undefined, { timeout: 20 });
  await c.ready();
  assert.equal(await code(c.call("hang")), "timeout");
  c.close();
  c.open();
  await c.ready();
  const controller = new AbortController();
  const call = c.call("hang", undefined, { timeout: 0, signal: controller.signal });
  controller.abort("why");
  const e = await failure(call);
  assert.deepEqual([e.code, e.cause], ["aborted", "why"]);
  assert.equal(await code(c.call("hang", undefined, { signal: AbortSignal.abort() })), "aborted");
});

test("the server restarts under 50 calls", async (t) => {
  const c = open(t);
  await c.ready();
  const settled = [];
  const calls = Array.from({ length: 50 }, (_, i) => c.call("hang", undefined, { timeout: 0 }).then(
    () => settled.push([i, "answer"]), (e) => settled.push([i, e.code])));
  await control("hanging?n=1");
  const lost = reached(c, (s) => s.phase === "waiting");
  await Promise.all([control("restart"), ...calls]);
  assert.deepEqual(settled.map(([i]) => i).sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
  // The server tells the call that it handled that it stops, the others are lost.
  assert.ok(settled.every(([i, how]) => how === "disconnected" || i === 0), JSON.stringify(settled));
  const { code: closed, reason, error } = await lost;
  assert.deepEqual([closed, reason, error.code], [1012, "server shutting down", "connect"]);
  await c.ready();
  assert.deepEqual(await c.call("echo", { from: "", text: "again" }), { from: "", text: "again" });
  assert.equal(settled.length, 50);
});

test("the server is deployed anew: no call fails, and what is in flight is answered", async (t) => {
  const c = open(t);
  const phases = [];
  c.subscribe((s) => phases.push(s.phase));
  await c.ready();
  const told = next(c, "said");
  await c.do("greet");
  await told;
  const slow = c.call("slow", 300);
  const again = reached(c, (s) => s.phase === "connected");
  const deployed = control("deploy");
  await again;
  let answers = 0;
  for (let begun = Date.now(); Date.now() - begun < 200; answers++) await c.call("echo", { from: "", text: "x" });
  assert.ok(answers > 5);
  assert.equal(await slow, "slow");
  await deployed;
  assert.deepEqual(phases, ["connected", "connected"]);
  assert.deepEqual(c.errors, []);
});

test("a server that starts late, and refuses at first", async (t) => {
  const c = open(t, `ws://${SECOND}/chat/late`, { queue: 1 });
  const first = c.call("echo", { from: "", text: "queued" }, { timeout: 0 });
  const { code: closed } = await inPhase(c, "waiting");
  assert.equal(closed, 1006);
  await control("refuse");
  await control("listen");
  assert.equal((await inPhase(c, "waiting")).code, 1006);
  await control("admit");
  c.open(); // does not wait any longer
  assert.deepEqual(await first, { from: "", text: "queued" });
});

test("two clients", async (t) => {
  const [a, b] = [open(t), open(t, `ws://${SERVER}/chat/${rooms}`)];
  await Promise.all([a.ready(), b.ready()]);
  await b.do("check", "in the room"); // ready is before the server's OnOpen, which joins; its answers are after that
  const all = [a, b].map((c) => next(c, "said"));
  a.emit("say", "to both");
  assert.deepEqual(await Promise.all(all), Array(2).fill({ from: "all", text: "to both" }));
});

test("a newer connection of the user replaces an older one", async (t) => {
  const a = open(t, `ws://${SERVER}/chat/x?user=ann`, { reconnect: [4409] });
  await a.ready();
  const closed = inPhase(a, "closed");
  const b = open(t, `ws://${SERVER}/chat/x?user=ann`);
  const { code, reason } = await closed;
  assert.deepEqual([code, reason], [4409, "replaced by a newer connection of this user"]);
  await b.ready();
});

test("url and protocols are asked for each attempt", async (t) => {
  await control("tokens");
  let n = 0;
  const failing = [new Error("no token yet")];
  const c = open(t, async () => {
    if (failing.length) throw failing.shift();
    return new URL(`http://${SERVER}/private`);
  }, { protocols: async () => ["v1", `bearer.${++n}`] });
  const { error } = await inPhase(c, "waiting");
  assert.deepEqual([error.code, error.message], ["connect", "no token yet"]);
  await c.ready();
  assert.equal(c.state.protocol, "v1");
  const lost = inPhase(c, "waiting");
  c.emit("drop", 1012);
  assert.equal((await lost).code, 1012);
  await c.ready();
  assert.equal(await control("tokens"), "2 3");
});

test("a session is renewed, and one that is not has the client come again", async (t) => {
  const first = open(t, `ws://${SERVER}/short`, { refresh: () => "good" });
  const second = open(t, `ws://${SERVER}/short`, { refresh: () => "bad" });
  await Promise.all([first.ready(), second.ready()]);
  const { code, reason } = await inPhase(second, "waiting");
  assert.deepEqual([code, reason], [4401, "session expired"]);
  assert.equal(second.errors[0].cause.code, "unauthenticated");
  await second.ready();
  assert.equal(first.state.phase, "connected");
  assert.deepEqual(await first.call("echo", { from: "ann", text: "on" }), { from: "ann", text: "on" });
  assert.deepEqual(first.errors, []);
});

test("nobody is logged in", async (t) => {
  for (const [url, options] of [[() => null, {}], [`ws://${SERVER}/private`, { protocols: async () => null }]]) {
    const c = open(t, url, options);
    const { message } = await failure(c.ready());
    assert.equal(message, "nobody is logged in");
    assert.equal(c.state.phase, "closed");
  }
});

test("an address with which no attempt can succeed", async (t) => {
  for (const url of ["ftp://example.com/", "ws://", "/relative"]) {
    const c = open(t, url);
    assert.equal((await failure(c.ready())).code, "closed", url);
  }
});

test("close while connecting, and twice", async (t) => {
  const c = open(t);
  c.close();
  assert.equal(await code(c.ready()), "closed");
  c.open();
  const connecting = c.ready();
  await new Promise((resolve) => setImmediate(resolve));
  c.close();
  c.close();
  assert.equal(await code(connecting), "closed");
  assert.equal(await code(c.call("echo")), "closed");
  assert.equal(c.emit("say", "x"), false);
  c.open();
  await c.ready();
});

test("nothing remains after close", async () => {
  const program = `
    import { connect } from "@wsgate/client";
    import WS from "ws";
    const WebSocket = ${SOCKET === "ws"} ? WS : globalThis.WebSocket;
    const connected = connect("ws://${SERVER}/chat/x", { WebSocket });
    const waiting = connect("ws://127.0.0.1:1/", { WebSocket });
    const hanging = connect(() => new Promise(() => {}), { WebSocket, queue: 1 });
    await connected.ready();
    const calls = [connected.call("hang"), hanging.call("hang")].map((p) => p.catch((e) => e.code));
    if (waiting.state.phase !== "waiting") await new Promise((r) => waiting.subscribe((s) => s.phase === "waiting" && r()));
    for (const c of [connected, waiting, hanging]) c.close();
    console.log(await Promise.all(calls));
  `;
  const flags = process.execArgv.filter((flag) => flag.startsWith("--experimental"));
  const child = spawn(process.execPath, [...flags, "--no-warnings", "--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (data) => { out += data; });
  const [status] = await once(child, "close"); // by itself
  assert.deepEqual([status, out.trim()], [0, "[ 'disconnected', 'closed' ]"]);
});

test("paths", () => {
  assert.equal(path("/chat/{room}", { room: "a b/ü" }), "/chat/a%20b%2F%C3%BC");
  assert.equal(path("/files/{name...}", { name: "a b/c" }), "/files/a%20b/c");
  assert.equal(path("/x/{a}/{b}/{$}", { a: 1, b: 2 }), "/x/1/2/");
});
