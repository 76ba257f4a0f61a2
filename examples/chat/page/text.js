// Text with links in it, as nodes. What is not a link stays text, and a link is no more than an element with an address:
// nothing that people write is read as HTML.

const candidate = /\bhttps?:\/\/[^\s<>"]+/gi;
/** @type {Record<string, string>} */
const closers = { ")": "(", "]": "[", "}": "{" };
const count = (/** @type {string} */ text, /** @type {string} */ letter) => text.split(letter).length - 1;

// trim cuts off what ends the sentence around an address: its punctuation, and brackets that were not opened in it.
function trim(/** @type {string} */ address) {
  for (;;) {
    const last = address.at(-1) ?? "";
    const unopened = last in closers && count(address, last) > count(address, closers[last]);
    if (!unopened && !/[.,;:!?'*_~…’”»]/.test(last)) return address;
    address = address.slice(0, -1);
  }
}

// link returns an element, or nothing for what is no address, or one whose user name looks like a host.
function link(/** @type {string} */ address) {
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password) return null;
  const el = document.createElement("a");
  el.href = url.href;
  el.textContent = address;
  el.target = "_blank";
  el.rel = "noopener noreferrer";
  return el;
}

// linked returns the text as nodes and strings, for append.
export function linked(/** @type {string} */ text) {
  /** @type {(string | Node)[]} */
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(candidate)) {
    const address = trim(found);
    const el = link(address);
    if (!el) continue;
    parts.push(text.slice(end, index), el);
    end = index + address.length;
  }
  return [...parts, text.slice(end)];
}
