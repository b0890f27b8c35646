#!/usr/bin/env bash
# run.sh POSTMUSTER SYSTEM PROFILE... - shipped profiles against a real mail system, and an independent count after each.
#
# Brings tests/live/SYSTEM up in a temporary folder, and per profile: everybody home again (ctl.sh reset), `postmuster run`,
# then common/count.py (every file of both homes, NDR box and queues agrees with summary.json, class by class and copy by copy)
# and common/expect.py (the finding that the profile's head comment announces). What depends on timing may fail to show: then
# the profile is run again, $PM_LIVE_TRIES (3) times at most, each time counted. Takes down what it brought up.
# Exit status 0: all of it. 1: not. 77: skipped, since this is not root or packages are missing. Folders stay with PM_LIVE_KEEP=1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
postmuster=${1:?postmuster} system=${2:?system}
shift 2
ctl=$here/$system/ctl.sh
profiles=$here/../../profiles
tries=${PM_LIVE_TRIES:-3}

command -v python3 >/dev/null || { echo "SKIP: packages are missing: python3" && exit 77; }
[ "$(id -u)" -eq 0 ] || { echo "SKIP: only root can start mail servers" && exit 77; }
# Addresses and ports stand in the profiles: one site of a kind at a time on a machine.
exec {lock}>"/var/lock/postmuster-live-$system"
flock -w 600 $lock || { echo "SKIP: another run of $system has not ended within 10 minutes" && exit 77; }
top=$(mktemp -d /var/tmp/postmuster-live.XXXXXX)
chmod 755 "$top" # mail users have to get in
export BASE=$top/site

finish() {
    "$ctl" down >/dev/null 2>&1 || true
    if [ -n "${PM_LIVE_KEEP:-}" ]; then echo "kept: $top"; else rm -rf "$top"; fi
}
trap finish EXIT
trap 'exit 1' INT TERM

status=0
"$ctl" up >"$top/up" 2>&1 {lock}>&- || status=$?
cat "$top/up"
[ $status -ne 77 ] || { echo "SKIP: $system cannot be brought up here" && exit 77; }
[ $status -eq 0 ] || exit 1

# The paths of a profile are those of ctl.sh's default folder: where it has some, they follow BASE.
paths_of() {
    sed -n "s|^  \\([a-z]*\\): {.*path: \"*/var/tmp/postmuster-live/$system/\\([^\"]*\\)\".*|--set\nprobes.\\1.path=$BASE/\\2|p" "$1"
}

suppressed() { # does every load of it ask for silence?
    local loads quiet

    loads=$(grep -c 'via: edge' "$1" || true)
    quiet=$(grep -cE 'via: edge.*(notify: never|null_sender: true)' "$1" || true)
    [ "$loads" != "$quiet" ] || echo --suppressed
}

# 0: found and counted; 1: counted, the finding did not show; 2: no verdict, or the count differs.
one_run() { # NAME FILE DIR SEED-SHIFT
    local name=$1 file=$2 dir=$3 code=0 sets

    mapfile -t sets < <(paths_of "$file")
    [ "$4" -eq 1 ] || sets+=(--set "run.seed=$((RANDOM + 1))")
    "$ctl" reset "$name" {lock}>&- || return 2
    timeout 280 "$postmuster" run "$file" --dir "$dir" --quiet "${sets[@]}" >"$dir.out" 2>&1 || code=$?
    cat "$dir.out"
    [ $code -le 2 ] || { echo "run.sh: $name: exit status $code" && return 2; }
    "$postmuster" list "$dir" --json >"$dir.copies"
    # shellcheck disable=SC2046 # one word or none
    python3 "$here/common/count.py" "$ctl" "$dir" "$dir.copies" $(suppressed "$file") || return 2
    python3 "$here/common/expect.py" "$file" "$dir" "$dir.copies" || return 1
}

# A count that cannot disagree counts nothing: with one file less in a mailbox it has to.
count_is_awake() { # DIR FILE
    local folder mail status=0

    folder=$("$ctl" folders | awk '$1 == "b" && $2 !~ /^writer/ { print $3; exit }')
    mail=$(find "$folder" -type f \( -path '*/new/*' -o -path '*/cur/*' -o -name '[0-9]*.' \) -print -quit)
    [ -n "$mail" ] || { echo "run.sh: no mail on b to take away" && return 1; }
    mv "$mail" "$top/taken"
    # shellcheck disable=SC2046 # one word or none
    python3 "$here/common/count.py" "$ctl" "$1" "$1.copies" $(suppressed "$2") >"$top/tampered" || status=$?
    mv "$top/taken" "$mail"
    [ $status -eq 1 ] && grep -q 'files say' "$top/tampered" && return
    echo "run.sh: a file less in $folder, and count.py says nothing (exit status $status)"
    return 1
}

worst=0 awake=
for name; do
    file=$profiles/$name.yaml
    for ((try = 1; try <= tries; try++)); do
        echo "=== $name, run $try of at most $tries"
        began=$SECONDS code=0
        one_run "$name" "$file" "$top/$name.$try" $try || code=$?
        echo "=== $name: $((SECONDS - began)) s, $([ $code -eq 0 ] && echo 'as expected' || echo "not as expected ($code)")"
        if [ -z "$awake" ] && [ $code -le 1 ]; then
            count_is_awake "$top/$name.$try" "$file" || worst=1
            awake=yes
        fi
        [ $code -eq 1 ] || break
    done
    [ $code -le $worst ] || worst=$code
done
[ $worst -eq 0 ] || exit 1
