// The front page: games to play and rooms to join.
import { games, rooms } from "./api.js";
import { $, h, keyed, setText } from "./dom.js";
import { keepName, playerName } from "./memory.js";
import { title } from "./text.js";

const EVERY_MS = 2000;
const HUES = { arena: 200, cards: 145, track: 35 };

const hueOf = (name) => HUES[name] ?? [...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7);
const play = (game, query = "") => `/play/${encodeURIComponent(game)}${query}`;
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function ago(time) {
  const s = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (!Number.isFinite(s)) return "";
  if (s < 60) return "just now";
  return s < 3600 ? `${Math.floor(s / 60)} min ago` : `${Math.floor(s / 3600)} h ago`;
}

// Games.

function newGame(game) {
  const hue = hueOf(game.name);
  const badge = h("span", { className: "emblem", "aria-hidden": "true" }, title(game.name).slice(0, 1));
  badge.style.background = `linear-gradient(140deg, hsl(${hue} 60% 46%), hsl(${(hue + 40) % 360} 55% 30%))`;
  const pace = `${plural(game.tick_hz, "tick")} a second`;
  return h("li", { className: "game" }, badge,
    h("div", { className: "what" }, h("h3", {}, title(game.name)), h("p", {}, `Up to ${plural(game.max_players, "player")} · ${pace} · version ${game.version}`)),
    h("a", { className: "button primary", href: play(game.name), "aria-label": `Play ${game.name}` }, "Play"));
}

function showGames(found) {
  $("#no-games").hidden = found.length > 0;
  keyed($("#games"), found, (g) => `${g.name} ${g.version} ${g.max_players}`, newGame);
}

// Rooms.

function newRoom(room) {
  const query = `?room=${encodeURIComponent(room.id)}`;
  return h("li", { className: "room" },
    h("div", { className: "what" }, h("h3", {}, title(room.game)), h("code", {}, room.id), h("p", { className: "more" })),
    h("div", { className: "seats" }, h("div", { className: "meter", "aria-hidden": "true" }, h("div")), h("span")),
    h("div", { className: "actions" },
      h("a", { className: "button quiet watch", href: play(room.game, `${query}&watch=1`), "aria-label": `Watch ${room.game} room ${room.id}` }, "Watch"),
      h("a", { className: "button join", href: play(room.game, query), "aria-label": `Join ${room.game} room ${room.id}` }, "Join")));
}

function updateRoom(el, room) {
  const full = room.taken >= room.max_players;
  const labels = Object.entries(room.metadata ?? {}).map(([k, v]) => `${k}: ${v}`);
  const watching = room.spectators > 0 ? `${room.spectators} watching` : "";
  const more = [room.state === "starting" ? "starting" : "", room.locked ? "locked" : "", watching, ...labels, ago(room.created_at)];
  setText(el.querySelector(".more"), more.filter(Boolean).join(" · "));
  setText(el.querySelector(".seats span"), `${room.taken} of ${plural(room.max_players, "seat")}`);
  el.querySelector(".meter div").style.width = `${Math.min(100, (100 * room.taken) / room.max_players)}%`;
  el.querySelector(".join").hidden = full || Boolean(room.locked);
}

function showRooms(found) {
  $("#no-rooms").hidden = found.length > 0;
  keyed($("#rooms"), found, (r) => r.id, newRoom, updateRoom);
}

function showTrouble(err) {
  $("#trouble").hidden = !err;
  setText($("#trouble"), err ? `${err.message} Trying again…` : "");
}

async function refresh() {
  if (document.hidden) return;
  try {
    const [allGames, allRooms] = await Promise.all([games(), rooms()]);
    showGames(allGames);
    showRooms(allRooms);
    showTrouble(null);
  } catch (err) {
    showTrouble(err);
  }
  document.body.dataset.loaded = "1";
}

async function main() {
  const name = $("#name");
  name.value = playerName();
  name.addEventListener("change", () => (name.value = keepName(name.value)));
  for (;;) {
    await refresh();
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

main();
