#!/usr/bin/env bash
# zimbra-zmmboxmove.sh ADDRESS FROM TO - UNTESTED HERE: a template, from memory of Zimbra's (Network Edition) administration guide;
# compare the options with `zmmboxmove -h` of your version first. A mover for Zimbra: one mailbox by zmmboxmove, as user zimbra on
# one of its servers, in the words of docs/mover.md. FROM and TO are mailbox servers: name the profile's servers after them.
#
#   movers:
#     zimbra: {type: exec, argv: [ssh, -T, zimbra@mbs1.example.com, /opt/pm/zimbra-zmmboxmove.sh, "{address}", "{from}", "{to}"]}
#
# The mailbox is in maintenance while it moves, so mail for it waits in the MTA; what the old server still keeps afterwards goes
# with zmpurgeoldmbox, which is left to you. The directory's word: home_lookup by zmprov ga ADDRESS zimbraMailHost, or LDAP.
set -euo pipefail
address=${1:?address} from=${2:?from} to=${3:?to}

echo "mark copying"
if ! said=$(zmmboxmove -a "$address" --from "$from" --to "$to" --sync 2>&1); then
    echo "failed ${said//$'\n'/ }"
    exit 1
fi
echo "mark done"
