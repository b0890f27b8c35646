#!/usr/bin/env bash
# witness.sh - tshark reads a live conversation and must see what was sent: witness.sh MODE TALK
#
# Captures what TALK (tests/tshark/talk.c) plays over loopback in MODE (normal, x410, 1984), has tshark dissect it, and compares
# its transcript, every layer, with MODE.expect line by line. The X.410 modes carry APDUs in a form that tshark cannot read: there
# they are compared once more inside a synthetic normal-mode capture. Exit 0, 1 with the differences, 77 where tshark or the
# right to capture is missing.
set -u
mode=$1 talk=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in tshark dumpcap text2pcap awk; do
    command -v "$tool" >/dev/null || { echo "skipped: there is no $tool here"; exit 77; }
done
scratch=$(mktemp -d)
capture='' talker=''
finish() {
    [ -z "$capture" ] || kill "$capture" 2>/dev/null
    [ -z "$talker" ] || kill "$talker" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$scratch"
}
trap finish EXIT
cd "$scratch" || exit 1

until_true() { # SECONDS COMMAND...: is it true before the time is over?
    local left=$(($1 * 20))
    shift
    until "$@"; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# A datagram whose arrival in the file shows that everything before it is there too.
mark_is_there() {
    echo "$1" 2>/dev/null >"/dev/udp/127.0.0.1/$port"
    grep -q "$1" live.pcap 2>/dev/null
}

differ() { # WHAT EXPECTED SEEN
    diff -u --label "expected: $1" --label "seen by tshark: $1" "$2" "$3" >difference && return
    head -n 60 difference
    status=1
}

pdml() { tshark -r "$1" -d "tcp.port==$2,tpkt" -T pdml 2>/dev/null; }

mkfifo go
"$talk" "$mode" <go >values 2>talk.err &
talker=$!
exec 3>go
until_true 10 grep -q '^octets.reported' values || { cat talk.err; echo "talk does not begin"; exit 1; }
port=$(awk '$1 == "port" { print $2 }' values)

dumpcap -q -P -i lo -f "port $port" -a duration:60 -w live.pcap 2>capture.err &
capture=$!
begins() { mark_is_there postmuster-begins || ! kill -0 "$capture" 2>/dev/null; }
until_true 20 begins || { cat capture.err; echo "the capture does not begin"; exit 1; }
if ! kill -0 "$capture" 2>/dev/null; then
    grep -m 1 permission capture.err || cat capture.err
    echo "skipped: capturing on loopback is not possible here"
    exit 77
fi
echo go >&3
exec 3>&-
wait "$talker" || { cat talk.err; echo "talk failed"; exit 1; }
talker=''
until_true 20 mark_is_there postmuster-is-done || { echo "the capture has no end"; exit 1; }
kill -INT "$capture"
wait "$capture"
capture=''

case $mode in
    normal) lists=(apdus-1988 session normal) apdus=() ;;
    x410) lists=(apdus-1988 session x410 rts) apdus=(apdus-1988 wrapped) ;;
    1984) lists=(apdus-1984 session 1984 rts) apdus=(apdus-1984 wrapped) ;;
    *) exit 64 ;;
esac
expand() { # LIST...
    local files=("${@/#/$here/}")
    awk -f "$here/expand.awk" values "${files[@]/%/.expect}"
}

status=0
pdml live.pcap "$port" >live.pdml
awk -v port="$port" -f "$here/transcript.awk" "$here/fields" live.pdml >seen
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
    pdml wrapped.pcap 102 | awk -v port=102 -f "$here/transcript.awk" "$here/fields" - | grep '^    ' >seen.apdus
    expand "${apdus[@]}" >expected.apdus
    differ "$mode, its APDUs in normal mode" expected.apdus seen.apdus
fi

[ "${PM_KEEP:-}" = "" ] || cp live.pcap values seen expected wrapped.pcap seen.apdus expected.apdus "$PM_KEEP" 2>/dev/null
[ $status -ne 0 ] || echo "tshark saw $(grep -c '^tpkt' seen) packets of $mode as they were meant"
exit $status
