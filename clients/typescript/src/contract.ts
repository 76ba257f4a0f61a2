// What the client is typed by, and the types of its arguments and results. There is no code here.

import type { WsgateError } from "./errors.js";

/** The keys around a payload: a nested form if data is not empty. */
export interface Envelope {
  readonly type: string;
  readonly id: string;
  readonly data: string;
}

/** The types of a route, as `wsgate gen ts` writes them. */
export interface Contract {
  path: string;
  params: object;
  envelope: Envelope;
  subprotocols: string;
  /** What clients send: the payload of each event. */
  emit: object;
  /** What clients ask: { payload, answer } of each call. */
  calls: object;
  /** What the server sends: the payload of each event. */
  on: object;
}

/** The contract of a route about which nothing is known: any event with any payload. */
export interface AnyContract {
  path: string;
  params: object;
  envelope: Envelope;
  subprotocols: string;
  emit: { [event: string]: any };
  calls: { [event: string]: { payload: any; answer: any } };
  on: { [event: string]: any };
}

/** The names of some events. */
export type Names<T> = keyof T & string;

/** The payload of a call. */
export type Question<T> = T extends { payload: infer P } ? P : never;

/** The answer to a call. */
export type Answer<T> = T extends { answer: infer A } ? A : never;

/** The arguments behind an event's name: a payload that may be undefined may be left out. */
export type Payload<T, More extends unknown[] = []> = undefined extends T
  ? [payload?: T, ...more: More]
  : [payload: T, ...more: More];

/** A value, or a function that is asked for it before each attempt to connect. The signal is aborted when the attempt ends. */
export type Value<T> = T | ((signal: AbortSignal) => T | Promise<T>);

/** What the client needs of a WebSocket. The browser's and that of the package ws have it. */
export interface Socket {
  binaryType: any;
  readonly readyState: number;
  readonly protocol: string;
  onopen: any;
  onmessage: any;
  onclose: any;
  onerror: any;
  send(data: any): void;
  close(code?: number, reason?: string): void;
}

/** A class of WebSockets. */
export type SocketClass = new (url: string, protocols: string[]) => Socket;

/** What may be sent to a gateway that takes raw messages. */
export type Raw = string | ArrayBuffer | ArrayBufferView<ArrayBuffer>;

export interface CallOptions {
  /** After how many milliseconds the call fails with "timeout". 0 is for never. The default is that of the client. */
  timeout?: number;
  /** Fails the call with "aborted". The server may have handled it. */
  signal?: AbortSignal;
}

interface CommonOptions<C extends Contract> {
  /** The subprotocols to offer. null says that nobody is logged in, and the client stays away. */
  protocols?: Value<C["subprotocols"] | (string & {}) | readonly (C["subprotocols"] | (string & {}))[] | null>;
  /** After how many milliseconds a call fails. 0 is for never. The default is 10,000. */
  timeout?: number;
  /** After how many milliseconds an attempt to connect has failed. The default is 20,000. */
  connectTimeout?: number;
  /** How many messages may wait while there is no connection. The default is 0: sending fails with "not_connected". */
  queue?: number;
  /**
   * Returns a token when the server asks for one, since the session ends soon: a new one, as the server has that of url or
   * protocols. null says that nobody is logged in. The signal is aborted when the connection ends.
   */
  refresh?: (signal: AbortSignal) => string | null | Promise<string | null>;
  /** Codes of the application, from 4000 to 4999, after which the client connects again. */
  reconnect?: readonly number[];
  /** Gets what no function returns. By default the console gets it, each kind once. */
  onError?: (error: WsgateError) => void;
  /** The class of WebSockets, where there is none by that name, or another one is wanted: that of the package ws. */
  WebSocket?: SocketClass;
}

/** The option envelope is required exactly if the contract has another one than the default. */
type EnvelopeOption<E extends Envelope> = string extends E["type"]
  ? { envelope?: Partial<Envelope> }
  : E extends { type: "type"; id: "id"; data: "" }
    ? { envelope?: E }
    : { envelope: E };

export type Options<C extends Contract = AnyContract> = CommonOptions<C> & EnvelopeOption<C["envelope"]>;

/** The options are required exactly if the envelope is. */
export type OptionsArgument<C extends Contract> = {} extends Options<C> ? [options?: Options<C>] : [options: Options<C>];

/** The codes of errors that the client itself decides. docs/clients.md has the table. */
export type ClientCode =
  | "aborted" | "closed" | "connect" | "disconnected" | "listener" | "malformed" | "not_connected" | "queue_full" | "refresh"
  | "timeout" | "unhandled";

/** What a client is doing. Each change makes a new object. */
export interface State {
  /** "closed": the client does not connect again, unless open is called. */
  readonly phase: "connecting" | "connected" | "waiting" | "closed";
  /** Why the last connection or attempt has ended; undefined if there was none, and while connected. */
  readonly error?: WsgateError;
  /** The close code, if the last connection or attempt has ended with one. A browser has 1006 for all but close frames. */
  readonly code?: number;
  /** The text beside the code. */
  readonly reason?: string;
  /** Milliseconds until the next attempt, while waiting. */
  readonly wait?: number;
  /** The subprotocol that the server has chosen, while connected; "" if none. */
  readonly protocol?: string;
}
