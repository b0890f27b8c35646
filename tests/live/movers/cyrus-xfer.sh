#!/usr/bin/env bash
# cyrus-xfer.sh [--rename] [--trust-tag] HOST:PORT USER TARGET - a mover for Cyrus Murder: one mailbox by XFER on the back end
# where it lives, or with --rename by RENAME through the front end (TARGET is then SERVER!PARTITION).
#
# Says "mark copying" when the command was sent and "mark done" when the server has answered. XFER's tagged OK is no proof
# (Cyrus 3.6 answers "OK Completed" after an untagged NO, with nothing moved), so an untagged NO is "failed" here. With
# --trust-tag the tagged word alone counts, as in many a home-made script: verification has to find it out.
# Administrator: $CYRUS_ADMIN (cyrus), $CYRUS_PASSWORD.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../cyrus/imap.sh
source "$here/../cyrus/imap.sh"

command=XFER trust=
while [[ ${1:-} == --* ]]; do
    case $1 in
    --rename) command=RENAME ;;
    --trust-tag) trust=yes ;;
    *) echo "failed unknown option $1" && exit 64 ;;
    esac
    shift
done
where=${1:?HOST:PORT} user=${2:?USER} target=${3:?TARGET}

imap_open "${where%:*}" "${where##*:}" "${CYRUS_ADMIN:-cyrus}" "${CYRUS_PASSWORD:-labpass}" || {
    echo "failed no session with $where"
    exit 1
}
echo "mark copying"
if [ $command = XFER ]; then
    imap_do XFER "user/$user" "$target"
else
    imap_do RENAME "user/$user" "user/$user" "$target"
fi || { echo "failed no answer" && exit 1; }
if [[ $imap_tagged != OK* ]]; then
    echo "failed $imap_tagged"
elif [ -n "$imap_untagged_no" ] && [ -z "$trust" ]; then
    echo "failed answered OK, but before that: NO $imap_untagged_no"
else
    echo "mark done"
fi
imap_close
