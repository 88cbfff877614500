// The part of msgpack that frames use: integers, str, bin, nil and arrays. See docs/PROTOCOL.md §2.

// Malformed is thrown for bytes that are not what a frame must hold.
export class Malformed extends Error {
  constructor(why) {
    super(`malformed frame: ${why}`);
    this.name = "Malformed";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const toUTF8 = new TextEncoder();

export const encodeText = (text) => toUTF8.encode(text);

// A Reader takes objects from bytes one after another. It checks every announced length against the bytes that are left
// before it uses it, and never recurses: what it reads comes from a network.
export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.off = 0;
  }

  get left() {
    return this.bytes.length - this.off;
  }

  // peek is the code of the next object.
  peek() {
    if (this.off >= this.bytes.length) throw new Malformed("cut");
    return this.bytes[this.off];
  }

  // take moves over n bytes and returns where they start.
  take(n) {
    if (n > this.left) throw new Malformed("cut");
    const start = this.off;
    this.off += n;
    return start;
  }

  // int reads an integer of any width; beyond 2^53 it is rounded, which no number of ours reaches in 285 years.
  int() {
    const code = this.peek();
    if (code <= 0x7f) return this.bytes[this.off++];
    if (code >= 0xe0) return this.bytes[this.off++] - 0x100;
    if (code < 0xcc || code > 0xd3) throw new Malformed("an integer is missing");
    const at = this.take(1 + (1 << (code & 3))) + 1;
    const v = this.view;
    switch (code) {
      case 0xcc: return v.getUint8(at);
      case 0xcd: return v.getUint16(at);
      case 0xce: return v.getUint32(at);
      case 0xd0: return v.getInt8(at);
      case 0xd1: return v.getInt16(at);
      case 0xd2: return v.getInt32(at);
    }
    const high = v.getInt32(at);
    if (code === 0xcf && high < 0) throw new Malformed("an integer of 64 bits");
    return high * 2 ** 32 + v.getUint32(at + 4);
  }

  int32() {
    const v = this.int();
    if (v !== (v | 0)) throw new Malformed("not an int32");
    return v;
  }

  uint32() {
    const v = this.int();
    if (v !== v >>> 0) throw new Malformed("not a uint32");
    return v;
  }

  uint64() {
    const v = this.int();
    if (v < 0) throw new Malformed("negative");
    return v;
  }

  // arrayLen reads an array header. Each element takes a byte at least, so no header can announce more than there is.
  arrayLen() {
    const code = this.peek();
    let n;
    if ((code & 0xf0) === 0x90) n = code & 0x0f, this.off++;
    else if (code === 0xdc) n = this.view.getUint16(this.take(3) + 1);
    else if (code === 0xdd) n = this.view.getUint32(this.take(5) + 1);
    else throw new Malformed("an array is missing");
    if (n > this.left) throw new Malformed("announces more than there is");
    return n;
  }

  // nil takes a nil if one is next.
  nil() {
    if (this.peek() !== 0xc0) return false;
    this.off++;
    return true;
  }

  str(limit) {
    const code = this.peek();
    const n = (code & 0xe0) === 0xa0 ? (this.off++, code & 0x1f) : this.length(code, 0xd9);
    const bytes = this.run(n, limit);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Malformed("not UTF-8");
    }
  }

  // bin returns a copy: what it returns outlives the message.
  bin(limit) {
    return this.run(this.length(this.peek(), 0xc4), limit).slice();
  }

  // length reads the length behind the codes base, base + 1 and base + 2.
  length(code, base) {
    switch (code - base) {
      case 0: return this.view.getUint8(this.take(2) + 1);
      case 1: return this.view.getUint16(this.take(3) + 1);
      case 2: return this.view.getUint32(this.take(5) + 1);
    }
    throw new Malformed(base === 0xc4 ? "a bin is missing" : "a str is missing");
  }

  run(n, limit) {
    if (n > limit) throw new Malformed("too long");
    const start = this.take(n);
    return this.bytes.subarray(start, start + n);
  }

  // skip passes over n objects, arrays with their elements.
  skip(n) {
    for (let left = n; left > 0; left--) {
      const code = this.peek();
      if (code <= 0x7f || code >= 0xe0 || code === 0xc0 || code === 0xc2 || code === 0xc3) this.off++;
      else if ((code & 0xf0) === 0x90 || code === 0xdc || code === 0xdd) left += this.arrayLen();
      else if ((code & 0xe0) === 0xa0) this.take(1 + (code & 0x1f));
      else if (code >= 0xd9 && code <= 0xdb) this.take(this.length(code, 0xd9));
      else if (code >= 0xc4 && code <= 0xc6) this.take(this.length(code, 0xc4));
      else if (code >= 0xcc && code <= 0xd3) this.take(1 + (1 << (code & 3)));
      else throw new Malformed("an object of another type");
    }
  }
}

// A Writer appends objects in their shortest form.
export class Writer {
  constructor() {
    this.buf = new Uint8Array(256);
    this.view = new DataView(this.buf.buffer);
    this.len = 0;
  }

  // bytes is a copy of what was written.
  bytes() {
    return this.buf.slice(0, this.len);
  }

  // grow makes room for n more bytes and returns where they start. It may replace buf and view: call it before using them.
  grow(n) {
    if (this.len + n > this.buf.length) {
      const old = this.buf;
      this.buf = new Uint8Array(Math.max(2 * old.length, this.len + n));
      this.buf.set(old.subarray(0, this.len));
      this.view = new DataView(this.buf.buffer);
    }
    const start = this.len;
    this.len += n;
    return start;
  }

  byte(b) {
    const at = this.grow(1);
    this.buf[at] = b;
  }

  append(b) {
    const at = this.grow(b.length);
    this.buf.set(b, at);
  }

  // wide writes a code and a big-endian number of 1, 2 or 4 bytes.
  wide(code, size, v) {
    const at = this.grow(1 + size);
    this.view.setUint8(at, code);
    if (size === 1) this.view.setUint8(at + 1, v);
    else if (size === 2) this.view.setUint16(at + 1, v);
    else this.view.setUint32(at + 1, v);
  }

  int(v) {
    if (v >= 0) this.uint(v);
    else if (v >= -32) this.byte(v & 0xff);
    else if (v >= -0x80) this.wide(0xd0, 1, v);
    else if (v >= -0x8000) this.wide(0xd1, 2, v);
    else if (v >= -0x80000000) this.wide(0xd2, 4, v);
    else throw new RangeError(`${v} is below int32`);
  }

  uint(v) {
    if (!Number.isSafeInteger(v)) throw new RangeError(`${v} is not an integer`);
    if (v <= 0x7f) this.byte(v);
    else if (v <= 0xff) this.wide(0xcc, 1, v);
    else if (v <= 0xffff) this.wide(0xcd, 2, v);
    else if (v <= 0xffffffff) this.wide(0xce, 4, v);
    else {
      this.wide(0xcf, 4, Math.floor(v / 2 ** 32));
      const at = this.grow(4);
      this.view.setUint32(at, v % 2 ** 32);
    }
  }

  array(n) {
    if (n < 16) this.byte(0x90 | n);
    else if (n <= 0xffff) this.wide(0xdc, 2, n);
    else this.wide(0xdd, 4, n);
  }

  nil() {
    this.byte(0xc0);
  }

  str(text) {
    const b = encodeText(text);
    if (b.length < 32) this.byte(0xa0 | b.length);
    else this.header(0xd9, b.length);
    this.append(b);
  }

  bin(b) {
    this.header(0xc4, b.length);
    this.append(b);
  }

  header(base, n) {
    if (n <= 0xff) this.wide(base, 1, n);
    else if (n <= 0xffff) this.wide(base + 1, 2, n);
    else this.wide(base + 2, 4, n);
  }
}
