// A client for gateways of wsgate. docs/clients.md is its guide, docs/protocol.md the protocol.
import { Client } from "./client.js";
export { Client } from "./client.js";
export { WsgateError } from "./errors.js";
/**
 * Connects to a gateway, and connects again whenever the connection is lost. The first attempt begins after the code that
 * is running: call on right after connect, and no event is missed.
 */
export function connect(url, ...[options]) {
    return new Client(url, (options ?? {}));
}
/** Returns a path with its wildcards filled in: path<WsChatRoom>("/ws/chat/{room}", { room: "a b" }) is "/ws/chat/a%20b". */
export function path(pattern, params) {
    return pattern.replace(/\{(\w+)(\.\.\.)?\}|\{\$\}/g, (_, name, rest) => {
        if (!name)
            return "";
        const value = String(params[name]);
        return rest ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
    });
}
