// What the page says of what went wrong, in the words of whoever reads it. The server's errors are for programmers.

/** @import { WsgateError } from "./wsgate/index.js" */

const maxText = 2000;
const maxName = 40;
const number = new Intl.NumberFormat("en");
const length = (/** @type {string} */ text) => [...text].length;

function badName(/** @type {string} */ name, /** @type {string} */ of) {
  const why = length(name) > maxName ? `it has at most ${maxName} characters.` : "it has characters that cannot be seen.";
  return `“${[...name].slice(0, maxName).join("")}” cannot be ${of}: ${why}`;
}

// fitName returns what of a name the server takes. With another one it refuses the connection, and a page is not told why.
export function fitName(/** @type {string} */ name) {
  const fit = name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, "").trim();
  return /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(fit) ? [...fit].slice(0, maxName).join("") : "";
}

const later = "The server has a problem. Try again in a moment.";

// ofMessage says why a text was not sent; who is set if it is to one person.
export function ofMessage(/** @type {WsgateError} */ err, /** @type {string} */ text, who = "") {
  if (err.source === "client") return "The connection was lost. This may not have been sent.";
  switch (err.code) {
    case "invalid": return `Not sent. A message has at most ${number.format(maxText)} characters; this one has ${number.format(length(text))}.`;
    case "not_found": return `Not sent. ${who} is away, and private messages are not kept.`;
    case "unavailable": return `Not sent. ${who} cannot be reached at the moment.`;
    default: return `Not sent. ${later}`;
  }
}

export const ofRoom = (/** @type {WsgateError} */ err, /** @type {string} */ name) => (err.code === "invalid" ? badName(name, "the name of a room") : later);

export const ofName = (/** @type {WsgateError} */ err, /** @type {string} */ name) => (err.code === "invalid" ? badName(name, "your name") : later);

export const ofAnything = () => later;

const replaced = 4409;

// ofEnd says why the server has ended the connection for good, and what the button does about it.
export function ofEnd(/** @type {number | undefined} */ code) {
  if (code === replaced) return { why: "You have opened the chat in another tab or window.", button: "Use it here" };
  return { why: "The server has closed the connection.", button: "Connect again" };
}
