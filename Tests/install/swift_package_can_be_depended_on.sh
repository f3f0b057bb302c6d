#!/usr/bin/env bash
# A Swift program in an empty folder depends on the package by a version and builds: a package with unsafe flags
# could not be depended on so.
set -euo pipefail
root=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/hearth" "$folder/program/Sources/program"
cd "$root"
git ls-files --cached --others --exclude-standard | while read -r file; do
    [ ! -f "$file" ] || cp --parents "$file" "$folder/hearth"
done
cd "$folder/hearth"
git init -q
git add -A
git -c user.name=test -c user.email=test@localhost commit -qm "copy"
git tag 0.1.0
cd "$folder/program"
cat >Package.swift <<'END'
// swift-tools-version: 6.2
import PackageDescription
let package = Package(
    name: "program", platforms: [.macOS(.v15)],
    dependencies: [.package(url: "file://FOLDER/hearth", from: "0.1.0")],
    targets: [
        .executableTarget(name: "program", dependencies: [.product(name: "Hearth", package: "hearth")])
    ])
END
sed -i "s|FOLDER|$folder|" Package.swift
cat >Sources/program/main.swift <<'END'
import Hearth

let server = try Server(listen: "127.0.0.1:0")
try server.start()
precondition(server.port > 0)
END
unset HEARTH_EMBEDDED HEARTH_C_LIBRARY HEARTH_FUZZ
swift build --disable-index-store 2>&1 | tail -30
test "${PIPESTATUS[0]}" = 0
"$(swift build --show-bin-path)/program"
