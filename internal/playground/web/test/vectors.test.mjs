// Every golden vector of internal/wire through this codec.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { murmur32, WordHash } from "../js/murmur.js";
import { T, encode, parse } from "../js/wire.js";

const vectors = JSON.parse(readFileSync(new URL("../../../wire/testdata/vectors.json", import.meta.url), "utf8"));

// fromHex unpacks (xx*n) to n bytes xx.
const fromHex = (hex) => {
  const plain = hex.replace(/\((..)\*(\d+)\)/g, (_, xx, n) => xx.repeat(Number(n)));
  return Uint8Array.from(plain.match(/../g) ?? [], (xx) => parseInt(xx, 16));
};

// value unpacks what the notes of the file say of fields.
function value(v) {
  if (Array.isArray(v)) return v.flatMap((x) => (x !== null && typeof x === "object" && "int" in x ? Array(x.times).fill(x.int) : [value(x)]));
  if (v === null || typeof v !== "object") return v;
  if ("str" in v) return v.str.repeat(v.times);
  if ("bin" in v) return fromHex(v.bin.repeat(v.times ?? 1));
  return Object.fromEntries(Object.entries(v).map(([name, x]) => [name, value(x)]));
}

const head = (bytes) => Buffer.from(bytes.subarray(0, 24)).toString("hex");

test("frames decode to their fields and encode to their bytes", () => {
  assert.ok(vectors.frames.length > 0);
  for (const { name, type, hex, fields } of vectors.frames) {
    const bytes = fromHex(hex), want = value(fields);
    assert.deepEqual(parse(bytes), { type, ...want }, name);
    const got = encode(type, want);
    assert.ok(Buffer.compare(got, bytes) === 0, `${name}: ${head(got)}…, want ${head(bytes)}…`);
  }
  const types = new Set(vectors.frames.map((v) => v.type));
  assert.deepEqual([...types].sort((a, b) => a - b), Object.values(T).sort((a, b) => a - b), "each type has a vector");
});

test("what later versions and other encoders may send is accepted", () => {
  for (const { name, type, hex, fields } of vectors.accept) {
    assert.deepEqual(parse(fromHex(hex)), { type, ...value(fields) }, name);
  }
});

test("bad frames are refused", () => {
  for (const { type, hex, why } of vectors.bad) {
    // A frame of another type is as good as refused by the decoder the vector aims at.
    const read = () => {
      const x = parse(fromHex(hex));
      assert.notEqual(x.type, type, `type ${type}, ${why}: taken`);
      throw Object.assign(new Error("another type"), { name: "Malformed" });
    };
    assert.throws(read, { name: "Malformed" }, `type ${type}, ${why}: ${hex.slice(0, 60)}`);
  }
});

test("murmur3", () => {
  for (const { hex, hash } of vectors.murmur3_x86_32) assert.equal(murmur32(fromHex(hex)), hash, hex);
  for (const { words, hash } of vectors.word_hash) {
    const h = new WordHash();
    for (const word of words) h.word(word);
    assert.equal(h.sum(), hash, String(words));
  }
});
