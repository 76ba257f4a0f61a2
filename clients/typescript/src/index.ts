// A client for gateways of wsgate. docs/clients.md is its guide, docs/protocol.md the protocol.

import { Client } from "./client.js";
import type { AnyContract, Contract, Options, OptionsArgument, Value } from "./contract.js";

export { Client } from "./client.js";
export { WsgateError } from "./errors.js";
export type {
  AnyContract, CallOptions, ClientCode, Contract, Envelope, Options, Raw, Socket, SocketClass, State, Value,
} from "./contract.js";

/**
 * Connects to a gateway, and connects again whenever the connection is lost. The first attempt begins after the code that
 * is running: call on right after connect, and no event is missed.
 */
export function connect<C extends Contract = AnyContract>(
  url: Value<string | URL | null>, ...[options]: OptionsArgument<C>
): Client<C> {
  return new Client<C>(url, (options ?? {}) as Options<C>);
}

/** Returns a path with its wildcards filled in: path<WsChatRoom>("/ws/chat/{room}", { room: "a b" }) is "/ws/chat/a%20b". */
export function path<C extends Contract>(pattern: C["path"], params: C["params"]): string {
  return pattern.replace(/\{(\w+)(\.\.\.)?\}|\{\$\}/g, (_, name, rest) => {
    if (!name) return "";
    const value = String((params as Record<string, unknown>)[name]);
    return rest ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
  });
}
