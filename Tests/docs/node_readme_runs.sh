#!/usr/bin/env bash
# The first program of the Node package's page runs, installed by npm into an empty folder without a network.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$root/bindings/node" "$folder/hearth"
cp "$root/build/hearth.node" "$folder/hearth/"
mkdir "$folder/program"
cd "$folder/program"
echo '{"name": "program", "type": "module", "private": true}' >package.json
npm install --offline --no-audit --no-fund --install-links ../hearth >npm.log 2>&1 || { cat npm.log; exit 1; }
awk '/^```js$/ { on = !seen; seen = 1; next } /^```$/ { on = 0 } on' "$root/bindings/node/README.md" \
    | sed 's/port: 8000/port: 0/' >program.mjs
cat >>program.mjs <<'EOF'
const peers = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${server.port}/ws/one`));
await Promise.all(peers.map((peer) => new Promise((resolve) => (peer.onopen = resolve))));
const told = new Promise((resolve) => (peers[1].onmessage = ({ data }) => resolve(data)));
peers[0].send("hello");
console.log(await told);
await server.close();
EOF
test "$(timeout 20 node --experimental-websocket program.mjs)" = hello
# The folder itself can be installed too, where the library was built; CommonJS has the same.
npm install --offline --no-audit --no-fund "$root/bindings/node" >npm.log 2>&1 || { cat npm.log; exit 1; }
test "$(timeout 20 node -p 'typeof require("hearth").Server')" = function
