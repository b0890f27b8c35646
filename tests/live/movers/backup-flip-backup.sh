# backup-flip-backup.sh - `doveadm backup` makes the target a copy of the source, whatever it holds: the second one deletes what
# has reached the new home since the flip, and does not bring the rest (F4).
# shellcheck shell=bash
mark copying
backup_mail
route
apply_route
sleep "${GAP:-1}"
backup_mail || true # it may say that it failed; many a script does not look
mark done
