// The conversation on the screen.

import { $, make, avatar } from "./view.js";
import { linked } from "./text.js";

/** @import { Talk } from "./talk.js" */

const log = $("log");
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

const sameDay = (/** @type {string} */ a, /** @type {string} */ b) => new Date(a).toDateString() === new Date(b).toDateString();
const minutes = (/** @type {string} */ a, /** @type {string} */ b) => Math.abs(Date.parse(b) - Date.parse(a)) / 60_000;

function time(/** @type {string} */ at) {
  const el = /** @type {HTMLTimeElement} */ (make("time", "", clock.format(new Date(at))));
  el.dateTime = at;
  return el;
}

// entry is the item at an index, and what separates it from the one before.
/** @type {(talk: Talk, index: number, myID: string) => HTMLElement[]} */
function entry({ items, mark }, index, myID) {
  const before = items[index - 1];
  const { from = "", text = "", ...item } = items[index];
  const parts = [];
  if (!before || !sameDay(before.at, item.at)) parts.push(make("p", "day", calendar.format(new Date(item.at))));
  if (items[index] === mark) parts.push(make("p", "new", "New since you were away"));
  if (item.note) {
    parts.push(make("p", "note", item.note));
    return parts;
  }
  const more = parts.length === 0 && before && !before.note && before.fromId === item.fromId &&
    before.from === from && minutes(before.at, item.at) < 5;
  const el = make("article", item.fromId === myID ? "message mine" : "message");
  const by = make("p", "by", make("b", "", from), " ", time(item.at));
  if (more) {
    el.classList.add("more");
    by.classList.add("hidden"); // it can be heard, and need not be seen again
  } else {
    el.append(avatar(from));
  }
  el.append(by, make("p", "text", ...linked(text)));
  parts.push(el);
  return parts;
}

let following = true; // the end of the log is shown, and stays so
let size = ""; // of the log and what is in it, when it was last scrolled to the end
let wantOlder = () => {};

// isFollowing reports whether the reader is at the end.
export const isFollowing = () => following;

// onOlder sets what is done when the reader comes to the top.
export function onOlder(/** @type {() => void} */ load) { wantOlder = load; }

const measure = () => `${log.scrollHeight} ${log.clientHeight} ${log.clientWidth}`;

function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
  following = true;
  size = measure();
  $("to-end").hidden = true;
}

// scrollToNews shows what is new, from its beginning.
function scrollToNews() {
  scrollToEnd();
  const line = log.querySelector(".new");
  if (!line) return;
  const above = line.getBoundingClientRect().top - log.getBoundingClientRect().top;
  if (above >= 0) return;
  log.scrollTop += above;
  following = false;
  $("to-end").hidden = false;
}

function draw(/** @type {Talk} */ talk, /** @type {string} */ myID, /** @type {string} */ empty) {
  log.setAttribute("aria-live", "off"); // a page full of old messages is not news
  log.replaceChildren(...talk.items.flatMap((_, i) => entry(talk, i, myID)));
  if (talk.items.length === 0) log.append(make("p", "empty", empty));
  if (talk.more) {
    const older = /** @type {HTMLButtonElement} */ (make("button", "older", "Older messages"));
    older.type = "button";
    older.addEventListener("click", () => wantOlder());
    log.prepend(older);
  }
  requestAnimationFrame(() => log.setAttribute("aria-live", "polite"));
}

// show shows a whole conversation, from what is new in it. empty is what to say where there is nothing.
export function show(/** @type {Talk} */ talk, /** @type {string} */ myID, /** @type {string} */ empty) {
  draw(talk, myID, empty);
  scrollToNews();
  lookUp();
}

// redraw shows it as it is now, with what was on the screen where it was.
export function redraw(/** @type {Talk} */ talk, /** @type {string} */ myID, /** @type {string} */ empty) {
  const fromEnd = log.scrollHeight - log.scrollTop;
  const focused = log.contains(document.activeElement);
  draw(talk, myID, empty);
  if (focused) log.focus({ preventScroll: true });
  if (following) scrollToEnd();
  else log.scrollTop = log.scrollHeight - fromEnd;
}

// append adds the last item of a conversation that is shown already.
export function append(/** @type {Talk} */ talk, /** @type {string} */ myID) {
  const item = talk.items[talk.items.length - 1];
  const follow = following || item.fromId === myID;
  log.querySelector(".empty")?.remove();
  log.append(...entry(talk, talk.items.length - 1, myID));
  if (follow && document.hidden) scrollToNews();
  else if (follow) scrollToEnd();
  else if (!item.note) $("to-end").hidden = false;
}

// lookUp asks for older messages when the reader is near the top.
function lookUp() {
  if (log.querySelector(".older") && log.scrollTop < log.clientHeight / 2) wantOlder();
}

$("to-end").addEventListener("click", scrollToEnd);
log.addEventListener("scroll", () => {
  if (following && measure() !== size) scrollToEnd(); // that was no reader: the window or the letters have another size
  following = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  if (following) $("to-end").hidden = true;
  lookUp();
});
new ResizeObserver(() => { if (following) scrollToEnd(); }).observe(log); // a keyboard comes up
