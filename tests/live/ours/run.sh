#!/usr/bin/env bash
# run.sh POSTMUSTER - a real Postfix brings us what postmuster sent it: copies over LMTP, reports over SMTP.
#
# One Postfix on loopback takes everything at its door: there.test goes to our LMTP, back.test (the originators) to our SMTP,
# bounce.test is refused when it is to be delivered, so that its reports come back over SMTP. Then the run's classes must equal what
# was planned and what Postfix's own log says, message for message. First smtp-source floods `postmuster sink` over both protocols.
# Folders of its own below a temporary one; nothing under /etc/postfix is touched. Exit status 77: skipped (not root, no Postfix).
set -euo pipefail
postmuster=$(realpath "${1:?postmuster}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

for tool in postfix postmap smtp-source; do
    command -v "$tool" >/dev/null || { echo "SKIP: $tool is missing" && exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "SKIP: Postfix wants to be started by root" && exit 77; }
top=$(mktemp -d /var/tmp/postmuster-ours.XXXXXX)
chmod 755 "$top"
export BASE=$top/site
DOMAIN=edge.test SENDERS=back.test port=2525 us=127.0.29.2
mkdir -p "$BASE"
ip_of() { echo 127.0.29.1; }
# shellcheck source=../common/postfix.sh
source "$here/../common/postfix.sh"
sink=

finish() {
    [ -z "$sink" ] || kill "$sink" 2>/dev/null || true
    postfix_stop edge || true
    if [ -n "${PM_LIVE_KEEP:-}" ]; then echo "kept: $top"; else rm -rf "$top"; fi
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() { echo "FAILED: $*" >&2 && exit 1; }
same() { # WHAT GOT WANT
    [ "$2" = "$3" ] || fail "$1: got $2, want $3"
    echo "ok: $1: $2"
}

# --- the sink --------------------------------------------------------------------------------------------------------

flood() { # PROTOCOL OPTIONS OF smtp-source...
    local log=$top/$1.tsv said=$top/$1.out

    "$postmuster" sink "--$1" "$us:2526" --count 500 --seconds 60 --log "$log" >"$said" &
    sink=$!
    for ((i = 0; i < 100; i++)); do [ -s "$said" ] && break || sleep 0.1; done
    timeout 60 smtp-source -d -m 500 -s 5 -l 5000 -f from@back.test -t to@there.test "${@:2}" "$us:2526"
    wait "$sink" || fail "sink --$1: exit status $?"
    sink=
    same "messages of sink --$1" "$(awk -F'\t' '$8 == "end" && $9 == 250 && $10 == "taken" { print $1 }' "$log" | sort -u | wc -l)" 500
    same "taken by sink --$1" "$(grep -o '500 taken' "$said")" "500 taken"
}
flood smtp
flood lmtp -L -r 3
same "recipients of sink --lmtp" "$(sed 1d "$top/lmtp.tsv" | cut -f5 | grep -c '@there.test$')" 1500

# --- the run ---------------------------------------------------------------------------------------------------------

postfix_make edge <<EOT
relay_domains = there.test, back.test, bounce.test
relay_recipient_maps =
smtpd_reject_unlisted_recipient = no
transport_maps = hash:$BASE/edge/etc/transport
EOT
cat >"$BASE/edge/etc/transport" <<EOT
there.test lmtp:[$us]:2527
back.test smtp:[$us]:2526
bounce.test error:5.1.1 nobody of that name
EOT
postmap "hash:$BASE/edge/etc/transport"
postfix_start edge
cat >"$top/queue.sh" <<EOT
#!/usr/bin/env bash
set -euo pipefail
BASE=$BASE
source "$here/../common/postfix.sh"
postfix_queue_lines edge edge
echo end
EOT
chmod +x "$top/queue.sh"

cat >"$top/ours.yaml" <<EOT
schema: 1
run: {name: ours-over-smtp, seed: 5}
servers:
  edge: {smtp: "$(ip_of edge):$port", tls: none}
listen: {smtp: "$us:2526", lmtp: "$us:2527"}
mailboxes:
  there: {count: 20, home: ours, address: "{name}@there.test"}
  gone: {count: 5, home: ours, address: "{name}@bounce.test"}
  joe: {count: 3, home: ours, address: "{name}@back.test"}
load:
  good: {via: edge, from: joe, to: there, recipients: 2, rate: 50/s, duration: 4s, size: 2KB}
  bad: {via: edge, from: joe, to: gone, rate: 10/s, duration: 4s}
probes:
  queues: {type: exec, argv: ["$top/queue.sh"], period: 500ms}
settle: {silence: double-collect, retry: 5s, deadline: 60s}
gates: {ndr: 40, silent-loss: 0, unknown: 0, duplicated: 0, corrupted: 0, misdelivered: 0, contradiction: 0, identities: 0}
EOT
code=0
timeout 120 "$postmuster" run "$top/ours.yaml" --dir "$top/run" --quiet >"$top/run.out" 2>&1 || code=$?
cat "$top/run.out"
same "exit status" "$code" 0

class() { "$postmuster" list "$top/run" --class "$1" --json | wc -l; }
log=$BASE/edge/maillog
lines() { grep -cE "postfix/$1\[.*to=<$2.*status=$3" "$log" || true; }
same delivered "$(class delivered)" 400
same "delivered, says Postfix" "$(lines lmtp 'there-[0-9]+@there.test>' sent)" 400
same ndr "$(class ndr)" 40
same "bounced, says Postfix" "$(lines error 'gone-[0-9]+@bounce.test>' bounced)" 40
same "copies" "$("$postmuster" list "$top/run" --json | wc -l)" 440
same "known-bad addresses" "$(grep -o '4 sent, 4 reported' "$top/run.out")" "4 sent, 4 reported"
