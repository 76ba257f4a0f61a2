/** The messages of the protocol itself that clients send. */
export const refresh = "$refresh";
export const reconnect = "$reconnect";
/** Writes and reads messages with the keys of an envelope. */
export class Codec {
    #names;
    #keys; // of the envelope, folded
    constructor({ type, id, data }) {
        this.#names = { type: type || "type", id: id || "id", data: data || "" };
        this.#keys = [this.#names.type, this.#names.id, this.#names.data || "data"].map(fold);
    }
    encode(event, id, payload) {
        const { type, id: idKey, data } = this.#names;
        if (event === "error" || event[0] === "$" && event !== refresh && event !== reconnect)
            throw new TypeError(`wsgate: the event name "${event}" is reserved`);
        if (typeof payload?.toJSON === "function")
            payload = payload.toJSON();
        const json = JSON.stringify(payload);
        const head = JSON.stringify({ [type]: event, [idKey]: id });
        if (json === undefined)
            return head;
        const beside = !data && json[0] === "{" &&
            !Object.keys(payload).some((key) => this.#keys.includes(fold(key)) && JSON.stringify(payload[key]) !== undefined);
        if (!beside)
            return `${head.slice(0, -1)},${JSON.stringify(data || "data")}:${json}}`;
        return json === "{}" ? head : `${head.slice(0, -1)},${json.slice(1)}`;
    }
    /** Takes a message apart. It throws an error if that is not JSON, or not an envelope. */
    decode(message) {
        const { type, id: idKey, data } = this.#names;
        const fields = JSON.parse(message);
        if (typeof fields[type] !== "string")
            throw new TypeError(`no string under "${type}"`);
        const { [type]: event, [idKey]: id, ...rest } = fields;
        return { event: event, id, payload: data ? rest[data] : "data" in rest ? rest["data"] : rest };
    }
}
/** fold returns a key as the server compares it with those of the envelope: without regard to case. */
const fold = (key) => key.toLowerCase().toUpperCase();
