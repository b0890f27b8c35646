#!/usr/bin/env bash
# install.sh FOLDER - the package in a folder installs into a Debian made from nothing, and does there what it promises.
#
# Makes a minimal Debian 12 in a folder below /var/tmp from this machine's own mirror, and installs the package there with apt, which
# finds what it depends on. In there: an ordinary user runs `postmuster run q248839` in his home, whose verdict is to be FAIL for
# silent loss, and judges it again; man shows the three pages; bash finds the completion by itself; what is installed is where
# Debian looks for it. Purged, the package leaves every folder as it was before it came. Some 40 s with a near mirror.
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

SECONDS=0
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
quietly() { within "$@" >>"$top/log" 2>&1 || { tail -n 20 "$top/log" && exit 1; }; }
# What is there but for caches and logs, and the lists of packages themselves.
listing() {
    find "$root" -xdev \( -path "$root/proc" -o -path "$root/var/cache" -o -path "$root/var/log" -o -path "$root/var/lib/apt" \
        -o -path "$root/var/lib/dpkg" -o -path "$root/var/tmp" \) -prune -o -printf '/%P %M %u %l\n' | sort
}
quietly apt-get update -qq
quietly useradd --create-home --shell /bin/bash engineer
quietly apt-get install -y -qq --no-install-recommends man-db bash-completion
quietly apt-get satisfy -y -qq --no-install-recommends "$(dpkg-deb -f "$deb" Depends)"
listing >"$top/before"
quietly apt-get install -y -qq --no-install-recommends /var/tmp/postmuster.deb
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

for page in 1/postmuster 5/postmuster-profile 5/postmuster-journal; do
    within env LC_ALL=C.UTF-8 MANWIDTH=80 man "${page%/*}" "${page#*/}" >"$top/page" 2>"$top/page-errors"
    said page "^ *${page#*/} - "
    [ ! -s "$top/page-errors" ] || { cat "$top/page-errors" && exit 1; }
done
# shellcheck disable=SC2016 # for the shell in there
within bash --norc -c '. /usr/share/bash-completion/bash_completion
    _completion_loader postmuster || [ $? -eq 124 ]
    complete -p postmuster' >"$top/completion"
said completion '_postmuster'

# In his home, as he would type it.
user() { timeout 600 chroot --userspec=engineer "$root" env -i PATH=/usr/bin:/bin HOME=/home/engineer sh -c 'cd && exec "$@"' - "$@"; }
status=0
user postmuster run q248839 --quiet >"$top/run" 2>&1 || status=$?
cat "$top/run"
[ "$status" -eq 1 ] || { echo "install.sh: run ended with $status, expected 1 (FAIL)" && exit 1; }
said run '^silent-loss  *[1-9][0-9]*  *0$' # in SP3, not in SP4
runs=0
for run in "$root"/home/engineer/results/runs/2*; do
    status=0
    user postmuster judge "${run##*/}" >"$top/judged" || status=$?
    [ "$status" -eq 1 ] || { echo "install.sh: judge ended with $status, expected 1 (FAIL)" && exit 1; }
    [ -s "$run/report.html" ] || { echo "install.sh: ${run##*/} has no page" && exit 1; }
    runs=$((runs + 1))
done
[ "$runs" -eq 2 ] || { echo "install.sh: $runs runs in his home, expected 2" && exit 1; }
rm -rf "$root/home/engineer/results"

quietly apt-get purge -y -qq postmuster
listing >"$top/after"
diff "$top/before" "$top/after" >"$top/left" || { echo "install.sh: left behind (>) or taken (<):" && cat "$top/left" && exit 1; }
within dpkg-query -W postmuster >/dev/null 2>&1 && echo "install.sh: dpkg still knows it" && exit 1
echo "install.sh: installed, read, run by a user, judged and purged without a trace, in $SECONDS s"
