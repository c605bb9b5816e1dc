# SPDX-License-Identifier: MIT
#
# The hunt for seeded faults, for the scripts faults-KIND, which say before they read this:
#
#   world     the folder of its world, of crashsim and of stepkill
#   group     the section of lib/shm/fault.h that must be found
#   shm       the files of lib/shm that these faults change
#   expected FAULT           the scenario of crashsim that should find it, and the budget, if not the standard one
#   expected_stepkill FAULT  the operation of stepkill that should find it too; nothing: none does
#
# Builds crashsim once for each fault, runs the scenario that should find it, and if that does not, all of them. A fault that
# nobody finds fails the test: then the checks are blind, or the fault is none.

. ./tests/crash/compiler
dir=tests/crash/faults-$world.d
lib="$top_srcdir/lib/shm"
sources="$top_srcdir/tests/crash"
flags="-std=gnu17 -O1 -w -fno-sanitize=all -D_GNU_SOURCE -include config.h -I. -I$top_srcdir/lib -I$sources -DQUEUE_HINT_INTERVAL=1 -DQUEUE_STEPS_LOST=0 -DQUEUE_PRODUCERS=2 -DQUEUE_HOLES_KEPT=1"

# Files of lib/shm that every world needs, whatever the fault; sys.c is simulated.
all_shm() {
        (cd "$lib" && ls -- *.c) | grep -vxE 'sys.c|region.c|seats.c'
}

# compile OUTPUT-FOLDER FLAGS FILE…
compile() {
        to=$1 extra=$2
        shift 2
        for file; do
                # shellcheck disable=SC2086
                $CC $flags $extra -c "$file" -o "$to/$(basename "$file").o" || return
        done
}

# With a fault: the files that it changes, and what actors do, which has the library's inline functions in it.
build() {
        mkdir -p "$dir/$1" || return
        cp "$dir"/common/*.o "$dir/$1" || return
        for file in $shm; do
                compile "$dir/$1" "-DSHM_FAULT=$1 -fsanitize=thread" "$lib/$file" || return
        done
        compile "$dir/$1" "-DSHM_FAULT=$1 -fsanitize=thread" "$sources/$world/ops.c" "$sources/$world/scenarios.c" || return
        compile "$dir/$1" "-DSHM_FAULT=$1" "$sources/$world/world.c" || return
        $CC "$dir/$1"/*.o -o "$dir/$1/crashsim"
}

# Prints what found it.
try() {
        fault=$1 scenario=$2
        shift 2
        "$dir/$fault/crashsim" ${scenario:+--scenario="$scenario"} --quiet "$@" 2>&1 | tail -n 1
}

hunt() {
        build "$1" || { echo "fault $1: does not build"; return 1; }
        # shellcheck disable=SC2046
        set -- "$1" $(expected "$1")
        found=
        [ $# -gt 1 ] && found=$(try "$@")
        [ -n "$found" ] || found=$(try "$1" "")
        [ -n "$found" ] || { echo "fault $1: NOT FOUND"; return 1; }
        echo "fault $1: found by crashsim scenario $(echo "$found" | tr -s ' ')"
        hunt_stepkill "$1" "$(expected_stepkill "$1")"
        set -- "$1" $?
        rm -rf "${dir:?}/$1"
        return "$2"
}

hunt_stepkill() {
        [ -n "$2" ] || return 0
        files=$(all_shm | sed "s|^|$lib/|")
        # shellcheck disable=SC2086
        $CC $flags -DSHM_FAULT="$1" -o "$dir/$1/stepkill" $files "$lib/sys.c" "$sources/stepkill.c" \
                "$sources/$world"/step-*.c || return 1
        found=$("$dir/$1/stepkill" --every=100000 --operation="$2" 2>&1)
        case $? in
        1) echo "fault $1: found by stepkill operation $(echo "$found" | head -n 1)" ;;
        77) ;;
        *) echo "fault $1: NOT FOUND by stepkill operation $2"; return 1 ;;
        esac
}

# Two at a time. A job that finds nothing leaves a mark.
hunt_all() {
        for fault; do
                hunt "$fault" || touch "$dir/failed"
        done
}

rm -rf "$dir" && mkdir -p "$dir/common" || exit 99
for file in sim sim-buffer sim-hooks sim-sys sim-waiters choice crashsim; do
        compile "$dir/common" "" "$sources/$file.c" || exit 99
done
for file in $(all_shm); do
        compile "$dir/common" -fsanitize=thread "$lib/$file" || exit 99
done

# FAULTS="…" hunts some only.
faults=${FAULTS:-$(sed -n "/^\/\* ---- $group[ :]/,/^\/\* ---- /s/^#define \(FAULT_[A-Z_]*\) [1-9].*/\1/p" "$lib/fault.h")}
[ -n "$faults" ] || { echo "no faults in the section '$group' of lib/shm/fault.h"; exit 1; }
# shellcheck disable=SC2046
hunt_all $(echo "$faults" | xargs -n1 | sed -n 'p;n') &
# shellcheck disable=SC2046
hunt_all $(echo "$faults" | xargs -n1 | sed -n 'n;p')
wait
[ ! -e "$dir/failed" ] || exit 1
rm -rf "$dir"
