// What the page shows around the conversation. Whatever people wrote goes in as text, never as HTML.

import * as words from "./words.js";

/** @import { State } from "./wsgate/index.js" */

// $ returns an element of the page: it has whatever its kind has.
/** @type {(id: string) => any} */
export const $ = (id) => document.getElementById(id);

// make returns an element with a class and children: elements, or strings that become text.
/** @type {(tag: string, className: string, ...children: (Node | string)[]) => HTMLElement} */
export function make(tag, className, ...children) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  el.append(...children);
  return el;
}

const initial = (/** @type {string} */ name) => [...name.trim()][0]?.toLocaleUpperCase() ?? "?";

// avatar shows a person's first letter on a colour that the id or name always gets.
export function paintAvatar(/** @type {HTMLElement} */ el, /** @type {string} */ name) {
  let hash = 0;
  for (const c of name) hash = (hash * 31 + (c.codePointAt(0) ?? 0)) % 3600;
  el.textContent = initial(name);
  el.style.setProperty("--hue", String(hash / 10));
}

export function avatar(/** @type {string} */ name) {
  const el = make("span", "avatar");
  el.setAttribute("aria-hidden", "true");
  paintAvatar(el, name);
  return el;
}

function badge(/** @type {number} */ count) {
  const el = make("span", "badge", count > 99 ? "99+" : String(count));
  el.append(make("span", "hidden", " unread"));
  return el;
}

/**
 * @typedef {{mark: Node, label: string, detail?: Node | string, unread?: number, current?: boolean, muted?: boolean,
 *   onClick: () => void}} Row
 */

// row is one entry of a list, which goes somewhere.
/** @type {(row: Row) => HTMLElement} */
function row({ mark, label, detail, unread, current, muted, onClick }) {
  const button = /** @type {HTMLButtonElement} */ (make("button", "row", mark, make("span", "label", label)));
  button.type = "button";
  if (unread) {
    button.classList.add("unread");
    button.append(badge(unread));
  } else if (detail) {
    button.append(make("span", "detail", detail));
  }
  if (current) button.setAttribute("aria-current", "true");
  if (muted) button.classList.add("muted");
  button.addEventListener("click", onClick);
  return make("li", "", button);
}

// fill replaces a list's entries and keeps the keyboard focus on the one that has it. keyed is [[key, element]].
/** @type {(list: HTMLElement, keyed: [string, HTMLElement][]) => void} */
function fill(list, keyed) {
  const focused = list.querySelector(":focus")?.closest("li")?.dataset.key;
  for (const [key, li] of keyed) li.dataset.key = key;
  list.replaceChildren(...keyed.map(([, li]) => li));
  if (focused === undefined) return;
  const again = keyed.find(([key]) => key === focused);
  again?.[1].querySelector("button")?.focus();
}

// showRooms lists the rooms: [{name, users, unread, current}].
/** @type {(rooms: {name: string, users: number, unread: number, current: boolean}[], go: (name: string) => void) => void} */
export function showRooms(rooms, go) {
  fill($("rooms"), rooms.map((r) => {
    const mark = make("span", "hash", "#");
    mark.setAttribute("aria-hidden", "true");
    const detail = r.users ? make("span", "", String(r.users), make("span", "hidden", r.users === 1 ? " person" : " people")) : "";
    return [r.name, row({ mark, label: r.name, detail, unread: r.unread, current: r.current, onClick: () => go(r.name) })];
  }));
}

// showPrivates lists the private conversations: [{id, name, unread, current, gone}].
/**
 * @type {(privates: {id: string, name: string, unread: number, current: boolean, gone: boolean}[],
 *   go: (id: string) => void) => void}
 */
export function showPrivates(privates, go) {
  $("privates-block").hidden = privates.length === 0;
  fill($("privates"), privates.map((p) => [p.id, row({
    mark: avatar(p.name), label: p.name, detail: p.gone ? "away" : "", unread: p.unread, current: p.current, muted: p.gone,
    onClick: () => go(p.id),
  })]));
}

// showPeople lists who is in the room.
/** @type {(people: {id: string, username: string}[], myID: string, go: (id: string) => void) => void} */
export function showPeople(people, myID, go) {
  $("people-count").textContent = String(people.length);
  fill($("people"), people.map((p) => {
    if (p.id === myID) {
      const self = make("div", "row", avatar(p.username), make("span", "label", p.username), make("span", "detail", "you"));
      return [p.id, make("li", "", self)];
    }
    const entry = row({ mark: avatar(p.username), label: p.username, onClick: () => go(p.id) });
    /** @type {HTMLElement} */ (entry.firstChild).title = `Write to ${p.username} in private`;
    return [p.id, entry];
  }));
}

// showWhere says what the conversation is.
/** @type {(title: string, subtitle: string, label: string) => void} */
export function showWhere(title, subtitle, label) {
  $("title").textContent = title;
  $("subtitle").textContent = subtitle;
  $("text").placeholder = label;
  $("text-label").textContent = label;
}

// showTyping says who is typing: names.
export function showTyping(/** @type {string[]} */ names) {
  $("typing").textContent = names.length > 2 ? "Several people are typing…"
    : names.length ? `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
}

export function showMe(/** @type {string} */ name) {
  $("me-name").textContent = name;
  paintAvatar($("me-avatar"), name);
}

// showUnread marks the window and the button behind which the rooms are on a narrow screen.
export function showUnread(/** @type {number} */ total, /** @type {string} */ where) {
  document.title = (total ? `(${total}) ` : "") + where;
  $("unread-total").hidden = total === 0;
  $("unread-total").replaceChildren(...(total ? badge(total).childNodes : []));
}

let countdown = 0;

const phases = { connecting: "Connecting…", connected: "Connected", waiting: "Reconnecting…", closed: "Disconnected" };

// showState shows the state of the connection.
/** @type {(state: State) => void} */
export function showState({ phase, wait = 0, code }) {
  if (phase === "closed" && !code) return; // the name is not known yet
  clearInterval(countdown);
  $("state").dataset.state = phase;
  $("send").disabled = phase !== "connected";
  $("retry").hidden = wait < 3000 && phase !== "closed";
  $("state-text").textContent = phases[phase];
  $("state-wait").textContent = "";
  const end = phase === "closed" ? words.ofEnd(code) : null;
  $("retry").textContent = end?.button ?? "Retry now";
  if (end) notify(end.why);
  if (wait < 3000) return;
  const until = Date.now() + wait;
  const tell = () => { // every second, for the eye only
    $("state-wait").textContent = `in ${Math.max(1, Math.round((until - Date.now()) / 1000))} s`;
  };
  tell();
  countdown = setInterval(tell, 1000);
}

let noticeTimer = 0;

// notify shows an error for a while.
export function notify(/** @type {string} */ text) {
  clearTimeout(noticeTimer);
  $("notice-text").textContent = text;
  $("notice").hidden = false;
  noticeTimer = setTimeout(() => { $("notice").hidden = true; }, 8000);
}

$("notice-close").addEventListener("click", () => { $("notice").hidden = true; });

const panels = [["rooms-panel", "open-rooms"], ["people-panel", "open-people"]].map(([panel, button]) => [$(panel), $(button)]);

// setInert keeps the keyboard out of what a panel lies over.
function setInert(/** @type {boolean} */ is) { /** @type {HTMLElement} */ (document.querySelector("main")).inert = is; }

// openPanel shows the rooms or the people over the conversation, where the screen has no room for both.
function openPanel(/** @type {HTMLElement} */ panel, /** @type {HTMLElement} */ button) {
  panel.classList.add("open");
  button.setAttribute("aria-expanded", "true");
  $("shade").hidden = false;
  setInert(true);
  /** @type {HTMLElement | null} */ (panel.querySelector("button"))?.focus();
}

export function closePanels() {
  for (const [panel, button] of panels) {
    if (!panel.classList.contains("open")) continue;
    panel.classList.remove("open");
    button.setAttribute("aria-expanded", "false");
    $("shade").hidden = true;
    setInert(false);
    button.focus();
  }
}

const fits = new ResizeObserver(() => { // there is room for both again when its button goes
  if (panels.some(([panel, button]) => panel.classList.contains("open") && !button.checkVisibility())) closePanels();
});
for (const [panel, button] of panels) {
  button.addEventListener("click", () => openPanel(panel, button));
  fits.observe(button);
}
$("shade").addEventListener("click", closePanels);
document.addEventListener("keydown", (e) => { if (e.key === "Escape") closePanels(); });
