// The frames of ringside.v1.msgpack: one table says what each holds; encode and parse go by it. Names are those of
// docs/PROTOCOL.md §3 and §4.
import { Malformed, Reader, Writer } from "./msgpack.js";

export const SUBPROTOCOL = "ringside.v1.msgpack";
export const MAX_SERVER_MESSAGE = 1 << 20;
const MAX_KEY = 512, MAX_URL = 512, MAX_TEXT = 1024, MAX_PAYLOAD = 64 << 10;

export const T = {
  HELLO: 1, INPUT: 2, ACK: 3, PING: 4, MSG: 5, LEAVE: 6, RESYNC: 7, TWIN: 8,
  WELCOME: 33, SNAPSHOT: 34, DELTA: 35, DELTAB: 36, EVENT: 37, PONG: 38, HASH: 39, MOVED: 40, ERR: 41, STAT: 42,
  ROSTER: 43, REPLY: 44, END: 45,
};

// An element reads and writes one object.
const u32 = { read: (r) => r.uint32(), write: (w, v) => w.uint(v) };
const u64 = { read: (r) => r.uint64(), write: (w, v) => w.uint(v) };
const i32 = { read: (r) => r.int32(), write: (w, v) => w.int(v) };
const str = (max) => ({ read: (r) => r.str(max), write: (w, v) => w.str(v) });
const bin = (max) => ({ read: (r) => r.bin(max), write: (w, v) => w.bin(v) });
const orNil = (el) => ({ read: (r) => (r.nil() ? null : el.read(r)), write: (w, v) => (v === null ? w.nil() : el.write(w, v)) });

// An array inside a frame that later versions may make longer.
const struct = (fields) => ({
  read(r) {
    const n = r.arrayLen();
    if (n < fields.length) throw new Malformed("too few elements");
    const x = readFields(r, fields, {});
    r.skip(n - fields.length);
    return x;
  },
  write(w, x) {
    w.array(fields.length);
    writeFields(w, fields, x);
  },
});

const list = (el, max) => ({
  read(r) {
    const n = r.arrayLen();
    if (n > max) throw new Malformed("too many elements");
    return Array.from({ length: n }, () => el.read(r));
  },
  write(w, xs) {
    w.array(xs.length);
    for (const x of xs) el.write(w, x);
  },
});

// An element of a state's body: an int32, a str or a bin.
const bodyElement = {
  read(r) {
    const code = r.peek();
    if (code <= 0x7f || code >= 0xe0 || (code >= 0xcc && code <= 0xd3)) return r.int32();
    return code >= 0xc4 && code <= 0xc6 ? r.bin(MAX_SERVER_MESSAGE) : r.str(MAX_SERVER_MESSAGE);
  },
  write(w, v) {
    if (typeof v === "number") w.int(v);
    else if (typeof v === "string") w.str(v);
    else w.bin(v);
  },
};

const rosterFields = struct([["slot", u32], ["name", str(128)], ["team", u32], ["role", u32], ["flags", u32], ["data", bin(256)]]);
const rosterEntry = {
  read(r) {
    const start = r.off;
    if (r.arrayLen() === 1) return { slot: r.uint32() }; // gone
    r.off = start;
    return rosterFields.read(r);
  },
  write(w, x) {
    if ("name" in x) return rosterFields.write(w, x);
    w.array(1);
    w.uint(x.slot);
  },
};

const rosterMode = {
  read(r) {
    const mode = r.uint32();
    if (mode > 1) throw new Malformed("roster mode");
    return mode;
  },
  write: u32.write,
};

const all = (el, names) => names.split(" ").map((name) => [name, el]);
const resume = struct(all(u32, "session epoch tick in_seq event_seq"));
const limits = struct(all(u32, "max_message_bytes max_frames_per_s input_queue grace_ms ping_timeout_ms"));

// fields: [name, element]… in order. rest: [name, element, at least] for frames that end in a run of elements; they never
// grow otherwise.
const FRAMES = {
  [T.HELLO]: { fields: [...all(u32, "vmin vmax"), ["token", str(4096)], ["caps", u32], ["resume", orNil(resume)], ["sdk", str(64)], ["schema_hash", u32]] },
  [T.INPUT]: { fields: all(u32, "seq ack delay_ms"), rest: ["in", i32, 1] },
  [T.ACK]: { fields: all(u32, "tick event_seq") },
  [T.PING]: { fields: all(u64, "client_us") },
  [T.MSG]: { fields: [...all(u32, "ref id"), ["payload", bin(MAX_PAYLOAD)]] },
  [T.LEAVE]: { fields: [] },
  [T.RESYNC]: { fields: all(u32, "tick reason") },
  [T.TWIN]: { fields: [...all(u32, "vmin vmax"), ["twin_key", str(MAX_KEY)], ...all(u32, "epoch tick")] },
  [T.WELCOME]: {
    fields: [
      ...all(u32, "version session"), ["key", str(MAX_KEY)], ["room", str(128)],
      ...all(u32, "slot role epoch tick in_seq msg_ref resumed tick_hz send_hz"), ["clock_us", u64], ["schema_hash", u32],
      ["schema", orNil(str(64 << 10))], ["limits", limits], ["ack_rule", u32], ["twin_key", orNil(str(MAX_KEY))], ["caps", u32],
      ["urls", list(str(MAX_URL), 16)],
    ],
  },
  [T.SNAPSHOT]: { fields: all(u32, "epoch tick in_seq"), rest: ["body", bodyElement, 0] },
  [T.DELTA]: { fields: all(u32, "dtick din_seq"), rest: ["body", bodyElement, 0] },
  [T.DELTAB]: { fields: all(u32, "epoch tick base_epoch base_tick in_seq flags"), rest: ["body", bodyElement, 0] },
  [T.EVENT]: { fields: [...all(u32, "seq tick id"), ["payload", bin(MAX_PAYLOAD)]] },
  [T.PONG]: { fields: [...all(u64, "client_us clock_us"), ["tick", u32]] },
  [T.HASH]: { fields: all(u32, "tick hash") },
  [T.MOVED]: { fields: [["url", str(MAX_URL)], ["key", str(MAX_KEY)], ["from_tick", u32]] },
  [T.ERR]: { fields: [["code", u32], ["text", str(MAX_TEXT)], ["retry_ms", u32]] },
  [T.STAT]: { fields: all(u32, "skipped inflight_bytes budget_frames rtt_us early_ms") },
  [T.ROSTER]: { fields: [["mode", rosterMode]], rest: ["entries", rosterEntry, 0] },
  [T.REPLY]: { fields: [...all(u32, "seq ref code"), ["payload", bin(MAX_PAYLOAD)]] },
  [T.END]: { fields: [["code", u32], ["reason", str(MAX_TEXT)], ["result", bin(16 << 10)]] },
};

function readFields(r, fields, into) {
  for (const [name, el] of fields) into[name] = el.read(r);
  return into;
}

function writeFields(w, fields, x) {
  for (const [name, el] of fields) el.write(w, x[name]);
}

// parse reads one frame: { type, …fields }. An extension (type 64 and above) has no fields. It throws Malformed.
export function parse(bytes) {
  const r = new Reader(bytes);
  let left = r.arrayLen() - 1;
  const type = left < 0 ? 256 : r.uint32();
  if (type > 0xff) throw new Malformed("no type");
  if (type >= 64) return { type };
  const frame = FRAMES[type];
  if (!frame) throw new Malformed(`type ${type}`);
  left -= frame.fields.length;
  if (left < 0) throw new Malformed("too few elements");
  const x = readFields(r, frame.fields, { type });
  if (!frame.rest) {
    r.skip(left);
  } else {
    const [name, el, least] = frame.rest;
    if (left < least) throw new Malformed("too few elements");
    x[name] = new Array(left);
    for (let i = 0; i < left; i++) x[name][i] = el.read(r);
  }
  if (r.left > 0) throw new Malformed("bytes behind the frame");
  return x;
}

// encode writes one frame from its fields.
export function encode(type, x = {}) {
  const { fields, rest } = FRAMES[type];
  const w = new Writer();
  const tail = rest ? x[rest[0]] : [];
  w.array(1 + fields.length + tail.length);
  w.uint(type);
  writeFields(w, fields, x);
  for (const v of tail) rest[1].write(w, v);
  return w.bytes();
}

// payload writes a message's values (numbers, strings, bytes) as MSG carries them.
export function payload(values) {
  const w = new Writer();
  w.array(values.length);
  for (const v of values) bodyElement.write(w, v);
  return w.bytes();
}

// parsePayload reads an event's payload: the values in schema order; elements of no known type are refused.
export function parsePayload(bytes) {
  if (bytes.length === 0) return [];
  const r = new Reader(bytes);
  return Array.from({ length: r.arrayLen() }, () => bodyElement.read(r));
}
