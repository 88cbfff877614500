// The picture: any schema's entities that have a place, on a canvas.
import { Camera } from "./camera.js";
import { hue, player } from "./text.js";

const INK = "#e7ecf3", FAINT = "rgba(231,236,243,0.62)", GRID = "rgba(148,170,200,0.075)", EDGE = "rgba(148,170,200,0.34)";
const BUBBLE_MS = 2500;
// Radii as shares of the world's extent, and the least in pixels.
const RADIUS = { body: [0.014, 8], shot: [0.0042, 2.5], item: [0.0095, 5] };

export class Stage {
  constructor(canvas) {
    this.canvas = canvas;
    this.ctx = canvas.getContext("2d");
    this.camera = new Camera();
    this.bubbles = new Map(); // slot → { text, until }
    this.zRange = [Infinity, -Infinity];
    this.last = 0;
    this.ownPx = null;
  }

  say(slot, text, now) {
    this.bubbles.set(slot, { text, until: now + BUBBLE_MS });
  }

  resize() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const { clientWidth: w, clientHeight: h } = this.canvas;
    if (this.canvas.width !== Math.round(w * ratio) || this.canvas.height !== Math.round(h * ratio)) {
      this.canvas.width = Math.round(w * ratio);
      this.canvas.height = Math.round(h * ratio);
    }
    this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    return { w, h };
  }

  // draw shows one moment: frame is what Playback.at said.
  draw(now, frame, look, slot, roster) {
    const size = this.resize(), { ctx } = this;
    ctx.clearRect(0, 0, size.w, size.h);
    if (size.w === 0 || size.h === 0) return;
    const bounds = look.bounds(frame.b);
    const dt = Math.min(250, now - this.last);
    this.last = now;
    const things = this.things(frame, look, slot);
    const own = things.find((t) => t.own && t.look.role === "body") ?? null;
    const cam = this.camera.look(size, things, own, bounds, dt);
    this.ownPx = null;
    if (!cam) return;
    this.cam = cam;
    this.now = now;
    this.ground(size, bounds);
    const rank = { item: 0, shot: 1, body: 2 };
    things.sort((a, b) => rank[a.look.role] - rank[b.look.role] || a.own - b.own);
    for (const t of things) this.thing(t, roster);
    for (const t of things) if (t.look.role === "body") this.label(t, roster);
    if (own) this.ownPx = this.px(own);
  }

  px({ x, y }) {
    return { x: x * this.cam.scale + this.cam.x, y: y * this.cam.scale + this.cam.y };
  }

  // reach is how far a thing's drawing goes: an arrow's tip is beyond its radius.
  reach(thing) {
    return this.radius(thing) * (thing.angle === undefined ? 1 : 1.5);
  }

  // things are all placed entities of the frame's second state, on their way from the first.
  things({ a, b, t }, look, slot) {
    const kinds = look.kinds.length, out = [], jump = (this.camera.span ?? Infinity) / 4;
    for (const k of look.placed) {
      for (const section of [k.index, k.index + kinds]) {
        const { ids, rows } = b.sections[section];
        ids.forEach((id, i) => out.push(this.between(k, a.row(section, id), rows[i], t, jump, slot, section >= kinds)));
      }
    }
    return out;
  }

  between(look, before, row, t, jump, slot, secret) {
    const thing = {
      look, row, x: look.get(row, look.x), y: look.get(row, look.y), angle: look.get(row, look.heading), z: look.get(row, look.z),
      owner: look.owner < 0 ? -1 : row[look.owner], health: look.share(row), secret,
    };
    thing.own = (thing.owner === slot && slot !== null) || secret;
    if (!before) return thing;
    const x = look.get(before, look.x), y = look.get(before, look.y);
    if (Math.hypot(thing.x - x, thing.y - y) > jump) return thing;
    [thing.dx, thing.dy] = [thing.x - x, thing.y - y];
    thing.x = x + thing.dx * t;
    thing.y = y + thing.dy * t;
    if (look.heading >= 0) {
      const from = look.get(before, look.heading);
      const turn = ((thing.angle - from + 3 * Math.PI) % (2 * Math.PI)) - Math.PI;
      thing.angle = from + turn * t;
    }
    return thing;
  }

  ground({ w, h }, bounds) {
    const { ctx, cam } = this;
    const step = niceStep(70 / cam.scale);
    ctx.strokeStyle = GRID;
    ctx.lineWidth = 1;
    ctx.beginPath();
    for (let x = Math.ceil(-cam.x / cam.scale / step) * step; x * cam.scale + cam.x < w; x += step) {
      const p = Math.round(x * cam.scale + cam.x) + 0.5;
      ctx.moveTo(p, 0);
      ctx.lineTo(p, h);
    }
    for (let y = Math.ceil(-cam.y / cam.scale / step) * step; y * cam.scale + cam.y < h; y += step) {
      const p = Math.round(y * cam.scale + cam.y) + 0.5;
      ctx.moveTo(0, p);
      ctx.lineTo(w, p);
    }
    ctx.stroke();
    if (!bounds) return;
    const a = this.px({ x: bounds.x0, y: bounds.y0 }), b = this.px({ x: bounds.x1, y: bounds.y1 });
    ctx.fillStyle = "rgba(4,7,12,0.5)";
    ctx.beginPath();
    ctx.rect(0, 0, w, h);
    ctx.rect(a.x, a.y, b.x - a.x, b.y - a.y);
    ctx.fill("evenodd");
    ctx.strokeStyle = EDGE;
    ctx.lineWidth = 1.5;
    ctx.strokeRect(a.x, a.y, b.x - a.x, b.y - a.y);
  }

  radius({ look, row }) {
    const told = look.get(row, look.radius);
    if (told > 0) return Math.max(3, told * this.cam.scale);
    const [share, least] = RADIUS[look.role];
    return Math.max(least, share * this.camera.span * this.cam.scale);
  }

  colour(thing, alpha = 1) {
    const { look, owner, z } = thing;
    let light = 66;
    if (z !== undefined && look.z !== look.y) {
      const range = this.zRange;
      range[0] = Math.min(range[0], z);
      range[1] = Math.max(range[1], z);
      if (range[1] > range[0]) light = 42 + 36 * ((z - range[0]) / (range[1] - range[0]));
    }
    if (owner >= 0) return `hsl(${hue(owner)} 75% ${light}% / ${alpha})`;
    return `hsl(${(150 + look.index * 67) % 360} 45% ${light}% / ${alpha})`;
  }

  thing(t, roster) {
    const p = this.px(t), r = this.radius(t), { ctx } = this;
    const size = { w: this.canvas.clientWidth, h: this.canvas.clientHeight };
    if (p.x < -50 || p.y < -50 || p.x > size.w + 50 || p.y > size.h + 50) return;
    const dead = t.health === 0, away = roster.get(t.owner)?.away;
    ctx.globalAlpha = dead ? 0.4 : away ? 0.5 : 1;
    if (t.look.role === "body") this.body(t, p, r, dead);
    else if (t.look.role === "shot") this.shot(t, p, r);
    else this.item(t, p, r);
    ctx.globalAlpha = 1;
  }

  body(t, p, r, dead) {
    const { ctx } = this;
    if (t.own && !dead) {
      ctx.fillStyle = this.colour(t, 0.16);
      circle(ctx, p, this.reach(t) + 8);
      ctx.fill();
    }
    ctx.fillStyle = this.colour(t);
    ctx.strokeStyle = t.own ? "#ffffff" : "rgba(6,9,14,0.85)";
    ctx.lineWidth = t.own ? 2 : 1.5;
    if (t.angle === undefined) circle(ctx, p, r);
    else arrow(ctx, p, r, t.angle);
    if (dead) ctx.strokeStyle = this.colour(t);
    else ctx.fill();
    ctx.stroke();
    if (!dead && t.look.flags.some((i) => t.row[i] !== 0)) {
      ctx.strokeStyle = "rgba(160,210,255,0.75)";
      ctx.lineWidth = 1.5;
      circle(ctx, p, this.reach(t) + 2);
      ctx.stroke();
    }
    if (t.health !== undefined && !dead && (t.own || t.health < 1)) this.bar(p, this.reach(t), t.health);
  }

  bar(p, reach, share) {
    const { ctx } = this, w = Math.max(26, reach * 1.6), x = p.x - w / 2, y = p.y - reach - 11;
    ctx.fillStyle = "rgba(4,7,12,0.8)";
    ctx.fillRect(x - 1, y - 1, w + 2, 6);
    ctx.fillStyle = share > 0.5 ? "#58d68d" : share > 0.25 ? "#f4c95d" : "#f2727d";
    ctx.fillRect(x, y, w * share, 4);
  }

  shot(t, p, r) {
    const { ctx } = this;
    if (t.dx !== undefined && (t.dx || t.dy)) {
      const length = Math.min(1, (r * 7) / (Math.hypot(t.dx, t.dy) * this.cam.scale));
      ctx.strokeStyle = this.colour(t, 0.45);
      ctx.lineWidth = r;
      ctx.lineCap = "round";
      ctx.beginPath();
      ctx.moveTo(p.x, p.y);
      ctx.lineTo(p.x - t.dx * length * this.cam.scale, p.y - t.dy * length * this.cam.scale);
      ctx.stroke();
    }
    ctx.fillStyle = "#fff";
    circle(ctx, p, r);
    ctx.fill();
  }

  item(t, p, r) {
    const { ctx } = this;
    ctx.fillStyle = this.colour(t, 0.22);
    ctx.strokeStyle = this.colour(t);
    ctx.lineWidth = 1.75;
    ctx.beginPath();
    ctx.roundRect(p.x - r, p.y - r, 2 * r, 2 * r, r * 0.4);
    ctx.fill();
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(p.x - r * 0.45, p.y);
    ctx.lineTo(p.x + r * 0.45, p.y);
    ctx.moveTo(p.x, p.y - r * 0.45);
    ctx.lineTo(p.x, p.y + r * 0.45);
    ctx.stroke();
  }

  label(t, roster) {
    if (t.owner < 0 || !roster.has(t.owner)) return;
    const { ctx } = this, p = this.px(t), reach = this.reach(t), who = roster.get(t.owner);
    ctx.font = `${t.own ? 600 : 500} 12px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.lineWidth = 3;
    ctx.strokeStyle = "rgba(6,9,14,0.85)";
    const text = player(roster, t.owner) + (who.away ? " (away)" : "");
    ctx.strokeText(text, p.x, p.y + reach + 16);
    ctx.fillStyle = t.health === 0 ? "rgba(231,236,243,0.35)" : t.own ? INK : FAINT;
    ctx.fillText(text, p.x, p.y + reach + 16);
    const bubble = this.bubbles.get(t.owner);
    if (!bubble || bubble.until < this.now) return;
    ctx.font = bubble.text.length > 4 ? "14px system-ui, sans-serif" : "22px system-ui, sans-serif";
    ctx.strokeText(bubble.text, p.x, p.y - reach - 20);
    ctx.fillStyle = INK;
    ctx.fillText(bubble.text, p.x, p.y - reach - 20);
  }
}

function circle(ctx, p, r) {
  ctx.beginPath();
  ctx.arc(p.x, p.y, r, 0, 2 * Math.PI);
}

// arrow is a body that shows where it heads.
function arrow(ctx, p, r, angle) {
  const at = (turn, d) => [p.x + Math.cos(angle + turn) * d, p.y + Math.sin(angle + turn) * d];
  ctx.beginPath();
  ctx.moveTo(...at(0, r * 1.45));
  ctx.lineTo(...at(2.45, r * 1.2));
  ctx.lineTo(...at(Math.PI, r * 0.55));
  ctx.lineTo(...at(-2.45, r * 1.2));
  ctx.closePath();
}

// niceStep is the next of 1, 2, 5 · 10^n.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((m) => m * power >= least) ?? 10);
}
