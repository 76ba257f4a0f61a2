// What the page knows: where the reader is, who is connected, and the conversations.

import { asked, memory } from "./memory.js";
import { Talk } from "./talk.js";
import { fitName } from "./words.js";

export const lobby = "lobby";

export const me = { id: "", name: fitName(memory.get("name", asked)) };

export let room = new URLSearchParams(location.search).get("room")?.trim() || memory.get("room", lobby); // where we are, or want to be
export let peer = ""; // whose private conversation is shown; "" while the room is

// goTo moves to a room, or shows the private conversation with a peer.
export function goTo(/** @type {string} */ name, /** @type {string} */ who) {
  room = name;
  peer = who;
}

/** @type {Map<string, {username: string, room: string}>} */
export const people = new Map(); // by user id: who is connected, as far as we were told
/** @type {Map<string, {users: number, last: number, read: number}>} */
export const rooms = new Map(); // by name; last and read are numbers of messages
/** @type {Map<string, {name: string, unread: number, gone: boolean}>} */
export const privates = new Map(); // by user id
/** @type {Map<string, Talk>} */
const talks = new Map(); // by key

export const roomKey = (/** @type {string} */ name) => `room/${name}`;
export const userKey = (/** @type {string} */ id) => `user/${id}`;
export const shownKey = () => (peer ? userKey(peer) : roomKey(room));

// made returns what is under a key, and makes it if nothing is.
/** @type {<T>(all: Map<string, T>, key: string, make: () => T) => T} */
function made(all, key, make) {
  const value = all.get(key) ?? make();
  all.set(key, value);
  return value;
}

export const talk = (/** @type {string} */ key) => made(talks, key, () => new Talk());

/** @type {Record<string, number>} */
export const readBefore = memory.get("read", {}); // by the room's name: the number of a message
export let listed = false; // the server has listed the rooms

export function setListed(/** @type {boolean} */ is) { listed = is; }

// rowOf returns what is known of a room. Where the server has not listed the rooms, whatever there is was read.
export const rowOf = (/** @type {string} */ name) => made(rooms, name,
  () => ({ users: 0, last: 0, read: readBefore[name] ?? (listed ? 0 : Infinity) }));

export const privateWith = (/** @type {string} */ id) => made(privates, id,
  () => ({ name: people.get(id)?.username ?? "Somebody", unread: 0, gone: false }));

// dropEmpty forgets a room that nobody is in and nobody has said anything in.
export function dropEmpty(/** @type {string} */ name) {
  const row = rowOf(name);
  if (!row.users && !row.last && name !== lobby && name !== room) rooms.delete(name);
}

// countRooms counts the people in the rooms.
export function countRooms() {
  for (const row of rooms.values()) row.users = 0;
  for (const p of people.values()) if (p.room) rowOf(p.room).users++;
  for (const name of [...rooms.keys()]) dropEmpty(name);
}
