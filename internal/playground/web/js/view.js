// What a client holds of a room: the schema compiled to a layout, states, and how a body turns one into the next
// (docs/PROTOCOL.md §5).
import { encodeText } from "./msgpack.js";
import { WordHash, murmur32 } from "./murmur.js";

const MAX_ID = 2 ** 24 - 1;
const MAX_ENTITIES = 1 << 16; // in one section, whatever a body says

// BadBase is thrown for a body that does not fit its base: the client asks for a snapshot.
export class BadBase extends Error {
  constructor(why) {
    super(`state does not fit its base: ${why}`);
    this.name = "BadBase";
  }
}

// A Layout is a schema's kinds, ready for decoding.
export class Layout {
  constructor(schema) {
    if (!Array.isArray(schema?.kinds) || schema.kinds.length > 16) throw new Error("schema: kinds");
    this.schema = schema;
    this.kinds = schema.kinds.map((kind) => ({ ...kind, fields: kind.fields ?? [] }));
    for (const { name, fields } of this.kinds) {
      if (fields.length > 32) throw new Error(`schema: ${name} has ${fields.length} fields`);
    }
  }

  // kind is what a section holds; sections from K on are the player's private ones.
  kind(section) {
    return this.kinds[section % this.kinds.length];
  }
}

// A State is never changed once made: the next one shares what stays the same. A section is ids in ascending order and for
// each its row of wire values.
export class State {
  constructor(layout, sections, { epoch = 0, tick = 0, inSeq = 0 } = {}) {
    this.layout = layout;
    this.sections = sections;
    this.epoch = epoch;
    this.tick = tick;
    this.inSeq = inSeq;
  }

  static empty(layout) {
    return new State(layout, Array.from({ length: 2 * layout.kinds.length }, () => EMPTY));
  }

  row(section, id) {
    const { ids, rows } = this.sections[section];
    const i = search(ids, id);
    return ids[i] === id ? rows[i] : undefined;
  }

  // hash is what HASH must say of this state.
  hash() {
    const h = new WordHash();
    this.sections.forEach(({ ids, rows }, s) => {
      if (ids.length === 0) return;
      for (const word of [-1, s, ids.length]) h.word(word);
      ids.forEach((id, i) => {
        h.word(id);
        for (const v of rows[i]) h.word(typeof v === "number" ? v : murmur32(typeof v === "string" ? encodeText(v) : v));
      });
    });
    return h.sum();
  }

  // entities are all of them with their values as the game means them.
  entities() {
    return this.sections.flatMap(({ ids, rows }, s) => {
      const kind = this.layout.kind(s);
      const section = s < this.layout.kinds.length ? "shared" : "private";
      return ids.map((id, i) => ({ kind: kind.name, id, section, fields: meanings(kind.fields, rows[i]) }));
    });
  }
}

const EMPTY = Object.freeze({ ids: [], rows: [] });

// search is the index of the first id that is not below.
function search(ids, id) {
  let lo = 0, hi = ids.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (ids[mid] < id) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

// meaning turns a wire value into the game's: fixed into a float, an angle into radians.
export function meaning(field, v) {
  switch (field.type) {
    case "fixed": return v / field.scale;
    case "angle": return (v / field.turn) * 2 * Math.PI;
    case "bool": return v !== 0;
  }
  return v;
}

export function meanings(fields, row) {
  const out = {};
  fields.forEach((f, i) => (out[f.name] = meaning(f, row[i] ?? zero(f))));
  return out;
}

const zero = (field) => (field.type === "text" ? "" : field.type === "bytes" ? new Uint8Array() : 0);

// apply turns base into the state that body describes. clearPrivate takes the base's private sections as empty.
export function apply(base, body, head, clearPrivate = false) {
  return new Merge(base, body, clearPrivate).run(head);
}

// A Merge walks the records of one body beside the entities of its base.
class Merge {
  constructor(base, body, clearPrivate) {
    this.layout = base.layout;
    this.body = body;
    this.at = 0;
    const k = this.layout.kinds.length;
    this.sections = base.sections.map((s, i) => (clearPrivate && i >= k ? EMPTY : s));
    this.open(0);
  }

  run(head) {
    while (this.at < this.body.length) {
      const gap = this.int();
      if (gap > 0) this.changed(gap);
      else if (gap < 0) this.appeared(-gap);
      else this.switchTo(this.int());
    }
    this.close();
    return new State(this.layout, this.sections, head);
  }

  element() {
    if (this.at >= this.body.length) throw new BadBase("the last record is cut");
    return this.body[this.at++];
  }

  int() {
    const v = this.element();
    if (typeof v !== "number") throw new BadBase("a number is missing");
    return v;
  }

  open(section) {
    this.section = section;
    this.base = this.sections[section] ?? EMPTY;
    this.fields = this.layout.kinds.length > 0 ? this.layout.kind(section).fields : [];
    this.ids = [];
    this.rows = [];
    this.next = 0; // of base, not yet copied
    this.last = -1;
  }

  close() {
    if (this.last < 0) return; // nothing changed in it: the state shares it with its base
    this.copyTo(this.base.ids.length);
    this.sections[this.section] = { ids: this.ids, rows: this.rows };
  }

  switchTo(section) {
    if (section <= this.section || section >= this.sections.length) throw new BadBase(`switch to section ${section}`);
    this.close();
    this.open(section);
  }

  copyTo(end) {
    for (; this.next < end; this.next++) {
      this.ids.push(this.base.ids[this.next]);
      this.rows.push(this.base.rows[this.next]);
    }
  }

  // seek copies what stands before the next record's entity, and says whether the base has that entity.
  seek(gap) {
    this.last += gap;
    if (this.sections.length === 0 || this.last > MAX_ID || this.ids.length >= MAX_ENTITIES) throw new BadBase(`entity ${this.last}`);
    this.copyTo(search(this.base.ids, this.last));
    return this.base.ids[this.next] === this.last;
  }

  changed(gap) {
    const here = this.seek(gap);
    const mask = this.int();
    if (!here) throw new BadBase(`entity ${this.last} is not there`);
    const old = this.base.rows[this.next++];
    if (mask === 0) return; // removed
    if (mask < 0 ? this.fields.length < 32 : mask >= 2 ** this.fields.length) throw new BadBase("mask");
    const row = old.slice();
    this.fields.forEach((field, i) => {
      if ((mask >>> i) & 1) row[i] = this.difference(field, old[i]);
    });
    this.ids.push(this.last);
    this.rows.push(row);
  }

  appeared(gap) {
    if (this.seek(gap)) this.next++;
    this.ids.push(this.last);
    this.rows.push(this.fields.map((field) => this.value(field)));
  }

  difference(field, old) {
    if (field.type === "text" || field.type === "bytes") return this.value(field);
    const v = old + this.int();
    if (field.type !== "angle") return v | 0;
    const wrapped = v < 0 ? v + field.turn : v >= field.turn ? v - field.turn : v;
    if (wrapped < 0 || wrapped >= field.turn) throw new BadBase("angle");
    return wrapped;
  }

  value(field) {
    const v = this.element();
    if (field.type === "text") {
      if (typeof v !== "string" || (3 * v.length > field.max && encodeText(v).length > field.max)) throw new BadBase("text");
    } else if (field.type === "bytes") {
      if (!(v instanceof Uint8Array) || v.length > field.max) throw new BadBase("bytes");
    } else if (typeof v !== "number") {
      throw new BadBase("a number is missing");
    }
    return v;
  }
}
