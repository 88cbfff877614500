// How long a client that lost its socket waits before it tries again: docs/PROTOCOL.md §6.

const FIRST_MS = 250;
const RESTART_MS = 10_000; // how long a server may take to restart
const RESTART_WAIT_MS = 800; // the longest wait meanwhile
const MOST_MS = 5000;

// A Backoff belongs to one outage: a run of losses.
export class Backoff {
  constructor(now) {
    this.began = now;
    this.wait = null; // the last one, without its jitter
  }

  // next is nothing the first time, then a quarter second. It grows by 1.4 to 0.8 s while the server may be restarting, and
  // doubles up to five after that, or from the start if the server said that this page cannot keep up (4100). Each is given
  // or taken a quarter.
  next(now, code, random) {
    const restarting = now - this.began < RESTART_MS && code !== 4100;
    if (this.wait === null) this.wait = 0;
    else if (this.wait === 0) this.wait = FIRST_MS;
    else this.wait = restarting ? Math.min(1.4 * this.wait, RESTART_WAIT_MS) : Math.min(2 * this.wait, MOST_MS);
    return this.wait * (0.75 + 0.5 * random());
  }
}
