# remove-first-sync.sh - Dovecot, mailboxes copied by dsync, the old server takes no more mail for the user when the route is
# flipped: where the proxy still remembers it, that mail is refused (F1, second form: NDR).
# shellcheck shell=bash
mark copying
sync_mail
dismiss
sleep "${GAP:-1.2}" # its file of users is read again within a second or so
route
mark done
