#!/usr/bin/env bash
# Checks the OpenAPI document of a running server, and the server against it.
#
#   test/openapi/run.sh http://127.0.0.1:7777
#
# The server must let callers without a key act as a game's server, have the game "arena" and the queues of queues.yaml:
# `go run ./server -queues test/openapi/queues.yaml` does. It is left with a few rooms and tickets.
# Needs Node 20 with npm; brings spectral, redocly and dredd in pinned versions.
set -euo pipefail

base=${1:?usage: run.sh http://HOST:PORT}
base=${base%/}
cd "$(dirname "${BASH_SOURCE[0]}")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[[ -d node_modules && node_modules -nt package-lock.json ]] || npm ci --ignore-scripts --no-audit --no-fund

fetch() { # url
  node -e 'fetch(process.argv[1]).then(async r => { if (!r.ok) throw new Error(`${r.url}: ${r.status}`); process.stdout.write(await r.text()) })' "$1"
}

for file in openapi.json openapi.yaml openapi-3.0.json; do
  fetch "$base/$file" >"$work/$file"
done

failed=0
for file in openapi.json openapi.yaml; do
  npx --no-install spectral lint --ruleset spectral.yaml --fail-severity warn "$work/$file" || failed=1
  npx --no-install redocly lint --config redocly.yaml --max-problems 50 "$work/$file" || failed=1
done
# Dredd reads OpenAPI 3.0 and has much to say about the keywords it passes over.
npx --no-install dredd "$work/openapi-3.0.json" "$base" --hookfiles hooks.js --loglevel error || failed=1
exit "$failed"
