# sync-flip-sync.sh - Dovecot's own procedure: sync, flip, sync once more for what came meanwhile. The proxy goes on asking its
# cache: mail is left behind for up to 60 s (F1, first form).
# shellcheck shell=bash
mark copying
sync_mail
route
sleep "${GAP:-1}"
sync_mail
mark done
