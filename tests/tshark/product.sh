#!/usr/bin/env bash
# product.sh - tshark counts a run of the product: product.sh POSTMUSTER monologue|two-way
#
# Captures a short run of the profile q172364-x400 on the embedded lab (messages from our MTA to s3's, reports back to ours) and
# holds what tshark saw on the wire against what the run says of itself: each copy that the list calls accepted is one message
# whose end was acknowledged, each one reported is one non-delivery report with the same codes, the canaries come on top, and
# nothing else was said. Two-way, reports also come on the associations that we opened. Exit 0, 1 with the differences, 77 where tshark or the right to capture is missing.
set -u
postmuster=$1 dialogue=$2
# shellcheck source=tests/tshark/capture.sh
source "$(dirname "${BASH_SOURCE[0]}")/capture.sh"
need tshark dumpcap awk diff

# Ports below those that the system hands out; others may have them all the same.
for attempt in 1 2 3; do
    base=$((10000 + RANDOM % 20000)) site=$((base + 102)) ours=$((base + 7))
    capture_begin "$site" "or port $ours"
    timeout 60 "$postmuster" run q172364-x400 --variant '' --dir "run$attempt" --quiet --set "lab.base_port=$base" \
        --set "x400.listen=127.0.0.1:$ours" --set "x400.dialogue=$dialogue" --set load.steady.duration=3m --set load.steady.rate=2/s \
        --set moves.users.start=30s --set moves.users.count=1 >run.out 2>&1
    code=$?
    capture_end
    [ $code -le 2 ] && break
done
[ "$code" -le 2 ] || { cat run.out; echo "the run ended with $code"; exit 1; }
run=run$attempt status=0

"$postmuster" list "$run" --json >copies.json
text() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" copies.json; }
paste -d ' ' <(text token) <(text ending) <(text status | tr ' ' _) >copies
canaries() { tr -d ' \n' <"$run/summary.json" | sed "s/.*\"canaries\":{[^}]*\"$1\":\([0-9]*\).*/\1/"; }

transcript live.pcap "$site" >to.site
transcript live.pcap "$ours" >to.us

# Messages: the tokens that went, and how many activities were ended and acknowledged.
sed -n 's/^    p1 message.* id=[^$]* \$ pm\.\([a-z2-7]*\) .*/\1/p' to.site | sort >went
awk '$2 == "accepted" { print $1 }' copies | sort >accepted
on_ours=$(grep -c '^    p1 report' to.site) # on our own associations
ends=$(($(wc -l <accepted) + $(canaries sent) + on_ours))
{
    echo "copies accepted, of which messages went: $(wc -l <accepted)"
    echo "messages besides, the canaries: $(canaries sent)"
    echo "messages twice: 0"
    echo "ends of transfers: $ends"
    echo "acknowledged: $ends"
} >expected
{
    echo "copies accepted, of which messages went: $(comm -12 accepted went | uniq | wc -l)"
    echo "messages besides, the canaries: $(comm -13 accepted went | uniq | wc -l)"
    echo "messages twice: $(uniq -d went | wc -l)"
    echo "ends of transfers: $(grep -c 'Give tokens PDU (1); ses MAJOR SYNC POINT' to.site)"
    echo "acknowledged: $(grep -c 'Please tokens PDU (2); ses MAJOR SYNC ACK' to.site)"
} >seen
differ "messages" expected seen

# Reports: subject and codes, as "TOKEN X.400_1/0" (a diagnostic that is not there is -).
awk '/^    subject=/ { split($0, part, / \$ pm\./); split(part[2], word, " "); token = word[1] }
     /^    recipient actual=/ && /report=non-delivery/ {
         reason = diagnostic = "-"
         if (match($0, / reason=[^(]*\([0-9]+/)) reason = substr($0, RSTART, RLENGTH)
         if (match($0, / diagnostic=[^(]*\([0-9]+/)) diagnostic = substr($0, RSTART, RLENGTH)
         sub(/.*\(/, "", reason)
         sub(/.*\(/, "", diagnostic)
         print token " X.400_" reason "/" diagnostic
     }' to.site to.us | sort >reports.all
awk '$3 != "" { print $1 " " $3 }' copies | sort >expected.reports
awk 'NR == FNR { known[$1] = 1; next } $1 in known' copies reports.all >seen.reports
differ "non-delivery reports" expected.reports seen.reports
awk 'NR == FNR { known[$1] = 1; next } !($1 in known) { print $2 }' copies reports.all >seen.canaries
for ((i = $(canaries reported); i > 0; i--)); do echo "X.400_1/0"; done >expected.canaries
differ "reports about canaries" expected.canaries seen.canaries

# The rest: every bind taken, by name; whatever was released, released by both; no fault that tshark knows.
count() { grep -c -e "$1" to.site to.us | awk -F : '{ n += $2 } END { print n }'; }
{
    echo "binds of ours to s3: $(grep -c '^    p1 bind=authenticated (1) name=POSTMUSTER ' to.site), of them accepted: $(grep -c '^    p1 bound=authenticated (1) name=S3 ' to.site)"
    echo "binds of the site: $(grep -c '^    p1 bind=authenticated (1) name=S[123] ' to.us), of them accepted: $(grep -c '^    p1 bound=authenticated (1) name=POSTMUSTER ' to.us)"
    echo "synchronisation points confirmed: $(count 'MINOR SYNC ACK')"
    echo "released: $(count 'ses DISCONNECT')"
    echo "reports: $((on_ours + $(grep -c '^    p1 report' to.us)))"
    echo "of which acknowledged on the site's associations: $(grep -c 'MAJOR SYNC ACK' to.us)"
    echo "what tshark complains of: $(count '!=')"
} >seen
called=$(grep -c 'ses CONNECT (CN)' to.site) calling=$(grep -c 'ses CONNECT (CN)' to.us)
reports=$(($(wc -l <expected.reports) + $(canaries reported)))
{
    echo "binds of ours to s3: $called, of them accepted: $called"
    echo "binds of the site: $calling, of them accepted: $calling"
    echo "synchronisation points confirmed: $(count 'MINOR SYNC POINT')"
    echo "released: $(count 'ses FINISH')"
    echo "reports: $reports"
    echo "of which acknowledged on the site's associations: $((reports - on_ours))"
    echo "what tshark complains of: 0"
} >expected
differ "everything else" expected seen
if [ "$dialogue" = two-way ] && [ "$on_ours" -eq 0 ]; then
    echo "two-way, and yet no report came on an association of ours"
    status=1
fi
if [ "$(wc -l <accepted)" -lt 100 ] || [ ! -s expected.reports ] || [ "$called" -eq 0 ] || [ "$calling" -eq 0 ]; then
    echo "the run was too small to show anything"
    cat run.out
    status=1
fi

[ -z "${PM_KEEP:-}" ] || cp -r live.pcap to.site to.us copies "$run" "$PM_KEEP" 2>/dev/null
[ $status -ne 0 ] || echo "tshark saw $(wc -l <went) messages and $reports reports ($on_ours on our associations), as the run says"
exit $status
