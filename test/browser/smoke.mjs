// Two people play arena in Chromium against the real server:
//   RINGSIDE_BIN=/path/to/ringside npm test
// Screenshots and the server's log are left in out/.
import assert from "node:assert/strict";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { startServer } from "./server.mjs";
import { chromium } from "playwright-core";

const OUT = path.join(import.meta.dirname, "out");
const WAIT_MS = 20_000; // a busy machine may take its time; a healthy one needs 2 s in all
const HASH_MS = 3_000; // the server sends a hash every 2 s
const MOVE = 0.5; // world units: what nobody moves by rounding

// state is what a page's hooks say, as plain data.
const state = (page) =>
  page.evaluate(() => ({
    body: document.body.dataset.state,
    people: document.querySelectorAll("#roster [data-slot]:not([data-bot])").length,
    slot: window.ringside?.slot,
    stats: { ...window.ringside?.stats },
    entities: window.ringside?.entities().length,
  }));

// until polls a condition inside the page and says what it waited for.
async function until(page, what, condition, arg) {
  try {
    await page.waitForFunction(condition, arg, { timeout: WAIT_MS, polling: 50 });
  } catch (err) {
    const now = await state(page).catch(() => "no hooks: is window.ringside set?");
    throw new Error(`${page.name}: waited ${WAIT_MS} ms until ${what}; now ${JSON.stringify(now)}`, { cause: err });
  }
}

// openPage gives each player a browser context of their own, as two machines would.
async function openPage(browser, name, faults) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  const page = await context.newPage();
  page.name = name;
  page.on("pageerror", (err) => faults.push(`${name}: ${err.stack ?? err}`));
  page.on("console", (msg) => msg.type() === "error" && console.error(`  ${name} console: ${msg.text()}`));
  return page;
}

async function visit(page, url) {
  const answer = await page.goto(url);
  assert.equal(answer.status(), 200, `GET ${url}`);
}

async function inviteLink(page) {
  await until(page, "#invite holds a link", () => {
    const el = document.querySelector("#invite");
    return Boolean(el && (el.value || el.href));
  });
  return page.$eval("#invite", (el) => new URL(el.value || el.href, location.href).href);
}

// ownedBy finds the entity of a player in another player's view.
const ownedBy = (page, slot) =>
  page.evaluate((owner) => {
    const e = window.ringside.entities().find(({ fields }) => fields.owner === owner && "x" in fields && "y" in fields);
    return e && { kind: e.kind, id: e.id, x: e.fields.x, y: e.fields.y };
  }, slot);

// moveIsSeen holds D in one page until the other one sees the player go right.
async function moveIsSeen(mover, watcher) {
  const slot = await mover.evaluate(() => window.ringside.slot);
  await mover.bringToFront();
  await mover.keyboard.down("KeyA"); // off the right edge, where D would do nothing
  await mover.waitForTimeout(400);
  await mover.keyboard.up("KeyA");
  await mover.waitForTimeout(400);
  // Bots shoot: between two lives there is nothing to see.
  await until(watcher, `an entity with owner ${slot} is there`, (owner) => window.ringside.entities().some(({ fields }) => fields.owner === owner && "x" in fields), slot);
  const from = await ownedBy(watcher, slot);
  assert.ok(from, `${watcher.name}: the entity of slot ${slot} is gone`);
  await mover.keyboard.down("KeyD");
  await until(
    watcher,
    `slot ${slot}, which holds D, has moved right from ${JSON.stringify(from)}`,
    ({ kind, owner, x, by }) => window.ringside.entities().some((e) => e.kind === kind && e.fields.owner === owner && e.fields.x > x + by),
    { kind: from.kind, owner: slot, x: from.x, by: MOVE },
  );
  await mover.keyboard.up("KeyD");
  return { slot, from, to: await ownedBy(watcher, slot) };
}

async function hashesAgree(page) {
  await until(page, "a state hash was checked", () => window.ringside.stats.hashChecks > 0);
  const { stats } = await state(page);
  assert.equal(stats.hashMismatches, 0, `${page.name}: hash mismatches in ${JSON.stringify(stats)}`);
  return stats;
}

async function play(url, one, two) {
  await visit(one, `${url}/`);
  await one.waitForSelector('a[href*="/play/arena"]', { timeout: WAIT_MS });
  console.log("ok: the front page lists arena");

  await visit(one, `${url}/play/arena`);
  const invite = await inviteLink(one);
  await visit(two, invite);
  for (const page of [one, two]) {
    await until(page, "playing with 2 people in the roster", () => {
      const people = document.querySelectorAll("#roster [data-slot]:not([data-bot])").length;
      return document.body.dataset.state === "playing" && people === 2;
    });
  }
  console.log(`ok: two people in one room by ${invite}`);

  const joined = Date.now();
  const { slot, from, to } = await moveIsSeen(one, two);
  console.log(`ok: page 2 saw slot ${slot} go from ${JSON.stringify(from)} to ${JSON.stringify(to)}`);

  await one.waitForTimeout(Math.max(0, HASH_MS - (Date.now() - joined)));
  for (const page of [one, two]) {
    const { hashChecks } = await hashesAgree(page);
    console.log(`ok: ${page.name}: ${hashChecks} hashes checked, no mismatch`);
  }
}

async function main() {
  const bin = process.env.RINGSIDE_BIN;
  assert.ok(bin, "set RINGSIDE_BIN to the built server: go build -o /tmp/ringside ./server");
  await rm(OUT, { recursive: true, force: true });
  await mkdir(OUT, { recursive: true });
  const log = await open(path.join(OUT, "server.log"), "w");
  const server = await startServer(bin, log.fd);
  const faults = [];
  let browser;
  try {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    const pages = [await openPage(browser, "page 1", faults), await openPage(browser, "page 2", faults)];
    try {
      await play(server.url, ...pages);
    } finally {
      for (const [i, page] of pages.entries()) {
        await page.screenshot({ path: path.join(OUT, `play-${i + 1}.png`) }).catch((err) => console.error(`screenshot ${i + 1}: ${err.message}`));
      }
      if (faults.length > 0) console.error(`uncaught in the pages:\n${faults.join("\n")}`);
    }
    assert.deepEqual(faults, [], "errors nobody caught in the pages");
  } finally {
    await browser?.close();
    await server.stop();
    await log.close();
  }
}

try {
  await main();
  console.log("PASS");
} catch (err) {
  console.error(`FAIL: ${err.message}`);
  const log = await readFile(path.join(OUT, "server.log"), "utf8").catch(() => "");
  if (log) console.error(`the end of the server's log:\n${log.split("\n").slice(-20).join("\n")}`);
  process.exitCode = 1;
}
