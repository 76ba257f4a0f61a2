// What survives a reload, where the browser allows it: who this is above all.

// One browser is one person. A name in the address makes another one, so that a chat can be tried in two windows.
export const asked = new URLSearchParams(location.search).get("username")?.trim() ?? "";

const keyOf = (/** @type {string} */ key) => `chat.${asked && `${asked}/`}${key}`;

export const memory = {
  /** @type {<T>(key: string, otherwise: T) => T} */
  get(key, otherwise) {
    try { return JSON.parse(localStorage.getItem(keyOf(key)) ?? "null") ?? otherwise; } catch { return otherwise; }
  },
  set(/** @type {string} */ key, /** @type {unknown} */ value) {
    try { localStorage.setItem(keyOf(key), JSON.stringify(value)); } catch { /* then it does not */ }
  },
};

// token returns the secret that makes this person the same one on every connection. It is for the server only: others know
// the user id, which the server makes of it. See identity.go.
export function token() {
  let secret = memory.get("token", "");
  if (!/^[0-9a-f]{64}$/.test(secret)) {
    secret = [...crypto.getRandomValues(new Uint8Array(32))].map((b) => b.toString(16).padStart(2, "0")).join("");
    memory.set("token", secret);
  }
  return secret;
}
