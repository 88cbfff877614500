// One player's side of the protocol: HELLO, states, events, pings and acknowledgements, and coming back after a loss
// (docs/PROTOCOL.md §3, §4, §6, §7). It knows nothing of the page; time, sockets and chance come in through env, so that
// a test can be all of them.
import { Backoff } from "./backoff.js";
import { Clock } from "./clock.js";
import { ASK, FOLLOW, STOP, rule } from "./close.js";
import { History } from "./history.js";
import { encodeText } from "./msgpack.js";
import { murmur32 } from "./murmur.js";
import { Inputs, Requests } from "./queue.js";
import { Rates } from "./rates.js";
import { Layout } from "./view.js";
import { MAX_SERVER_MESSAGE, SUBPROTOCOL, T, encode, parse, parsePayload, payload } from "./wire.js";

const ACK_MS = 250, RESYNC_MS = 1000, WELCOME_MS = 10_000;
const FAST_PINGS = 8, FAST_PING_MS = 250, SLOW_PING_MS = 2000;
const SETTLED_MS = 1000; // a socket that played this long makes the next loss a first one
const MAX_MOVES = 3; // 4300s followed without a WELCOME
const MAX_UNSENT = 64 << 10; // bytes that wait in the socket before inputs and pings are left out
const SDK = "ringside-playground";

export class Client {
  // seat: { room, url, token } of the matchmaker, or what saved() returned before a reload.
  // on: { welcome, state, event, reply, roster, end, phase, save }, each optional.
  // env: { now, random, WebSocket, lookup }; lookup(room) resolves to { url } or { gone: true }.
  constructor(seat, on, env) {
    this.on = on;
    this.env = env;
    this.url = seat.url;
    this.urls = seat.urls ?? [];
    this.room = seat.room;
    this.credential = seat.key ?? seat.token;
    this.resuming = Boolean(seat.key);
    this.session = seat.session ?? 0;
    this.eventSeq = seat.eventSeq ?? 0;
    this.inputs = new Inputs();
    this.inputs.seq = seat.inSeq ?? 0;
    this.requests = new Requests();
    this.requests.ref = seat.msgRef ?? 0;

    this.phase = "joining"; // then playing, reconnecting, ended
    this.history = new History();
    this.roster = new Map();
    this.clock = new Clock();
    this.rates = new Rates();
    this.grace = 30_000;
    this.losses = 0;
    this.moves = 0;
    this.dialAt = null;
    this.stats = {
      hashChecks: 0, hashMismatches: 0, states: 0, snapshots: 0, skipped: 0, resyncs: 0, decodeErrors: 0, eventGaps: 0,
      resumed: 0, bytesIn: 0, bytesOut: 0, earlyMs: 0,
    };
  }

  get state() {
    return this.history.newest;
  }

  // saved is what a page must keep to come back after a reload.
  saved() {
    const { url, urls, room, session, eventSeq } = this;
    return { url, urls, room, session, eventSeq, key: this.credential, inSeq: this.inputs.seq, msgRef: this.requests.ref };
  }

  start() {
    this.dial(this.url);
  }

  // Sockets. Each is remembered with the handshake it is for; what an abandoned one still says is not heard.

  dial(url, parkedKey) {
    this.dialAt = null;
    let ws;
    try {
      ws = new this.env.WebSocket(url, SUBPROTOCOL);
    } catch {
      if (!parkedKey) this.lost(0, "");
      return;
    }
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.opened(ws, parkedKey);
    ws.onmessage = (m) => this.heardFrom(ws, m.data);
    ws.onclose = (c) => this.closed(ws, c.code, c.reason);
    if (parkedKey) {
      this.parked = ws;
    } else {
      this.ws = ws;
      this.greeted = false;
      this.started = this.env.now();
    }
  }

  opened(ws, parkedKey) {
    if (ws !== this.ws && ws !== this.parked) return;
    if (ws.protocol !== SUBPROTOCOL) {
      ws.close();
      return this.finish(4002, false);
    }
    const { epoch = 0, tick = 0 } = this.state ?? {};
    const resume = { session: this.session, epoch, tick, in_seq: this.inputs.seq, event_seq: this.eventSeq };
    this.send(ws, T.HELLO, {
      vmin: 1, vmax: 1, token: parkedKey ?? this.credential, caps: 0, sdk: SDK,
      resume: this.resuming || parkedKey ? resume : null, schema_hash: this.schemaHash ?? 0,
    });
  }

  send(ws, type, fields) {
    if (ws?.readyState !== 1) return;
    const bytes = encode(type, fields);
    this.stats.bytesOut += bytes.length;
    this.rates.sent(bytes.length);
    ws.send(bytes);
  }

  closed(ws, code, reason) {
    if (ws === this.parked) {
      this.parked = null; // its room comes to us by the old socket's 4300, or has, and then we follow by ourselves
      if (!this.ws) this.lost(code, reason);
    } else if (ws === this.ws) {
      this.ws = null;
      if (this.parked && rule(code) === FOLLOW) return;
      this.lost(code, reason);
    }
  }

  // abandon gives up the socket, as if the network had taken it.
  abandon(code = 0, reason = "") {
    const ws = this.ws;
    this.ws = null;
    ws?.close();
    this.lost(code, reason);
  }

  // lost decides what comes after a socket.
  lost(code, reason) {
    if (this.phase === "ended") return;
    const now = this.env.now();
    const settled = this.phase === "playing" && now - this.playedAt >= SETTLED_MS;
    if (settled || this.losses === 0) [this.backoff, this.lostAt, this.losses, this.place] = [new Backoff(now), now, 0, 0];
    const next = this.ended || this.left ? STOP : rule(code);
    if (next === STOP || next === ASK) return this.finish(code, next === ASK);
    if (next === FOLLOW) {
      if (++this.moves > MAX_MOVES) return this.finish(4200, true);
      if (reason) [this.url, this.place] = [reason, 0];
      this.dialAt = now;
    } else {
      if (code === 4101 && this.losses === 0 && this.urls.length > 0) this.place = 1;
      this.dialAt = Math.max(now + this.backoff.next(now, code, this.env.random), this.notBefore ?? 0);
      if (this.dialAt > this.lostAt + this.grace) return this.finish(4201, true);
    }
    this.losses++;
    this.reason = code;
    this.setPhase(this.session ? "reconnecting" : "joining");
  }

  finish(code, askMatchmaker) {
    this.dialAt = null;
    this.setPhase("ended", { code, askMatchmaker, end: this.ended, err: this.err });
  }

  setPhase(phase, why) {
    this.phase = phase;
    this.on.phase?.(phase, why);
  }

  // redial opens the next place in turn; after each whole round it asks where the room is now.
  async redial() {
    const places = [this.url, ...this.urls];
    const turn = this.place++;
    this.dialAt = null;
    if (turn > 0 && turn % places.length === 0 && this.env.lookup) {
      const found = await this.env.lookup(this.room).catch(() => ({}));
      if (this.phase === "ended") return;
      if (found.gone) return this.finish(4200, true);
      if (found.url) this.url = places[0] = found.url;
    }
    this.dial(places[turn % places.length]);
  }

  // tick does what is due. Timers of hidden pages sleep, so each message calls it, too.
  tick() {
    const now = this.env.now();
    this.rates.roll(now);
    if (this.dialAt !== null && now >= this.dialAt) return void this.redial();
    if (!this.ws) return;
    if (!this.greeted) {
      if (now - this.started > WELCOME_MS) this.abandon();
      return;
    }
    if (now - this.heard > this.silence) return this.abandon();
    if (now >= this.nextPing && this.ws.bufferedAmount < MAX_UNSENT) {
      this.nextPing = now + (++this.pings < FAST_PINGS ? FAST_PING_MS : SLOW_PING_MS);
      this.send(this.ws, T.PING, { client_us: Math.round(now * 1000) });
    }
    if (now - this.ackedAt >= ACK_MS) {
      if (this.ackedTick !== this.state?.tick || this.ackedSeq !== this.eventSeq) this.sendAck(now);
      else this.ackedAt = now;
    }
  }

  sendAck(now) {
    this.ackedAt = now;
    this.ackedTick = this.state?.tick ?? 0;
    this.ackedSeq = this.eventSeq;
    this.send(this.ws, T.ACK, { tick: this.ackedTick, event_seq: this.ackedSeq });
  }

  heardFrom(ws, data) {
    if (ws !== this.ws && ws !== this.parked) return;
    if (ws === this.ws) this.heard = this.env.now();
    try {
      if (!(data instanceof ArrayBuffer) || data.byteLength > MAX_SERVER_MESSAGE) throw new Error("not a frame");
      this.stats.bytesIn += data.byteLength;
      this.rates.received(data.byteLength);
      this.receive(ws, parse(new Uint8Array(data)));
    } catch (err) {
      console.warn("ringside:", err);
      if (ws === this.ws) this.abandon();
      else ws.close();
      return;
    }
    this.tick();
  }

  receive(ws, x) {
    if (x.type >= 64) return;
    if (x.type === T.WELCOME) {
      if (ws === this.parked) {
        this.ws?.close();
        [this.ws, this.parked] = [ws, null];
      } else if (this.greeted) {
        throw new Error("a second WELCOME");
      }
      return this.welcome(x);
    }
    if (ws === this.parked) return;
    if (!this.greeted && x.type !== T.ERR && x.type !== T.END) throw new Error(`type ${x.type} before WELCOME`);
    switch (x.type) {
      case T.SNAPSHOT: case T.DELTA: case T.DELTAB: return this.receiveState(x);
      case T.HASH: return this.receiveHash(x);
      case T.EVENT: case T.REPLY: return this.receiveEvent(x);
      case T.PONG: return this.clock.pong(this.env.now(), x);
      case T.ROSTER: return this.receiveRoster(x);
      case T.STAT: return void Object.assign(this.stats, { skipped: x.skipped, earlyMs: x.early_ms });
      case T.MOVED: return this.dial(x.url, x.key);
      case T.ERR:
        this.err = x;
        if (x.retry_ms > 0) this.notBefore = this.env.now() + x.retry_ms;
        return;
      case T.END:
        this.ended = x;
        this.on.end?.(x);
        return;
    }
    throw new Error(`type ${x.type} from a server`);
  }

  welcome(w) {
    const now = this.env.now();
    if (w.version !== 1) throw new Error(`protocol version ${w.version}`);
    this.useSchema(w);
    if (w.resumed === 0) this.forget();
    else this.stats.resumed++;
    Object.assign(this, {
      greeted: true, credential: w.key, resuming: true, session: w.session, room: w.room, slot: w.slot, role: w.role, urls: w.urls,
      epoch: w.epoch, grace: w.limits.grace_ms, silence: w.limits.ping_timeout_ms, ackEvery: w.ack_rule === 1, tickHz: w.tick_hz,
      maxMessage: w.limits.max_message_bytes, asked: null, pings: 0, nextPing: now, heard: now, playedAt: now,
      ackedAt: now, ackedTick: 0, ackedSeq: this.eventSeq, moves: 0, notBefore: 0, err: null,
    });
    this.history.based = false;
    this.clock.restart(now, w);
    this.on.save?.();
    for (const frame of this.inputs.resume(w.in_seq)) this.sendInputs(frame, 0);
    for (const request of this.requests.resume(w.msg_ref)) this.send(this.ws, T.MSG, request);
    this.on.welcome?.(w);
    this.setPhase("playing");
  }

  useSchema(w) {
    if (w.schema === null) {
      if (this.schemaHash !== w.schema_hash) throw new Error("the schema is missing");
      return;
    }
    if (murmur32(encodeText(w.schema)) !== w.schema_hash) throw new Error("the schema is not what its hash says");
    if (this.schemaHash === w.schema_hash) return;
    this.layout = new Layout(JSON.parse(w.schema));
    this.schemaHash = w.schema_hash;
    this.history.forget();
  }

  // forget drops everything of a session that is no more.
  forget() {
    this.history.forget();
    this.eventSeq = 0;
    this.inputs = new Inputs();
    this.requests = new Requests();
  }

  // State frames. One that does not apply is no fault of the connection: a snapshot is asked for, and deltas pass by
  // until it comes.

  receiveState(x) {
    let state;
    try {
      state = this.history.receive(this.layout, x);
    } catch (err) {
      console.warn("ringside:", err);
    }
    if (!state) {
      if (x.type !== T.DELTA || this.asked === null) this.stats.decodeErrors++;
      return this.resync(2);
    }
    this.epoch = state.epoch;
    this.stats.states++;
    this.rates.frame();
    if (x.type === T.SNAPSHOT) {
      this.stats.snapshots++;
      this.asked = null;
    }
    this.inputs.included(state.inSeq, state.tick);
    if (this.ackEvery) this.sendAck(this.env.now());
    this.on.state?.(state, this.env.now());
  }

  receiveHash({ tick, hash }) {
    if (!this.history.based || this.state.tick !== tick) return;
    this.stats.hashChecks++;
    if (this.state.hash() === hash) return;
    this.stats.hashMismatches++;
    this.resync(1);
  }

  // resync asks for a snapshot, at most one a second.
  resync(reason) {
    const now = this.env.now();
    if (reason === 2) this.history.based = false;
    if (this.asked !== null && now - this.asked < RESYNC_MS) return;
    this.asked = now;
    this.stats.resyncs++;
    this.send(this.ws, T.RESYNC, { tick: this.state?.tick ?? 0, reason });
  }

  receiveEvent(x) {
    if (x.seq <= this.eventSeq) return; // handled before
    if (x.seq !== this.eventSeq + 1) this.stats.eventGaps++;
    this.eventSeq = x.seq;
    if (x.type === T.REPLY) return this.on.reply?.(x, this.requests.done(x.ref));
    const event = this.layout.schema.events?.[x.id];
    if (event) this.on.event?.(event, parsePayload(x.payload), x.tick);
  }

  receiveRoster({ mode, entries }) {
    if (mode === 1) this.roster.clear();
    for (const e of entries) {
      if ("name" in e) this.roster.set(e.slot, { ...e, host: Boolean(e.flags & 1), away: Boolean(e.flags & 2), bot: Boolean(e.flags & 4) });
      else this.roster.delete(e.slot);
    }
    this.on.roster?.(this.roster);
  }

  // What the player does.

  // input sends one input, delay milliseconds behind the newest state.
  input(values, delay) {
    if (this.phase !== "playing" || this.ws.bufferedAmount > MAX_UNSENT) return;
    this.sendInputs({ seq: this.inputs.add(values), in: values }, delay);
  }

  sendInputs(frame, delay) {
    this.ackedAt = this.env.now();
    this.ackedTick = this.state?.tick ?? 0;
    this.send(this.ws, T.INPUT, { ...frame, ack: this.ackedTick, delay_ms: Math.max(0, Math.round(delay)) });
  }

  // request makes a request; false if it cannot be made now. It is made again after a resume if its reply has not come.
  request(id, values) {
    const bytes = payload(values);
    if (this.phase !== "playing" || bytes.length + 32 > Math.min(4096, this.maxMessage || 4096)) return false;
    const kept = this.requests.add({ id, payload: bytes });
    if (kept) this.send(this.ws, T.MSG, kept);
    return kept !== null;
  }

  leave() {
    this.left = true;
    this.send(this.ws, T.LEAVE);
    if (!this.ws) this.finish(4000, false);
  }
}
