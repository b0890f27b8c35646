#!/usr/bin/env bash
# blind.sh BLIND POSTMUSTER - with any one check of the harness switched off, selftest exits 3 and names the fault that it missed.
#
# BLIND is the one executable that has the switches (base/blind.h); "selftest --blinds" lists them, each with the fault that has to be
# missed without it. With all checks on, BLIND finds everything; POSTMUSTER has no switch. Simulated time, except for the
# check of real time. Works in a folder of its own.
set -euo pipefail

blind=$1 postmuster=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

fail() {
    echo "$1" >&2
    cat out >&2
    exit 1
}

run() { # CODE PROGRAM ARGUMENT...
    local want=$1 code=0
    shift
    timeout 120 "$@" >out 2>err || code=$?
    [ "$code" = "$want" ] || fail "exit $code instead of $want: $*"
}

run 0 "$blind" selftest --simulate
run 64 "$postmuster" selftest --blind content --simulate
"$blind" selftest --blinds >checks
[ "$(wc -l <checks)" -ge 12 ] || fail "fewer than 12 checks can be switched off"
while read -r check fault; do
    how=(--simulate)
    [ "$check" != monotonic ] || how=(--only "$fault")
    run 3 "$blind" selftest --blind "$check" "${how[@]}"
    tail -n 1 out | grep -Eq "[:,] $fault[,.;]" || fail "without $check, $fault is not named as missed"
    echo "$check off: $(tail -n 1 out)"
done <checks
