// How a game that this page has never heard of may look: guesses from the names and types of its fields.
import { meaning } from "./view.js";

const HEALTH = /^(hp|health|life|lives|energy)$/;
const RADIUS = /^(radius|r|size)$/;

const indexOf = (fields, test) => fields.findIndex(test);

// A KindLook says which fields of a kind are what; -1 is none.
export class KindLook {
  constructor(kind, index) {
    const f = kind.fields;
    this.kind = kind;
    this.index = index;
    this.x = indexOf(f, (g) => g.pos === "x");
    this.y = indexOf(f, (g) => g.pos === "y");
    this.z = indexOf(f, (g) => g.pos === "z");
    if (this.y < 0) this.y = this.z; // a game in the plane of x and z
    this.placed = this.x >= 0 && this.y >= 0;
    this.heading = indexOf(f, (g) => g.type === "angle");
    this.owner = indexOf(f, (g) => g.owner);
    this.health = indexOf(f, (g) => (g.type === "int" || g.type === "fixed") && HEALTH.test(g.name));
    this.radius = this.placed ? indexOf(f, (g) => RADIUS.test(g.name)) : -1;
    this.flags = f.flatMap((g, i) => (g.type === "bool" ? [i] : []));
    this.mostHealth = 1;
    // A body is what a player is or fights; a shot belongs to somebody and has neither heading nor health; the rest lies about.
    this.role = this.heading >= 0 || this.health >= 0 ? "body" : this.owner >= 0 ? "shot" : "item";
  }

  get(row, i) {
    return i < 0 ? undefined : meaning(this.kind.fields[i], row[i]);
  }

  // share is an entity's health from 0 to 1, undefined without.
  share(row) {
    if (this.health < 0) return undefined;
    const v = row[this.health];
    const most = this.kind.fields[this.health].max ?? (this.mostHealth = Math.max(this.mostHealth, v));
    return Math.min(1, Math.max(0, v / most));
  }
}

// A Look is a schema's kinds: those with a place are drawn, the others are tables beside the picture.
export class Look {
  constructor(layout) {
    this.kinds = layout.kinds.map((kind, i) => new KindLook(kind, i));
    this.placed = this.kinds.filter((k) => k.placed);
    if (!this.placed.some((k) => k.role === "body")) for (const k of this.placed) if (k.owner >= 0) k.role = "body";
    this.tables = this.kinds.filter((k) => !k.placed);
  }

  // own is the player's entity in a state: { look, section, id, row }, bodies first.
  own(state, slot) {
    for (const role of ["body", "shot"]) {
      for (const look of this.placed) {
        if (look.role !== role || look.owner < 0) continue;
        const { ids, rows } = state.sections[look.index];
        const i = rows.findIndex((row) => row[look.owner] === slot);
        if (i >= 0) return { look, section: look.index, id: ids[i], row: rows[i] };
      }
    }
    return null;
  }

  // bounds is the world's rectangle when the game tells: one entity without a place that has a size, or width and height.
  bounds(state) {
    for (const look of this.tables) {
      const { rows } = state.sections[look.index];
      if (rows.length !== 1) continue;
      const v = (name) => look.get(rows[0], indexOf(look.kind.fields, (f) => f.name === name && f.type !== "text"));
      const width = v("width") ?? v("size"), height = v("height") ?? v("size");
      if (width > 0 && height > 0) return { x0: 0, y0: 0, x1: width, y1: height };
    }
    return null;
  }
}
