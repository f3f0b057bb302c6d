#!/usr/bin/env bash
# Counts the retains and releases of Swift objects while messages are echoed: a thousand messages more must not
# make one more. Valgrind counts the calls; the library has to keep its symbols for that.
set -euo pipefail
build=$1
program=$build/Tests/c/test-steady_echo_allocates_nothing
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$build/libhearth.debug.so" "$folder/libhearth.so.0"
export LD_LIBRARY_PATH=$folder

# calls MESSAGES: how often swift_retain or swift_release were called in a run with so many messages
calls() {
    valgrind --tool=callgrind --fair-sched=yes --callgrind-out-file="$folder/out.$1" --dump-instr=no \
        "$program" default "$1" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
    awk '/^fn=|^cfn=/ {
            id = $0; sub(/^c?fn=/, "", id); name = id; sub(/^\([0-9]+\) ?/, "", name); sub(/\).*/, ")", id)
            if (name != "") names[id] = name
            if ($0 ~ /^cfn=/) called = names[id]
        }
        /^calls=/ { if (called ~ /^swift_(retain|release|bridgeObjectRetain|bridgeObjectRelease)/) {
            split($1, parts, "="); sum += parts[2] } }
        END { print sum + 0 }' "$folder/out.$1"
}

nm "$build/libhearth.debug.so" | grep ' swift_retain$' >/dev/null || { echo "there is no swift_retain"; exit 1; }
few=$(calls 1000)
many=$(calls 2000)
echo "$few retains and releases with 1000 messages, $many with 2000"
[ "$few" -gt 0 ] && [ "$((many - few))" -lt 10 ]
