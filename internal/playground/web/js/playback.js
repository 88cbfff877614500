// Which two states to draw between. States arrive unevenly; they are shown a little later, at the pace of the ticks.

const DELAY_MS = 100;
const MOST_MS = 250; // a longer gap between two states is a pause, not a slow movement

export class Playback {
  // offset is the local time of tick 0 by the quickest arrivals; it follows slowly when the link gets slower.
  offset = null;
  epoch = 0;

  constructor(tickHz, sendHz) {
    this.tickMs = 1000 / tickHz;
    this.delay = Math.max(DELAY_MS, 1500 / sendHz);
  }

  arrived(state, now) {
    const offset = now - state.tick * this.tickMs;
    const jumped = this.offset === null || state.epoch !== this.epoch || Math.abs(offset - this.offset) > 1000;
    this.offset = jumped ? offset : Math.min(offset, this.offset + 0.02 * this.tickMs);
    this.epoch = state.epoch;
  }

  // at says what to draw: from state a to state b by share t, and how far behind the newest state that is.
  at(states, now) {
    const newest = states.at(-1);
    const tick = this.offset === null ? newest.tick : (now - this.offset - this.delay) / this.tickMs;
    let i = states.length - 1;
    while (i > 0 && states[i - 1].tick >= tick) i--;
    const b = states[i], a = states[Math.max(0, i - 1)];
    const span = Math.max(1, Math.min(b.tick - a.tick, MOST_MS / this.tickMs));
    const t = Math.min(1, Math.max(0, 1 - (b.tick - tick) / span));
    return { a, b, t, behindMs: Math.max(0, (newest.tick - (b.tick - (1 - t) * span)) * this.tickMs) };
  }
}
