# remove-first.sh - the old server forgets the mailbox before the route is flipped: all mail between is refused, and so is what
# the edge sends by its old table afterwards (NDR), unless reports were declined (F10).
# shellcheck shell=bash
mark copying
copy
dismiss
sleep "${GAP:-1}"
admit
route
mark done
