# rsync-flip.sh - the move of many a manual, as a recipe for ctl.sh: copy, let the new server know the mailbox, flip the
# route, let the old one forget it. What reaches the old home after the copy stays there (left behind), and what the edge still
# sends there by its old table is refused (NDR).
# shellcheck shell=bash
mark copying
copy
admit
route
dismiss
mark done
