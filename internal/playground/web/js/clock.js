// What PONGs tell: the round trip and the server's time. The server reads its sockets at the tick, so one answer is late by
// up to a tick; of the last eight the quickest tells the truth. Times are milliseconds.

const SAMPLES = 8;

export class Clock {
  samples = [];
  offset = 0; // the server's clock minus ours
  hz = 0;

  // restart begins on a new socket, perhaps to another node.
  restart(now, welcome) {
    this.samples = [];
    this.offset = welcome.clock_us / 1000 - now;
    this.hz = welcome.tick_hz;
    this.tick = welcome.tick;
    this.tickTime = welcome.clock_us / 1000;
  }

  pong(now, { client_us, clock_us, tick }) {
    const rtt = now - client_us / 1000;
    if (rtt < 0) return; // no answer to a ping of ours
    const server = clock_us / 1000;
    this.samples.push({ rtt, offset: server + rtt / 2 - now });
    if (this.samples.length > SAMPLES) this.samples.shift();
    this.offset = this.best().offset;
    if (server >= this.tickTime) [this.tick, this.tickTime] = [tick, server];
  }

  best() {
    return this.samples.reduce((a, b) => (b.rtt < a.rtt ? b : a));
  }

  // rtt is null before the first answer.
  get rtt() {
    return this.samples.length > 0 ? this.best().rtt : null;
  }

  // tickAt is the room's tick at a time of ours, with its fraction.
  tickAt(now) {
    return this.tick + ((now + this.offset - this.tickTime) * this.hz) / 1000;
  }

  // age is how old the state of a tick is, in milliseconds.
  age(now, tick) {
    return this.hz ? Math.max(0, ((this.tickAt(now) - tick) * 1000) / this.hz) : 0;
  }
}
