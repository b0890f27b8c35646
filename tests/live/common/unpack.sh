#!/usr/bin/env bash
# unpack.sh PREFIX NAME - puts a mail system's Debian packages into PREFIX/NAME without installing them, so that systems
# which conflict as packages stand beside one another. NAME: cyrus, exim or opensmtpd. Needs apt's package lists. Packages
# are fetched once (PREFIX/debs); a second call finds the mark of the first and does nothing. The shared libraries that they
# need are installed normally: see the list in ./dev.
set -euo pipefail

prefix=${1:?prefix folder}
name=${2:?cyrus, exim or opensmtpd}

case $name in
cyrus) packages=(cyrus-common cyrus-imapd cyrus-murder cyrus-replication) ;;
exim) packages=(exim4-base exim4-daemon-light) ;;
opensmtpd) packages=(opensmtpd) ;;
*)
    echo "unpack.sh: no such system: $name" >&2
    exit 64
    ;;
esac

[ ! -e "$prefix/$name/.unpacked" ] || exit 0
mkdir -p "$prefix/debs/$name" "$prefix/$name"
cd "$prefix/debs/$name"
fetch() { timeout 300 apt-get download -qq -o APT::Sandbox::User=root "${packages[@]}" >&2; }
fetch || { timeout 120 apt-get update -qq >&2 && fetch; } # the lists may be missing
for deb in *.deb; do
    dpkg -x "$deb" "$prefix/$name"
done
chmod 755 "$prefix" "$prefix/$name" # dpkg -x leaves what the package says of /
touch "$prefix/$name/.unpacked"
