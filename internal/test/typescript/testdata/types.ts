// What the compiler accepts and refuses.

import { type AnyContract, type Client, connect, type Options, path, type State, WsgateError } from "@wsgate/client";
import type { Card, ChatRoom, Line, Nested, Private } from "./contract.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

const chat = connect<ChatRoom>("ws://localhost/chat/go");
same<typeof chat, Client<ChatRoom>>(true);

// Events that arrive.
const stop: () => void = chat.on("said", (line) => same<typeof line, Line>(true));
stop();
// @ts-expect-error: the server sends no such event
chat.on("sung", () => {});
// @ts-expect-error: a client sends it
chat.on("say", () => {});
// @ts-expect-error: the payload has no such field
chat.on("said", (line) => line.sender);
// @ts-expect-error: the payload is not a string
chat.on("said", (line: string) => line);

// Events to send.
const sent: boolean = chat.emit("say", "hello");
chat.emit("greet");
chat.emit("greet", undefined);
const handled: Promise<void> = chat.do("say", "hello", { timeout: 100, signal: new AbortController().signal });
void chat.do("greet", undefined, { timeout: 100 });
void sent, handled;
// @ts-expect-error: clients send no such event
chat.emit("sing", "hello");
// @ts-expect-error: the payload is a string
chat.emit("say", 5);
// @ts-expect-error: the payload is missing
chat.emit("say");
// @ts-expect-error: there is no payload
chat.emit("greet", "hello");
// @ts-expect-error: the payload is missing
void chat.do("check");
// @ts-expect-error: it has an answer
chat.emit("echo", { from: "", text: "" });

// Calls.
const line: Promise<Line> = chat.call("echo", { from: "ann", text: "hello" });
const hung = chat.call("hang", undefined, { timeout: 5 });
same<typeof hung, Promise<Line>>(true);
void line;
// @ts-expect-error: the answer is not a card
const wrong: Promise<Card> = chat.call("echo", { from: "", text: "" });
void wrong;
// @ts-expect-error: there is no such call
void chat.call("history");
// @ts-expect-error: it has no answer
void chat.call("say", "hello");
// @ts-expect-error: a field is missing
void chat.call("echo", { from: "ann" });
// @ts-expect-error: a field is too much
void chat.call("echo", { from: "ann", text: "", more: 1 });
// @ts-expect-error: there is no such option
void chat.call("hang", undefined, { patience: 5 });

// The envelope is required exactly if it is another one.
connect<Nested>("ws://localhost/nested", { envelope: { type: "event", id: "id", data: "data" } });
connect<ChatRoom>("ws://localhost/chat/go", { envelope: { type: "type", id: "id", data: "" } });
// @ts-expect-error: the options are missing
connect<Nested>("ws://localhost/nested");
// @ts-expect-error: the envelope is missing
connect<Nested>("ws://localhost/nested", { queue: 1 });
// @ts-expect-error: these are the keys of others
connect<Nested>("ws://localhost/nested", { envelope: { type: "type", id: "id", data: "" } });

// Subprotocols, paths, and functions for what is asked anew.
connect<Private>(async () => "ws://localhost/private", { protocols: async () => ["v1", "bearer." + (await token())] });
connect<Private>((signal) => (signal.aborted ? null : new URL("ws://localhost/private")), { protocols: "v2" });
connect<Private>("/private").on("anything", (payload) => same<typeof payload, unknown>(true));
const room: string = path<ChatRoom>("/chat/{room}", { room: "go" });
void room;
// @ts-expect-error: another path
path<ChatRoom>("/chats/{room}", { room: "go" });
// @ts-expect-error: the wildcard has no value
path<ChatRoom>("/chat/{room}", {});
// @ts-expect-error: a URL is not a number
connect<ChatRoom>(5);

// Without a contract.
const any = connect("ws://localhost/", { envelope: { data: "payload" }, protocols: ["a"] });
same<typeof any, Client<AnyContract>>(true);
any.on("x", (payload) => payload.what.ever);
any.emit("y");
void any.call("z", 1).then((answer) => answer.what);

// State and errors.
const options: Options<ChatRoom> = { onError: (e) => same<typeof e, WsgateError>(true) };
void options;
chat.subscribe((s) => same<typeof s, State>(true));
// @ts-expect-error: a state does not change
chat.state.phase = "closed";
// @ts-expect-error: there is no such phase
void (chat.state.phase === "open");
chat.onBinary((data) => same<typeof data, ArrayBuffer>(true));
chat.send(new Uint8Array(3));

declare function token(): Promise<string>;
