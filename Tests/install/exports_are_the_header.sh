#!/usr/bin/env bash
# The library exports the functions of the header with their version and nothing else, needs no Swift library,
# carries its soname, and is small.
set -euo pipefail
library=$1/libhearth.so
runtime=$2
here=$(cd "$(dirname "$0")" && pwd)
header=$here/../../include/hearth.h
declared=$(tr '\n' ' ' <"$header" | grep -oE 'HEARTH_API [^;(]*\bhearth_[a-z0-9_]+ ?\(' |
    grep -oE 'hearth_[a-z0-9_]+ ?\($' | tr -d ' (' | sort)
exported=$(nm -D --defined-only --with-symbol-versions "$library" | grep -v ' A HEARTH_0$' |
    awk '{print $3}' | sort)
wanted=$(sed 's/$/@@HEARTH_0/' <<<"$declared")
diff <(echo "$wanted") <(echo "$exported") || { echo "< declared, > exported"; exit 1; }
test "$(wc -l <<<"$declared")" -gt 60

dynamic=$(readelf -d "$library")
grep -q 'SONAME.*\[libhearth.so.0\]' <<<"$dynamic"
grep -q 'FLAGS.*NOW' <<<"$dynamic"
readelf -lW "$library" | grep -q GNU_RELRO
! readelf -lW "$library" | grep 'GNU_STACK' | grep -q 'RWE'
if [ "$runtime" = embedded ]; then
    ! grep -q 'RUNPATH\|RPATH' <<<"$dynamic"
    needed=$(grep NEEDED <<<"$dynamic" | grep -oE '\[[^]]+' | tr -d '[' |
        grep -vE '^(libc|libm|libuv|libcrypto|libssl|libz|libjose|libjansson)\.so' || true)
    [ -z "$needed" ] || { echo "needs $needed"; exit 1; }
    size=$(stat -Lc %s "$library")
    [ "$size" -lt 1100000 ] || { echo "$size bytes"; exit 1; }
fi
