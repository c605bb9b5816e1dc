#!/bin/sh
# SPDX-License-Identifier: MIT
# What libganger.so exports is what ganger.h declares, each name with the version that libganger.map gives it; and nothing that was
# ever released has gone (lib/libganger.abi, one name a line, to which a release adds).
set -eu

top=${srcdir:-.}
library=$(find . -path '*/.libs/libganger.so' | head -n 1)
[ -n "$library" ] || { echo "libganger.so is not built"; exit 99; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

differ() { # WHAT FILE FILE
        if ! diff "$2" "$3" >"$dir/diff"; then
                echo "$1:"
                cat "$dir/diff"
                bad=1
        fi
}

nm -D --defined-only --with-symbol-versions "$library" | sed -n 's/.* T \(ganger_[a-z_]*@@GANGER_[0-9]*\)$/\1/p' | sort >"$dir/exported"
nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | grep -v '^ganger_' >"$dir/foreign" || :
awk '/^GANGER_/ { version = $1 } /^ *ganger_.*;$/ { sub(/;/, ""); print $1 "@@" version }' "$top/lib/libganger.map" | sort >"$dir/mapped"
tr '\n' ' ' <"$top/lib/ganger.h" | sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/, ,g' | grep -oE '\bganger_[a-z_]+ *\(' | tr -d ' (' | sort -u >"$dir/declared"
sed 's/@@.*//' "$dir/mapped" | sort >"$dir/mapped.names"

differ "exported (<) is not what libganger.map says (>)" "$dir/exported" "$dir/mapped"
differ "declared in ganger.h (<) is not what libganger.map says (>)" "$dir/declared" "$dir/mapped.names"
if [ -s "$dir/foreign" ]; then
        echo "exported without the prefix: $(cat "$dir/foreign")"
        bad=1
fi
if comm -23 "$top/lib/libganger.abi" "$dir/exported" | grep .; then
        echo "these were released, and are gone: an ABI is for ever"
        bad=1
fi
[ "$(wc -l <"$dir/exported")" -gt 20 ] || { echo "this test sees nothing"; bad=1; }
[ $bad -ne 0 ] || echo "libganger: $(wc -l <"$dir/exported") functions"
exit $bad
