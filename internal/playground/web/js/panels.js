// What stands beside the picture: tables of kinds without a place, the player's private things, the roster.
import { h, keyed, setAttr, setText } from "./dom.js";
import { card, player, slotColour, title, value } from "./text.js";
import { meaning, meanings } from "./view.js";

// showTables shows the shared entities of kinds without a place: one entity as a card of values, more as a table.
export function showTables(parent, look, state, env) {
  const shown = look.tables.filter((k) => state.sections[k.index].ids.length > 0);
  keyed(parent, shown, (k) => k.kind.name, (k) => h("section", { className: "panel table" }, h("h3", {}, title(k.kind.name)), h("div")), (el, k) => {
    const body = el.lastElementChild, { ids, rows } = state.sections[k.index];
    if (rows.length === 1) showOne(body, k.kind, rows[0], env);
    else showMany(body, k.kind, ids, rows, env);
  });
}

function showOne(parent, kind, row, env) {
  const list = child(parent, "dl", "facts");
  keyed(list, kind.fields, (f) => f.name, (f) => h("div", {}, h("dt", {}, title(f.name)), h("dd")), (el, f) => showValue(el.lastElementChild, f, row[kind.fields.indexOf(f)], env));
}

function showMany(parent, kind, ids, rows, env) {
  const table = child(parent, "table", "rows", () => {
    const head = h("tr", {}, ...kind.fields.map((f) => h("th", { scope: "col" }, title(f.name))));
    return [h("thead", {}, head), h("tbody")];
  });
  const items = ids.map((id, i) => ({ id, row: rows[i] }));
  keyed(table.lastElementChild, items, (item) => item.id, () => h("tr", {}, ...kind.fields.map(() => h("td"))), (el, { row }) => {
    kind.fields.forEach((f, i) => showValue(el.children[i], f, row[i], env));
    setAttr(el, "data-own", kind.fields.some((f, i) => f.owner && row[i] === env.slot) ? "1" : null);
  });
}

// child is parent's only element, made anew when it is of another kind.
function child(parent, tag, className, fill = () => []) {
  const first = parent.firstElementChild;
  if (first?.className === className) return first;
  const el = h(tag, { className }, ...fill());
  parent.replaceChildren(el);
  return el;
}

function showValue(el, field, raw, env) {
  const v = meaning(field, raw), { text, slot } = value(field, v, env);
  const face = field.type === "text" ? card({ fields: [field] }, { [field.name]: v }) : null;
  setText(el, text);
  el.className = face ? `face${face.red ? " red" : ""}` : /^[♦♥]$/.test(text) ? "red" : "";
  el.style.color = slot >= 0 ? slotColour(slot) : "";
  setAttr(el, "data-own", slot !== undefined && slot === env.slot ? "1" : null);
}

// showPrivate lists the player's private entities. Those that look like cards are cards; those a message speaks of can be
// clicked.
export function showPrivate(parent, look, state, env, forms) {
  const kinds = look.kinds.length;
  const shown = look.kinds.filter((k) => !k.placed && state.sections[kinds + k.index].ids.length > 0);
  keyed(parent, shown, (k) => k.kind.name, (k) => h("section", { className: "panel private" }, h("h3", {}), h("div", { className: "items" })), (el, k) => {
    const action = forms?.forItem(k.kind) ?? null;
    setText(el.firstElementChild, action ? `Your ${k.kind.name}: pick one to ${action.message.name}` : `Your ${k.kind.name}`);
    const { ids, rows } = state.sections[kinds + k.index];
    const items = ids.map((id, i) => ({ id, row: rows[i], fields: meanings(k.kind.fields, rows[i]) }));
    keyed(el.lastElementChild, items, (item) => item.id, () => newItem(action), (b, item) => showItem(b, k.kind, item, env, action));
  });
}

function newItem(action) {
  const el = h(action ? "button" : "div", { className: "item", type: action ? "button" : undefined });
  if (action) el.addEventListener("click", () => action.click(el.item.id, el.item.fields));
  return el;
}

function showItem(el, kind, item, env, action) {
  el.item = item;
  const face = card(kind, item.fields);
  const text = face ? `${face.rank}${face.suit}` : kind.fields.map((f) => `${title(f.name)} ${value(f, item.fields[f.name], env).text}`).join(", ");
  if (el.dataset.text !== text) {
    el.dataset.text = text;
    el.replaceChildren(...(face ? [h("span", { className: "rank" }, face.rank), h("span", { className: "suit" }, face.suit)] : [text]));
  }
  const usable = kind.fields.find((f) => f.type === "bool" && /^(fits|playable|usable|allowed|ready|legal)$/.test(f.name));
  const off = usable && !item.fields[usable.name];
  el.className = `item${face ? " card" : ""}${face?.red ? " red" : ""}${off ? " off" : ""}`;
  if (action) setAttr(el, "aria-label", `${title(action.message.name)} ${text}${off ? ", not possible now" : ""}`);
}

// showRoster lists the players with the numbers that the game shows of them.
export function showRoster(parent, roster, slot, numbers) {
  const players = [...roster.values()].sort((a, b) => a.role - b.role || a.slot - b.slot);
  keyed(parent, players, (p) => p.slot, newRosterRow, (el, p) => {
    const [dot, name, badges, score] = el.children;
    setAttr(el, "data-slot", p.slot);
    setAttr(el, "data-bot", p.bot ? "1" : null);
    setAttr(el, "data-away", p.away ? "1" : null);
    setAttr(el, "data-own", p.slot === slot ? "1" : null);
    dot.style.background = p.role === 1 ? "transparent" : slotColour(p.slot);
    setText(name, player(roster, p.slot));
    const words = [p.slot === slot && "you", p.host && "host", p.away && "away", p.bot && "bot", p.role === 1 && "watching", p.team > 0 && `team ${p.team}`];
    keyed(badges, words.filter(Boolean), (w) => w, (w) => h("span", { className: `badge ${w.split(" ")[0]}` }, w));
    setText(score, numbers.get(p.slot) ?? "");
    setAttr(el, "title", `slot ${p.slot}`);
  });
}

const newRosterRow = () => h("li", {}, h("span", { className: "dot", "aria-hidden": "true" }), h("span", { className: "name" }), h("span", { className: "badges" }), h("span", { className: "score" }));

const COUNTS = /^(score|points|kills|wins|gold|cards|laps|hp|health)$/;

// ownerNumbers finds what the game counts for each player: a number of an entity they own.
export function ownerNumbers(look, state) {
  const out = new Map();
  for (const k of look.kinds) {
    if (k.owner < 0 || k.role === "shot" && k.placed) continue;
    const counted = k.kind.fields.map((f, i) => [f, i]).filter(([f]) => f.type === "int" && COUNTS.test(f.name));
    counted.sort(([a], [b]) => /score|points|kills|wins/.test(b.name) - /score|points|kills|wins/.test(a.name));
    if (counted.length === 0) continue;
    for (const row of state.sections[k.index].rows) {
      if (!out.has(row[k.owner])) out.set(row[k.owner], `${counted[0][0].name} ${row[counted[0][1]]}`);
    }
  }
  return out;
}
