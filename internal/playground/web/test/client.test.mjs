// The client against a server of a few lines: what it sends, when it comes back, when it gives up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../js/client.js";
import { encodeText } from "../js/msgpack.js";
import { murmur32 } from "../js/murmur.js";
import { SUBPROTOCOL, T, encode, parse } from "../js/wire.js";

const schema = JSON.stringify({
  game: "g", version: 1, tick_hz: 20, send_hz: 20, max_players: 2,
  kinds: [{ name: "k", fields: [{ name: "v", type: "int" }] }],
  input: { mode: "one", fields: [{ name: "dx", type: "int", min: -1, max: 1 }] },
  messages: [{ name: "say", rate: 1, fields: [{ name: "text", type: "text", max: 9 }] }],
  events: [{ name: "said", fields: [{ name: "text", type: "text", max: 9 }] }],
});

// A Rig is a client, its sockets and its clock.
class Rig {
  now = 1000;
  sockets = [];
  phases = [];
  events = [];

  constructor(seat = { room: "r", url: "ws://a", token: "seat" }) {
    const rig = this;
    class Socket {
      protocol = SUBPROTOCOL;
      readyState = 1;
      bufferedAmount = 0;
      sent = [];
      constructor(url) {
        this.url = url;
        rig.sockets.push(this);
      }
      send(bytes) {
        this.sent.push(parse(bytes));
      }
      close() {
        this.readyState = 3;
      }
    }
    const env = { now: () => this.now, random: () => 0.5, WebSocket: Socket, lookup: async () => ({}) };
    this.client = new Client(seat, {
      phase: (phase, why) => this.phases.push(why ? `${phase} ${why.code}${why.askMatchmaker ? " ask" : ""}` : phase),
      event: (event, values) => this.events.push(`${event.name} ${values}`),
    }, env);
    this.client.start();
  }

  get ws() {
    return this.sockets.at(-1);
  }

  open() {
    this.ws.onopen();
    return this.taken(T.HELLO)[0];
  }

  // taken removes and returns the frames of one type that the client has sent.
  taken(type, ws = this.ws) {
    const found = ws.sent.filter((x) => x.type === type);
    ws.sent = ws.sent.filter((x) => x.type !== type);
    return found;
  }

  say(type, fields, ws = this.ws) {
    const bytes = encode(type, fields);
    ws.onmessage({ data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) });
  }

  welcome(more = {}, ws = this.ws) {
    this.say(T.WELCOME, {
      version: 1, session: 7, key: "key-1", room: "r", slot: 0, role: 0, epoch: 1, tick: 10, in_seq: 0, msg_ref: 0, resumed: 0,
      tick_hz: 20, send_hz: 20, clock_us: 5_000_000, schema_hash: murmur32(encodeText(schema)), schema,
      limits: { max_message_bytes: 4096, max_frames_per_s: 240, input_queue: 8, grace_ms: 30_000, ping_timeout_ms: 10_000 },
      ack_rule: 0, twin_key: null, caps: 0, urls: [], ...more,
    }, ws);
  }

  play() {
    this.open();
    this.welcome();
    this.say(T.SNAPSHOT, { epoch: 1, tick: 10, in_seq: 0, body: [-1, 5] });
  }

  pass(ms) {
    for (const end = this.now + ms; this.now < end; this.now += 50) this.client.tick();
  }
}

test("join, play, acknowledge", () => {
  const rig = new Rig();
  const hello = rig.open();
  assert.equal(hello.token, "seat");
  assert.equal(hello.resume, null);
  rig.welcome();
  rig.say(T.SNAPSHOT, { epoch: 1, tick: 10, in_seq: 0, body: [-1, 5] });
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [1, 1, 3] });
  assert.deepEqual(rig.client.state.row(0, 0), [8]);
  assert.equal(rig.client.state.tick, 11);
  rig.say(T.HASH, { tick: 11, hash: rig.client.state.hash() });
  rig.pass(300);
  assert.deepEqual(rig.taken(T.ACK).map((x) => x.tick), [11]);
  rig.pass(3000);
  assert.equal(rig.taken(T.ACK).length, 0, "nothing new to acknowledge");
  assert.equal(rig.taken(T.PING).length, 8, "quick ones first");
  assert.deepEqual([rig.client.stats.hashChecks, rig.client.stats.hashMismatches], [1, 0]);
  assert.deepEqual(rig.phases, ["playing"]);
});

test("ack_rule 1 acknowledges each state at once", () => {
  const rig = new Rig();
  rig.open();
  rig.welcome({ ack_rule: 1 });
  rig.say(T.SNAPSHOT, { epoch: 1, tick: 10, in_seq: 0, body: [] });
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [] });
  assert.deepEqual(rig.taken(T.ACK).map((x) => x.tick), [10, 11]);
});

test("a hash that differs or a body that does not fit asks for a snapshot, once a second", () => {
  const rig = new Rig();
  rig.play();
  rig.say(T.HASH, { tick: 10, hash: 1 });
  assert.deepEqual(rig.taken(T.RESYNC).map((x) => [x.tick, x.reason]), [[10, 1]]);
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [9, 1, 1] });
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [] });
  assert.equal(rig.taken(T.RESYNC).length, 0);
  assert.equal(rig.client.state.tick, 10);
  rig.now += 1001;
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [] });
  assert.deepEqual(rig.taken(T.RESYNC).map((x) => x.reason), [2]);
  rig.say(T.SNAPSHOT, { epoch: 1, tick: 14, in_seq: 0, body: [] });
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [] });
  assert.equal(rig.client.state.tick, 15);
});

test("a lost socket resumes, and sends again what the server has not taken", () => {
  const rig = new Rig();
  rig.play();
  for (const dx of [1, 0, -1]) rig.client.input([dx], 100);
  rig.client.request(0, ["hi"]);
  rig.say(T.EVENT, { seq: 1, tick: 10, id: 0, payload: Uint8Array.of(0x91, 0xa1, 0x78) });
  rig.now += 2000;
  rig.ws.onclose({ code: 1006, reason: "" });
  rig.pass(50);
  const hello = rig.open();
  assert.equal(hello.token, "key-1");
  assert.deepEqual(hello.resume, { session: 7, epoch: 1, tick: 10, in_seq: 3, event_seq: 1 });
  rig.welcome({ key: "key-2", resumed: 1, in_seq: 1, schema: null });
  assert.deepEqual(rig.taken(T.INPUT).map((x) => [x.seq, x.in]), [[3, [0, -1]]]);
  assert.deepEqual(rig.taken(T.MSG).map((x) => x.ref), [1]);
  rig.say(T.DELTAB, { epoch: 1, tick: 20, base_epoch: 1, base_tick: 10, in_seq: 1, flags: 1, body: [1, 1, 1] });
  assert.deepEqual(rig.client.state.row(0, 0), [6]);
  rig.say(T.EVENT, { seq: 1, tick: 10, id: 0, payload: Uint8Array.of(0x91, 0xa1, 0x78) });
  assert.deepEqual(rig.events, ["said x"], "each event once");
  assert.deepEqual(rig.phases, ["playing", "reconnecting", "playing"]);
  assert.equal(rig.client.input([0], 0), undefined);
  assert.deepEqual(rig.taken(T.INPUT).map((x) => x.seq), [4]);
});

test("a page reload resumes with what was kept, and shows no old input", () => {
  const before = new Rig();
  before.play();
  before.client.input([1], 0);
  const rig = new Rig(JSON.parse(JSON.stringify(before.client.saved())));
  const hello = rig.open();
  assert.equal(hello.token, "key-1");
  assert.deepEqual(hello.resume, { session: 7, epoch: 0, tick: 0, in_seq: 1, event_seq: 0 });
  rig.welcome({ resumed: 2, in_seq: 1 });
  assert.equal(rig.taken(T.INPUT).length, 0);
});

test("states that did not happen are dropped after a failover", () => {
  const rig = new Rig();
  rig.play();
  for (let i = 0; i < 5; i++) rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [] });
  rig.say(T.SNAPSHOT, { epoch: 2, tick: 13, in_seq: 0, body: [] });
  assert.deepEqual(rig.client.history.states.map((s) => `${s.epoch}:${s.tick}`), ["1:10", "1:11", "1:12", "2:13"]);
});

test("codes: who stops, who asks the matchmaker, who follows", () => {
  for (const [code, want] of [[4010, "ended 4010"], [4201, "ended 4201 ask"], [4100, "reconnecting"]]) {
    const rig = new Rig();
    rig.play();
    rig.ws.onclose({ code, reason: "" });
    assert.equal(rig.phases.at(-1), want);
  }
  const rig = new Rig();
  rig.play();
  for (let i = 0; i < 3; i++) {
    rig.ws.onclose({ code: 4300, reason: `ws://b${i}` });
    rig.pass(50);
    assert.equal(rig.ws.url, `ws://b${i}`);
  }
  rig.ws.onclose({ code: 4300, reason: "ws://b" });
  assert.equal(rig.phases.at(-1), "ended 4200 ask", "a fourth move without WELCOME");
});

test("retries end with the grace", async () => {
  const rig = new Rig();
  rig.play();
  rig.now += 5000;
  const from = rig.now, tries = [];
  while (rig.client.phase !== "ended" && rig.now - from < 60_000) {
    if (rig.client.ws) rig.ws.onclose({ code: 1006, reason: "" }), tries.push(rig.now - from);
    rig.pass(50);
    await null; // a lookup
  }
  assert.equal(rig.phases.at(-1), "ended 4201 ask");
  assert.ok(tries.length > 10 && tries.length < 30, `${tries.length} tries`);
  for (let i = 1; i < tries.length && tries[i - 1] < 9000; i++) {
    assert.ok(tries[i] - tries[i - 1] <= 1050, `a wait of ${tries[i] - tries[i - 1]} ms while the server may be restarting`);
  }
});

test("MOVED: the second socket takes over", () => {
  const rig = new Rig();
  rig.play();
  const old = rig.ws;
  rig.say(T.MOVED, { url: "ws://b", key: "moved", from_tick: 12 });
  assert.equal(rig.ws.url, "ws://b");
  assert.equal(rig.open().token, "moved");
  rig.say(T.DELTA, { dtick: 1, din_seq: 0, body: [] }, old);
  assert.equal(rig.client.state.tick, 11, "the old one goes on");
  old.onclose({ code: 4300, reason: "ws://b" });
  rig.welcome({ key: "key-2", resumed: 1, epoch: 2, tick: 12, schema: null });
  rig.say(T.DELTAB, { epoch: 2, tick: 12, base_epoch: 1, base_tick: 11, in_seq: 0, flags: 1, body: [] });
  assert.equal(rig.client.state.tick, 12);
  assert.equal(rig.sockets.length, 2);
  assert.deepEqual(rig.phases, ["playing", "playing"]);
});

test("a server that falls silent is lost", () => {
  const rig = new Rig();
  rig.play();
  rig.pass(10_100);
  assert.equal(rig.phases.at(-1), "reconnecting");
});
