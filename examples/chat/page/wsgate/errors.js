/** An error of the server, if source is "server", or of the client. */
export class WsgateError extends Error {
    code;
    details;
    source;
    constructor(code, message, more = {}) {
        super(message, "cause" in more ? { cause: more.cause } : undefined);
        this.name = "WsgateError";
        this.code = code;
        this.details = more.details;
        this.source = more.source ?? "client";
    }
}
/** text returns what an error says. */
export const text = (cause) => (cause instanceof Error ? cause.message : String(cause));
