// The chat page: what it knows, and what it does about what it hears. See protocol.go for the events.

import { Link, Refusal } from "./link.js";
import * as view from "./view.js";

const { $ } = view;
const lobby = "lobby";
const lines = 100; // of history
const keep = 500; // entries of one conversation

// memory is what survives a reload, where the browser allows it.
const memory = {
  get(key, otherwise) {
    try { return JSON.parse(localStorage.getItem(`chat.${key}`)) ?? otherwise; } catch { return otherwise; }
  },
  set(key, value) {
    try { localStorage.setItem(`chat.${key}`, JSON.stringify(value)); } catch { /* then it does not */ }
  },
};

const asked = new URLSearchParams(location.search);
const me = { id: "", name: (asked.get("username") ?? memory.get("name", "")).trim() };
let room = asked.get("room")?.trim() || memory.get("room", lobby); // where we are, or want to be
let peer = ""; // whose private conversation is shown; "" while the room is
const people = new Map(); // user id -> {username, room}: who is connected, as far as we were told
const rooms = new Map(); // name -> {users, last, read}: last and read are numbers of messages
let listed = false; // the server has listed the rooms
const privates = new Map(); // user id -> {name, unread, gone}
const talks = new Map(); // key -> what was said, oldest first

const roomKey = (name) => `room/${name}`;
const userKey = (id) => `user/${id}`;
const shownKey = () => (peer ? userKey(peer) : roomKey(room));
const talk = (key) => talks.get(key) ?? talks.set(key, []).get(key);
const rowOf = (name) => rooms.get(name) ?? rooms.set(name, { users: 0, last: 0, read: 0 }).get(name);

const link = new Link(() => {
  const url = new URL("ws/chat", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("username", me.name);
  return url.href;
}, { event: hear, state: view.showState });

// hear is everything the server says unasked.
function hear(e) {
  switch (e.type) {
    case "welcome": return arrive(e);
    case "message": return said(e);
    case "private": return whispered(e);
    case "users": return present(e);
    case "joined": return came(e);
    case "left": return went(e);
    case "renamed": return renamed(e);
    case "room": return roomChanged(e);
    case "people": return peopleChanged(e);
    case "error": return view.notify(e.message);
  }
}

// arrive begins every connection, the first and those after a loss: back into the room, and what was missed.
async function arrive(e) {
  me.id = e.userId;
  me.name = e.username;
  rememberMe();
  people.clear();
  listed = false;
  const answer = attempt(link.ask("rooms"));
  const entered = enter(room);
  const list = await answer;
  if (list) {
    listed = true;
    const read = memory.get("read", {});
    const known = new Map(rooms);
    rooms.clear();
    for (const { name, users, last = 0 } of list.rooms) {
      rooms.set(name, { users, last, read: Math.min(last, known.get(name)?.read ?? read[name] ?? last) });
    }
    rowOf(room);
  }
  show();
  if (!(await entered)) goRoom(lobby); // a room from before, or from the address, that cannot be
}

function rememberMe() {
  view.showMe(me.name);
  memory.set("name", me.name);
}

// attempt waits for an answer, shows a refusal, and returns undefined then. A lost connection is no news here: arrive
// begins again.
async function attempt(answer) {
  try {
    return await answer;
  } catch (err) {
    if (err instanceof Refusal) view.notify(err.message);
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
    if (err instanceof Refusal) view.notify(err.message);
    return !(err instanceof Refusal);
  }
}

async function readHistory(name) {
  const page = await attempt(link.ask("history", { room: name, limit: lines }));
  if (page) catchUp(name, page.messages);
}

// catchUp puts history where it belongs among what is known.
function catchUp(name, messages) {
  const items = talk(roomKey(name));
  const last = items.findLast((item) => item.seq)?.seq ?? 0;
  if (last && messages.length && messages[0].seq > last + 1) items.length = 0; // too much was missed to join the ends
  for (const m of messages) {
    const before = items.findLastIndex((item) => item.seq <= m.seq);
    if (items[before]?.seq !== m.seq) items.splice(before + 1, 0, m);
  }
  const row = rowOf(name);
  row.last = Math.max(row.last, items.findLast((item) => item.seq)?.seq ?? 0);
  show();
}

// goRoom shows a room and moves there.
async function goRoom(name) {
  const before = room;
  closePanels();
  peer = "";
  if (name === room) return show({ focus: true });
  room = name;
  rowOf(name);
  show({ focus: true });
  if (await enter(name)) {
    memory.set("room", room);
  } else if (room === name) {
    rooms.delete(name);
    goRoom(before);
  }
}

// goPrivate shows the conversation with one person.
function goPrivate(id) {
  closePanels();
  if (!privates.has(id)) privates.set(id, { name: people.get(id)?.username ?? "Somebody", unread: 0, gone: false });
  peer = id;
  show({ focus: true });
}

function said(e) {
  const items = talk(roomKey(e.room));
  const row = rowOf(e.room);
  const last = items.findLast((item) => item.seq)?.seq ?? 0;
  row.last = Math.max(row.last, e.seq);
  if (e.seq > last) add(roomKey(e.room), e);
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
    who.unread++;
  }
  add(userKey(id), e);
}

// add appends to a conversation and shows it if that is the one on the screen.
function add(key, item) {
  const items = talk(key);
  items.push(item);
  const cut = items.length > keep;
  if (cut) items.splice(0, items.length - keep + 100);
  if (key === shownKey()) {
    if (cut) show();
    else view.addToLog(items, me.id);
  }
  showLists();
}

function note(text) {
  add(roomKey(room), { note: text, at: new Date().toISOString() });
}

// What follows is told at once, and where it crosses with something else, peopleChanged puts it right.

function present(e) {
  for (const p of people.values()) if (p.room === e.room) p.room = "";
  for (const { id, username } of e.users) people.set(id, { username, room: e.room });
  showLists();
}

function came(e) {
  people.set(e.fromId, { username: e.from, room: e.room });
  if (e.room === room) note(`${e.from} came in`);
}

function went(e) {
  const who = people.get(e.fromId);
  if (who?.room === e.room) who.room = "";
  if (e.room === room) note(`${e.from} left`);
}

function renamed(e) {
  if (people.has(e.fromId)) people.get(e.fromId).username = e.username;
  if (privates.has(e.fromId)) privates.get(e.fromId).name = e.username;
  if (e.fromId === me.id) {
    me.name = e.username;
    rememberMe();
  }
  if (e.room === room) note(`${e.from} is now called ${e.username}`);
  show();
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
  if (e.all && e.here) people.clear();
  for (const [id, person] of Object.entries(e.here ?? {})) people.set(id, person);
  for (const id of e.gone ?? []) {
    const who = people.get(id);
    people.delete(id);
    if (privates.has(id)) privates.get(id).gone = true;
    if (who?.room === room) note(`${who.username} left`); // nobody has said so: their server crashed
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
    else rowOf(room).read = rowOf(room).last;
  }
  const byName = (a, b) => a[0].localeCompare(b[0]);
  const listed = [...rooms].sort(byName).map(([name, r]) => (
    { name, users: r.users, unread: r.last - r.read, current: name === room && !peer }));
  const talking = [...privates].map(([id, p]) => ({ id, ...p, current: id === peer }));
  const inRoom = [...people].filter(([, p]) => p.room === room).map(([id, p]) => ({ id, username: p.username }));
  inRoom.sort((a, b) => a.username.localeCompare(b.username) || a.id.localeCompare(b.id));
  view.showRooms(listed, goRoom);
  view.showPrivates(talking, goPrivate);
  view.showPeople(inRoom, me.id, goPrivate);
  const unread = [...listed, ...talking].reduce((sum, { unread: n }) => sum + n, 0);
  const count = `${inRoom.length} ${inRoom.length === 1 ? "person" : "people"} here`;
  const who = privates.get(peer)?.name;
  if (peer) view.showWhere(who, "Only the two of you see this. It is not kept.", `Message ${who} in private`);
  else view.showWhere(`# ${room}`, inRoom.length ? count : "", `Message #${room}`);
  view.showUnread(unread, peer ? who : `#${room}`);
  memory.set("read", Object.fromEntries([...rooms].map(([name, r]) => [name, r.read])));
}

function show({ focus = false } = {}) {
  view.showLog(talk(shownKey()), me.id, peer ? "Nothing was said yet." : "Nothing was said here yet. Say the first word.");
  showLists();
  if (focus && matchMedia("(hover: hover)").matches) $("text").focus();
}

// send says what is in the box. What the server did not take comes back into the box.
async function send() {
  const box = $("text");
  const text = box.value;
  if (!text.trim()) return;
  const [to, key] = [peer, shownKey()];
  box.value = "";
  try {
    await (to ? link.ask("private", { to, text }) : link.ask("message", { text }));
  } catch (err) {
    if (to && err.code === "not_found") privates.get(to).gone = true;
    if (key === shownKey() && !box.value) box.value = text;
    view.notify(`Not sent. ${err.code === "not_found" ? "This person is not connected any more." : err.message}`);
    showLists();
  }
}

// openPanel shows the rooms or the people over the conversation, where the screen has no room for both.
function openPanel(panel, button) {
  panel.classList.add("open");
  button.setAttribute("aria-expanded", "true");
  $("shade").hidden = false;
  document.querySelector("main").inert = true;
  panel.querySelector("button")?.focus();
}

function closePanels() {
  for (const [panel, button] of [["rooms-panel", "open-rooms"], ["people-panel", "open-people"]]) {
    const open = $(panel).classList.contains("open");
    $(panel).classList.remove("open");
    $(button).setAttribute("aria-expanded", "false");
    if (!open) continue;
    $("shade").hidden = true;
    document.querySelector("main").inert = false;
    $(button).focus();
  }
}

function askName() {
  $("name").value = me.name;
  $("name-dialog").returnValue = "";
  $("name-dialog").showModal();
  $("name").select();
}

$("open-rooms").addEventListener("click", () => openPanel($("rooms-panel"), $("open-rooms")));
$("open-people").addEventListener("click", () => openPanel($("people-panel"), $("open-people")));
$("shade").addEventListener("click", closePanels);
matchMedia("(max-width: 1000px)").addEventListener("change", closePanels);
document.addEventListener("keydown", (e) => { if (e.key === "Escape") closePanels(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) showLists(); });
addEventListener("online", () => link.resume());
addEventListener("offline", () => link.drop());
addEventListener("pagehide", () => link.leave()); // the browser may keep the page, but nobody is there
addEventListener("pageshow", (e) => { if (e.persisted) link.resume(); });
$("retry").addEventListener("click", () => link.open());
$("me").addEventListener("click", askName);

$("new-room").addEventListener("submit", (e) => {
  e.preventDefault();
  const name = $("new-room-name").value.trim();
  $("new-room-name").value = "";
  if (name) goRoom(name);
});

$("composer").addEventListener("submit", (e) => {
  e.preventDefault();
  if (!$("send").disabled) send();
});

$("text").addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  $("composer").requestSubmit($("send").disabled ? null : $("send"));
});

// The dialog is left by its button, or by Escape, which changes nothing; at the start both let the connection begin.
$("name-dialog").addEventListener("close", async () => {
  const name = $("name-dialog").returnValue ? $("name").value.trim() : me.name;
  if (!me.id) me.name = name;
  if (!me.id) link.open();
  else if (name && name !== me.name) await attempt(link.ask("rename", { username: name }));
});

rowOf(room);
view.showMe(me.name || "Anonymous");
show();
if (me.name) link.open();
else askName();
