// Rates per second, over the last whole second.

const WINDOW_MS = 1000;

export class Rates {
  framesPerSecond = 0;
  bytesInPerSecond = 0;
  bytesOutPerSecond = 0;
  #since = null;
  #frames = 0;
  #in = 0;
  #out = 0;

  frame() {
    this.#frames++;
  }

  received(bytes) {
    this.#in += bytes;
  }

  sent(bytes) {
    this.#out += bytes;
  }

  roll(now) {
    this.#since ??= now;
    const ms = now - this.#since;
    if (ms < WINDOW_MS) return;
    this.framesPerSecond = (this.#frames * 1000) / ms;
    this.bytesInPerSecond = (this.#in * 1000) / ms;
    this.bytesOutPerSecond = (this.#out * 1000) / ms;
    [this.#since, this.#frames, this.#in, this.#out] = [now, 0, 0, 0];
  }
}
