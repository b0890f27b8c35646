# shellcheck shell=bash
# capture.sh - sourced by the scripts here: a scratch folder, a capture on loopback that is complete, tshark's transcript of it.
#
# need TOOL...             skips (77) where one is missing
# capture_begin PORT [OR]  captures PORT (and what OR adds to the filter) into live.pcap; skips where that is not permitted
# capture_end              ends it once everything is in the file
# transcript FILE PORT     what tshark saw of the connections with PORT, as transcript.awk tells it
# Only processes started here are ended, by their number; the scratch folder, which is the current one, goes with the script.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
capture='' helper='' mark_port=''
# shellcheck disable=SC2317 # called by the trap
finish() {
    [ -z "$capture" ] || kill "$capture" 2>/dev/null
    [ -z "$helper" ] || kill "$helper" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$scratch"
}
trap finish EXIT
cd "$scratch" || exit 1

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "skipped: there is no $tool here"; exit 77; }
    done
}

until_true() { # SECONDS COMMAND...: is it true before the time is over?
    local left=$(($1 * 20))
    shift
    until "$@"; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# A datagram whose arrival in the file shows that everything before it is there too.
# shellcheck disable=SC2317 # called by until_true
mark_is_there() {
    echo "$1" 2>/dev/null >"/dev/udp/127.0.0.1/$mark_port"
    grep -q "$1" live.pcap 2>/dev/null
}

# shellcheck disable=SC2317 # called by until_true
begins() { mark_is_there postmuster-begins || ! kill -0 "$capture" 2>/dev/null; }

capture_begin() {
    mark_port=$1
    rm -f live.pcap
    dumpcap -q -P -i lo -f "port $1 ${2:-}" -a duration:100 -w live.pcap 2>capture.err &
    capture=$!
    until_true 20 begins || { cat capture.err; echo "the capture does not begin"; exit 1; }
    kill -0 "$capture" 2>/dev/null && return
    capture=''
    grep -m 1 permission capture.err || cat capture.err
    echo "skipped: capturing on loopback is not possible here"
    exit 77
}

capture_end() {
    until_true 20 mark_is_there postmuster-is-done || { echo "the capture has no end"; exit 1; }
    kill -INT "$capture"
    wait "$capture"
    capture=''
}

transcript() {
    tshark -r "$1" -d "tcp.port==$2,tpkt" -Y "tcp.port==$2" -T pdml 2>/dev/null |
        awk -v port="$2" -f "$here/transcript.awk" "$here/fields" -
}

# WHAT EXPECTED SEEN; sets status.
differ() {
    diff -u --label "expected: $1" --label "seen by tshark: $1" "$2" "$3" >difference && return
    head -n 60 difference
    # shellcheck disable=SC2034 # the caller's
    status=1
}
