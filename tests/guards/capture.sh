#!/bin/bash
# capture.sh PROGRAM TEST_APP - "nothing is sent", witnessed.
#
# In a network of its own (lo, and an interface with a default route, so that whatever is sent goes somewhere) dumpcap listens on
# all interfaces while every refused target of refused.txt is tried by the program itself (suite app.guards, with the table's
# names in the hosts file): not one packet may be seen. Then the same witness has to see what is sent to targets that are allowed, on
# both interfaces. Skips (77) where namespaces, ip or dumpcap are not to be had. Ends what it started, by pid.
set -euo pipefail

program=$1 test_app=$2
here=$(cd "$(dirname "$0")" && pwd)

. "$here/apart.sh"
apart dumpcap tshark -- "$@"

# A network where everything that is sent goes out by one interface.
ends=out0
if ! ip link add out0 type dummy 2>/dev/null; then
    ip link add out0 type veth peer name end0 2>/dev/null || skip "neither dummy nor veth interfaces here"
    ends="out0 end0"
fi
for end in $ends; do
    for knob in accept_ra router_solicitations; do
        echo 0 >"/proc/sys/net/ipv6/conf/$end/$knob" 2>/dev/null || true
    done
    echo 1 >"/proc/sys/net/ipv6/conf/$end/addr_gen_mode" 2>/dev/null || true
    ip link set "$end" arp off multicast off up
done
ip addr add 10.99.0.2/24 dev out0
ip addr add 2606:4700::2/64 dev out0 nodad 2>/dev/null || true
ip route add default dev out0
ip -6 route add default dev out0 2>/dev/null || true

# The table's names have the table's addresses, and nobody else is asked.
{
    echo "127.0.0.1 localhost"
    awk -F'\t' '/^[a-z]/ && $4 != "-" {
        name = $2; sub(/^[a-z]+:\/\//, "", name); sub(/[:\/].*/, "", name)
        n = split($4, at, " "); for (i = 1; i <= n; i++) print at[i], name }' "$here/refused.txt"
} >hosts
printf 'hosts: files\n' >nsswitch.conf
cover hosts nsswitch.conf

capture=
listen() { # FILE
    : >"$1.log"
    dumpcap -q -i any -w "$1" 2>"$1.log" &
    capture=$!
    for _ in $(seq 100); do
        grep -q '^File:' "$1.log" && return 0
        sleep 0.1
    done
    skip "dumpcap does not listen: $(tail -1 "$1.log")"
}
hang_up() {
    sleep 1
    kill -INT "$capture"
    wait "$capture" || true
}
count() { # FILE [FILTER]
    tshark -n -r "$1" ${2:+-Y "$2"} -T fields -e frame.number 2>/dev/null | wc -l
}

sleep 3 # what the kernel says of new interfaces is said by now
bad=0
listen refused.pcapng
PM_GUARD_NAMES=1 timeout 300 "$test_app" guards || { echo "not ok: not every target is refused"; bad=1; }
hang_up
seen=$(count refused.pcapng)
if [ "$seen" -eq 0 ]; then
    echo "ok: $(grep -c '^[a-z]' "$here/refused.txt") refused targets, no packet on any interface"
else
    echo "not ok: $seen packets were sent to refused targets:"
    tshark -n -r refused.pcapng 2>/dev/null | head -20
    bad=1
fi

# The witness is awake: the same capture sees what goes to targets that are allowed.
allowed() { # FILE ADDRESS
    cat >"$1" <<EOF
schema: 1
servers:
  s1: {smtp: '$2', tls: none}
mailboxes:
  box: {home: s1, address: 'box@lab.test'}
  joe: {home: s1, address: 'joe@lab.test'}
load:
  steady: {via: s1, from: joe, to: box, rate: 10/s, duration: 1s}
settle: {canary: no, deadline: 2s}
safety: {networks: [10.99.0.0/24]}
EOF
}
allowed loopback.yaml 127.0.0.1:2525
allowed private.yaml 10.99.0.7:2525
listen allowed.pcapng
timeout 60 "$program" run loopback.yaml --dir run1 >/dev/null 2>&1 || true
timeout 4 "$program" run private.yaml --dir run2 >/dev/null 2>&1 || true
hang_up
near=$(count allowed.pcapng 'tcp.dstport == 2525 && ip.dst == 127.0.0.1')
far=$(count allowed.pcapng 'tcp.dstport == 2525 && ip.dst == 10.99.0.7')
if [ "$near" -gt 0 ] && [ "$far" -gt 0 ]; then
    echo "ok: the same witness sees $near packets to an allowed loopback and $far to a listed private address"
else
    echo "not ok: the witness sees $near packets to loopback and $far to a listed address; it is blind"
    bad=1
fi
exit "$bad"
