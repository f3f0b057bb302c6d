#!/usr/bin/env bash
# `pip install` of the package into a fresh environment gives a server that works, by the library of the wheel alone.
#   wheel_needs_nothing.sh SOURCE_TREE     without a way to PyPI, where the build comes from, nothing can be said: 77
set -euo pipefail
source=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
python=$folder/venv/bin/python
pip() { "$python" -m pip --disable-pip-version-check -q "$@"; }
pip download --no-deps -d "$folder/probe" scikit-build-core || exit 77
pip install "$source/bindings/python"
test "$("$python" -m pip list --format=freeze | grep -cvE '^(pip|setuptools|wheel|hearth)\b')" = 0
cat > "$folder/program.py" <<'PROGRAM'
import asyncio
import pathlib

import hearth

server = hearth.Server("127.0.0.1:0")


@server.route("/echo")
async def session(connection):
    async for message in connection:
        await connection.send(message)


async def exchange(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.write(b"\x81\x82\0\0\0\0hi")
    assert await reader.readexactly(4) == b"\x81\x02hi"
    writer.close()


async def main():
    async with server:
        await asyncio.wait_for(exchange(server.port), 20)


asyncio.run(main())
package = pathlib.Path(hearth.__file__).parent
loaded = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
names = ("libhearth", "libuv", "libjose", "libjansson")
ours = [path for path in loaded if pathlib.Path(path).name.startswith(names)]
assert len(ours) >= 2 and all(path.startswith(str(package)) for path in ours), ours
assert (package / "py.typed").exists()
PROGRAM
cd "$folder"
env -i PATH=/usr/bin:/bin "$python" -I program.py
