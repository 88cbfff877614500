// The page of one game: gets a seat, plays, and shows whatever the game's schema says there is.
import { lookup, seat } from "./api.js";
import { Client } from "./client.js";
import { sentence } from "./close.js";
import { Controls } from "./controls.js";
import { $, setText } from "./dom.js";
import { Stage } from "./draw.js";
import { hideMessage, resultOf, showBanner, showMessage, showState, showStats } from "./hud.js";
import { Log } from "./log.js";
import { Look } from "./look.js";
import { dropSession, keepName, keepSession, keptSession, playerName } from "./memory.js";
import { ownerNumbers, showPrivate, showRoster, showTables } from "./panels.js";
import { Playback } from "./playback.js";
import { RequestForms } from "./requests.js";
import { EMOTES, eventLine, title } from "./text.js";
import { meanings } from "./view.js";

const PANELS_MS = 100, TICK_MS = 25;
const game = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const query = new URLSearchParams(location.search);

const now = () => performance.now();
const stage = new Stage($("#canvas"));
const log = new Log($("#log"));
let client = null, look = null, playback = null, controls = null, forms = null;
let behindMs = 0; // how far behind the newest state the picture is
let inputTimer = null, skipInput = false, lastEarly = 0;

// Getting in.

async function join() {
  stop();
  hideMessage();
  showState("joining");
  const kept = keptSession(game, query.get("room"));
  if (kept) return connect(kept, true);
  try {
    connect(await seat({ game, room: query.get("room"), name: playerName(), watch: query.get("watch") === "1" }), false);
  } catch (err) {
    showState("error");
    const hopeless = [404, 410].includes(err.status); // asking again changes nothing; another room may do
    const again = { text: "Try again", click: join, primary: !hopeless };
    const another = { text: "Find another room", click: joinAnother, primary: hopeless };
    const choices = query.get("room") ? (hopeless ? [another, again] : [again, another]) : [again];
    showMessage("Could not join", err.message, [...choices, { text: "All games", href: "/" }]);
  }
}

function joinAnother() {
  dropSession(game);
  query.delete("room");
  query.delete("watch");
  history.replaceState(null, "", location.pathname);
  join();
}

function stop() {
  const old = client;
  client = null; // what it still says is not for this page any more
  old?.leave();
  clearTimeout(inputTimer);
}

// restored says that the seat was kept over a reload: if it is gone, the player simply gets a new one.
function connect(place, restored) {
  const mine = new Client(place, {
    phase: (phase, why) => mine === client && changed(phase, why, restored),
    welcome: (w) => mine === client && welcomed(w),
    state: (state, at) => playback?.arrived(state, at),
    event: (event, values) => happened(event, values),
    reply: (reply, request) => replied(reply, request),
    roster: () => showPeople(),
    save: () => save(),
  }, { now, random: Math.random, WebSocket, lookup });
  client = mine;
  mine.start();
}

function save() {
  if (client?.session && client.phase !== "ended") keepSession(game, { ...client.saved(), grace: client.grace });
}

function welcomed(w) {
  if (look?.layout !== client.layout) build();
  playback = new Playback(w.tick_hz, w.send_hz);
  query.set("room", w.room);
  history.replaceState(null, "", `${location.pathname}?${query}`);
  $("#invite").value = `${location.origin}/play/${encodeURIComponent(game)}?room=${encodeURIComponent(w.room)}`;
  setText($("#room"), w.room);
  document.body.dataset.role = w.role === 1 ? "spectator" : "player";
  if (w.resumed > 0) log.add("You are back.", "note");
  scheduleInput(now());
}

function changed(phase, why, restored) {
  if (phase !== "ended") return void showState(phase);
  clearTimeout(inputTimer);
  const { code, end, err } = why;
  dropSession(game);
  if (restored && client.stats.states === 0 && [4001, 4200, 4201].includes(code)) return void join();
  showState(end || code === 4000 ? "ended" : "error");
  const again = { text: end ? "Play again" : "Join again", click: joinAnother, primary: true };
  const heading = end ? (code === 4012 ? "The game failed" : "The game is over") : code === 4000 ? "You left" : "Disconnected";
  const explained = code === 4007 || code === 4008; // the game or an operator may have said why
  const told = end?.reason || (explained && err?.text) || (code === 4009 ? "" : sentence(code));
  const text = told.toLowerCase() === heading.toLowerCase() ? "" : told.charAt(0).toUpperCase() + told.slice(1);
  showMessage(heading, text || (code === 4012 ? sentence(code) : "Thanks for playing."), [again, { text: "All games", href: "/" }], resultOf(end));
}

// build fits the page to the schema.
function build() {
  const { schema } = client.layout;
  look = new Look(client.layout);
  look.layout = client.layout;
  document.body.dataset.view = look.placed.length > 0 ? "world" : "table";
  $(look.placed.length > 0 ? "aside" : ".board").prepend($("#requests"));
  controls?.close();
  controls = null;
  const fields = schema.input?.fields ?? [];
  const spectator = client.role === 1;
  $("#controls").hidden = spectator || fields.length === 0;
  if (!spectator && fields.length > 0) {
    controls = new Controls(fields, { pad: $("#canvas"), touch: $("#touch"), hints: $("#hints"), sliders: $("#sliders") }, () => stage.ownPx);
  }
  const messages = spectator ? [] : schema.messages ?? [];
  forms = new RequestForms($("#forms"), messages, (id, values) => {
    const sent = client?.request(id, values) ?? false;
    if (!sent) log.add("Not sent: there is no connection, or too many requests wait for their answers.", "bad");
    return sent;
  });
  $("#requests").hidden = messages.length === 0;
}

// Playing.

// scheduleInput sends one input a tick, at even distances from its own beginning. When the server says that inputs wait
// there for long, one is left out: its queue shall not grow older because this clock runs faster.
function scheduleInput(at) {
  clearTimeout(inputTimer);
  if (!controls) return;
  inputTimer = setTimeout(() => {
    const period = 1000 / client.tickHz;
    const { earlyMs } = client.stats;
    if (earlyMs !== lastEarly) [lastEarly, skipInput] = [earlyMs, earlyMs > 2 * period];
    if (skipInput) skipInput = false;
    else client.input(controls.values(), behindMs);
    scheduleInput(Math.max(at + period, now()));
  }, Math.max(0, at + 1000 / client.tickHz - now()));
}

function environment() {
  return { roster: client.roster, slot: client.slot, tick: Math.max(client.clock.tickAt(now()) || 0, client.state?.tick ?? 0), hz: client.tickHz };
}

function happened(event, values) {
  const row = meanings(event.fields ?? [], values);
  log.add(eventLine({ ...event, fields: event.fields ?? [] }, row, environment()));
  const who = event.fields?.find((f) => f.owner), said = event.fields?.find((f) => !f.owner);
  if (!who || !said || !/emote|chat|say|said|message/.test(event.name)) return;
  stage.say(row[who.name], said.type === "text" ? row[said.name] : EMOTES[row[said.name]] ?? String(row[said.name]), now());
}

function replied({ code, payload }, request) {
  if (code === 0) return;
  const name = title(client.layout.schema.messages?.[request?.id]?.name ?? "request");
  const why = code === 1 ? new TextDecoder().decode(payload) : { 2: "too many at once", 3: "the game does not know it", 4: "not understood" }[code];
  log.add(`${name}: ${why || "refused"}`, "bad");
}

function showPeople() {
  if (!client?.layout) return;
  const numbers = client.state && look ? ownerNumbers(look, client.state) : new Map();
  showRoster($("#roster"), client.roster, client.slot, numbers);
  setText($("#count"), String([...client.roster.values()].filter((p) => p.role === 0).length));
}

function showPanels() {
  showBanner(client, now());
  if (!client?.layout) return;
  showStats(stats());
  showPeople();
  if (!client.state) return;
  const env = environment();
  showTables($("#tables"), look, client.state, env);
  showPrivate($("#private"), look, client.state, env, client.role === 1 ? null : forms);
}

function drawFrame() {
  requestAnimationFrame(drawFrame);
  if (!client?.state || !playback || look.placed.length === 0) return;
  const frame = playback.at(client.history.states, now());
  behindMs = frame.behindMs;
  stage.draw(now(), frame, look, client.role === 1 ? null : client.slot, client.roster);
}

function stats() {
  if (!client) return {};
  const { rates, clock } = client, tick = client.state?.tick ?? 0;
  return {
    ...client.stats, tick, epoch: client.epoch ?? 0, rttMs: clock.rtt, ageMs: client.state ? clock.age(now(), tick) : null,
    framesPerSecond: rates.framesPerSecond, bytesInPerSecond: rates.bytesInPerSecond, bytesOutPerSecond: rates.bytesOutPerSecond,
  };
}

// The page.

function listen() {
  const name = $("#name");
  name.value = playerName();
  name.addEventListener("change", () => (name.value = keepName(name.value)));
  $("#invite").addEventListener("focus", (e) => e.target.select());
  $("#copy").addEventListener("click", copyInvite);
  $("#leave").addEventListener("click", () => client?.leave());
  $("#canvas").addEventListener("wheel", (e) => {
    e.preventDefault();
    stage.camera.zoom = Math.min(6, Math.max(0.4, stage.camera.zoom * Math.exp(-e.deltaY / 600)));
  }, { passive: false });
  window.addEventListener("pagehide", save);
  window.addEventListener("pageshow", (e) => e.persisted && location.reload());
}

async function copyInvite() {
  const invite = $("#invite");
  invite.select();
  const copied = await navigator.clipboard?.writeText(invite.value).then(() => true, () => false);
  setText($("#copy"), copied ? "Copied" : "Press Ctrl+C");
  setTimeout(() => setText($("#copy"), "Copy"), 2000);
}

// What tests and the curious can reach from the console.
window.ringside = {
  get slot() {
    return client?.slot ?? null;
  },
  get room() {
    return client?.room ?? null;
  },
  get stats() {
    return stats();
  },
  entities: () => client?.state?.entities() ?? [],
  drop: () => client?.abandon(),
};

document.title = `${title(game)} – Ringside`;
setText($("#game"), title(game));
listen();
setInterval(() => client?.tick(), TICK_MS);
setInterval(showPanels, PANELS_MS);
requestAnimationFrame(drawFrame);
join();
