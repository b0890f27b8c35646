#!/usr/bin/env bash
# examples.sh POSTMUSTER SOURCES - the examples of the manual pages and README's first steps run as they are printed, in an empty folder.
#
# Every line of the blocks in EXAMPLES of postmuster(1) is a command, its text taken from what man shows; every line of the block in
# README's "First steps" is one. A run may say FAIL (1), which is what the examples are about, and everything else must succeed; each
# must print something or leave the file it names; a list must have a copy. The profile in postmuster-profile(5) is checked and run.
# Exit status 0: all of it. 1: not. 77: skipped, for groff is absent.
set -euo pipefail
postmuster=$(realpath "${1:?postmuster}") sources=$(realpath "${2:?sources}")
command -v groff >/dev/null || { echo "SKIP: groff is not installed" && exit 77; }

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir "$top/bin" "$top/here"
ln -s "$postmuster" "$top/bin/postmuster"
export PATH=$top/bin:$PATH
cd "$top/here"

# The blocks between .nf and .fi as they are shown, one after the other.
blocks() {
    sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/p' "$sources/docs/$1" | awk '/^\.nf/ { on = 1; next } /^\.fi/ { on = 0 } on' >"$top/lines"
    { printf '.TH X 1\n.SH X\n.nf\n' && cat "$top/lines" && printf '.fi\n'; } | groff -man -Tascii -P-cbou -rLL=300n |
        sed -n '/ X(1)$/d; s/^       //p'
}

commands=0
run_lines() { # what they are from, how many at least; the commands on standard input
    local line status found=0
    while IFS= read -r line; do
        status=0
        (eval "${line//\/usr\/share\/postmuster/$sources}") >"$top/out" 2>"$top/err" </dev/null || status=$?
        case $line in
        "postmuster run "*) [ "$status" -eq 1 ] && grep -q '^FAIL' "$top/out" ;;
        *" -o "* | *" --sqlite "*) [ "$status" -eq 0 ] && [ -s "${line##* }" ] ;;
        "postmuster list "*) [ "$status" -eq 0 ] && [ "$(wc -l <"$top/out")" -ge 2 ] ;;
        cp*) [ "$status" -eq 0 ] ;;
        *) [ "$status" -eq 0 ] && [ -s "$top/out" ] ;;
        esac || {
            printf 'examples.sh: %s: "%s" ended with %s\n' "$1" "$line" "$status"
            tail -n 3 "$top/out" "$top/err"
            exit 1
        }
        found=$((found + 1))
    done
    [ "$found" -ge "$2" ] || { echo "examples.sh: $found commands were found in $1, expected $2 and more" && exit 1; }
    commands=$((commands + found))
}

blocks postmuster.1 >"$top/page"
run_lines "postmuster(1)" 14 <"$top/page"

sed -n '/^## First steps/,/^## [^F]/s/^    \([^#]*[^# ]\) *#.*/\1/p' "$sources/README.md" >"$top/steps"
mkdir "$top/newcomer" && cd "$top/newcomer"
ln -s "$sources/profiles" profiles
run_lines "README.md" 10 <"$top/steps"
cd "$top/here"

blocks postmuster-profile.5 >example.yaml
grep -q '^gates:' example.yaml || { echo "examples.sh: no profile was found in postmuster-profile(5)" && exit 1; }
postmuster check example.yaml >"$top/out"
status=0
postmuster run example.yaml --simulate --quiet >"$top/out" || status=$?
if [ "$status" -ne 1 ] || ! grep -q '^silent-loss  *[1-9][0-9]*  *0$' "$top/out"; then
    echo "examples.sh: the profile's run ended with $status, expected 1 (FAIL) and loss that sp4 has not"
    exit 1
fi
echo "examples.sh: $commands commands and a profile did what the pages and README say"
