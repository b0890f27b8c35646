# rsync-flip-delete.sh - as rsync-flip, and the old copy is deleted after it: what was delivered to the old home between copy
# and flip goes with it, and nobody is told (F3).
# shellcheck shell=bash
mark copying
copy
admit
sleep "${GAP:-0.3}" # somebody looks whether the copy is fine
route
dismiss
sleep 1
erase
mark done
