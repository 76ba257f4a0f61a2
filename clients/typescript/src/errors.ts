import type { ClientCode } from "./contract.js";

/** An error of the server, if source is "server", or of the client. */
export class WsgateError extends Error {
  readonly code: ClientCode | (string & {});
  readonly details: unknown;
  readonly source: "server" | "client";

  constructor(
    code: ClientCode | (string & {}), message: string,
    more: { details?: unknown; source?: "server" | "client"; cause?: unknown } = {},
  ) {
    super(message, "cause" in more ? { cause: more.cause } : undefined);
    this.name = "WsgateError";
    this.code = code;
    this.details = more.details;
    this.source = more.source ?? "client";
  }
}

/** text returns what an error says. */
export const text = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
