// One node of the built server, on a free port, with data that ends with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const READY_MS = 20_000;
const STOP_MS = 15_000; // a drain has its own deadline below this

export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

// startServer resolves once /readyz answers 200: { url, stop() }. logFd takes its output.
export async function startServer(bin, logFd) {
  const data = await mkdtemp(path.join(os.tmpdir(), "ringside-browser-"));
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(bin, ["-listen", listen, "-data", data, "-log-level", "info"], { stdio: ["ignore", logFd, logFd] });
  let ended = null; // what it ended with, once it has
  const exit = new Promise((resolve) => {
    child.on("exit", (code, signal) => resolve((ended = signal ?? code)));
    child.on("error", (err) => resolve((ended = err.message)));
  });

  const stop = async () => {
    if (ended === null) child.kill("SIGTERM");
    const deadline = sleep(STOP_MS, "late", { ref: false });
    if ((await Promise.race([exit, deadline])) === "late") child.kill("SIGKILL");
    await exit;
    await rm(data, { recursive: true, force: true });
  };

  const url = `http://${listen}`;
  for (const start = Date.now(); Date.now() - start < READY_MS; await sleep(100)) {
    if (ended !== null) break;
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.status === 200) return { url, stop };
  }
  const why = ended === null ? `not ready after ${READY_MS} ms` : `ended with ${ended}`;
  await stop();
  throw new Error(`server ${bin} ${why}`);
}
