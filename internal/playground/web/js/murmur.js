// MurmurHash3 x86_32 with seed 0, over bytes and over words: the HASH of docs/PROTOCOL.md §5.6.

const rotl = (v, n) => (v << n) | (v >>> (32 - n));
const scramble = (k) => Math.imul(rotl(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
const mix = (h, k) => (Math.imul(rotl(h ^ scramble(k), 13), 5) + 0xe6546b64) | 0;

function final(h, n) {
  h ^= n;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export function murmur32(b) {
  let h = 0, i = 0;
  for (; i + 4 <= b.length; i += 4) h = mix(h, b[i] | (b[i + 1] << 8) | (b[i + 2] << 16) | (b[i + 3] << 24));
  let tail = 0;
  for (let j = b.length - 1; j >= i; j--) tail = (tail << 8) | b[j];
  if (b.length > i) h ^= scramble(tail);
  return final(h, b.length);
}

// A WordHash is murmur32 over the little-endian bytes of its words.
export class WordHash {
  h = 0;
  n = 0;

  word(v) {
    this.h = mix(this.h, v | 0);
    this.n = (this.n + 4) | 0;
  }

  sum() {
    return final(this.h, this.n);
  }
}
