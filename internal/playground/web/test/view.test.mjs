import assert from "node:assert/strict";
import { test } from "node:test";
import { Layout, State, apply } from "../js/view.js";

const layout = new Layout({
  kinds: [
    { name: "ship", fields: [{ name: "x", type: "fixed", scale: 32 }, { name: "aim", type: "angle", turn: 256 }] },
    { name: "sign", fields: [{ name: "text", type: "text", max: 4 }, { name: "lit", type: "bool" }] },
  ],
});
const empty = State.empty(layout);
const at = (tick) => ({ epoch: 1, tick, inSeq: 0 });

test("a body turns one state into the next and leaves the first as it was", () => {
  // Ships 0 and 4 appear, sign 2, and the player's own ship 7.
  const a = apply(empty, [-1, 64, 250, -4, 0, 0, 0, 1, -3, "é", 1, 0, 2, -8, 32, 128], at(1));
  assert.deepEqual(a.entities(), [
    { kind: "ship", id: 0, section: "shared", fields: { x: 2, aim: (250 / 256) * 2 * Math.PI } },
    { kind: "ship", id: 4, section: "shared", fields: { x: 0, aim: 0 } },
    { kind: "sign", id: 2, section: "shared", fields: { text: "é", lit: true } },
    { kind: "ship", id: 7, section: "private", fields: { x: 1, aim: Math.PI } },
  ]);
  // Ship 0 turns over the top of the circle, 4 goes, 5 appears; the sign changes.
  const b = apply(a, [1, 2, 10, 4, 0, -1, 9, 9, 0, 1, 3, 1, "no"], at(2));
  assert.deepEqual(b.sections.map((s) => s.ids), [[0, 5], [2], [7], []]);
  assert.deepEqual(b.row(0, 0), [64, 4]);
  assert.deepEqual(b.row(1, 2), ["no", 1]);
  assert.deepEqual(a.row(0, 0), [64, 250]);
  assert.deepEqual(a.sections[0].ids, [0, 4]);
  assert.equal(b.sections[2], a.sections[2], "what did not change is shared");
  // DELTAB's flag 1.
  assert.deepEqual(apply(b, [], at(3), true).sections.map((s) => s.ids), [[0, 5], [2], [], []]);
  assert.notEqual(a.hash(), b.hash());
});

test("numbers wrap at 32 bits", () => {
  const a = apply(empty, [-1, 2147483647, 0], at(1));
  assert.deepEqual(apply(a, [1, 1, 1], at(2)).row(0, 0), [-2147483648, 0]);
});

test("the hash is that of docs/PROTOCOL.md 5.6", () => {
  const k1 = new Layout({ kinds: [{ name: "k", fields: [{ name: "a", type: "int" }, { name: "b", type: "int" }] }] });
  const state = apply(State.empty(k1), [-5, 5, 9, -3, -2, 0], at(1));
  assert.deepEqual(state.sections[0].ids, [4, 7]);
  assert.equal(state.hash(), 2251699592); // a golden vector: the words ffffffff 0 2, 4 5 9, 7 -2 0
  assert.equal(State.empty(k1).hash(), 0);
});

test("a body that does not fit its base is refused", () => {
  const a = apply(empty, [-1, 0, 0], at(1));
  for (const [why, body] of Object.entries({
    "a change of nobody": [2, 1, 1],
    "a removal of nobody": [2, 0],
    "a mask of three fields": [1, 4, 1],
    "a cut record": [1, 3, 1],
    "a switch back": [0, 1, 0, 0],
    "a switch beyond": [0, 4],
    "a text too long": [0, 1, -1, "12345", 0],
    "a text of too many bytes": [0, 1, -1, "ééé", 0],
    "a number for a text": [0, 1, -1, 7, 0],
    "a text for a number": [-2, "x", 0],
    "an id above 2^24": [-(2 ** 24 + 1), 0, 0],
    "an angle of more than a turn": [1, 2, 512],
  })) assert.throws(() => apply(a, body, at(2)), { name: "BadBase" }, why);
});
