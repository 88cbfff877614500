// The server's HTTP calls that the pages make, and what to tell the player when one is refused.

const TIMEOUT_MS = 15_000;

// Refused is a call that was not served; its message is a sentence for the player.
export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

const SENTENCES = {
  room_unknown: "There is no such room. It may have ended.",
  game_unknown: "This server does not have that game.",
  ended: "This room has ended.",
  full: "This room is full.",
  locked: "This room is locked: nobody else can come in.",
  already_seated: "You already have a seat in this room.",
  too_many_rooms: "The server has no place for another room right now.",
};

const BY_STATUS = {
  404: "There is no such game or room here.",
  409: "This room is full.",
  410: "This room has ended.",
  429: "Too many requests from here. Wait a moment.",
  503: "The server cannot take you right now.",
  504: "The server took too long; it may have worked.",
};

async function call(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: "no-store",
    });
  } catch {
    throw new Refused("The server does not answer.", 0);
  }
  const json = await answer.json().catch(() => null);
  if (answer.ok && json !== null) return json;
  const known = SENTENCES[json?.code] ?? (json?.code === "refused" && json.detail) ?? BY_STATUS[answer.status];
  throw new Refused(known || json?.detail || `The server answered ${answer.status}.`, answer.status);
}

const list = (json, name) => (Array.isArray(json) ? json : json[name] ?? []);

export const games = async () => list(await call("/v1/games"), "games");

// rooms are the public rooms that have not ended.
export async function rooms() {
  const found = list(await call("/v1/rooms?limit=100"), "rooms");
  return found.filter((r) => r.state !== "ended").map((r) => ({ ...r, taken: r.taken ?? r.players ?? r.max_players - r.free }));
}

// seat gets a place in a room, or in any room of a game: { room, url, token }.
export async function seat({ game, room, name, watch }) {
  if (!room) return call("/v1/join", { game, player: { name } });
  const player = watch ? { name, role: "spectator" } : { name };
  const answer = await call(`/v1/rooms/${encodeURIComponent(room)}/seats`, { players: [player] });
  return answer.seats[0];
}

// lookup asks where a room is now.
export async function lookup(room) {
  try {
    const found = await call(`/v1/rooms/${encodeURIComponent(room)}`);
    return found.state === "ended" ? { gone: true } : { url: found.url };
  } catch (err) {
    return { gone: err.status === 404 || err.status === 410 };
  }
}
