#!/usr/bin/env bash
# imapsync.sh USER FROM TO FLIP... - UNTESTED HERE: a template. A mover for any two IMAP servers: copies with imapsync, runs your
# command FLIP (which changes the route or the directory), and copies once more what came meanwhile; in the words of docs/mover.md.
# The user's passwords are read from $PASSFILE1 and $PASSFILE2.
#
#   movers:
#     any: {type: exec, argv: [./imapsync.sh, "{user}", "{from}", "{to}", set-route, "{address}", "{to}"]}
#
# It copies and never deletes: the old home keeps everything (`old_home: kept` in the schedule, delivered-residue in the account).
# Identity is by headers, so a second pass should not double anything: `duplicated: 0` is the gate that says whether it did.
set -euo pipefail
user=${1:?user} from=${2:?from} to=${3:?to}
shift 3
[ $# -gt 0 ] || { echo "failed no command that flips" && exit 64; }

copy() {
    imapsync --host1 "$from" --user1 "$user" --passfile1 "${PASSFILE1:?}" \
        --host2 "$to" --user2 "$user" --passfile2 "${PASSFILE2:?}" --nolog >&2
}

echo "mark copying"
copy || { echo "failed first copy" && exit 1; }
"$@" || { echo "failed to flip" && exit 1; }
copy || { echo "failed last copy" && exit 1; }
echo "mark done"
