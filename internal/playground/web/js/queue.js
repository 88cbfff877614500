// What the client has sent and may have to send again after a resume: inputs and requests.

const KEEP_TICKS = 64; // after a state included an input: a room restored at an earlier tick wants it again
const KEEP_INPUTS = 256;
const MAX_RESEND = 64; // the server uses two of the backlog a tick
const PER_FRAME = 8;
const KEEP_MESSAGES = 32; // the server queues no more

// Inputs keeps the newest inputs by their numbers.
export class Inputs {
  seq = 0; // of the newest
  kept = []; // { seq, values, tick: of the state that included it, 0 none }, oldest first

  add(values) {
    this.seq++;
    this.kept.push({ seq: this.seq, values, tick: 0 });
    if (this.kept.length > KEEP_INPUTS) this.kept.shift();
    return this.seq;
  }

  // included notes that the state of tick holds every input up to seq.
  included(seq, tick) {
    for (const input of this.kept) {
      if (input.seq > seq) break;
      input.tick ||= tick;
    }
    while (this.kept.length > 0 && this.kept[0].tick > 0 && tick - this.kept[0].tick >= KEEP_TICKS) this.kept.shift();
  }

  // resume drops what the server has taken and returns the rest as frames: { seq, in }.
  resume(taken) {
    this.kept = this.kept.filter((input) => input.seq > taken);
    this.seq = Math.max(this.seq, taken);
    const again = this.kept.slice(-MAX_RESEND);
    const frames = [];
    for (let i = 0; i < again.length; i += PER_FRAME) {
      const part = again.slice(i, i + PER_FRAME);
      frames.push({ seq: part.at(-1).seq, in: part.flatMap((input) => input.values) });
    }
    return frames;
  }
}

// Requests keeps messages until they are answered; answers come in order.
export class Requests {
  ref = 0;
  waiting = []; // { ref, id, payload, name }

  add(request) {
    if (this.waiting.length >= KEEP_MESSAGES) return null;
    const kept = { ref: ++this.ref, ...request };
    this.waiting.push(kept);
    return kept;
  }

  // done drops the request of that number and all before it, and returns it.
  done(ref) {
    const found = this.waiting.find((m) => m.ref === ref);
    this.waiting = this.waiting.filter((m) => m.ref > ref);
    return found;
  }

  // resume drops what the server has taken, whose answers come as before, and returns the rest.
  resume(taken) {
    this.ref = Math.max(this.ref, taken);
    return this.waiting.filter((m) => m.ref > taken);
  }
}
