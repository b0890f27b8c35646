#!/usr/bin/env bash
# lintian.sh FOLDER - the Debian package in a folder breaks no rule of Debian's policy: lintian has no error and no warning.
# Exit status 0: none. 1: some, which are shown. 77: skipped, for lintian is absent.
set -euo pipefail
deb=$(find "${1:?folder}" -maxdepth 1 -name 'postmuster_*.deb' -print -quit)

command -v lintian >/dev/null || { echo "SKIP: lintian is not installed" && exit 77; }
[ -n "$deb" ] || { echo "lintian.sh: no package in $1; ./dev package makes one" && exit 1; }
status=0
said=$(lintian --allow-root --fail-on error --fail-on warning "$deb" 2>&1) || status=$?
printf '%s\n' "$said"
[ "$status" -eq 0 ]
