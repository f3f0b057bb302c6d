#!/usr/bin/env bash
# A CMake project in an empty folder finds the installed copy, builds against Hearth::hearth, and runs.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/installed" >/dev/null
mv "$folder/installed" "$folder/moved"
mkdir "$folder/project"
cp "$here/program.c" "$folder/project"
cat >"$folder/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.20)
project(consumer LANGUAGES C)
find_package(Hearth 0.1 REQUIRED)
add_executable(program program.c)
target_link_libraries(program PRIVATE Hearth::hearth)
END
cmake -S "$folder/project" -B "$folder/project/build" -DCMAKE_PREFIX_PATH="$folder/moved" >/dev/null
cmake --build "$folder/project/build" >/dev/null
"$folder/project/build/program"
sed -i 's/Hearth 0.1/Hearth 9.9/' "$folder/project/CMakeLists.txt"
! cmake -S "$folder/project" -B "$folder/newer" -DCMAKE_PREFIX_PATH="$folder/moved" >/dev/null 2>&1
