#!/usr/bin/env bash
# A C program in an empty folder builds with what pkg-config says of the installed copy, and runs.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/installed" >/dev/null
cp "$here/program.c" "$folder"
cd "$folder"
pc=$(dirname "$(find installed -name hearth.pc)")
export PKG_CONFIG_PATH=$folder/$pc
test "$(find installed/include -type f)" = installed/include/hearth.h
# shellcheck disable=SC2046 # words are wanted
cc -Wall -Werror -std=c99 -o program program.c $(pkg-config --cflags --libs hearth)
library=$(pkg-config --variable=libdir hearth)
test "$(LD_LIBRARY_PATH=$library ./program)" = "$(pkg-config --modversion hearth)"
c++ -Wall -Werror -x c++ -o program++ program.c $(pkg-config --cflags --libs hearth)
LD_LIBRARY_PATH=$library ./program++ >/dev/null
