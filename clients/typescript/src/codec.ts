import type { Envelope } from "./contract.js";

/** The messages of the protocol itself that clients send. */
export const refresh = "$refresh";
export const reconnect = "$reconnect";

/** A message that was taken apart. */
export interface Message {
  event: string;
  id: unknown; // undefined or null: none
  payload: any;
}

/** Writes and reads messages with the keys of an envelope. */
export class Codec {
  #names: Envelope;
  #keys: string[]; // of the envelope, folded

  constructor({ type, id, data }: Partial<Envelope>) {
    this.#names = { type: type || "type", id: id || "id", data: data || "" };
    this.#keys = [this.#names.type, this.#names.id, this.#names.data || "data"].map(fold);
  }

  encode(event: string, id: number | undefined, payload: any): string {
    const { type, id: idKey, data } = this.#names;
    if (event === "error" || event[0] === "$" && event !== refresh && event !== reconnect) throw new TypeError(`wsgate: the event name "${event}" is reserved`);
    if (typeof payload?.toJSON === "function") payload = payload.toJSON();
    const json: string | undefined = JSON.stringify(payload);
    const head = JSON.stringify({ [type]: event, [idKey]: id });
    if (json === undefined) return head;
    const beside = !data && json[0] === "{" &&
      !Object.keys(payload).some((key) => this.#keys.includes(fold(key)) && JSON.stringify(payload[key]) !== undefined);
    if (!beside) return `${head.slice(0, -1)},${JSON.stringify(data || "data")}:${json}}`;
    return json === "{}" ? head : `${head.slice(0, -1)},${json.slice(1)}`;
  }

  /** Takes a message apart. It throws an error if that is not JSON, or not an envelope. */
  decode(message: string): Message {
    const { type, id: idKey, data } = this.#names;
    const fields: Record<string, unknown> = JSON.parse(message);
    if (typeof fields[type] !== "string") throw new TypeError(`no string under "${type}"`);
    const { [type]: event, [idKey]: id, ...rest } = fields;
    return { event: event as string, id, payload: data ? rest[data] : "data" in rest ? rest["data"] : rest };
  }
}

/** fold returns a key as the server compares it with those of the envelope: without regard to case. */
const fold = (key: string): string => key.toLowerCase().toUpperCase();
