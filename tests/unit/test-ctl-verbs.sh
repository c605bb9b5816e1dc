#!/bin/sh
# SPDX-License-Identifier: MIT
# gangerctl against a daemon with fixed answers (fake-gangerd): every verb, as a table and as JSON, exit
# statuses, suggestions, output that breaks.

set -u
ctl=./gangerctl
dir=$(mktemp -d) || exit 1
out=$dir/out err=$dir/err
failures=0 checks=0
unset GANGER_RUNTIME_DIR COLUMNS
export NO_COLOR=1

mkfifo "$dir/ready" || exit 1
tests/unit/fake-gangerd "$dir" >"$dir/ready" &
daemon=$!
trap 'kill $daemon 2>/dev/null; rm -rf "$dir"' EXIT
read -r _ <"$dir/ready" || exit 1

fail() {
        failures=$((failures + 1))
        echo "FAILED: $*"
        sed 's/^/    out: /' "$out"
        sed 's/^/    err: /' "$err"
}

# run STATUS ARGUMENT…: run gangerctl, expect this exit status.
run() {
        want=$1
        shift
        checks=$((checks + 1))
        $ctl --runtime-dir "$dir" "$@" >"$out" 2>"$err"
        got=$?
        [ "$got" = "$want" ] || fail "gangerctl $*: exit status $got, not $want"
}
out_has() { grep -qF -- "$1" "$out" || fail "no '$1' on standard output of $ctl"; }
err_has() { grep -qF -- "$1" "$err" || fail "no '$1' on standard error of $ctl"; }
out_is() { [ "$(cat "$out")" = "$1" ] || fail "standard output is not '$1'"; }

# json STATUS ARGUMENT…: the same with --json, each line of output is a JSON document.
json() {
        run "$@" --json
        [ -s "$out" ] || fail "no JSON from $*"
        if command -v python3 >/dev/null; then
                python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]' <"$out" 2>"$err" || fail "no JSON"
        fi
}

# ---- asking
run 0 version
out_has 'gangerd   9.9'
json 0 version
run 0 status
out_has 'resize/0  ready    4242  1min 30s         0  -'
out_has 'resize/1  backoff     -         -         3  failed 3 times'
out_has 'stopped by hand'
json 0 status
out_has '"key": "resize/1"'
run 0 status resize
out_has 'output: a line'
json 0 status resize
out_has 'evil \u001b[2J \ufffd bytes'
run 4 status nobody
err_has "no worker or instance 'nobody'"
json 0 logs -n 3
[ "$(wc -l <"$out")" = 3 ] || fail "logs -n 3: not three lines"
run 0 logs -n2 resize
out_has 'resize/0[0]: line "1" \'
run 6 logs secret
run 0 logs --since '10min ago' --priority warning resize
run 0 logs -p 3 -n 101 --since=today
run 2 logs --since tomorrow
err_has "'tomorrow' is not a time, such as"
run 2 logs --since 2999-01-01
err_has "has not been yet"
run 2 logs --priority loud
err_has "'loud' is none of emerg"
run 2 status --since today
err_has "'status' takes no --since"
run 0 events
out_has 'exit resize/0: killed by SIGKILL'
json 0 events

# ---- is-active
run 0 is-active resize/0
out_is ready
run 0 is-active resize
run 3 is-active resize/1
out_is backoff
run 3 is-active resize idle
run 3 -q is-active idle
out_is ''
run 4 is-active other
json 3 is-active resize/0 resize/1

# ---- is-failed, wait, signal, reset-failed
run 1 is-failed resize
run 1 -q is-failed resize/0 idle
out_is ''
run 4 is-failed other
json 1 is-failed resize
out_has '"failed": false'
run 0 wait resize
out_is 'resize ready'
run 0 wait --stopped resize
run 2 wait --ready --stopped resize
run 2 wait
run 1 wait broken
run 4 wait nobody
run 0 signal resize resize/1 HUP
json 0 signal resize SIGRTMIN+3
run 2 signal resize SIGFOO
run 2 signal resize
run 6 signal secret USR1
run 0 reset-failed resize
run 0 reset-failed --all
run 2 reset-failed
run 2 reset-failed --all resize

# ---- changing
run 0 start resize
out_is 'resize ready'
run 0 stop --all
run 1 restart broken
out_has 'broken failed: exit status 1'
json 1 restart broken
run 0 start mortal --no-wait
out_is 'mortal ready'
run 6 stop secret
run 4 scale nobody 3
json 0 scale resize 3
run 0 reload
out_is 'worker resize: restarted'
json 0 reload

# ---- rolling
run 0 restart --rolling resize
out_is 'resize: done'
run 1 restart --rolling broken --no-wait
out_is 'broken: failed: exit status 1'
json 0 restart --rolling --all
run 2 restart --rolling
run 0 upgrade resize
run 0 upgrade canary --canary 1 --exec ./new one -- --two
out_is 'canary: holds'
json 0 upgrade canary --canary 1 --max-fail 3
run 1 upgrade broken
run 6 upgrade secret
run 2 upgrade resize more
run 2 upgrade resize --hold 1s
run 2 upgrade resize --canary x
run 0 promote resize
run 1 promote broken
run 2 promote
run 0 rollback resize
run 4 rollback nobody

# ---- usage
run 2 stauts
err_has "did you mean 'status'"
run 2 status --jsno
err_has "did you mean '--json'"
run 2 start
run 2 start x --all
run 2 scale resize many
run 2 status --follow
err_has "'status' takes no --follow"
run 2 --timeout soon version
run 2 logs --lines
run 2 dead lsit jobs
err_has "did you mean 'list'"
run 2 dead drop jobs
run 2 dead drop jobs x
run 0 help
run 0 help send
run 0 send --help
json 0 help
json 0 --version
checks=$((checks + 1))
$ctl --socket "$dir/nothing" status >"$out" 2>"$err"
[ $? = 5 ] || fail "no daemon: not 5"
err_has 'no gangerd answers'

# ---- every verb has help, and is in the man page and the completion
$ctl help >"$out" 2>"$err"
for verb in $(sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p' "$out"); do
        run 0 help "$verb"
        grep -q "^.fB$(printf '%s' "$verb" | sed 's/-/.-/g')" man/gangerctl.1 || fail "'$verb' is not in the man page"
        grep -q "\[$verb\]=" contrib/completion/gangerctl || fail "'$verb' is not in the completion"
done

# ---- rings
run 0 rings
out_has 'bytes   pipe'
out_has '512B of 4KiB'
out_has '4KiB of 1MiB, wait, resize/1 is 2KiB behind'
run 0 rings jobs
! grep -q 'USED' "$out" || fail 'a column that no ring here needs'
out_has 'jobs  queue'
json 0 rings
run 4 rings nobody
run 0 peek jobs
json 0 peek jobs
out_has '"base64": "/wF6"'
run 0 dead list jobs
out_has 'exit status 1'
json 0 dead list jobs
run 0 dead retry jobs 7
out_is '1 retried, 5 left'
json 0 dead drop jobs --all
run 6 send secret x
run 4 receive nobody

# ---- import
run 0 import "${srcdir:-.}/tests/import/Procfile"
out_has 'worker web {'
err_has 'Procfile:6: not a line: is not of the form NAME: COMMAND'
json 0 import "${srcdir:-.}/tests/import/Procfile"
out_has '"left": 3'
run 1 import /nonexistent
run 1 import "${srcdir:-.}/tests/import/../local.mk"
run 2 import

# ---- tree
run 0 tree
out_has keeper
out_has '    resize/0 ready 4242'
json 0 tree
run 2 tree resize

# ---- report
run 0 report resize
out_has 'resize/0 (pid 4242): killed by SIGSEGV, core dumped'
out_has 'ended: '
out_has '107 page faults, 7 of them from disk'
out_has '2MiB of memory at most'
out_has 'held: jobs 12, delivery 2: dead letter'
out_has 'and 1 more'
out_has 'core file: /var/crash/core.4242'
out_has 'crash loop: 12 failures in a row'
out_has 'exit status 75 (TEMPFAIL), not ready in time'
json 0 report resize
out_has '"signal": "SIGSEGV"'
run 0 report idle
out_has 'idle: no process has ended yet'
run 4 report nobody
run 2 report

# ---- locks
run 0 locks
out_has 'table  monitor    0 of 1  resize/0[4242]'
out_has 'pid 17, resize/1[4243] (condition 1)'
out_has 'inconsistent'
out_has 'pid 17 (2 permits)'
out_has '-7 9223372036854775807'
out_has 'deadlock: resize/0[4242] waits for ports, which pid 17 holds'
run 0 reset jobs
out_has 'jobs: made anew, empty: about 3 messages are lost'
json 0 reset jobs
out_has '"text": "made anew'
run 4 reset nobody
run 6 reset secret
run 2 reset
json 0 locks table
out_has '"values": [-7, 9223372036854775807]'
run 4 locks nobody
run 6 locks secret

# ---- sockets
run 0 sockets
out_has 'web   stream    [::1]:80           17        3     4096  nginx, admin'
out_has 'log   datagram  /run/log'
json 0 sockets web
out_has '"connections": 17'
run 4 sockets nobody
run 6 sockets secret

# ---- doctor, security: in parts, which are put together
run 1 doctor
out_has 'namespace: net  limited    only in a user namespace'
out_has 'resize/0  ready  4242          1       1        0'
out_has 'resize/1  down      -          -       -        -'
out_has 'resize/0: limit-nofile differs: wanted 100:200, in force 1024'
run 1 doctor resize
out_has 'resize/0 (pid 4242): 1 asked for, 1 differ, 0 cannot be read back'
out_has 'limit-nofile  100:200  1024      differs'
out_has 'nice          -        0         -'
out_has 'resize/1 is down: nothing is in force'
run 0 doctor sound
json 1 doctor
[ "$(wc -l <"$out")" = 1 ] || fail "doctor --json: not one document"
out_has '"key": "resize/1"'
run 4 doctor nobody
run 6 doctor secret
run 0 security
out_has 'resize       9.7  unsafe  resize/0'
out_has 'idle         1.2  ok      its definition'
sed -n 2p "$out" | grep -q '^resize' || fail "security: the most exposed is not the first"
run 0 security resize
out_has '0.44  user             it runs as root'
out_has 'idle: exposure 1.2 (ok), as its definition says; it does not run'
sed -n 3p "$out" | grep -q 'it runs as root' || fail "security: what adds most is not the first"
run 0 security --threshold 97
run 1 security --threshold 96
run 2 security --threshold 101
run 2 doctor --threshold 1
json 0 security
run 4 security nobody
run 6 security secret

# ---- services: nobody serves this one
run 1 call quotes hello --timeout 20ms
err_has 'no reply in time'
printf '%065d' 1 | $ctl --runtime-dir "$dir" call quotes 2>"$err" && fail "a request that is too long"
err_has 'longer than'
run 1 call jobs hello
err_has "'jobs' is no service"
run 1 send quotes hello
err_has "'quotes' is no ring"
run 4 call nobody
run 2 call
run 2 call quotes a b

# ---- messages
run 0 receive jobs
out_is ''
run 0 send jobs one two 'three words'
err_has '3 sent'
printf 'four\n\nlast' | $ctl --runtime-dir "$dir" send -q jobs 2>"$err" || fail "send from standard input"
run 0 receive jobs --count 2
out_is 'one
two'
run 0 receive jobs
out_is 'three words
four

last'
json 0 send jobs x y
out_is '{"ring": "jobs", "sent": 2}'
json 0 receive jobs
out_has '"text": "x"'
run 1 send jobs "$(printf '%065d' 1)"
err_has 'takes 64 at most'
run 1 receive jobs --count 1 --timeout 20ms
err_has 'only 0 of 1'
run 0 receive jobs --timeout 10ms
run 0 send jobs -- --json
run 0 receive jobs
out_is '--json'

# A full ring.
run 0 send jobs 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
run 1 send jobs 17 --timeout 10ms
err_has 'is full'

# What could not be written was not taken.
run 0 receive jobs --count 14
checks=$((checks + 1))
$ctl --runtime-dir "$dir" receive jobs >/dev/full 2>"$err" && fail "receive to a full device"
err_has 'No space left'
run 0 receive jobs
out_is '15
16'

# A command for each message.
run 0 send jobs good bad
run 1 receive jobs --exec 'read -r m; echo "$GANGER_DELIVERIES $m"; [ "$m" = good ]'
out_is '1 good
1 bad
2 bad
3 bad'
err_has 'rejected: exit status 1'
run 0 send jobs again
json 0 receive jobs --exec 'echo noise; cat >/dev/null'
out_has '"acknowledged": true'

# ---- a reader that goes away
checks=$((checks + 1))
$ctl --runtime-dir "$dir" logs -n 20000 2>"$err" | head -n 1 >"$out"
[ -s "$err" ] && fail "logs | head is not quiet"
out_has 'resize/0'
checks=$((checks + 1))
$ctl --runtime-dir "$dir" status >/dev/full 2>"$err" && fail "status to a full device"
err_has 'No space left'

# ---- check: what gangerd says is passed on (false and true stand in for it)
mkdir "$dir/bin"
printf '#!/bin/sh\necho "$3:1: mistake"; exit 1\n' >"$dir/bin/gangerd"
chmod +x "$dir/bin/gangerd"
cp "$(find . -path './.libs/gangerctl' -o -path './gangerctl' -type f | sort | head -n 1)" "$dir/bin/gangerctl"
checks=$((checks + 1))
LD_LIBRARY_PATH=$PWD/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$dir/bin/gangerctl" check x.conf --json >"$out" 2>"$err"
[ $? = 1 ] || fail "check: not 1"
out_is '{"file": "x.conf", "valid": false, "messages": ["x.conf:1: mistake"]}'

run 0 daemon-upgrade
out_is 'gangerd 9.9 has taken over'
run 0 daemon-upgrade /bin/../bin/sh --json
out_is "{\"version\": \"$(readlink -f /bin/sh)\"}"
run 1 daemon-upgrade /nowhere/gangerd
err_has '/nowhere/gangerd'

# ---- the end
run 0 shutdown
wait $daemon || fail "the daemon did not end well"
run 5 status
run 5 shutdown

echo "$checks checks, $failures failed"
[ $failures = 0 ]
