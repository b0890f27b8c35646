#!/usr/bin/env bash
# ctl.sh - three OpenSMTPD 6.8 on loopback: an edge whose tables say which back end a recipient's mail goes to (a: whatever they do
# not name), and the back ends a and b with mailboxes as Maildirs. The edge decides when it accepts a message, not when it delivers it.
#
#   ctl.sh up [PROFILE]             unpacks OpenSMTPD (apt-get download, once), starts all three, makes the mailboxes that
#                                   profiles/live-opensmtpd-*.yaml want; for live-opensmtpd-expiry the edge gives mail up after
#                                   30 s instead of 5 m
#   ctl.sh down                     stops what up started; the folder stays to be looked at
#   ctl.sh reset [PROFILE]          all of it from the beginning
#   ctl.sh adduser USER SERVER      a mailbox USER@lab.test on a or b
#   ctl.sh move USER FROM TO RECIPE moves it by tests/live/movers/RECIPE.sh, in the words of docs/mover.md
#   ctl.sh home USER                server that the edge's tables name
#   ctl.sh maildir USER SERVER      its folder there;  ctl.sh folders: SERVER USER FOLDER of all
#   ctl.sh queue                    what the queues hold, in the lines of docs/queues.md;  ctl.sh flush: try it now
#   ctl.sh list SERVER              its queue as it is;  ctl.sh show SERVER ID: one entry (type: opensmtpd)
#   ctl.sh qdirs                    folders that may hold mail on its way
#   ctl.sh stop SERVER, start SERVER
#   ctl.sh smtp                     where mail enters
#
# NDRs come to writer-1 and -2 @sender.test, mailboxes of the edge. All state is under $BASE
# (/var/tmp/postmuster-live/opensmtpd), below no folder that user mail cannot enter; the unpacked package is in
# build/live-cache. Root: it switches users. Queue, control socket and delivery agents are at compiled-in paths: each instance
# runs in a mount namespace with a private /etc, /run, /var/spool, /var/lib and /usr/libexec; smtpctl has to be setgid
# opensmtpq, hence a copy, run inside the instance's namespace. Up in 2 s; about 20 messages a second to one back end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
system=opensmtpd
NET=${NET:-127.0.27}
# shellcheck source=../common/ctl.sh
source "$here/../common/ctl.sh"
cache=$(live_cache)
root=$cache/opensmtpd
servers=(a b edge)
lifetime=5m

ip_of() {
    case $1 in
    edge) echo "$NET.1" ;;
    a) echo "$NET.2" ;;
    b) echo "$NET.3" ;;
    *) echo "ctl.sh: no such server: $1" >&2 && exit 64 ;;
    esac
}

maildir() { echo "$BASE/$2/mail/$1"; }

# --- instances ---------------------------------------------------------------------------------------------------------

smtpd_conf() { # NAME: a file table may not be empty, hence the placeholder
    local d=$BASE/$1

    echo 'table anyone { "@" = mail }'
    echo "listen on $(ip_of "$1") port $port"
    if [ "$1" = edge ]; then
        cat <<EOT
table to_a file:$d/to_a
table to_b file:$d/to_b
smtp limit max-mails 1000000
queue ttl $lifetime
bounce warn-interval 1h
action "a" relay host smtp://$(ip_of a):$port
action "b" relay host smtp://$(ip_of b):$port
action "box" maildir "$d/mail/%{rcpt.user:strip}" virtual <anyone>
match from any for domain "$SENDERS" action "box"
match from any for rcpt-to <to_a> action "a"
match from any for rcpt-to <to_b> action "b"
match from any for domain "$DOMAIN" action "a"
EOT
    else
        cat <<EOT
table users file:$d/users
action "box" maildir "$d/mail/%{rcpt.user}" virtual <anyone>
action "reports" relay host smtp://$(ip_of edge):$port
match from any for domain "$DOMAIN" rcpt-to <users> action "box"
match from any for domain "$SENDERS" action "reports"
EOT
    fi
}

answers() { (exec 3<>"/dev/tcp/$(ip_of "$1")/$port") 2>/dev/null; }

start() { # SERVER
    local d=$BASE/$1 i

    # shellcheck disable=SC2016 # expanded inside the namespace
    setsid unshare -m bash -c '
        set -e
        mount --bind "$1/etc" /etc
        mount -t tmpfs tmpfs /run
        mkdir -p "$2/spool/smtpd"
        chmod 711 "$2/spool/smtpd"
        mount --bind "$2/spool" /var/spool
        mount -t tmpfs tmpfs /var/lib
        mkdir -p /var/lib/opensmtpd/empty
        mount --bind "$3/usr/libexec" /usr/libexec
        exec "$3/usr/sbin/smtpd" -d -f "$2/smtpd.conf"' start "$BASE" "$d" "$root" >>"$d/log" 2>&1 </dev/null &
    echo $! >"$d/pid"
    for ((i = 0; i < 100; i++)); do
        ! answers "$1" || return 0
        sleep 0.1
    done
    echo "ctl.sh: $1 does not answer on $(ip_of "$1"):$port" >&2
    return 1
}

stop() { # SERVER
    local pid i

    pid=$(cat "$BASE/$1/pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    for ((i = 0; i < 50; i++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
}

control() { # SERVER ARGUMENT...: smtpctl
    nsenter -m -t "$(cat "$BASE/$1/pid")" "$BASE/smtpctl" "${@:2}"
}

# --- steps of a move, see movers/ ------------------------------------------------------------------------------------

table() { # SERVER TABLE add|remove USER; smtpd is told of it. Under a lock: movers run side by side.
    local f=$BASE/$1/$2

    (
        flock 9
        { grep -vxF "$4@$DOMAIN" "$f" || true; [ "$3" = remove ] || echo "$4@$DOMAIN"; } >"$f.new"
        cat "$f.new" >"$f"
        ! answers "$1" || control "$1" update table "$2" >/dev/null
    ) 9>"$f.lock"
}

copy() { rsync -a "$(maildir "$user" "$from")/" "$(maildir "$user" "$to")/"; }
admit() { table "$to" users add "$user"; }
dismiss() { table "$from" users remove "$user"; }
erase() { rm -rf "$(maildir "$user" "$from")"; }
route() { # the new one first: between, both match and the first wins
    table edge "to_$to" add "$user"
    [ "$from" = "$to" ] || table edge "to_$from" remove "$user"
}
apply_route() { :; }

# --- the site ----------------------------------------------------------------------------------------------------------

private_etc() {
    local name id

    mkdir -p "$BASE/etc"
    cp -a /etc/. "$BASE/etc"
    for name in opensmtpd:7101 opensmtpq:7102; do
        id=${name#*:} name=${name%:*}
        grep -q "^$name:" "$BASE/etc/passwd" ||
            echo "$name:x:$id:$id::/var/lib/opensmtpd/empty:/usr/sbin/nologin" >>"$BASE/etc/passwd"
        grep -q "^$name:" "$BASE/etc/group" || echo "$name:x:$id:" >>"$BASE/etc/group"
    done
    install -m 2755 -g "$(sed -n 's/^opensmtpq:[^:]*:\([0-9]*\):.*/\1/p' "$BASE/etc/group")" "$root/usr/sbin/smtpctl" \
        "$BASE/smtpctl"
}

make_folder() { # FOLDER: a Maildir
    mkdir -p "$1/cur" "$1/new" "$1/tmp"
    chown -R mail:mail "$1"
}

make_all() {
    local s t u

    private_etc
    for s in "${servers[@]}"; do
        mkdir -p "$BASE/$s/mail"
        chmod 755 "$BASE/$s"
        chown mail:mail "$BASE/$s/mail"
        for t in to_a to_b users; do echo placeholder@invalid.test >"$BASE/$s/$t"; done
        smtpd_conf "$s" >"$BASE/$s/smtpd.conf"
    done
    for u in $(names_of user 3); do
        echo "$u@$DOMAIN" | tee -a "$BASE/a/users" >>"$BASE/edge/to_a"
        make_folder "$(maildir "$u" a)"
    done
    for u in $(names_of writer 2); do make_folder "$(maildir "$u" edge)"; done
}

begin() { # [PROFILE]
    [ "$1" != live-opensmtpd-expiry ] || lifetime=30s
    begin_base
    make_all
    for s in "${servers[@]}"; do start "$s"; done
}

up() { # [PROFILE]
    need rsync:rsync util-linux:unshare util-linux:nsenter
    need_private opensmtpd
    if ldd "$root/usr/sbin/smtpd" | grep -q 'not found'; then
        echo "ctl.sh: packages with shared libraries are missing (./dev deps)" >&2 && exit 77
    fi
    begin "${1:-}"
}

down() {
    local s

    for s in edge a b; do stop "$s"; done
    rm -f "$BASE/up"
}

reset() { # [PROFILE]
    down
    begin "${1:-}"
}

adduser() { # USER SERVER
    local user=$1 from=$2 to=$2

    make_folder "$(maildir "$user" "$to")"
    admit
    route
}

home() { # USER: the first that matches, as in smtpd.conf
    local s

    [ ! -d "$(maildir "$1" edge)" ] || { echo edge && return; }
    for s in a b; do ! grep -qxF "$1@$DOMAIN" "$BASE/edge/to_$s" || { echo "$s" && return; }; done
    echo "ctl.sh: nobody routes $1" >&2
    return 1
}

folders() {
    local s d

    for s in "${servers[@]}"; do
        for d in "$BASE/$s/mail"/*/; do [ ! -d "$d" ] || echo "$s $(basename "$d") ${d%/}"; done
    done
}

# smtpctl show queue: envelope id, family, kind, flags, sender, recipient, destination, three times, tries, state. With `verp` the sender carries
# the token. A server that is down cannot be asked; if nothing lies in its folder, its queue is empty all the same.
queue() {
    local s

    for s in "${servers[@]}"; do
        answers "$s" || [ -n "$(find "$BASE/$s/spool/smtpd/queue" -type f -print -quit)" ] || continue
        control "$s" show queue | awk -F'|' -v server="$s" \
            'NF > 11 { print server, $1, $5 == "" ? "<>" : $5, $6, $11 + 0, $12 ~ /hold|suspend/ ? "NONE" : "DUE", "-" }'
    done
    echo end
}

case ${1:-} in
down | folders | queue) "$1" ;;
up | reset | adduser | move | home | maildir | start | stop) "$@" ;;
list) control "$2" show queue ;;
show) control "$2" show message "$3" ;;
flush) control edge schedule all ;;
qdirs) for s in "${servers[@]}"; do echo "$BASE/$s/spool/smtpd/queue"; done ;;
smtp) echo "$(ip_of edge):$port" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
esac
