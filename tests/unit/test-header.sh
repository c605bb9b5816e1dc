#!/bin/sh
# SPDX-License-Identifier: MIT
# Who includes ganger.h need not write GNU C: it is plain C and plain C++, whatever the standard.
set -eu

header=$(cd "${srcdir:-.}/lib" && pwd)/ganger.h
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tried=0

check() { # COMPILER STANDARD SUFFIX
        command -v "$1" >/dev/null 2>&1 || return 0
        cat >"$dir/use.$3" <<-END
                #include "$header"
                #include "$header"
                int f(struct ganger *g);
                int f(struct ganger *g) { return ganger_ready(g); }
END
        "$1" -std="$2" -Wall -Wextra -Wpedantic -Werror -c "$dir/use.$3" -o "$dir/use.o"
        # Not mangled: it links to the C library.
        if command -v nm >/dev/null 2>&1 && ! nm "$dir/use.o" | grep -q ' U ganger_ready$'; then
                echo "$1 -std=$2: ganger_ready is mangled" >&2
                exit 1
        fi
        tried=$((tried + 1))
}

for compiler in g++ clang++; do
        for standard in c++11 c++17 c++20; do
                check "$compiler" "$standard" cc
        done
done
for compiler in gcc clang; do
        check "$compiler" c99 c
        check "$compiler" c17 c
done

if [ "$tried" -eq 0 ]; then
        echo "no compiler to try it with" >&2
        exit 77
fi
echo "ganger.h: $tried compilers and standards"
