// The run of newest states, oldest first. Any of them may be the base of a DELTAB after a resume, and drawing looks a little
// back.
import { State, apply } from "./view.js";
import { T } from "./wire.js";

const DEPTH = 32;

export class History {
  states = [];
  based = false; // the newest state is the last one sent on this socket: a DELTA applies

  get newest() {
    return this.states.at(-1);
  }

  // forget drops all states: they are of another session or game.
  forget() {
    this.states = [];
    this.based = false;
  }

  // receive applies a state frame and holds the result. It returns nothing if the base is not here, and throws BadBase.
  receive(layout, x) {
    const base = this.baseOf(layout, x);
    if (!base) return undefined;
    const head = x.type === T.DELTA
      ? { epoch: base.epoch, tick: base.tick + x.dtick, inSeq: base.inSeq + x.din_seq }
      : { epoch: x.epoch, tick: x.tick, inSeq: x.in_seq };
    const state = apply(base, x.body, head, x.type === T.DELTAB && (x.flags & 1) === 1);
    this.hold(state);
    return state;
  }

  baseOf(layout, x) {
    if (x.type === T.SNAPSHOT) return State.empty(layout);
    if (x.type === T.DELTA) return this.based ? this.newest : undefined;
    return this.states.findLast((s) => s.epoch === x.base_epoch && s.tick === x.base_tick);
  }

  hold(state) {
    const last = this.newest;
    if (last && (state.epoch !== last.epoch || state.tick <= last.tick)) {
      this.states = this.states.filter((s) => s.epoch <= state.epoch && s.tick < state.tick); // the others did not happen
    }
    this.states.push(state);
    if (this.states.length > DEPTH) this.states.shift();
    this.based = true;
  }
}
