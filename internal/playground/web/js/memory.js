// What the browser remembers: the player's name for good, sessions for as long as the tab lives. A browser that forbids
// it only forgets.

const NAME = "ringside.name";
const FIRST = ["Swift", "Calm", "Bright", "Bold", "Quiet", "Lucky", "Keen", "Merry"];
const SECOND = ["Otter", "Falcon", "Badger", "Heron", "Lynx", "Marten", "Raven", "Fox"];

const of = (words) => words[Math.floor(Math.random() * words.length)];

function attempt(fn) {
  try {
    return fn();
  } catch {
    return null;
  }
}

export function playerName() {
  const kept = attempt(() => localStorage.getItem(NAME));
  return kept || keepName(`${of(FIRST)} ${of(SECOND)}`);
}

export function keepName(name) {
  const clean = name.trim().slice(0, 32);
  if (clean) attempt(() => localStorage.setItem(NAME, clean));
  return clean || playerName();
}

const sessionOf = (game) => `ringside.session.${game}`;

export function keepSession(game, session) {
  attempt(() => sessionStorage.setItem(sessionOf(game), JSON.stringify({ ...session, at: Date.now() })));
}

export function dropSession(game) {
  attempt(() => sessionStorage.removeItem(sessionOf(game)));
}

// keptSession is the tab's session of a game, if it is of that room (or any is wanted) and its seat may still be held.
export function keptSession(game, room) {
  const kept = attempt(() => JSON.parse(sessionStorage.getItem(sessionOf(game))));
  if (!kept?.key || (room && kept.room !== room) || Date.now() - kept.at > (kept.grace ?? 30_000)) return null;
  return kept;
}
