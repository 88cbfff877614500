// What Dredd has to arrange so that the live server gives each documented answer: a room to read, a
// seat to free, a ticket that waits, a request that is wrong in the way the answer says.
"use strict";

const hooks = require("hooks");

// These need a server in trouble, one with API keys, or a client that keeps asking.
const cannotBeArranged = new Set([401, 403, 408, 429, 500, 501, 503, 504]);

const mustFind = (found, what) => {
  if (!found) throw new Error(what);
  return found;
};

async function call(base, method, path, body, headers) {
  const answer = await fetch(base + path, {
    method, headers: { "Content-Type": "application/json", ...headers }, body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

class Arrange {
  constructor(t) {
    this.t = t;
    this.base = `${t.protocol}//${t.host}:${t.port}`;
    this.status = Number(t.expected.statusCode);
    this.call = `${t.request.method} ${t.origin.resourceName}`;
    this.body = t.request.body ? JSON.parse(t.request.body) : null;
  }

  room(extra) {
    return call(this.base, "POST", "/v1/rooms", { game: "arena", metadata: { mode: "ctf" }, ...extra });
  }

  seat(id, player) {
    return call(this.base, "POST", `/v1/rooms/${id}/seats`, { players: [player] });
  }

  ticket(queue, player) {
    return call(this.base, "POST", "/v1/tickets", { queue, players: [player ?? {}] });
  }

  // A ticket whose match is made: the queue needs two.
  async matched() {
    const [ticket] = [await this.ticket("duel"), await this.ticket("duel")];
    for (let tries = 0; tries < 50; tries++) {
      const path = `/v1/tickets/${ticket.id}`;
      const answer = await fetch(`${this.base}${path}?wait=1s`, { headers: { "If-None-Match": 'W/"1"' } });
      if (answer.status === 200 && (await answer.json()).state === "matched") return ticket;
    }
    throw new Error("two tickets of the queue duel were not matched");
  }

  at(id, seat) {
    this.t.fullPath = this.t.origin.resourceName.replace("{id}", id).replace("{seat}", seat);
  }

  send(body) {
    this.t.request.body = JSON.stringify(body);
  }

  // The ticket the call is about: as the expected answer wants it.
  async ticketSubject() {
    const ticket = this.status === 409 ? await this.matched() : await this.ticket("crowd");
    if (this.status === 200 && this.call.endsWith("/events")) {
      await call(this.base, "DELETE", `/v1/tickets/${ticket.id}`); // the events of one that waits do not end
    }
    if (this.status === 304) this.t.request.headers["If-None-Match"] = 'W/"1"';
    this.at(ticket.id);
  }

  // The room the call is about: as the expected answer wants it.
  async subject() {
    if (this.status === 404) return this.at("none", 1);
    if (this.call.includes("/v1/tickets/")) return this.ticketSubject();
    const room = await this.room();
    const granted = await this.seat(room.id, { id: "ann" });
    if (this.status === 410 || this.call.endsWith("/result") && this.status === 200 || this.call.endsWith("/events") && this.status === 200) {
      await call(this.base, "DELETE", `/v1/rooms/${room.id}`);
    }
    if (this.status === 409 && this.call.endsWith("/seats")) {
      await call(this.base, "PATCH", `/v1/rooms/${room.id}`, { locked: true }, { "If-Match": "*" });
    }
    this.at(room.id, granted.seats[0].seat);
    return room;
  }

  // A request that is wrong in the way that the expected status says, if that is about the request alone.
  spoil() {
    const { request } = this.t;
    switch (this.status) {
      case 400: request.body = "{"; break;
      case 412: request.headers["If-Match"] = '"0"'; break;
      case 413: request.body = JSON.stringify({ game: "x".repeat(70000) }); break;
      case 415: request.headers["Content-Type"] = "text/xml"; break;
      case 422: this.t.fullPath += "?nonsense=1"; break;
      case 428: delete request.headers["If-Match"]; break;
    }
  }

  async run() {
    const { t } = this;
    if (cannotBeArranged.has(this.status) || this.call === "GET /v1/lobby/events" && this.status === 200) {
      t.skip = true; // the lobby's events do not end, and Dredd reads to the end
      return;
    }
    // Dredd takes every documented header for a promise: these are sent when there is something to say.
    for (const optional of ["Link", "Idempotent-Replayed", "Retry-After"]) delete t.expected.headers[optional];
    if (t.origin.resourceName.includes("{id}")) await this.subject();
    await this.special();
    this.spoil();
  }

  async special() {
    switch (`${this.call} ${this.status}`) {
      case "POST /v1/rooms 404":
        return this.send({ game: "no-such-game" });
      case "POST /v1/rooms 410": {
        const key = { "Idempotency-Key": `dredd-${Date.now()}` };
        const room = await call(this.base, "POST", "/v1/rooms", this.body, key);
        await call(this.base, "DELETE", `/v1/rooms/${room.id}`);
        return Object.assign(this.t.request.headers, key);
      }
      case "POST /v1/tickets 404":
        return this.send({ ...this.body, queue: "no-such-queue" });
      case "POST /v1/tickets 409": {
        const player = { id: `dredd-${Date.now()}` };
        await this.ticket("crowd", player);
        return this.send({ queue: "crowd", players: [player] });
      }
      case "POST /v1/join 200": {
        const room = await this.room({ visibility: "private" });
        return this.send({ code: mustFind(room.code, "a private room has no code") });
      }
      case "POST /v1/join 201":
        return this.send({ ...this.body, filters: { dredd: String(Date.now()) } });
      case "POST /v1/join 404":
        return this.send({ game: "no-such-game" });
      case "POST /v1/join 409":
      case "POST /v1/join 410": {
        const room = await this.room({ visibility: "private" });
        const body = { code: room.code };
        const key = { "Idempotency-Key": `dredd-${Date.now()}` };
        if (this.status === 409) {
          await call(this.base, "PATCH", `/v1/rooms/${room.id}`, { locked: true }, { "If-Match": "*" });
          return this.send(body);
        }
        const seat = await call(this.base, "POST", "/v1/join", body, key);
        await call(this.base, "DELETE", `/v1/rooms/${room.id}/seats/${seat.seat}`);
        Object.assign(this.t.request.headers, key);
        return this.send(body);
      }
    }
  }
}

hooks.beforeEach((transaction, done) => {
  new Arrange(transaction).run().then(() => done(), (error) => {
    transaction.fail = String(error);
    done();
  });
});
