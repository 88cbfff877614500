import { chart } from "./charts.js";

const PERIOD = 2000; // milliseconds, as the node samples
const $ = (id) => document.getElementById(id);

// Numbers for people.

const whole = (n) => Math.round(n).toLocaleString("en");
const scaled = (n, unit) => {
  for (const [k, prefix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (n >= k) return `${(n / k).toFixed(n / k < 10 ? 1 : 0)} ${prefix}${unit}`;
  return `${n < 10 && n % 1 ? n.toFixed(1) : Math.round(n)} ${unit}`;
};
const bytes = (n) => scaled(n, "B");
const percent = (x) => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;
const ms = (x) => (x < 1 ? `${x.toFixed(2)} ms` : `${x.toFixed(x < 10 ? 1 : 0)} ms`);
const nano = (ns) => (ns === 0 ? "–" : ns < 1e6 ? `${Math.round(ns / 1e3)} µs` : ms(ns / 1e6));
const span = (seconds) => {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
};

// The API. A key that was asked for lives as long as this tab.

async function call(path, order) {
  const headers = {};
  const key = sessionStorage.getItem("ringside-key");
  if (key) headers.Authorization = `Bearer ${key}`;
  if (order) headers["X-Ringside-Admin"] = "1";
  const res = await fetch(`/admin/api/${path}`, { method: order ? "POST" : "GET", headers, body: order && JSON.stringify(order), cache: "no-store" });
  if (res.ok) return res;
  const p = await res.json().catch(() => ({}));
  throw Object.assign(new Error(p.detail || `${res.status} ${res.statusText}`), { status: res.status });
}
const get = async (path) => (await call(path)).json();

function alarm(text) {
  $("alarm").textContent = text;
  $("alarm").hidden = !text;
}

// Pieces of the page. Everything from the node is set as text.

function element(tag, text, kind) {
  const el = document.createElement(tag);
  if (text !== undefined) el.textContent = text;
  if (kind) el.className = kind;
  return el;
}

function tiles(list, items) {
  list.replaceChildren(...items.map(([name, value, note, kind]) => {
    const box = document.createElement("div");
    const dd = element("dd", value, kind);
    dd.append(" ", element("small", note));
    dd.title = `${value} ${note ?? ""}`;
    box.append(element("dt", name), dd);
    return box;
  }));
}

const charts = [
  chart("Players", (s) => s.players, whole, 5),
  chart("Frames sent a second", (s) => s.frames_sent_per_second, (n) => scaled(n, ""), 10),
  chart("CPU, processors", (s) => s.cpu, (x) => x.toFixed(2), 0.1),
  chart("Ticks late, p99", (s) => s.late_p99_ms, ms, 1),
];
$("charts").append(...charts.map((c) => c.figure));

function showStatus(s) {
  const n = s.now;
  $("node").textContent = s.node;
  document.title = `${s.node}: ${n.players} playing`;
  $("about").textContent = `${s.version} · ${s.listen} · pid ${s.pid} · up ${span((Date.now() - Date.parse(s.started)) / 1000)}${s.ready ? "" : " · not ready"}`;
  const near = (used, limit) => (used > 0.95 * limit ? "bad" : used > 0.8 * limit ? "warn" : "");
  tiles($("tiles"), [
    ["Players", whole(n.players), n.bots ? `+ ${n.bots} bots` : ""],
    ["Rooms", whole(n.rooms), `of ${whole(s.limits.rooms)}`, near(n.rooms, s.limits.rooms)],
    ["Connections", whole(n.connections), `of ${whole(s.limits.connections)}`, near(n.connections, s.limits.connections)],
    ["Ticks late, p99", ms(n.late_p99_ms), `p50 ${ms(n.late_p50_ms)}`, n.late_p99_ms > 25 ? "bad" : n.late_p99_ms > 5 ? "warn" : ""],
    ["Sent", bytes(n.bytes_sent_per_second) + "/s", `${whole(n.frames_sent_per_second)} frames/s`],
    ["Received", bytes(n.bytes_received_per_second) + "/s", `${whole(n.frames_received_per_second)} frames/s`],
    ["CPU", n.cpu.toFixed(2), `of ${s.cpus}`],
    ["Busiest worker", percent(n.busy), s.workers.length > 1 ? `of ${s.workers.length}` : "busy", n.busy > 0.9 ? "bad" : n.busy > 0.7 ? "warn" : ""],
    ["Memory", bytes(n.rss_bytes), `${whole(n.goroutines)} goroutines`],
    ["Log", s.log.leader ? "leads" : "no leader", `${whole(s.log.entries)} entries`, s.log.leader ? "" : "bad"],
  ]);
  const hung = s.workers.find((w) => w.step_ns > 2e9);
  alarm(hung ? `A worker has been in the tick of room ${hung.room} for ${span(hung.step_ns / 1e9)}: its game does not come back.` : "");
}

// The table of rooms.

const columns = [
  { name: "Room", text: true, value: (r) => r.id },
  { name: "Game", text: true, value: (r) => r.game },
  { name: "State", text: true, value: (r) => r.state },
  { name: "People", value: (r) => r.people },
  { name: "Bots", value: (r) => r.bots },
  { name: "Tick", value: (r) => r.tick },
  { name: "Step p50", value: (r) => r.load.step_p50_ns, show: nano },
  { name: "Step p99", value: (r) => r.load.step_p99_ns, show: nano },
  { name: "Late", value: (r) => r.load.late_max_ns, show: nano },
  { name: "Sent/s", value: (r) => r.load.bytes_sent_per_second, show: bytes },
  { name: "Frames/s", value: (r) => r.load.frames_sent_per_second, show: whole },
  { name: "Entities", value: (r) => r.entities },
];
const order = { column: columns[7], descending: true };
let rooms = [];

function head() {
  const row = document.createElement("tr");
  for (const c of columns) {
    const th = element("th", undefined, c.text ? "text" : "");
    if (order.column === c) th.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
    const button = element("button", c.name);
    button.type = "button";
    button.onclick = () => {
      order.descending = order.column === c ? !order.descending : !c.text;
      order.column = c;
      head();
      showRooms();
    };
    th.append(button);
    row.append(th);
  }
  $("rooms").tHead.replaceChildren(row);
}

const shown = 500; // rows; more are there by filter

function showRooms() {
  const want = $("filter").value.trim().toLowerCase();
  const list = rooms.filter((r) => !want || [r.id, r.game, r.state].some((t) => t.toLowerCase().includes(want)));
  const sign = order.descending ? -1 : 1;
  const { value } = order.column;
  list.sort((a, b) => sign * (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0) || (a.id < b.id ? -1 : 1));
  $("count").textContent = list.length === rooms.length ? whole(rooms.length) : `${whole(list.length)} of ${whole(rooms.length)}`;
  const body = $("rooms").tBodies[0];
  if (list.length === 0) {
    const td = element("td", rooms.length ? "No room matches." : "No rooms yet. The first player who joins makes one.", "none");
    td.colSpan = columns.length;
    const row = document.createElement("tr");
    row.append(td);
    body.replaceChildren(row);
    return;
  }
  const focused = document.activeElement?.dataset?.room;
  body.replaceChildren(...list.slice(0, shown).map((r) => {
    const row = document.createElement("tr");
    for (const c of columns) {
      const v = c.value(r);
      const td = element("td", undefined, c.text ? "text" : "");
      if (c === columns[0]) {
        const link = element("button", v, "link");
        link.dataset.room = v;
        td.append(link);
      } else {
        td.textContent = c.show ? c.show(v) : c.text ? v : whole(v);
        if (c === columns[2]) td.classList.add(`state-${v}`);
      }
      row.append(td);
    }
    row.onclick = () => openRoom(r.id);
    return row;
  }));
  if (focused) body.querySelector(`[data-room="${CSS.escape(focused)}"]`)?.focus();
}

// One room.

let open = "";

const playerColumns = [
  ["Slot", (p) => p.slot],
  ["Name", (p) => p.name || "–", true],
  ["Player", (p) => p.id || "–", true],
  ["Role", (p) => p.role + (p.host ? ", host" : ""), true],
  ["Here", (p) => (p.role === "bot" ? "–" : p.away ? "away" : span(p.connected_ns / 1e9))],
  ["RTT", (p) => nano(p.rtt_ns)],
  ["States", (p) => whole(p.states_sent)],
  ["Skipped", (p) => whole(p.states_skipped)],
  ["Dropped", (p) => whole(p.inputs_dropped)],
  ["Waiting", (p) => whole(p.inputs_waiting)],
  ["Unacked", (p) => bytes(p.events_unacked_bytes)],
];

async function openRoom(id) {
  open = id;
  await showRoom();
  if (open === id && !$("room").open) $("room").showModal();
}

async function showRoom() {
  const id = open;
  let r;
  try {
    r = await get(`rooms/${encodeURIComponent(id)}`);
  } catch (err) {
    if (open !== id) return;
    roomProblem(err.status === 404 ? "The room is over." : err.message);
    if (err.status === 404) {
      open = "";
      $("end").disabled = $("dump").disabled = true;
      for (const button of $("players").querySelectorAll("button")) button.disabled = true;
    }
    return;
  }
  if (open !== id) return;
  roomProblem(r.problem || (r.state === "running" ? "" : r.text || `The room is ${r.state}.`));
  $("roomName").replaceChildren(r.id, element("span", ` ${r.game} · ${r.asleep ? "asleep" : r.frozen ? "frozen" : r.state}`, "soft"));
  const l = r.load;
  tiles($("roomTiles"), [
    ["Tick", whole(r.tick), `at ${r.tick_hz} Hz`],
    ["Step p99", nano(l.step_p99_ns), `p50 ${nano(l.step_p50_ns)}`],
    ["Step at most", nano(l.step_max_ns)],
    ["Late at most", nano(l.late_max_ns), l.late_ticks ? `${l.late_ticks} ticks` : ""],
    ["Sent", bytes(l.bytes_sent_per_second) + "/s", `${whole(l.frames_sent_per_second)} frames/s`],
    ["Received", bytes(l.bytes_received_per_second) + "/s", `${whole(l.frames_received_per_second)} frames/s`],
    ["Entities", whole(r.entities)],
    ["State frame", bytes(r.state_bytes)],
    ["Checkpoint", bytes(r.checkpoint_bytes), r.record_bytes ? `+ ${bytes(r.record_bytes)} of records` : ""],
    ["Epoch", whole(r.epoch), `worker ${r.worker}`],
  ]);
  const table = $("players");
  const headRow = document.createElement("tr");
  for (const [name, , text] of playerColumns) headRow.append(element("th", name, text ? "text" : ""));
  headRow.append(element("th", ""));
  table.tHead.replaceChildren(headRow);
  table.tBodies[0].replaceChildren(...r.players.map((p) => {
    const row = document.createElement("tr");
    for (const [, value, text] of playerColumns) row.append(element("td", value(p), text ? "text" : ""));
    const last = element("td");
    if (p.role !== "bot") {
      const kick = element("button", "Kick…", "danger");
      kick.onclick = () => ask(`Kick ${p.name || `slot ${p.slot}`} out of room ${r.id}?`, "Kick", "removed by an operator", (text) => call(`rooms/${encodeURIComponent(r.id)}/kick`, { seat: p.seat, text }));
      last.append(kick);
    }
    row.append(last);
    return row;
  }));
  if (r.players.length === 0) {
    const td = element("td", "Nobody is in the room.", "none");
    td.colSpan = playerColumns.length + 1;
    const row = document.createElement("tr");
    row.append(td);
    table.tBodies[0].replaceChildren(row);
  }
  $("end").disabled = $("dump").disabled = r.state !== "running";
}

function roomProblem(text) {
  $("roomProblem").textContent = text;
  $("roomProblem").hidden = !text;
}

$("leave").onclick = () => $("room").close();
$("room").onclose = () => { open = ""; };
$("end").onclick = () => {
  const id = open;
  ask(`Close room ${id}?`, "Close the room", "closed by an operator", (text) => call(`rooms/${encodeURIComponent(id)}/close`, { text }));
};
$("dump").onclick = async () => {
  const id = open;
  try {
    const res = await call(`rooms/${encodeURIComponent(id)}/dump`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await res.blob());
    link.download = /filename="([^"]+)"/.exec(res.headers.get("Content-Disposition") || "")?.[1] || `${id}.dump`;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (err) {
    roomProblem(err.message);
  }
};

// ask does something only after a second thought.
function ask(question, verb, reason, act) {
  $("question").textContent = question;
  $("yes").textContent = verb;
  $("reason").value = reason;
  $("sure").returnValue = "";
  $("sure").onclose = async () => {
    if ($("sure").returnValue !== "yes") return;
    try {
      await act($("reason").value);
      setTimeout(refresh, 150); // a tick later it has happened
    } catch (err) {
      roomProblem(err.message);
    }
  };
  $("sure").showModal();
  $("reason").focus();
}

// The page follows the node. A tab that nobody looks at asks nothing.

async function refresh() {
  if (document.hidden) return;
  try {
    const [status, history, list] = await Promise.all([get("status"), get("history"), get("rooms?limit=10000")]);
    $("login").hidden = true;
    showStatus(status);
    for (const c of charts) c.draw(history.length ? history : [status.now]);
    rooms = list;
    showRooms();
    if (open) await showRoom();
  } catch (err) {
    $("login").hidden = err.status !== 401;
    alarm(err.status ? err.message : "The node does not answer. Is it running?");
  }
}

$("login").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("ringside-key", $("key").value);
  $("key").value = "";
  refresh();
};
$("filter").oninput = showRooms;
document.addEventListener("visibilitychange", refresh);
head();
await refresh();
setInterval(refresh, PERIOD);
