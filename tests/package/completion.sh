#!/usr/bin/env bash
# completion.sh POSTMUSTER SHELL - what the printed script completes, asked of the shell itself: bash, zsh or fish.
#
# Each question is a command line, its answer words that must be among the candidates (or, after a !, must not). All shells answer
# the same ones, in a folder with two runs, a profile and some other files.
# Exit status 0: all of it. 1: not. 77: skipped, for the shell is absent.
set -euo pipefail
postmuster=$(realpath "${1:?postmuster}") shell=${2:?shell}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v "$shell" >/dev/null || { echo "SKIP: $shell is not installed" && exit 77; }

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir -p "$top/bin" "$top/here/results/runs/r-one" "$top/here/elsewhere/r-two" "$top/here/results/runs/no-run"
ln -s "$postmuster" "$top/bin/postmuster"
cd "$top/here"
touch results/runs/r-one/manifest.json elsewhere/r-two/manifest.json mine.yaml mine.txt
export PATH=$top/bin:$PATH HOME=$top XDG_CONFIG_HOME=$top XDG_DATA_HOME=$top
"$postmuster" completion "$shell" >"$top/script"
"$shell" -n "$top/script" # its syntax

ask_bash() { # as readline does: words, cut at = and :, and the last of them under the cursor
    bash --norc --noprofile -c '
        . "$1"
        shift
        COMP_WORDS=() line=$*
        for word in $line; do
            while [[ $word =~ ^([^=:]*)([=:])(.*)$ ]]; do
                [ -z "${BASH_REMATCH[1]}" ] || COMP_WORDS+=("${BASH_REMATCH[1]}")
                COMP_WORDS+=("${BASH_REMATCH[2]}")
                word=${BASH_REMATCH[3]}
            done
            [ -z "$word" ] || COMP_WORDS+=("$word")
        done
        [[ $line != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _postmuster postmuster "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' - "$top/script" "$1"
}

ask_fish() { fish --no-config -c '
    source $argv[1]
    complete -C $argv[2]' "$top/script" "$1" | cut -f 1; }

ask_zsh() { timeout 20 zsh -f "$here/complete.zsh" "$top/script" "$1" </dev/null; }

bad=0
asks() { # LINE WORD...
    local line=$1 said word
    shift
    said=$("ask_$shell" "$line")
    for word; do
        if [ "${word#!}" != "$word" ]; then
            if grep -qxF -- "${word#!}" <<<"$said"; then
                printf 'not ok: "%s" offers %s\n' "$line" "${word#!}"
                bad=1
            fi
        elif ! grep -qxF -- "$word" <<<"$said"; then
            printf 'not ok: "%s" does not offer %s, but: %s\n' "$line" "$word" "$(tr '\n' ' ' <<<"$said")"
            bad=1
        fi
    done
}

asks 'postmuster ' run check report completion help
asks 'postmuster re' report '!run'
asks 'postmuster run q2488' q248839 '!q172364'
asks 'postmuster run q172364 q2488' q248839
asks 'postmuster run mi' mine.yaml '!mine.txt'
asks 'postmuster check --print q2488' q248839
asks 'postmuster report --f' --format
asks 'postmuster report r-one -f ' text json html '!r-one'
asks 'postmuster report r-one -f ht' html '!text'
asks 'postmuster list --class silent' silent-loss silent-by-request '!late'
asks 'postmuster list --class la' late '!ndr'
asks 'postmuster list r-' r-one '!no-run' '!r-two'
asks 'postmuster trace --runs elsewhere r-' r-two '!r-one'
asks 'postmuster compare r-one r-' r-one
asks 'postmuster trace r-one --log mi' mine.txt mine.yaml
asks 'postmuster run q248839 --live p' plain '!auto'
asks 'postmuster completion ' bash zsh fish
asks 'postmuster help repo' report
asks 'postmuster sink --mode x' x410 '!any'
asks 'postmuster sink --tempf' --tempfail-above
if [ "$shell" = bash ]; then # others give whole words here, each in its own way
    asks 'postmuster report r-one --format=ht' html '!text'
    asks 'postmuster report r-one --format=' html text
    asks 'postmuster list --runs=elsewhere r-' r-two '!r-one'
    asks 'postmuster run --set run.se' run.seed=
    asks 'postmuster run --set run.seed=' '!run.seed='
fi
exit $bad
