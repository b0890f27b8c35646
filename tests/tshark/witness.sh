#!/usr/bin/env bash
# witness.sh - tshark reads a live conversation and must see what was sent: witness.sh MODE TALK
#
# Captures what TALK (tests/tshark/talk.c) plays over loopback in MODE (normal, x410, 1984), has tshark dissect it, and compares
# its transcript, every layer, with lists of what is expected, line by line. The X.410 modes carry APDUs in a form that tshark
# cannot read: there they are compared once more inside a synthetic normal-mode capture. Exit 0, 1 with the differences, 77 where
# tshark or the right to capture is missing. PM_KEEP=FOLDER keeps capture and transcripts.
set -u
mode=$1 talk=$2
case $mode in
    normal) lists=(apdus-1988 session normal) apdus=() ;;
    x410) lists=(apdus-1988 session x410 rts) apdus=(apdus-1988 wrapped) ;;
    1984) lists=(apdus-1984 session 1984 rts) apdus=(apdus-1984 wrapped) ;;
    *) exit 64 ;;
esac
# shellcheck source=tests/tshark/capture.sh
source "$(dirname "${BASH_SOURCE[0]}")/capture.sh"
need tshark dumpcap text2pcap awk

expand() { # LIST...
    local files=("${@/#/$here/}")
    awk -f "$here/expand.awk" values "${files[@]/%/.expect}"
}

# talk waits for a line before it begins.
mkfifo go
"$talk" "$mode" <go >values 2>talk.err &
helper=$!
exec 3>go
until_true 10 grep -q '^octets.reported' values || { cat talk.err; echo "talk does not begin"; exit 1; }
port=$(awk '$1 == "port" { print $2 }' values)
capture_begin "$port"
echo go >&3
exec 3>&-
wait "$helper" || { cat talk.err; echo "talk failed"; exit 1; }
helper=''
capture_end

status=0
transcript live.pcap "$port" >seen
expand "${lists[@]}" >expected
differ "$mode" expected seen

if [ ${#apdus[@]} -gt 0 ]; then
    follow=()
    for ((s = $(grep -c '^== .* caller$' seen) - 1; s >= 0; s--)); do
        follow+=(-z "follow,tcp,raw,$s")
    done
    tshark -r live.pcap -q "${follow[@]}" >followed 2>/dev/null
    awk -f "$here/rewrap.awk" "$here"/../golden/x400/1[01]-n-??.hex followed |
        text2pcap -q -D -T 40000,102 - wrapped.pcap 2>text2pcap.err || { cat text2pcap.err; status=1; }
    transcript wrapped.pcap 102 | grep '^    ' >seen.apdus
    expand "${apdus[@]}" >expected.apdus
    differ "$mode, its APDUs in normal mode" expected.apdus seen.apdus
fi

[ -z "${PM_KEEP:-}" ] || cp live.pcap values seen* expected* wrapped.pcap "$PM_KEEP" 2>/dev/null
[ $status -ne 0 ] || echo "tshark saw $(grep -c '^tpkt' seen) packets of $mode as they were meant"
exit $status
