#!/usr/bin/env bash
# ctl.sh - three Exim 4.96 on loopback: an edge that looks every recipient's route up in a file at each delivery attempt, and the
# back ends a and b with mailboxes as Maildirs.
#
#   ctl.sh up                       unpacks Exim (apt-get download, once), starts all three, makes the mailboxes that
#                                   profiles/live-exim-*.yaml want
#   ctl.sh down                     stops what up started; the folder stays to be looked at
#   ctl.sh reset                    all of it from the beginning
#   ctl.sh adduser USER SERVER      a mailbox USER@lab.test on a or b
#   ctl.sh alias USER WORD,...      the edge sends USER's mail to these instead
#   ctl.sh move USER FROM TO RECIPE moves it by tests/live/movers/RECIPE.sh, in the words of docs/mover.md
#   ctl.sh home USER                server that the edge's table names
#   ctl.sh maildir USER SERVER      its folder there;  ctl.sh folders: SERVER USER FOLDER of all
#   ctl.sh queue                    what the queues hold, in the lines of docs/queues.md;  ctl.sh flush: try it now
#   ctl.sh list SERVER              its queue as it is;  ctl.sh show SERVER ID: one entry (type: exim)
#   ctl.sh qdirs                    folders that may hold mail on its way
#   ctl.sh smtp                     where mail enters
#
# NDRs come to writer-1 and -2 @sender.test, mailboxes of the edge. All state is under $BASE (/var/tmp/postmuster-live/exim),
# below no folder that user mail cannot enter; the unpacked package is in build/live-cache. Root: Exim switches users. The
# program looks for the user Debian-exim, and for its own configuration among trusted_configs when it runs itself again: each
# command runs in a mount namespace with a private copy of /etc that has both. Up in 2 s; 50 to 60 messages a second.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
system=exim
NET=${NET:-127.0.26}
# shellcheck source=../common/ctl.sh
source "$here/../common/ctl.sh"
# shellcheck source=conf.sh
source "$here/conf.sh"
cache=$(live_cache)
exim=$cache/exim/usr/sbin/exim4
servers=(a b edge)

ip_of() {
    case $1 in
    edge) echo "$NET.1" ;;
    a) echo "$NET.2" ;;
    b) echo "$NET.3" ;;
    *) echo "ctl.sh: no such server: $1" >&2 && exit 64 ;;
    esac
}

maildir() { echo "$BASE/$2/mail/$1"; }

# A line of a table, in place of the one with that key; "-" takes it out. Under a lock: movers run side by side.
table() { # NAME TABLE KEY VALUE
    local f=$BASE/$1/$2

    (
        flock 9
        { grep -v "^$3:" "$f" || true; [ "$4" = - ] || echo "$3: $4"; } >"$f.new"
        chmod 644 "$f.new"
        mv "$f.new" "$f"
    ) 9>"$f.lock"
}

# --- steps of a move, see movers/ ------------------------------------------------------------------------------------

copy() { rsync -a "$(maildir "$user" "$from")/" "$(maildir "$user" "$to")/"; }
route() { table edge routes "$user@$DOMAIN" "$(ip_of "$to")"; }
admit() { table "$to" users "$user" "$user"; }
dismiss() { table "$from" users "$user" -; }
erase() { rm -rf "$(maildir "$user" "$from")"; }
block() { table "$from" moving "$user" yes; }
unblock() { table "$from" moving "$user" -; }
apply_route() { :; } # it is read afresh at each attempt

# --- the site ----------------------------------------------------------------------------------------------------------

run_exim() { # NAME ARGUMENT...
    # shellcheck disable=SC2016 # expanded inside the namespace
    unshare -m bash -c 'mount --bind "$0" /etc && exec "$@"' "$BASE/etc" "$exim" -C "$BASE/$1/exim.conf" "${@:2}"
}

private_etc() {
    local s

    mkdir -p "$BASE/etc"
    cp -a /etc/. "$BASE/etc"
    mkdir -p "$BASE/etc/exim4"
    grep -q ^Debian-exim: "$BASE/etc/passwd" || echo 'Debian-exim:x:8:8::/var/spool:/usr/sbin/nologin' >>"$BASE/etc/passwd"
    grep -q ^Debian-exim: "$BASE/etc/group" || echo 'Debian-exim:x:8:' >>"$BASE/etc/group"
    for s in "${servers[@]}"; do echo "$BASE/$s/exim.conf"; done >"$BASE/etc/exim4/trusted_configs"
}

make_folder() { # FOLDER: a Maildir
    mkdir -p "$1/cur" "$1/new" "$1/tmp"
    chown -R mail:mail "$1"
}

make_all() {
    local s u

    private_etc
    for s in "${servers[@]}"; do
        mkdir -p "$BASE/$s"/{spool/input,log,mail}
        exim_conf "$s" >"$BASE/$s/exim.conf"
        for u in users routes aliases moving; do : >"$BASE/$s/$u"; done
        chown -R 8:8 "$BASE/$s"
        chown root "$BASE/$s/exim.conf"
        chmod 755 "$BASE/$s"
    done
    for u in $(names_of user 3) $(names_of gone 3) $(names_of both 3) $(names_of alt 3); do
        echo "$u: $u" >>"$BASE/a/users"
        echo "$u@$DOMAIN: $(ip_of a)" >>"$BASE/edge/routes"
        make_folder "$(maildir "$u" a)"
    done
    # both-1 to -3 have an alternate recipient, "deliver to both".
    for u in 1 2 3; do echo "both-$u: both-$u@$DOMAIN, alt-$u@$DOMAIN" >>"$BASE/edge/aliases"; done
    for u in $(names_of writer 2); do
        echo "$u: $u" >>"$BASE/edge/users"
        make_folder "$(maildir "$u" edge)"
    done
}

answers() { (exec 3<>"/dev/tcp/$(ip_of "$1")/$port") 2>/dev/null; }

start_all() {
    local s i

    for s in "${servers[@]}"; do run_exim "$s" -bd -q5s; done
    for s in "${servers[@]}"; do
        for ((i = 0; i < 100; i++)); do
            ! answers "$s" || continue 2
            sleep 0.1
        done
        echo "ctl.sh: $s does not answer on $(ip_of "$s"):$port" >&2
        return 1
    done
}

begin() {
    begin_base
    make_all
    start_all
}

up() {
    need rsync:rsync util-linux:unshare
    need_private exim
    if ldd "$exim" | grep -q 'not found'; then
        echo "ctl.sh: packages with shared libraries are missing (./dev deps)" >&2 && exit 77
    fi
    begin
}

down() {
    local s pid

    for s in edge a b; do
        pid=$(cat "$BASE/$s/exim.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || true
        for ((i = 0; i < 50; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
    rm -f "$BASE/up"
}

reset() {
    down
    begin
}

adduser() { # USER SERVER
    local user=$1 to=$2

    make_folder "$(maildir "$user" "$to")"
    admit
    route
}

home() { # USER
    local host s

    [ ! -d "$(maildir "$1" edge)" ] || { echo edge && return; }
    host=$(sed -n "s/^$1@$DOMAIN: //p" "$BASE/edge/routes")
    for s in a b; do [ "$host" != "$(ip_of $s)" ] || { echo "$s" && return; }; done
    echo "ctl.sh: nobody routes $1" >&2
    return 1
}

folders() {
    local s d

    for s in "${servers[@]}"; do
        for d in "$BASE/$s/mail"/*/; do [ ! -d "$d" ] || echo "$s $(basename "$d") ${d%/}"; done
    done
}

# exim -bp: age, size, id and <sender>, then recipients, those done marked D. With `verp` the sender carries the token.
queue() {
    local s

    for s in "${servers[@]}"; do
        run_exim "$s" -bp | awk -v server="$s" '
            $3 ~ /^[0-9A-Za-z]+-[0-9A-Za-z]+-[0-9A-Za-z]+$/ && $4 ~ /^</ {
                id = $3; held = /\*\*\* frozen \*\*\*$/
                from = $4 == "<>" ? $4 : substr($4, 2, length($4) - 2)
                next
            }
            NF == 1 && /@/ { print server, id, from, $1, 0, held ? "NONE" : "DUE", "-" }'
    done
    echo end
}

case ${1:-} in
up | down | reset | folders | queue) "$1" ;;
adduser | move | home | maildir) "$@" ;;
alias) table edge aliases "$2" "$3" ;;
list) run_exim "$2" -bp ;;
show) run_exim "$2" -Mvh "$3" ;;
flush) for s in "${servers[@]}"; do run_exim "$s" -qff; done ;;
qdirs) for s in "${servers[@]}"; do echo "$BASE/$s/spool/input"; done ;;
smtp) echo "$(ip_of edge):$port" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
esac
