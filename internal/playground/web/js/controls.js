// The player's hands: keyboard, mouse and touch become the values of the game's input.
import { axis, bind, keyName } from "./bindings.js";
import { h, setText } from "./dom.js";
import { title } from "./text.js";

const LEFT = ["KeyA", "ArrowLeft"], RIGHT = ["KeyD", "ArrowRight"], UP = ["KeyW", "ArrowUp"], DOWN = ["KeyS", "ArrowDown"];
const STICK_PX = 44; // from the middle to full speed
const DEAD = 0.3; // of that: nothing

export class Controls {
  // fields of the schema's input; pad is where the mouse and fingers play; centre() is the own entity's place in it.
  constructor(fields, { pad, touch, hints, sliders }, centre) {
    this.fields = fields;
    this.binding = bind(fields);
    this.pad = pad;
    this.centre = centre;
    this.down = new Set(); // codes of keys
    this.pressed = new Map(); // field index → how many pointers hold it
    this.stick = null; // { x, y } −1 … 1
    this.pointer = null; // { x, y } in the pad
    this.angle = 0;
    this.values_ = new Map(); // sliders
    this.stop = new AbortController();
    this.listen();
    this.buildTouch(touch);
    this.buildSliders(sliders);
    hints.replaceChildren(...this.hints());
  }

  close() {
    this.stop.abort();
  }

  on(target, type, fn, options = {}) {
    target.addEventListener(type, fn, { signal: this.stop.signal, ...options });
  }

  listen() {
    this.on(window, "keydown", (e) => this.key(e, true));
    this.on(window, "keyup", (e) => this.key(e, false));
    this.on(window, "blur", () => this.release());
    this.on(document, "visibilitychange", () => document.hidden && this.release());
    this.on(this.pad, "pointermove", (e) => this.aimAt(e));
    this.on(this.pad, "pointerdown", (e) => {
      this.pad.focus({ preventScroll: true });
      this.aimAt(e);
      if (e.pointerType !== "mouse" || e.button === 0) this.hold(this.main, 1);
    });
    for (const type of ["pointerup", "pointercancel"]) {
      this.on(window, type, (e) => e.pointerType === "mouse" && this.pressed.delete(this.main));
    }
    for (const type of ["pointerup", "pointercancel", "pointerleave"]) {
      this.on(this.pad, type, (e) => e.pointerType !== "mouse" && this.pressed.delete(this.main));
    }
    this.on(this.pad, "contextmenu", (e) => e.preventDefault());
  }

  // main is the field that Space and the mouse button hold.
  get main() {
    return this.binding.buttons.find((b) => b.code === "Space")?.index ?? -1;
  }

  key(e, down) {
    if (!down) return void this.down.delete(e.code);
    if (e.ctrlKey || e.metaKey || e.altKey || !this.uses(e.code) || busy(e.target, e.code)) return;
    e.preventDefault(); // Space and arrows would scroll
    this.down.add(e.code);
  }

  uses(code) {
    const { across, along, buttons } = this.binding;
    if (across >= 0 && (LEFT.includes(code) || RIGHT.includes(code))) return true;
    if (along >= 0 && (UP.includes(code) || DOWN.includes(code))) return true;
    return buttons.some((b) => b.code === code);
  }

  aimAt(e) {
    const box = this.pad.getBoundingClientRect();
    this.pointer = { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  hold(index, by) {
    if (index >= 0) this.pressed.set(index, Math.max(0, (this.pressed.get(index) ?? 0) + by));
  }

  release() {
    this.down.clear();
    this.pressed.clear();
    this.stick = null;
  }

  direction() {
    const any = (codes) => codes.some((c) => this.down.has(c));
    const x = Number(any(RIGHT)) - Number(any(LEFT)), y = Number(any(DOWN)) - Number(any(UP));
    if (x !== 0 || y !== 0 || !this.stick) return { x, y };
    const clip = (v) => (Math.abs(v) < DEAD ? 0 : v);
    return { x: clip(this.stick.x), y: clip(this.stick.y) };
  }

  // values is the input of this moment, as the wire wants it.
  values() {
    const out = this.fields.map(() => 0);
    const { across, along, forward, aim, buttons, sliders } = this.binding;
    const dir = this.direction();
    if (across >= 0) out[across] = axis(this.fields[across], dir.x);
    if (along >= 0) out[along] = axis(this.fields[along], forward ? -dir.y : dir.y);
    if (aim >= 0) out[aim] = this.aim(this.fields[aim].turn, dir);
    for (const { index, code } of buttons) out[index] = Number(this.down.has(code) || this.pressed.get(index) > 0);
    for (const index of sliders) out[index] = this.values_.get(index) ?? 0;
    return out;
  }

  // aim is towards the pointer; without one, where the player moves.
  aim(turn, dir) {
    const at = this.centre();
    if (this.pointer && at) this.angle = Math.atan2(this.pointer.y - at.y, this.pointer.x - at.x);
    else if (dir.x !== 0 || dir.y !== 0) this.angle = Math.atan2(dir.y, dir.x);
    return ((Math.round((this.angle / (2 * Math.PI)) * turn) % turn) + turn) % turn;
  }

  hints() {
    const { across, along, aim, buttons } = this.binding;
    const out = [];
    const hint = (keys, what) => out.push(h("li", {}, ...keys.map((k) => h("kbd", {}, k)), ` ${what}`));
    if (across >= 0 && along >= 0) hint(["W", "A", "S", "D"], "or arrows: move");
    else if (across >= 0) hint(["A", "D"], title(this.fields[across].name).toLowerCase());
    else if (along >= 0) hint(["W", "S"], title(this.fields[along].name).toLowerCase());
    if (aim >= 0) hint(["Mouse"], title(this.fields[aim].name).toLowerCase());
    for (const { index, code } of buttons) {
      const name = title(this.fields[index].name).toLowerCase();
      hint(code === "Space" ? ["Space", "Click"] : [keyName(code)], name);
    }
    return out;
  }

  buildTouch(parent) {
    const { across, along, buttons } = this.binding;
    parent.replaceChildren();
    if (across >= 0 || along >= 0) parent.append(this.buildStick());
    const group = h("div", { className: "touch-buttons" });
    for (const { index } of buttons) {
      const b = h("button", { type: "button", className: "touch-button" }, title(this.fields[index].name));
      this.on(b, "pointerdown", (e) => {
        e.preventDefault();
        b.setPointerCapture(e.pointerId);
        this.hold(index, 1);
      });
      for (const type of ["pointerup", "pointercancel"]) this.on(b, type, () => this.hold(index, -1));
      group.append(b);
    }
    parent.append(group);
  }

  buildStick() {
    const knob = h("div", { className: "knob" });
    const base = h("div", { className: "stick", "aria-hidden": "true" }, knob);
    const move = (e) => {
      const box = base.getBoundingClientRect();
      const x = (e.clientX - box.left - box.width / 2) / STICK_PX, y = (e.clientY - box.top - box.height / 2) / STICK_PX;
      const far = Math.max(1, Math.hypot(x, y));
      this.stick = { x: x / far, y: y / far };
      this.pointer = null; // the stick aims, until a finger touches the picture
      knob.style.transform = `translate(${this.stick.x * STICK_PX}px, ${this.stick.y * STICK_PX}px)`;
    };
    this.on(base, "pointerdown", (e) => {
      e.preventDefault();
      base.setPointerCapture(e.pointerId);
      move(e);
    });
    this.on(base, "pointermove", (e) => base.hasPointerCapture(e.pointerId) && move(e));
    for (const type of ["pointerup", "pointercancel"]) {
      this.on(base, type, () => {
        this.stick = null;
        knob.style.transform = "";
      });
    }
    return base;
  }

  buildSliders(parent) {
    parent.replaceChildren(...this.binding.sliders.map((index) => this.slider(index)));
    parent.hidden = this.binding.sliders.length === 0;
  }

  slider(index) {
    const f = this.fields[index];
    const min = f.type === "angle" ? 0 : Math.max(f.min ?? 0, -1e6), max = f.type === "angle" ? f.turn - 1 : Math.min(f.max ?? 100, 1e6);
    const start = Math.min(max, Math.max(min, 0));
    const shown = h("output", {}, String(start));
    const range = h("input", { type: "range", min, max, step: 1, value: start });
    this.values_.set(index, start);
    this.on(range, "input", () => {
      this.values_.set(index, Number(range.value));
      setText(shown, range.value);
    });
    return h("label", { className: "slider" }, title(f.name), range, shown);
  }
}

// busy says whether a key belongs to the element that has the focus.
function busy(el, code) {
  if (!(el instanceof HTMLElement)) return false;
  if (el.isContentEditable || /^(TEXTAREA|SELECT)$/.test(el.tagName)) return true;
  if (el instanceof HTMLInputElement) return !el.readOnly;
  return code === "Space" && /^(BUTTON|A|SUMMARY)$/.test(el.tagName);
}
