#!/bin/bash
# owner.sh PROGRAM [FAULT_SHIM] - the owner of a public target is asked, and his answer decides.
#
# In a network and with a hosts file of its own a name server of a few lines (127.0.0.1:53) says what the owner publishes; the public
# address is one of lo, where nobody listens. Without record, with a stranger's name, without the typed domain, too fast, or too
# late: 77 and the rule. With all of it the program connects, and only then: 69. With the shim an hour goes by in an instant
# (tests/faults/shim.c), and the owner is asked again during a run: when he says so no more it is braked, and while he says nothing
# a stop is heard all the same. Skips (77) where namespaces are not to be had. Ends what it started, by pid.
set -euo pipefail

program=$1 shim=${2:-}

. "$(dirname "$0")/apart.sh"
apart python3 sha256sum -- "$@"
ip addr add 93.184.216.7/32 dev lo
echo "127.0.0.1 localhost" >hosts
echo "nameserver 127.0.0.1" >resolv.conf
printf 'hosts: files dns\n' >nsswitch.conf
cover hosts resolv.conf nsswitch.conf

cat >names.py <<'EOF'
import json, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    q, peer = s.recvfrom(4096)
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode().lower())
        at += q[at] + 1
    kind = struct.unpack(">H", q[at + 1:at + 3])[0]
    says = json.load(open("says.json"))
    if says.get("silent"):
        open("asked", "w").close()
        continue
    said = says.get(".".join(labels))
    data = b""
    if said and kind == 16:
        data = bytes([len(said)]) + said.encode()
    elif said and kind == 12:
        data = b"".join(bytes([len(l)]) + l.encode() for l in said.split(".")) + b"\0"
    s.sendto(q[:2] + (b"\x81\x80" if data else b"\x81\x83") + q[4:6] + struct.pack(">HHH", bool(data), 0, 0) + q[12:at + 5]
             + (b"\xc0\x0c" + q[at + 1:at + 5] + struct.pack(">IH", 1, len(data)) + data if data else b""), peer)
EOF
echo '{}' >says.json
python3 names.py >names.log 2>&1 &
names=$!
trap 'kill "$names" 2>/dev/null || true' EXIT
bad=0
ready() { # LOG
    for _ in $(seq 100); do
        grep -q ready "$1" && return
        sleep 0.1
    done
    [ "$bad" -eq 0 ] || exit 1
    skip "no ${1%.log}: $(tail -1 "$1")"
}

ready names.log

export PM_OWNER_KEY="correct horse"
key=$(printf 'postmuster owner\n%s' "$PM_OWNER_KEY" | sha256sum | cut -c1-32)
record="v=pm1; key=$key; net=93.184.216.0/24; max=50/s; until=2099-12-31"
number=0 more=

says() { # RECORD NAME
    printf '{"_postmuster.corp.example.de": "%s", "7.216.184.93.in-addr.arpa": "%s"}' "$1" "$2" >says.next
    mv says.next says.json
}

expect() { # WHAT CODE WORDS RATE [OPTION...]
    local what=$1 code=$2 words=$3 rate=$4 got=0
    shift 4
    number=$((number + 1))
    cat >p.yaml <<EOF
schema: 1
servers:
  s1: {smtp: '93.184.216.7:2525', tls: none}
mailboxes:
  box: {home: s1, address: 'box@corp.example.de'}
load:
  steady: {via: s1, from: box, to: box, rate: $rate, duration: 1s}
settle: {canary: no, deadline: 2s}
safety: {networks: [93.184.216.0/24], domains: [corp.example.de], owner_key: env:PM_OWNER_KEY}
$more
EOF
    timeout 90 "$program" run p.yaml --dir "run$number" --quiet "$@" >said 2>&1 || got=$?
    if [ "$got" -eq "$code" ] && grep -q "$words" said; then
        echo "ok: $what"
    else
        echo "not ok: $what: exit code $got, want $code and \"$words\": $(tail -1 said)"
        bad=1
    fi
}

yes=(--yes-i-own corp.example.de)
says "" ""
expect "nobody says anything" 77 "refused by rule unproven" 10/s "${yes[@]}"
says "${record/$key/00112233445566778899aabbccddeeff}" mx.corp.example.de
expect "the record is for another key" 77 "not for this profile's owner_key (key=$key)" 10/s "${yes[@]}"
says "${record/2099/2020}" mx.corp.example.de
expect "the record's time is over" 77 "time is over" 10/s "${yes[@]}"
says "${record/216.0/217.0}" mx.corp.example.de
expect "the record is about another network" 77 "refused by rule unproven" 10/s "${yes[@]}"
says "$record" mx.strangers.de
expect "the address is a stranger's" 77 "mx.strangers.de" 10/s "${yes[@]}"
says "$record" corp.example.de.strangers.de
expect "the address's name only begins like the domain" 77 "refused by rule unproven" 10/s "${yes[@]}"
says "$record" mx.corp.example.de
expect "the domain was not typed" 77 "refused by rule consent" 10/s
expect "it is faster than the owner allows" 77 "refused by rule owner-rate" 60/s "${yes[@]}"
expect "all of it is said: it connects" 69 "refused" 10/s "${yes[@]}"
more="home_lookup: {type: http, url: 'http://93.184.216.9:8080/home/{mailbox}'}"
expect "a record claims a network, and a URL leads to a stranger in it" 77 "93.184.216.9:8080 has no name" 10/s "${yes[@]}"
more=""
says "${record/216.0\/24/0.0\/0}" mx.corp.example.de
expect "a record claims half the world" 77 "makes no sense" 10/s "${yes[@]}"
[ -n "$shim" ] || exit "$bad"

cat >mail.py <<'EOF'
import socket, threading
def talk(c):
    f, text = c.makefile("rwb", buffering=0), False
    f.write(b"220 mx\r\n")
    for line in f:
        if text and line != b".\r\n":
            continue
        if text:
            open("mail", "a").write("1\n")
        text = line[:4].upper() == b"DATA"
        f.write(b"354 go\r\n" if text else b"250 ok\r\n")
s = socket.create_server(("93.184.216.7", 2525))
print("ready", flush=True)
while True:
    threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
EOF
python3 mail.py >mail.log 2>&1 &
mail=$!
trap 'kill "$names" "$mail" 2>/dev/null || true' EXIT

wait_for() { # FILE
    for _ in $(seq 300); do
        [ -e "$1" ] && return
        sleep 0.1
    done
    echo "not ok: there is no $1 after 30 s"
    bad=1
}

ready mail.log

begin() { # a run of two hours, whose first goes by when there is a file called ahead; until its first mail is there
    number=$((number + 1))
    sed -i -e 's/rate: [^,]*/rate: 1\/s/' -e 's/duration: [^}]*/duration: 2h/' p.yaml
    rm -f ahead mail
    says "$record" mx.corp.example.de
    LD_PRELOAD=$shim PM_FAULT_WHEN=$PWD/ahead PM_FAULT_AHEAD=3600000 timeout 90 "$program" run p.yaml --dir "run$number" \
        --quiet "${yes[@]}" >said 2>&1 &
    run=$!
    wait_for mail
}

ended() { # WHAT CODE WORDS NOT
    local got=0
    wait "$run" || got=$?
    cat "run$number/log.txt" >>said 2>/dev/null || true
    if [ "$got" -eq "$2" ] && grep -q "$3" said && ! grep -q "$4" said; then
        echo "ok: $1"
    else
        echo "not ok: $1: exit code $got, want $2 and \"$3\", not \"$4\": $(tail -3 said)"
        bad=1
    fi
}

begin
says "" ""
touch ahead
ended "after an hour the owner says so no more" 2 "braked 1" "interrupted 1"
begin
echo '{"silent": true}' >says.next
mv says.next says.json
touch ahead
wait_for asked
touch "run$number/stop"
ended "while the owner is asked and says nothing, a stop is heard" 130 "interrupted 1" "braked 1"
exit "$bad"
