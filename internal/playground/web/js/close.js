// Why a connection ended, and what comes next: docs/PROTOCOL.md §9. The texts are what the player reads.

export const STOP = "stop", RESUME = "resume", ASK = "matchmaker", FOLLOW = "moved";

const CODES = {
  4000: [STOP, "You left the room."],
  4001: [STOP, "The seat was not accepted: it has expired or was used before."],
  4002: [STOP, "This page and the server do not speak the same version. Reload the page."],
  4003: [STOP, "The server could not read what this page sent. Reload the page."],
  4004: [STOP, "This page sent something the server did not expect. Reload the page."],
  4005: [STOP, "This page sent a message that is too large."],
  4006: [STOP, "This page sent too much at once."],
  4007: [STOP, "You were removed from the room."],
  4008: [STOP, "There is no place left in the room."],
  4009: [STOP, "The room has ended."],
  4010: [STOP, "The game goes on in another tab or window."],
  4011: [STOP, "The server heard nothing from this page."],
  4012: [STOP, "The game failed, and the room has ended."],
  4100: [RESUME, "The connection was too slow."],
  4101: [RESUME, "The server is about to stop."],
  4102: [RESUME, "The server heard nothing for a while."],
  4103: [RESUME, "The room was restored."],
  4200: [ASK, "The room is gone."],
  4201: [ASK, "The seat is no longer held."],
  4300: [FOLLOW, "The room has moved."],
};

const BY_HUNDREDS = { 41: RESUME, 42: ASK, 43: FOLLOW };

// rule is what to do after a code. A code newer than the table goes by its hundreds; of WebSocket's own codes only those
// that mean a broken protocol stop.
export function rule(code) {
  if (CODES[code]) return CODES[code][0];
  if (code === 1002 || code === 1003) return STOP;
  if (code < 4000) return RESUME;
  return BY_HUNDREDS[Math.floor(code / 100)] ?? STOP;
}

export function sentence(code) {
  return CODES[code]?.[1] ?? "The connection was lost.";
}
