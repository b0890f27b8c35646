#!/usr/bin/env bash
# postfix.sh up FOLDER ADDRESS PORT | down FOLDER - a Postfix that queues what comes and discards it, for benches.
#
# Folders of its own below FOLDER, which user postfix must be able to enter; nothing under /etc/postfix is touched. As root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
verb=${1:?up or down}
export BASE=${2:?folder} DOMAIN=bench.test SENDERS=bench.test
address=${3:-127.0.40.3} port=${4:-2527}
ip_of() { echo "$address"; }
# shellcheck source=../live/common/postfix.sh
source "$here/../live/common/postfix.sh"

case $verb in
up)
    postfix_make edge <<EOT
default_transport = discard:bench
relay_transport = discard:bench
relay_domains = $DOMAIN
relay_recipient_maps =
smtpd_reject_unlisted_recipient = no
qmgr_message_active_limit = 20000
EOT
    : >"$BASE/edge/maillog"
    postfix_start edge
    ;;
down) postfix_stop edge ;;
*) echo "postfix.sh: up or down" >&2 && exit 64 ;;
esac
