# ctl.sh - what the ctl.sh of every system here has in common, to be sourced: names, the table of moves, waiting. Set before:
# system, NET, own functions ip_of, up, down, adduser, dismiss, ...
# shellcheck shell=bash
export LC_ALL=C
export PATH=$PATH:/usr/sbin:/sbin
BASE=${BASE:-/var/tmp/postmuster-live/${system:?}}
DOMAIN=lab.test
SENDERS=sender.test
port=2525
live=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

need() { # PACKAGE-OF:PROGRAM...: else 77
    local p missing=

    [ "$(id -u)" -eq 0 ] || { echo "ctl.sh: only root can start mail servers" >&2 && exit 77; }
    for p; do command -v "${p#*:}" >/dev/null || missing+=" ${p%:*}"; done
    [ -z "$missing" ] || { echo "ctl.sh: packages are missing:$missing (./dev deps)" >&2 && exit 77; }
}

# Unpacked packages of a system that runs on files of its own under the names of others: else 77.
need_private() { # NAME
    unshare -m true 2>/dev/null || { echo "ctl.sh: no mount namespace of its own may be made here" >&2 && exit 77; }
    bash "$live/common/unpack.sh" "$cache" "$1" || { echo "ctl.sh: the packages of $1 cannot be fetched" >&2 && exit 77; }
}

# One that nobody else is using: the folder of a site that is up is locked by its marker.
begin_base() {
    [ ! -e "$BASE/up" ] || { echo "ctl.sh: $BASE is up already; ctl.sh down" >&2 && exit 69; }
    rm -rf "$BASE"
    mkdir -p "$BASE"
    chmod 755 "$BASE" "${BASE%/*}"
    touch "$BASE/up"
}

names_of() { # NAME COUNT: user 3 is user-1 user-2 user-3
    local i

    for ((i = 1; i <= $2; i++)); do echo "$1-$i"; done
}

# A move as a recipe of movers/: its steps are functions of this system; what fails in it fails the move.
move() { # USER FROM TO RECIPE
    local user=$1 from=$2 to=$3 recipe=$live/movers/$4.sh

    [ -r "$recipe" ] || { echo "failed no such recipe: $4" && return 1; }
    # shellcheck source=/dev/null
    source "$recipe"
}

# Mail that is delivered, read or deleted meanwhile makes files vanish under rsync's hands: 24 says so, and is no failure.
copy_maildir() { # FROM TO
    rsync -a --exclude='/tmp/*' "$1/" "$2/" || [ $? -eq 24 ]
}

mark() { echo "mark $1"; }

# Where unpacked packages are kept: in the build tree of the sources, or where an installed copy may write.
live_cache() {
    if [ -n "${PM_LIVE_CACHE:-}" ]; then
        echo "$PM_LIVE_CACHE"
    elif [ -e "$live/../../CMakeLists.txt" ]; then
        realpath -m "$live/../../build/live-cache"
    else
        echo /var/cache/postmuster-live
    fi
}
