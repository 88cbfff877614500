// How names, values and events read.
import { h } from "./dom.js";

export const SUITS = ["♣", "♦", "♥", "♠"];
export const EMOTES = ["👋", "👍", "😂", "😮", "😢", "🔥", "❤️", "🎉"];
const RANKS = ["A", "2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K"];
const CARD = /^(10|[2-9AJQK])([♣♦♥♠])$/u;

// title makes a schema's name readable: owner_slot becomes Owner slot.
export function title(name) {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

// hue gives each of sixteen slots a colour of its own. Neighbours differ most, and the first from the last: bots sit there.
export const hue = (slot) => Math.round((200 + slot * 157.5 + Math.floor(slot / 16) * 11.25) % 360);
export const slotColour = (slot) => `hsl(${hue(slot)} 75% 66%)`;

// player names a slot.
export function player(roster, slot) {
  if (slot < 0) return "nobody";
  return roster.get(slot)?.name || `slot ${slot}`;
}

// playerTag is a player's name in its colour.
export function playerTag(roster, slot) {
  const el = h("span", { className: "player" }, player(roster, slot));
  if (slot >= 0) el.style.color = slotColour(slot);
  return el;
}

const isMoment = (field) => field.type === "int" && /^(ends|deadline|until|expires)/.test(field.name);

function countdown(v, tick, hz) {
  if (v === 0) return "–";
  return v > tick ? `in ${Math.ceil((v - tick) / hz)} s` : "now";
}

// value is how a field reads: { text, slot }; slot is set when it is a player.
export function value(field, v, { tick, hz, roster, slot }) {
  if (field.owner) return { text: player(roster, v) + (v === slot ? " (you)" : ""), slot: v };
  if (field.type === "bool") return { text: v ? "yes" : "no" };
  if (field.type === "fixed") return { text: String(Number(v.toFixed(Math.abs(v) < 10 ? 2 : 1))) };
  if (field.type === "angle") return { text: `${Math.round((v * 180) / Math.PI)}°` };
  if (field.type === "bytes") return { text: v.length === 0 ? "–" : [...v].map((b) => b.toString(16).padStart(2, "0")).join("") };
  if (field.type === "text") return { text: v === "" ? "–" : v };
  if (isMoment(field)) return { text: countdown(v, tick, hz) };
  if (/suit$/.test(field.name) && SUITS[v]) return { text: SUITS[v] };
  return { text: String(v) };
}

// card reads an entity's values as a playing card: { rank, suit, red }, or nothing.
export function card(kind, fields) {
  let rank, suit;
  for (const f of kind.fields) {
    const v = fields[f.name];
    const match = f.type === "text" && CARD.exec(v);
    if (match) [, rank, suit] = match;
    else if (/rank$/.test(f.name)) rank = f.type === "text" ? v : RANKS[v] ?? String(v);
    else if (/suit$/.test(f.name)) suit = f.type === "text" ? v : SUITS[v];
  }
  if (!rank || !suit) return null;
  return { rank, suit, red: suit === "♦" || suit === "♥" };
}

// eventLine is an event as a line of the log: who, what, whom, then the rest.
export function eventLine(event, fields, env) {
  const owners = event.fields.filter((f) => f.owner);
  const rest = event.fields.filter((f) => !f.owner);
  const line = h("span");
  if (owners.length > 0) line.append(playerTag(env.roster, fields[owners[0].name]), " ");
  line.append(h("span", { className: "what" }, title(event.name).toLowerCase()));
  for (const f of owners.slice(1)) line.append(" ", playerTag(env.roster, fields[f.name]));
  const said = rest.map((f) => {
    const text = /emote/.test(event.name) && EMOTES[fields[f.name]] ? EMOTES[fields[f.name]] : value(f, fields[f.name], env).text;
    return rest.length === 1 && (f.type === "text" || /emote/.test(event.name)) ? text : `${title(f.name).toLowerCase()}\u00a0${text}`;
  });
  if (said.length > 0) line.append(h("span", { className: "rest" }, ` ${said.join(" · ")}`));
  return line;
}

// json shows any JSON value: objects as a list, lists of objects as a table.
export function json(v) {
  if (Array.isArray(v) && v.length > 0 && v.every((x) => x !== null && typeof x === "object" && !Array.isArray(x))) {
    const columns = [...new Set(v.flatMap(Object.keys))];
    const row = (x) => h("tr", {}, ...columns.map((c) => h("td", {}, json(x[c] ?? ""))));
    return h("table", {}, h("thead", {}, h("tr", {}, ...columns.map((c) => h("th", { scope: "col" }, title(c))))), h("tbody", {}, ...v.map(row)));
  }
  if (v !== null && typeof v === "object") {
    return h("dl", {}, ...Object.entries(v).flatMap(([k, x]) => [h("dt", {}, title(k)), h("dd", {}, json(x))]));
  }
  return typeof v === "boolean" ? (v ? "yes" : "no") : String(v);
}

export function bytesPerSecond(n) {
  return n < 1000 ? `${Math.round(n)} B/s` : `${(n / 1000).toFixed(1)} kB/s`;
}
