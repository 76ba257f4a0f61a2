// One conversation: what was said, oldest first. An item is a message, {from, fromId, text, at} and in rooms seq, or a
// note, {note, at}.

const keep = 500; // items

/** @import { Line, PrivateLine } from "../api/chat.js" */
/** @typedef {Map<string, {name: string, first: boolean, here: boolean}>} Moves */
/** @typedef {Partial<Line & PrivateLine> & {at: string, note?: string, moves?: Moves}} Item */

export class Talk {
  /** @type {Item[]} */
  items = [];
  /** @type {Item | null} */
  mark = null; // the first message that is new since the reader was away

  get firstSeq() { return this.items.find((item) => item.seq)?.seq ?? 0; }
  get lastSeq() { return this.items.findLast((item) => item.seq)?.seq ?? 0; }

  // more reports whether the server has older messages.
  get more() { return this.firstSeq > 1; }

  // add appends an item.
  add(/** @type {Item} */ item) { this.items.push(item); }

  // cut forgets the oldest items of a long conversation. It reports whether there were any.
  cut() {
    if (this.items.length <= keep) return false;
    this.items.splice(0, this.items.length - keep + 100);
    return true;
  }

  // merge puts messages from the history where they belong.
  merge(/** @type {Line[]} */ messages) {
    if (this.lastSeq && (messages[0]?.seq ?? 0) > this.lastSeq + 1) this.items.length = 0; // too much was missed to join the ends
    for (const m of messages) {
      const before = this.items.findLastIndex((item) => item.seq && item.seq <= m.seq);
      if (this.items[before]?.seq !== m.seq) this.items.splice(before + 1, 0, m);
    }
  }

  // older puts messages from the history before all others.
  older(/** @type {Line[]} */ messages) {
    this.items.unshift(...messages.filter((m) => m.seq < this.firstSeq));
  }

  // markNew draws the line before what others have said after a message.
  markNew(/** @type {number} */ seq, /** @type {string} */ myID) {
    this.mark ??= this.items.find((item) => (item.seq ?? 0) > seq && item.fromId !== myID) ?? null;
  }

  // moved notes that somebody came in or left. Those who do so one after the other share a note. It reports whether the
  // last note has changed, and not been added.
  moved(/** @type {string} */ id, /** @type {string} */ name, /** @type {boolean} */ here) {
    const at = new Date().toISOString();
    const before = this.items.at(-1)?.moves;
    const moves = before ?? /** @type {Moves} */ (new Map());
    moves.set(id, { name, first: moves.get(id)?.first ?? here, here });
    const item = { moves, note: sentence([...moves.values()]), at };
    if (before) this.items.pop();
    this.items.push(item);
    return Boolean(before);
  }
}

function names(/** @type {{name: string}[]} */ people) {
  const list = people.map((p) => p.name);
  if (list.length > 3) list.splice(2, list.length, `${list.length - 2} others`);
  return list.length > 1 ? `${list.slice(0, -1).join(", ")} and ${list.at(-1)}` : list[0];
}

// sentence says what has become of people: where they first went, and where they are.
function sentence(/** @type {{name: string, first: boolean, here: boolean}[]} */ moves) {
  /** @type {[boolean, boolean, string][]} */
  const ways = [[true, true, "came in"], [false, false, "left"], [true, false, "came in and left"], [false, true, "left and came back"]];
  return ways
    .map(([first, here, what]) => ({ what, people: moves.filter((m) => m.first === first && m.here === here) }))
    .filter(({ people }) => people.length > 0)
    .map(({ what, people }) => `${names(people)} ${what}`)
    .join("; ");
}
