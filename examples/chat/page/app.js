// The chat page: what it knows, and what it does about what it hears. See protocol.go for the events.

import * as controls from "./controls.js";
import * as log from "./log.js";
import { memory, token } from "./memory.js";
import {
  countRooms, dropEmpty, goTo, listed, lobby, me, peer, people, privates, privateWith, readBefore, room, roomKey, rooms, rowOf,
  setListed, shownKey, talk, userKey,
} from "./state.js";
import { Typing } from "./typing.js";
import * as view from "./view.js";
import * as words from "./words.js";
import { connect } from "./wsgate/index.js";

/** @import { WsChat, Greeting, Line, Movement, NameChange, PresencePerson, PrivateLine, RoomRow, Users } from "../api/chat.js" */
/** @import { WsgateError } from "./wsgate/index.js" */
/** @import { Item } from "./talk.js" */

const { $ } = view;
const lines = 100; // of history

/** @type {Set<string>} */
const missed = new Set(); // user ids of those who were in the room before the connection was lost
let asking = !me.name; // for a name, before the first connection

const link = /** @type {typeof connect<WsChat>} */ (connect)(() => {
  if (asking) return null;
  const url = new URL("ws/chat", document.baseURI);
  url.searchParams.set("username", me.name);
  url.searchParams.set("room", room);
  return url;
}, {
  protocols: () => ["wsgate-chat", `token.${token()}`],
  onError: (err) => (isRefusal(err) ? view.notify(words.ofAnything()) : console.error(err)),
});
link.subscribe(view.showState);
link.on("welcome", arrive);
link.on("message", said);
link.on("private", whispered);
link.on("users", present);
link.on("joined", came);
link.on("left", went);
link.on("typing", (e) => typing.heard(e.room ? roomKey(e.room) : userKey(e.fromId), e.fromId, e.from));
link.on("renamed", renamed);
link.on("room", roomChanged);
link.on("people", peopleChanged);

// isRefusal reports whether that is an answer of the server. Otherwise it is not known what became of the question.
const isRefusal = (/** @type {WsgateError} */ err) => err.source === "server";

const typing = new Typing(() => view.showTyping(typing.names(shownKey())));

// arrive begins every connection, the first and those after a loss: back into the room, and what was missed.
async function arrive(/** @type {Greeting} */ e) {
  me.id = e.userId;
  me.name = e.username;
  rememberMe();
  for (const [id, p] of people) if (p.room === room) missed.add(id);
  people.clear();
  setListed(false);
  talk(shownKey()).mark = null;
  const answer = attempt(link.call("rooms"));
  const entered = enter(room);
  const list = await answer;
  if (list) {
    setListed(true);
    const known = new Map(rooms);
    rooms.clear();
    for (const { name, users, last = 0 } of list.rooms ?? []) {
      rooms.set(name, { users, last, read: Math.min(last, known.get(name)?.read ?? readBefore[name] ?? last) });
    }
    rowOf(room);
  }
  show();
  if (!(await entered)) goRoom(lobby, { replace: true }); // a room from before, or from the address, that cannot be
}

function rememberMe() {
  view.showMe(me.name);
  memory.set("name", me.name);
}

// attempt waits for an answer, shows a refusal, and returns undefined then. A lost connection is no news here: arrive
// begins again.
/**
 * @template T
 * @param {Promise<T>} answer
 * @param {(err: WsgateError) => string} explain
 * @returns {Promise<T | undefined>}
 */
async function attempt(answer, explain = words.ofAnything) {
  try {
    return await answer;
  } catch (/** @type {any} */ err) {
    if (isRefusal(err)) view.notify(explain(err));
  }
}

// enter joins a room and gets what was said there. It reports whether the room may be entered.
async function enter(/** @type {string} */ name) {
  try {
    const joined = link.do("join", { room: name });
    const history = readHistory(name);
    await joined;
    await history;
    return true;
  } catch (/** @type {any} */ err) {
    if (isRefusal(err)) view.notify(words.ofRoom(err, name));
    return !isRefusal(err);
  }
}

async function readHistory(/** @type {string} */ name) {
  const page = await attempt(link.call("history", { room: name, limit: lines }), (err) => words.ofRoom(err, name));
  if (page) catchUp(name, page.messages ?? []);
}

// catchUp puts history where it belongs among what is known.
function catchUp(/** @type {string} */ name, /** @type {Line[]} */ messages) {
  const t = talk(roomKey(name));
  const row = rowOf(name);
  t.merge(messages);
  t.markNew(row.read, me.id);
  row.last = Math.max(row.last, t.lastSeq);
  if (shownKey() === roomKey(name)) show();
  else showLists();
}

let loading = false; // older messages

// loadOlder gets what was said before the oldest message that is known.
async function loadOlder() {
  const t = talk(roomKey(room));
  const name = room;
  if (peer || loading || !t.more) return;
  loading = true;
  const page = await attempt(link.call("history", { room: name, before: t.firstSeq, limit: lines }));
  loading = false;
  if (!page) return;
  t.older(page.messages ?? []);
  if (shownKey() === roomKey(name)) redraw();
}

// leaveTalk is for the conversation on the screen, before another one is: what was new in it is not new any more.
function leaveTalk() {
  talk(shownKey()).mark = null;
  typing.done();
}

// remember puts the conversation that is shown into the address and the browser's history.
function remember({ replace = false } = {}) {
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  const state = { peer };
  if (replace) history.replaceState(state, "", url);
  else history.pushState(state, "", url);
}

// goRoom shows a room and moves there. With replace there is no way back to the one before; kept is for a room that the
// browser's history has already.
async function goRoom(/** @type {string} */ name, { replace = false, kept = false } = {}) {
  const before = room;
  view.closePanels();
  if (name === room && !peer) return show({ focus: true });
  leaveTalk();
  goTo(name, "");
  if (!kept) remember({ replace });
  if (name === before) return show({ focus: true });
  rowOf(name);
  missed.clear();
  show({ focus: true });
  if (await enter(name)) {
    memory.set("room", room);
  } else if (room === name) {
    rooms.delete(name);
    goRoom(before, { replace: true });
  }
}

// goPrivate shows the conversation with one person.
function goPrivate(/** @type {string} */ id, { kept = false } = {}) {
  view.closePanels();
  leaveTalk();
  privateWith(id);
  const again = peer === id;
  goTo(room, id);
  if (!kept && !again) remember();
  show({ focus: true });
}

function said(/** @type {Line} */ e) {
  const key = roomKey(e.room);
  const row = rowOf(e.room);
  const last = talk(key).lastSeq;
  row.last = Math.max(row.last, e.seq);
  if (e.seq > last) add(key, e);
  else catchUp(e.room, [e]);
  if (e.seq > last + 1) readHistory(e.room); // something was lost between two servers; it was kept
}

function whispered(/** @type {PrivateLine} */ e) {
  const mine = e.fromId === me.id;
  const id = mine ? e.to : e.fromId;
  const who = privateWith(id);
  if (!mine) {
    who.name = e.from;
    who.gone = false;
    who.unread++;
  }
  add(userKey(id), e);
}

// add appends to a conversation and shows it if that is the one on the screen.
function add(/** @type {string} */ key, /** @type {Item} */ item) {
  const t = talk(key);
  const shown = key === shownKey();
  const mine = item.fromId === me.id;
  const answered = mine && t.mark;
  if (mine) t.mark = null;
  else if (!item.note && (!shown || document.hidden)) t.mark ??= item;
  if (shown && (answered || (log.isFollowing() && t.cut()))) redraw();
  t.add(item);
  if (shown) log.append(t, me.id);
  typing.stopped(key, item.fromId ?? "");
  showLists();
}

function note(/** @type {string} */ text) {
  add(roomKey(room), { note: text, at: new Date().toISOString() });
}

// moved notes that somebody came into the room or left it.
function moved(/** @type {string} */ id, /** @type {string} */ name, /** @type {boolean} */ here) {
  const shared = talk(roomKey(room)).moved(id, name, here);
  if (peer) return showLists();
  if (shared) redraw();
  else log.append(talk(roomKey(room)), me.id);
  showLists();
}

// What follows is told at once, and where it crosses with something else, peopleChanged puts it right.

function present(/** @type {Users} */ e) {
  for (const p of people.values()) if (p.room === e.room) p.room = "";
  for (const { id, username } of e.users ?? []) people.set(id, { username, room: e.room });
  showLists();
}

function came(/** @type {Movement} */ e) {
  const known = missed.delete(e.fromId) || people.get(e.fromId)?.room === e.room; // back before they were gone
  people.set(e.fromId, { username: e.from, room: e.room });
  if (e.room === room && !known && e.fromId !== me.id) moved(e.fromId, e.from, true);
  else showLists();
}

function went(/** @type {Movement} */ e) {
  const who = people.get(e.fromId);
  if (who?.room === e.room) who.room = "";
  typing.stopped(roomKey(e.room), e.fromId);
  if (e.room === room && e.fromId !== me.id) moved(e.fromId, e.from, false);
  else showLists();
}

function renamed(/** @type {NameChange} */ e) {
  const [person, who] = [people.get(e.fromId), privates.get(e.fromId)];
  if (person) person.username = e.username;
  if (who) who.name = e.username;
  if (e.fromId === me.id) {
    me.name = e.username;
    rememberMe();
  }
  if (e.room === room) note(`${e.from} is now called ${e.username}`);
  else showLists();
}

function roomChanged(/** @type {RoomRow} */ e) {
  const row = rowOf(e.name);
  row.users = e.users;
  row.last = Math.max(row.last, e.last ?? 0);
  dropEmpty(e.name);
  showLists();
}

// peopleChanged hears a moment later, from presence, who is connected and where. Of a crowd that is only the number.
function peopleChanged(/** @type {PresencePerson} */ e) {
  if (e.room !== "everybody") return;
  if (e.all && e.here) {
    people.clear();
    for (const [id, p] of privates) p.gone = !(id in e.here);
  }
  for (const [id, person] of Object.entries(e.here ?? {})) {
    people.set(id, person);
    if (privates.has(id)) Object.assign(privateWith(id), { name: person.username, gone: false });
  }
  for (const id of e.gone ?? []) {
    const who = people.get(id);
    people.delete(id);
    if (privates.has(id)) privateWith(id).gone = true;
    if (who?.room === room) moved(id, who.username, false); // nobody has said so: their server crashed
  }
  if (listed && people.size === e.count) countRooms();
  showLists();
}

// showLists shows everything but the conversation itself, and takes what is on the screen as read.
function showLists() {
  if (!document.hidden) {
    if (peer) privateWith(peer).unread = 0;
    else rowOf(room).read = Math.max(rowOf(room).read, talk(roomKey(room)).lastSeq);
  }
  const listed = [...rooms].sort(([a], [b]) => a.localeCompare(b)).map(([name, { users, last, read }]) => {
    const current = name === room && !peer;
    return { name, users, unread: current && !document.hidden ? 0 : Math.max(0, last - read), current };
  });
  const talking = [...privates].map(([id, p]) => ({ id, ...p, current: id === peer }));
  const inRoom = [...people].filter(([, p]) => p.room === room).map(([id, p]) => ({ id, username: p.username }));
  inRoom.sort((a, b) => a.username.localeCompare(b.username) || a.id.localeCompare(b.id));
  view.showRooms(listed, goRoom);
  view.showPrivates(talking, goPrivate);
  view.showPeople(inRoom, me.id, goPrivate);
  const unread = [...listed, ...talking].reduce((sum, { unread: n }) => sum + n, 0);
  const count = `${inRoom.length} ${inRoom.length === 1 ? "person" : "people"} here`;
  const who = privates.get(peer)?.name ?? "";
  if (peer) view.showWhere(who, "Only you two see this. It is not kept.", `Message ${who} in private`);
  else view.showWhere(`# ${room}`, inRoom.length ? count : "", `Message #${room}`);
  view.showUnread(unread, peer ? who : `#${room}`);
  view.showTyping(typing.names(shownKey()));
  memory.set("read", Object.fromEntries([...rooms].map(([name, r]) => [name, r.read])));
}

const nothing = () => {
  if (!me.id) return ""; // not asked yet
  return peer ? "Nothing was said yet." : "Nothing was said here yet. Say the first word.";
};

// show shows the conversation anew, from what is new in it.
function show({ focus = false } = {}) {
  log.show(talk(shownKey()), me.id, nothing());
  showLists();
  if (focus && matchMedia("(hover: hover)").matches) $("text").focus();
}

// redraw shows it as it is now, where the reader is.
function redraw() { log.redraw(talk(shownKey()), me.id, nothing()); }

// send says what is in the box. What the server did not take comes back into the box.
async function send() {
  const box = $("text");
  const text = box.value;
  if (!text.trim()) return;
  const [to, key] = [peer, shownKey()];
  box.value = "";
  typing.done();
  try {
    await (to ? link.do("private", { to, text }) : link.do("message", { text }));
  } catch (/** @type {any} */ err) {
    if (to && err.code === "not_found") privateWith(to).gone = true;
    if (key === shownKey() && !box.value) box.value = text;
    view.notify(words.ofMessage(err, text, privates.get(to)?.name));
    showLists();
  }
}

log.onOlder(loadOlder);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) talk(shownKey()).mark = null; // what was seen is not new when the reader comes back
  else showLists();
});
addEventListener("popstate", (e) => {
  if (e.state?.peer) return goPrivate(e.state.peer, { kept: true });
  goRoom(new URLSearchParams(location.search).get("room")?.trim() || lobby, { kept: true });
});
$("retry").addEventListener("click", () => link.open());
controls.onRoom(goRoom);
controls.onSend(send);
controls.onTyping(() => { if (typing.due()) link.do("typing", { to: peer }).catch(() => {}); });
controls.onName(() => me.name, async (name) => {
  if (!me.id) { // not connected yet
    me.name = words.fitName(name);
    asking = false;
    link.open();
  } else if (name && name !== me.name) {
    await attempt(link.do("rename", { username: name }), (err) => words.ofName(err, name));
  }
});

rowOf(room);
remember({ replace: true });
view.showMe(me.name || "Anonymous");
show();
if (asking) controls.askName(me.name);
