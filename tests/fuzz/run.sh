#!/usr/bin/env bash
# run.sh BUILD MINUTES [TARGET...] - libFuzzer on every target, or on these, so many minutes of a processor each, on all processors;
# what reaches something new is merged into tests/fuzz/corpus, a finding stays in BUILD/found and makes this exit 1.
#
# BUILD is of the preset `fuzz`. libFuzzer counts by the clock on the wall, and at nice 19 that says little of what was tried: a
# target is taken up again, with the corpus it had, until the processor has given its time.
set -euo pipefail

build=${1:?usage: run.sh BUILD MINUTES [TARGET...]}
minutes=${2:?usage: run.sh BUILD MINUTES [TARGET...]}
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$build" && pwd)
limits='-max_len=8192 -timeout=20 -rss_limit_mb=2500'
if [ $# -eq 0 ]; then
    for program in "$build"/fuzz_*; do
        if [ -x "$program" ]; then set -- "$@" "${program##*/fuzz_}"; fi
    done
fi
mkdir -p "$build/found"

# Golden files in hex, as octets; the other seeds as they are.
seeds_of() {
    local target=$1 out=$2 f
    while IFS= read -r f; do
        case $f in
            '') ;;
            *.hex) perl -ne 's/\s//g; print pack("H*", $_) unless /^#/' "$f" >"$out/$(basename "$f" .hex)" ;;
            *) cp "$f" "$out/" ;;
        esac
    done <"$build/tests/fuzz/seeds_$target.txt"
}

# slice TARGET SECONDS OPTION...: so long by the clock; its log ends with the seconds of processor it took.
slice() {
    local target=$1 seconds=$2 work=$build/corpus/$1
    shift 2
    (
        cd "$build/scratch/$target"
        TIMEFORMAT=%U
        # shellcheck disable=SC2086 # a list of options
        time nice -n 19 "$build/fuzz_$target" $limits "$@" -print_final_stats=1 "-max_total_time=$seconds" \
            "-artifact_prefix=$build/found/$target-" "$work/new" "$work/seeds"
    ) >"$work/log.txt" 2>&1
}

# One line: edges and features that are covered, inputs tried, processor seconds, inputs a processor second, and the outcome.
fuzz_one() {
    local target=$1 work=$build/corpus/$1 dict=() status=0 took=0 runs=0 left=$((minutes * 60)) slices=0 cpu
    rm -rf "$work"
    mkdir -p "$work/seeds" "$work/new" "$build/scratch/$target"
    seeds_of "$target" "$work/seeds"
    [ ! -f "$here/dict/$target" ] || dict=("-dict=$here/dict/$target")
    while [ "$left" -gt 0 ] && [ "$slices" -lt 100 ] && [ "$status" -eq 0 ]; do
        slice "$target" "$left" "${dict[@]}" || status=$?
        cpu=$(tail -n 1 "$work/log.txt")
        took=$((took + ${cpu%.*}))
        left=$((minutes * 60 - took))
        runs=$((runs + $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log.txt" | grep . || echo 0)))
        slices=$((slices + 1))
    done
    printf '%-10s %s  %s inputs, %s s of processor, %s a second  %s\n' "$target" \
        "$(grep -aoE 'cov: [0-9]+ ft: [0-9]+' "$work/log.txt" | tail -n 1)" "$runs" "$took" "$((runs / (took > 0 ? took : 1)))" \
        "$([ $status -eq 0 ] && echo fine || echo "FOUND: $work/log.txt")"
    return "$status"
}

# The corpus is made again: of what it had and what is new, the fewest inputs that reach every edge that the seeds do not. Mail is
# not merged: what mutates real bounces would be one.
merge_one() {
    local target=$1 work=$build/corpus/$1 to=$here/corpus/$1 f
    case $target in ndr | report) return ;; esac
    mkdir -p "$to" "$work/had"
    for f in "$work/seeds"/*; do
        case ${f##*/} in *[!0-9a-f]*) cp "$f" "$work/had/seed-${f##*/}" ;; *) cp "$f" "$work/new/" ;; esac
    done
    # shellcheck disable=SC2086 # a list of options
    (cd "$build/scratch/$target" && "$build/fuzz_$target" $limits -use_counters=0 -set_cover_merge=1 "$work/had" "$work/new" \
        >"$work/merge.txt" 2>&1) || return 0
    find "$to" -type f -regextype egrep -regex '.*/[0-9a-f]{40}' -delete
    find "$work/had" -type f -size -9k ! -name 'seed-*' -exec cp {} "$to/" \;
}

export -f fuzz_one slice seeds_of
export build here minutes limits
status=0
# shellcheck disable=SC2016 # expanded by the shells that xargs starts
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {} || exit 1' ||
    status=1
for target; do merge_one "$target"; done
exit "$status"
