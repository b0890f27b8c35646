#!/usr/bin/env bash
# dies.sh SIM_SWEEP - a seed whose walk ends its process is one failed seed: it is cut down and told, and the sweep lives on.
# So little may be written to a file that every walk dies of it, also one in the process that tells.
set -euo pipefail

program=$(readlink -f "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

fail() {
    printf 'FAILED: %s; it said:\n' "$1"
    cat said
    exit 1
}

status=0
(ulimit -c 0 -f 4 && "$program" 2 1) 2>&1 | cat >said || status=$?
[ "$status" -eq 1 ] || fail "exit status $status, not 1"
for words in 'seed 1 FAILED, lives: ended by signal' 'no story: whoever walks it dies of it' '2 of 2 seeds failed'; do
    grep -q "$words" said || fail "nothing of \"$words\""
done
[ -s sweep-failed/1.yaml ] || fail "no case was kept"
[ "$(wc -c <sweep-failed/1.yaml)" -lt "$("$program" --print 1 | wc -c)" ] || fail "the case was not cut down"
echo "2 dead seeds, told"
