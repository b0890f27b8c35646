# sync-flip-flush-sync.sh - as sync-flip-sync, and the proxy's cache is told to forget the user right after the flip: nothing is
# left behind. The last sync meets mail that has reached the new home meanwhile, and may double it (F5).
# shellcheck shell=bash
mark copying
sync_mail
route
apply_route
sleep "${GAP:-1}"
sync_mail
mark done
