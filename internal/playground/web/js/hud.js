// Numbers about the link, the banner, and the sentence over the picture.
import { sentence } from "./close.js";
import { $, h, setText } from "./dom.js";
import { bytesPerSecond, json } from "./text.js";

const ms = (v) => (v === null || v === undefined ? "–" : `${Math.round(v)} ms`);

// showStats fills the bar and the list of numbers.
export function showStats(s) {
  setText($("#rtt"), ms(s.rttMs));
  setText($("#age"), ms(s.ageMs));
  setText($("#fps"), `${Math.round(s.framesPerSecond)}/s`);
  const rows = {
    "Round trip (least of 8)": ms(s.rttMs), "Age of the newest state": ms(s.ageMs), "State frames": `${s.framesPerSecond.toFixed(1)} /s`,
    In: bytesPerSecond(s.bytesInPerSecond), Out: bytesPerSecond(s.bytesOutPerSecond), "Frames skipped": s.skipped,
    "Hash checks": s.hashChecks, "Hash mismatches": s.hashMismatches, Snapshots: s.snapshots, Resyncs: s.resyncs,
    "Inputs waited": ms(s.earlyMs), Tick: s.tick, Epoch: s.epoch, Resumed: s.resumed,
  };
  const list = $("#stats");
  if (list.children.length === 0) list.append(...Object.keys(rows).map((k) => h("div", {}, h("dt", {}, k), h("dd"))));
  Object.values(rows).forEach((v, i) => setText(list.children[i].lastElementChild, String(v)));
  list.dataset.bad = s.hashMismatches > 0 ? "1" : "";
}

// showState is the one place where the page's state changes: joining, playing, reconnecting, ended or error.
export function showState(state) {
  document.body.dataset.state = state;
  setText($("#state"), { joining: "joining", playing: "live", reconnecting: "reconnecting", ended: "ended", error: "not connected" }[state]);
}

// showBanner tells how a reconnect goes; the seconds that pass are not read aloud each time.
export function showBanner(client, now) {
  const banner = $("#banner");
  banner.hidden = client?.phase !== "reconnecting";
  if (banner.hidden) return;
  const gone = now - client.lostAt, left = Math.max(0, client.grace - gone);
  setText($("#why"), client.reason ? sentence(client.reason) : "The connection was lost.");
  setText($("#wait"), `Reconnecting… ${Math.floor(gone / 1000)} s, seat held for ${Math.ceil(left / 1000)} s`);
}

// showMessage covers the picture with a sentence and what the player can do: actions are { text, href or click, primary }.
export function showMessage(heading, text, actions = [], details = null) {
  const box = $("#message");
  box.hidden = false;
  const buttons = actions.map(({ text, href, click, primary }) => {
    const el = href ? h("a", { href }, text) : h("button", { type: "button" }, text);
    el.className = `button${primary ? " primary" : " quiet"}`;
    if (click) el.addEventListener("click", click);
    return el;
  });
  box.replaceChildren(h("div", { className: "box" }, h("h2", {}, heading), h("p", {}, text), details, h("div", { className: "actions" }, ...buttons)));
  buttons[0]?.focus();
}

export function hideMessage() {
  $("#message").hidden = true;
}

// resultOf shows what a room ended with: JSON as tables, anything else as text.
export function resultOf(end) {
  if (!end || end.result.length === 0) return null;
  const text = new TextDecoder().decode(end.result);
  try {
    return h("div", { className: "result" }, json(JSON.parse(text)));
  } catch {
    return h("pre", { className: "result" }, text);
  }
}
