# block-copy-flip.sh - the one that loses nothing (F12): the old server puts mail off (450) before the copy begins, the edge is
# reloaded after the flip so that it knows at once, and the old home goes only after a last copy, when nothing writes there.
# shellcheck shell=bash
mark copying
block
sleep "${GAP:-1}" # sessions that had begun come to their end
copy
admit
route
apply_route
drain # what the old server has taken before the block is delivered, not bounced
copy
dismiss
erase
mark done
