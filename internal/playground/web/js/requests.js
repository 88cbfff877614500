// The game's messages as buttons and forms, and the private items that a click plays.
import { h, setText } from "./dom.js";
import { EMOTES, SUITS, title } from "./text.js";

const FEW = 8; // values that are shown as buttons

const isNumber = (f) => f.type === "int" || f.type === "fixed" || f.type === "angle" || f.type === "bool";
const choices = (f) => (isNumber(f) && f.min !== undefined && f.max !== undefined && f.max - f.min < FEW ? f.max - f.min + 1 : 0);

// choiceName is how one value of a small range reads.
function choiceName(message, field, v) {
  if (/suit/.test(field.name) && SUITS[v]) return SUITS[v];
  if (/emote/.test(message.name) && EMOTES[v]) return EMOTES[v];
  return String(v);
}

// itemFor says how to make a message about one entity: which of its fields takes the entity, and what is put there.
// It fits when its first number is named like the kind, like one of its fields, or plainly card, item, id or index.
export function itemFor(message, kind) {
  const at = message.fields.findIndex((f) => f.type === "int");
  if (at < 0) return null;
  const { name } = message.fields[at];
  const same = kind.fields.find((f) => f.type === "int" && f.name === name);
  if (same) return { at, value: (id, fields) => fields[name] };
  if (name === kind.name || `${name}s` === kind.name || /^(card|item|id|index|unit|piece)$/.test(name)) return { at, value: (id) => id };
  return null;
}

// Requests builds one form for each message. send(index, values) returns whether it could be sent.
export class RequestForms {
  constructor(parent, messages, send) {
    this.messages = messages;
    this.send = send;
    this.forms = messages.map((m, i) => this.form(m, i));
    parent.replaceChildren(...this.forms.map((f) => f.el));
  }

  form(message, index) {
    const [only] = message.fields;
    if (message.fields.length === 0) {
      const el = h("div", { className: "request" }, this.button(title(message.name), () => this.send(index, [])));
      return { el, values: () => [] };
    }
    if (message.fields.length === 1 && choices(only) > 0) {
      const buttons = Array.from({ length: choices(only) }, (_, i) => {
        const v = only.min + i;
        const b = this.button(choiceName(message, only, v), () => this.send(index, [v]));
        b.setAttribute("aria-label", `${title(message.name)} ${choiceName(message, only, v)}`);
        return b;
      });
      const el = h("div", { className: "request choices", role: "group", "aria-label": title(message.name) }, h("span", { className: "name" }, title(message.name)), ...buttons);
      return { el, values: () => [only.min] };
    }
    return this.fullForm(message, index);
  }

  button(text, click) {
    const b = h("button", { type: "button" }, text);
    b.addEventListener("click", click);
    return b;
  }

  fullForm(message, index) {
    const inputs = message.fields.map((f) => this.input(message, f));
    const values = () => inputs.map((input) => input.value());
    const el = h("form", { className: "request" }, h("span", { className: "name" }, title(message.name)), ...inputs.map((i) => i.el), h("button", { type: "submit" }, "Send"));
    el.addEventListener("submit", (e) => {
      e.preventDefault();
      if (this.send(index, values())) for (const i of inputs) i.clear?.();
    });
    const fixed = (at) => { // a click on an item says this field: what is left are the choices that go with it
      inputs[at].el.hidden = true;
      el.lastElementChild.hidden = true;
      el.hidden = inputs.length === 1;
      setText(el.firstElementChild, `${title(message.name)} with`);
    };
    return { el, values, fixed };
  }

  input(message, f) {
    if (f.type === "text" || f.type === "bytes") {
      const el = h("input", { type: "text", maxLength: f.max, autocomplete: "off" });
      const value = () => (f.type === "text" ? cut(el.value, f.max) : new TextEncoder().encode(cut(el.value, f.max)));
      return { el: h("label", {}, title(f.name), el), value, clear: () => (el.value = "") };
    }
    if (f.type === "bool") {
      const el = h("input", { type: "checkbox" });
      return { el: h("label", { className: "check" }, el, title(f.name)), value: () => Number(el.checked) };
    }
    if (choices(f) > 0) {
      const options = Array.from({ length: choices(f) }, (_, i) => h("option", { value: f.min + i }, choiceName(message, f, f.min + i)));
      const el = h("select", {}, ...options);
      return { el: h("label", {}, title(f.name), el), value: () => Number(el.value) };
    }
    const unit = f.type === "fixed" ? f.scale : 1;
    const most = f.type === "angle" ? f.turn - 1 : f.max;
    const el = h("input", { type: "number", step: f.type === "fixed" ? "any" : 1, value: Math.max(0, f.min ?? 0) / unit, required: true });
    if (f.min !== undefined) el.min = f.min / unit;
    if (most !== undefined) el.max = most / unit;
    return { el: h("label", {}, title(f.name), el), value: () => Math.round(Number(el.value) * unit) | 0 };
  }

  // forItem is what a click on an entity of this kind sends: a function of its id and fields, or nothing. The message's
  // other fields are taken from its form.
  forItem(kind) {
    for (const [index, message] of this.messages.entries()) {
      const fit = itemFor(message, kind);
      if (!fit) continue;
      this.forms[index].fixed?.(fit.at);
      const click = (id, fields) => {
        const values = this.forms[index].values();
        values[fit.at] = fit.value(id, fields);
        this.send(index, values);
      };
      return { message, click };
    }
    return null;
  }
}

// cut shortens a text to so many bytes of UTF-8, at a character.
function cut(text, bytes) {
  const encoder = new TextEncoder();
  let out = "";
  for (const c of text) {
    if (encoder.encode(out + c).length > bytes) break;
    out += c;
  }
  return out;
}
