#!/usr/bin/env bash
# install.sh FOLDER - the package in a folder installs into a Debian made from nothing, and does there what it promises.
#
# Makes a minimal Debian 12 in a folder below /var/tmp from this machine's own mirror, installs the package with apt and what it
# depends on, and in there: runs `postmuster run q248839`, whose verdict is to be FAIL for silent loss, judges it again, and looks
# for manual pages, completions and profiles. Removes the package, which leaves nothing behind, and the folder.
# Exit status 0: all of it. 1: not. 77: skipped, for this is not root, debootstrap is absent or no mirror can be reached.
set -euo pipefail
deb=$(find "${1:?folder}" -maxdepth 1 -name 'postmuster_*.deb' -print -quit)
suite=bookworm

skip() { echo "SKIP: $*" && exit 77; }
[ "$(id -u)" -eq 0 ] || skip "only root can make a Debian in a folder"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
[ -n "$deb" ] || { echo "install.sh: no package in $1; ./dev package makes one" && exit 1; }
# shellcheck disable=SC2016 # a word of apt's
mirrors=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" "Created-By: Packages" "Component: main")
mirror=${mirrors%%$'\n'*}
[ -n "$mirror" ] || skip "apt knows no mirror of $suite"

top=$(mktemp -d /var/tmp/postmuster-install.XXXXXX)
root=$top/root
within() { timeout 600 chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/var/tmp DEBIAN_FRONTEND=noninteractive "$@"; }
finish() {
    if mountpoint -q "$root/proc"; then umount "$root/proc"; fi
    rm -rf --one-file-system "$top"
}
trap finish EXIT
trap 'exit 1' INT TERM

timeout 900 debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$top/log" 2>&1 || {
    tail -n 5 "$top/log"
    grep -qiE 'Failed getting release|Couldn.t download|mount|mknod' "$top/log" && skip "debootstrap cannot work here"
    exit 1
}
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc" || skip "no /proc can be mounted here"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod 755 "$root/usr/sbin/policy-rc.d"
# As this machine's apt: a frozen mirror's list may be older than it says it is good for. Minimal systems leave manuals out.
echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90here"
rm -f "$root/etc/dpkg/dpkg.cfg.d/docker"
cp "$deb" "$root/var/tmp/postmuster.deb"
within apt-get update -qq >>"$top/log" 2>&1
within apt-get install -y -qq --no-install-recommends /var/tmp/postmuster.deb >>"$top/log" 2>&1 || { tail -n 20 "$top/log" && exit 1; }
echo "installed: $(within dpkg-query -W postmuster), with $(within dpkg-query -W | wc -l) packages in all"

for file in /usr/bin/postmuster /usr/share/man/man1/postmuster.1.gz /usr/share/man/man5/postmuster-profile.5.gz \
    /usr/share/man/man5/postmuster-journal.5.gz /usr/share/bash-completion/completions/postmuster \
    /usr/share/zsh/vendor-completions/_postmuster /usr/share/fish/vendor_completions.d/postmuster.fish \
    /usr/share/postmuster/profiles/q248839.yaml /usr/share/postmuster/tests/live/postfix/ctl.sh /usr/share/doc/postmuster/copyright; do
    [ -s "$root$file" ] || { echo "install.sh: $file is not there" && exit 1; }
done
said() { grep -q "$2" "$top/$1" || { echo "install.sh: $1 does not say $2" && exit 1; }; }
within postmuster profiles >"$top/profiles"
said profiles '^q248839 '

status=0
within postmuster run q248839 --runs /var/tmp/runs --quiet >"$top/run" 2>&1 || status=$?
cat "$top/run"
[ "$status" -eq 1 ] || { echo "install.sh: run ended with $status, expected 1 (FAIL)" && exit 1; }
said run '^silent-loss  *[1-9][0-9]*  *0$' # in SP3, not in SP4
for run in "$root"/var/tmp/runs/2*; do
    status=0
    within postmuster judge "/var/tmp/runs/${run##*/}" >"$top/judged" || status=$?
    [ "$status" -eq 1 ] || { echo "install.sh: judge ended with $status, expected 1 (FAIL)" && exit 1; }
    [ -s "$run/report.html" ] || { echo "install.sh: ${run##*/} has no page" && exit 1; }
done
within apt-get purge -y -qq postmuster >>"$top/log" 2>&1
left=$(cd "$root" && find usr -name '*postmuster*')
[ -z "$left" ] || { echo "install.sh: left behind: $left" && exit 1; }
echo "install.sh: installed, run, judged and removed"
