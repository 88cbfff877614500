// What happened, newest at the bottom.
import { h } from "./dom.js";

const MOST = 100;

export class Log {
  constructor(el) {
    this.el = el;
  }

  add(content, className = "") {
    const atEnd = this.el.scrollHeight - this.el.scrollTop - this.el.clientHeight < 30;
    const time = new Date().toTimeString().slice(0, 8);
    this.el.append(h("li", { className }, h("time", {}, time), h("span", {}, content)));
    while (this.el.children.length > MOST) this.el.firstElementChild.remove();
    if (atEnd) this.el.scrollTop = this.el.scrollHeight;
  }
}
