#!/usr/bin/env bash
# promtool.sh - promtool reads what a run serves while it goes on, and finds nothing to complain about: promtool.sh POSTMUSTER
#
# 77 where promtool (Debian: prometheus) is absent. Everything in a temporary folder and on 127.0.0.1; ends only the run that
# it started.
set -euo pipefail

postmuster=${1:?usage: promtool.sh POSTMUSTER}
command -v promtool >/dev/null || { echo "promtool is not installed"; exit 77; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
run=
clean_up() {
    [ -z "$run" ] || kill -9 "$run" 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT

scrape() { # PORT: the body of one answer
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
    timeout 10 cat <&3 | sed '1,/^\r$/d'
    exec 3<&- 3>&-
}

promtool check metrics <"$here/../golden/metrics/two-runs.prom"

"$postmuster" run q172364 --variant "" --runs "$scratch/runs" --live plain --metrics 127.0.0.1:0 \
    >"$scratch/out" 2>"$scratch/err" &
run=$!
port=
for _ in $(seq 200); do
    port=$(sed -n 's|^metrics on http://127.0.0.1:\([0-9]*\)/metrics$|\1|p' "$scratch/err")
    [ -z "$port" ] || break
    sleep 0.05
done
[ -n "$port" ] || { cat "$scratch/err"; exit 1; }
# Until it ends, or for a minute: every phase that shows is checked, each scrape anew.
phases='' scrapes=0
for _ in $(seq 300); do
    kill -0 "$run" 2>/dev/null || break
    scrape "$port" >"$scratch/metrics" 2>/dev/null || break
    if grep -q '^postmuster_' "$scratch/metrics"; then # else: no run has begun yet, or the server has just ended
        said=$(promtool check metrics <"$scratch/metrics" 2>&1) || { echo "$said"; cat "$scratch/metrics"; exit 1; }
        [ -z "$said" ] || { echo "promtool: $said"; exit 1; }
        scrapes=$((scrapes + 1))
        phases+=" $(sed -n 's/^postmuster_phase{.*phase="\([a-z]*\)"} 1$/\1/p' "$scratch/metrics")"
        grep '^postmuster_messages_sent_total{' "$scratch/metrics" >"$scratch/sent" || true
    fi
    sleep 0.2
done
echo "$scrapes scrapes; phases: $(printf '%s\n' $phases | sort -u | tr '\n' ' ')"
[ "$scrapes" -ge 4 ]
for phase in load settle; do
    [[ " $phases " == *" $phase "* ]] || { echo "no scrape while in $phase"; exit 1; }
done
grep -q '^postmuster_messages_sent_total{run="q172364",variant="",load="steady",server="s3"} [1-9]' "$scratch/sent"
