// The chat page: what it knows, and what it does about what it hears. See protocol.go for the events.

import * as controls from "./controls.js";
import { Link, Refusal } from "./link.js";
import * as log from "./log.js";
import { asked, memory, token } from "./memory.js";
import { Talk } from "./talk.js";
import { Typing } from "./typing.js";
import * as view from "./view.js";
import * as words from "./words.js";

const { $ } = view;
const lobby = "lobby";
const lines = 100; // of history

const me = { id: "", name: words.fitName(memory.get("name", asked)) };
let room = new URLSearchParams(location.search).get("room")?.trim() || memory.get("room", lobby); // where we are, or want to be
let peer = ""; // whose private conversation is shown; "" while the room is
const people = new Map(); // user id -> {username, room}: who is connected, as far as we were told
const missed = new Set(); // user ids of those who were in the room before the connection was lost
const rooms = new Map(); // name -> {users, last, read}: last and read are numbers of messages
let listed = false; // the server has listed the rooms
const privates = new Map(); // user id -> {name, unread, gone}
const talks = new Map(); // key -> Talk

const roomKey = (name) => `room/${name}`;
const userKey = (id) => `user/${id}`;
const shownKey = () => (peer ? userKey(peer) : roomKey(room));
const talk = (key) => talks.get(key) ?? talks.set(key, new Talk()).get(key);
const readBefore = memory.get("read", {}); // room name -> number of a message
const rowOf = (name) => rooms.get(name) ??
  rooms.set(name, { users: 0, last: 0, read: readBefore[name] ?? (listed ? 0 : Infinity) }).get(name); // Infinity: whatever there is

const link = new Link(() => {
  const url = new URL("ws/chat", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("username", me.name);
  url.searchParams.set("room", room);
  return [url.href, ["wsgate-chat", `token.${token()}`]];
}, { event: hear, state: view.showState });

const typing = new Typing(() => view.showTyping(typing.names(shownKey())));

// hear is everything the server says unasked.
function hear(e) {
  switch (e.type) {
    case "welcome": return arrive(e);
    case "message": return said(e);
    case "private": return whispered(e);
    case "users": return present(e);
    case "joined": return came(e);
    case "left": return went(e);
    case "typing": return typing.heard(e.room ? roomKey(e.room) : userKey(e.fromId), e.fromId, e.from);
    case "renamed": return renamed(e);
    case "room": return roomChanged(e);
    case "people": return peopleChanged(e);
    case "error": return view.notify(words.ofAnything());
  }
}

// arrive begins every connection, the first and those after a loss: back into the room, and what was missed.
async function arrive(e) {
  me.id = e.userId;
  me.name = e.username;
  rememberMe();
  for (const [id, p] of people) if (p.room === room) missed.add(id);
  people.clear();
  listed = false;
  talk(shownKey()).mark = null;
  const answer = attempt(link.ask("rooms"));
  const entered = enter(room);
  const list = await answer;
  if (list) {
    listed = true;
    const known = new Map(rooms);
    rooms.clear();
    for (const { name, users, last = 0 } of list.rooms) {
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
async function attempt(answer, explain = words.ofAnything) {
  try {
    return await answer;
  } catch (err) {
    if (err instanceof Refusal) view.notify(explain(err));
  }
}

// enter joins a room and gets what was said there. It reports whether the room may be entered.
async function enter(name) {
  try {
    const joined = link.ask("join", { room: name });
    const history = readHistory(name);
    await joined;
    await history;
    return true;
  } catch (err) {
    if (err instanceof Refusal) view.notify(words.ofRoom(err, name));
    return !(err instanceof Refusal);
  }
}

async function readHistory(name) {
  const page = await attempt(link.ask("history", { room: name, limit: lines }), (err) => words.ofRoom(err, name));
  if (page) catchUp(name, page.messages);
}

// catchUp puts history where it belongs among what is known.
function catchUp(name, messages) {
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
  const page = await attempt(link.ask("history", { room: name, before: t.firstSeq, limit: lines }));
  loading = false;
  if (!page) return;
  t.older(page.messages);
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
async function goRoom(name, { replace = false, kept = false } = {}) {
  const before = room;
  view.closePanels();
  if (name === room && !peer) return show({ focus: true });
  leaveTalk();
  peer = "";
  room = name;
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
function goPrivate(id, { kept = false } = {}) {
  view.closePanels();
  leaveTalk();
  if (!privates.has(id)) privates.set(id, { name: people.get(id)?.username ?? "Somebody", unread: 0, gone: false });
  const again = peer === id;
  peer = id;
  if (!kept && !again) remember();
  show({ focus: true });
}

function said(e) {
  const key = roomKey(e.room);
  const row = rowOf(e.room);
  const last = talk(key).lastSeq;
  row.last = Math.max(row.last, e.seq);
  if (e.seq > last) add(key, e);
  else catchUp(e.room, [e]);
  if (e.seq > last + 1) readHistory(e.room); // something was lost between two servers; it was kept
}

function whispered(e) {
  const mine = e.fromId === me.id;
  const id = mine ? e.to : e.fromId;
  const who = privates.get(id) ?? { name: people.get(id)?.username ?? "Somebody", unread: 0, gone: false };
  privates.set(id, who);
  if (!mine) {
    who.name = e.from;
    who.gone = false;
    who.unread++;
  }
  add(userKey(id), e);
}

// add appends to a conversation and shows it if that is the one on the screen.
function add(key, item) {
  const t = talk(key);
  const shown = key === shownKey();
  const mine = item.fromId === me.id;
  const answered = mine && t.mark;
  if (mine) t.mark = null;
  else if (!item.note && (!shown || document.hidden)) t.mark ??= item;
  if (shown && (answered || (log.isFollowing() && t.cut()))) redraw();
  t.add(item);
  if (shown) log.append(t, me.id);
  typing.stopped(key, item.fromId);
  showLists();
}

function note(text) {
  add(roomKey(room), { note: text, at: new Date().toISOString() });
}

// moved notes that somebody came into the room or left it.
function moved(id, name, here) {
  const shared = talk(roomKey(room)).moved(id, name, here);
  if (peer) return showLists();
  if (shared) redraw();
  else log.append(talk(roomKey(room)), me.id);
  showLists();
}

// What follows is told at once, and where it crosses with something else, peopleChanged puts it right.

function present(e) {
  for (const p of people.values()) if (p.room === e.room) p.room = "";
  for (const { id, username } of e.users) people.set(id, { username, room: e.room });
  showLists();
}

function came(e) {
  const known = missed.delete(e.fromId) || people.get(e.fromId)?.room === e.room; // back before they were gone
  people.set(e.fromId, { username: e.from, room: e.room });
  if (e.room === room && !known && e.fromId !== me.id) moved(e.fromId, e.from, true);
  else showLists();
}

function went(e) {
  const who = people.get(e.fromId);
  if (who?.room === e.room) who.room = "";
  typing.stopped(roomKey(e.room), e.fromId);
  if (e.room === room && e.fromId !== me.id) moved(e.fromId, e.from, false);
  else showLists();
}

function renamed(e) {
  if (people.has(e.fromId)) people.get(e.fromId).username = e.username;
  if (privates.has(e.fromId)) privates.get(e.fromId).name = e.username;
  if (e.fromId === me.id) {
    me.name = e.username;
    rememberMe();
  }
  if (e.room === room) note(`${e.from} is now called ${e.username}`);
  else showLists();
}

function roomChanged(e) {
  const row = rowOf(e.name);
  row.users = e.users;
  row.last = Math.max(row.last, e.last ?? 0);
  dropEmpty(e.name);
  showLists();
}

function dropEmpty(name) {
  const row = rooms.get(name);
  if (!row.users && !row.last && name !== lobby && name !== room) rooms.delete(name);
}

// peopleChanged hears a moment later, from presence, who is connected and where. Of a crowd that is only the number.
function peopleChanged(e) {
  if (e.room !== "everybody") return;
  if (e.all && e.here) {
    people.clear();
    for (const [id, p] of privates) p.gone = !(id in e.here);
  }
  for (const [id, person] of Object.entries(e.here ?? {})) {
    people.set(id, person);
    if (privates.has(id)) Object.assign(privates.get(id), { name: person.username, gone: false });
  }
  for (const id of e.gone ?? []) {
    const who = people.get(id);
    people.delete(id);
    if (privates.has(id)) privates.get(id).gone = true;
    if (who?.room === room) moved(id, who.username, false); // nobody has said so: their server crashed
  }
  if (listed && people.size === e.count) countRooms();
  showLists();
}

function countRooms() {
  for (const row of rooms.values()) row.users = 0;
  for (const p of people.values()) if (p.room) rowOf(p.room).users++;
  for (const name of [...rooms.keys()]) dropEmpty(name);
}

// showLists shows everything but the conversation itself, and takes what is on the screen as read.
function showLists() {
  if (!document.hidden) {
    if (peer) privates.get(peer).unread = 0;
    else rowOf(room).read = Math.max(rowOf(room).read, talk(roomKey(room)).lastSeq);
  }
  const unreadOf = (name, r) => (name === room && !peer && !document.hidden ? 0 : Math.max(0, r.last - r.read));
  const byName = (a, b) => a[0].localeCompare(b[0]);
  const listed = [...rooms].sort(byName).map(([name, r]) => (
    { name, users: r.users, unread: unreadOf(name, r), current: name === room && !peer }));
  const talking = [...privates].map(([id, p]) => ({ id, ...p, current: id === peer }));
  const inRoom = [...people].filter(([, p]) => p.room === room).map(([id, p]) => ({ id, username: p.username }));
  inRoom.sort((a, b) => a.username.localeCompare(b.username) || a.id.localeCompare(b.id));
  view.showRooms(listed, goRoom);
  view.showPrivates(talking, goPrivate);
  view.showPeople(inRoom, me.id, goPrivate);
  const unread = [...listed, ...talking].reduce((sum, { unread: n }) => sum + n, 0);
  const count = `${inRoom.length} ${inRoom.length === 1 ? "person" : "people"} here`;
  const who = privates.get(peer)?.name;
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
    await (to ? link.ask("private", { to, text }) : link.ask("message", { text }));
  } catch (err) {
    if (to && err.code === "not_found") privates.get(to).gone = true;
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
addEventListener("online", () => link.resume());
addEventListener("offline", () => link.drop());
addEventListener("pagehide", () => link.leave()); // the browser may keep the page, but nobody is there
addEventListener("pageshow", (e) => { if (e.persisted) link.resume(); });
$("retry").addEventListener("click", () => link.open());
controls.onRoom(goRoom);
controls.onSend(send);
controls.onTyping(() => { if (typing.due()) link.ask("typing", { to: peer }).catch(() => {}); });
controls.onName(() => me.name, async (name) => {
  if (!me.id) { // not connected yet
    me.name = words.fitName(name);
    link.open();
  } else if (name && name !== me.name) {
    await attempt(link.ask("rename", { username: name }), (err) => words.ofName(err, name));
  }
});

rowOf(room);
remember({ replace: true });
view.showMe(me.name || "Anonymous");
show();
if (me.name) link.open();
else controls.askName(me.name);
