#!/usr/bin/env bash
# ctl.sh - Dovecot on loopback: a Postfix edge hands all mail to the proxy P by LMTP, which asks a database (SQLite) for each
# user's server and keeps the answer for 60 s, and hands on to the back ends a and b.
#
#   ctl.sh up                       makes and starts all four, and the mailboxes that profiles/live-dovecot-*.yaml want
#   ctl.sh down                     stops what up started; the folder stays to be looked at
#   ctl.sh reset                    empties mailboxes and queues, everybody is at home again
#   ctl.sh adduser USER SERVER      a mailbox USER@lab.test at home on a or b; both know the user, as in a cluster
#   ctl.sh move USER FROM TO RECIPE moves it by tests/live/movers/RECIPE.sh, in the words of docs/mover.md
#   ctl.sh seed GROUP FROM TO       doveadm backup of GROUP-1 to -3, as the evening before a move: no flip
#   ctl.sh home USER                server that the database names
#   ctl.sh maildir USER SERVER      its folder there;  ctl.sh folders: SERVER USER FOLDER of all
#   ctl.sh queue                    what the edge holds, in the lines of docs/queues.md;  ctl.sh flush: try it now
#   ctl.sh qdirs                    folders that may hold mail on its way
#   ctl.sh smtp                     where mail enters;  ctl.sh imap SERVER: where mailboxes are read
#
# IMAP 1143, POP3 1110, LMTP 2424, doveadm 2425. Users log on as NAME with the password labpass; mail for NAME@sender.test
# (NDRs) goes to NAME on a, past the proxy. All state is under $BASE (/var/tmp/postmuster-live/dovecot), below no folder that
# user mail cannot enter. Root: they switch users. $TTL: seconds of the proxy's cache (60). Up in 3 to 6 s.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
system=dovecot
NET=${NET:-127.0.22}
TTL=${TTL:-60}
password=labpass
# shellcheck source=../common/ctl.sh
source "$here/../common/ctl.sh"
# shellcheck source=../common/postfix.sh
source "$here/../common/postfix.sh"
# shellcheck source=conf.sh
source "$here/conf.sh"

ip_of() {
    case $1 in
    edge) echo "$NET.1" ;;
    a) echo "$NET.2" ;;
    b) echo "$NET.3" ;;
    P) echo "$NET.4" ;;
    *) echo "ctl.sh: no such server: $1" >&2 && exit 64 ;;
    esac
}

maildir() { echo "$BASE/$2/mail/$1/Maildir"; }
admin() { doveadm -c "$BASE/$1/dovecot.conf" "${@:2}"; }
sql() { sqlite3 -cmd '.timeout 5000' "$BASE/P/routes.db" "$1" | grep -v '^5000$' || true; }

# --- steps of a move, see movers/ ------------------------------------------------------------------------------------

copy() { copy_maildir "$(maildir "$user" "$from")" "$(maildir "$user" "$to")"; }
sync_mail() { admin "$from" sync -1 -u "$user" "tcp:$(ip_of "$to"):2425" || [ $? -eq 2 ]; } # 2: changes came meanwhile
backup_mail() { admin "$from" backup -u "$user" "tcp:$(ip_of "$to"):2425" || [ $? -eq 2 ]; }
route() { sql "update route set host = '$(ip_of "$to")' where name = '$user'"; }
admit() { takers "$to" "$user" add; }
dismiss() { takers "$from" "$user" remove; } # takes no more mail for him; log-on still works, for who looks after the rest
apply_route() { admin P auth cache flush "$user" >/dev/null; }

# --- the site ----------------------------------------------------------------------------------------------------------

# Who may log on stands in `users`, whose mail is taken in `users.lmtp`. Dovecot reads them again within a second or so.
userline() { echo "$2:{PLAIN}$password:8:8::$BASE/$1/mail/$2::"; }

takers() { # SERVER USER add|remove
    local f=$BASE/$1/users.lmtp

    (
        flock 9
        { grep -v "^$2:" "$f" || true; [ "$3" = remove ] || userline "$1" "$2"; } >"$f.new"
        chmod 644 "$f.new"
        mv "$f.new" "$f"
    ) 9>"$f.lock"
}

people() { names_of user 9; names_of left 3; names_of gone 3; names_of flushed 3; }

make_all() {
    local s

    for s in a b P; do
        mkdir -p "$BASE/$s/mail" "$BASE/$s/run"
        chown mail:mail "$BASE/$s/mail"
        dovecot_conf "$s" >"$BASE/$s/dovecot.conf"
    done
    proxy_sql >"$BASE/P/sql.conf"
    sql 'create table route(name text primary key, host text)'
    chmod 755 "$BASE/P"
    chmod 644 "$BASE/P/routes.db"
    : >"$BASE/P/users"
    postfix_make_edge "lmtp:inet:$(ip_of P):2424" <<EOT
lmtp_destination_recipient_limit = 1
EOT
    sed -i "s/^relay_domains = .*/& $SENDERS/" "$BASE/edge/etc/main.cf"
    postfix_map edge transport "$SENDERS" "lmtp:inet:$(ip_of a):2424"
}

populate() {
    local s u

    rm -rf "$BASE/a/mail"/* "$BASE/b/mail"/*
    for s in a b; do
        for u in $(people) $(names_of writer 2); do userline $s "$u"; done >"$BASE/$s/users"
        cp "$BASE/$s/users" "$BASE/$s/users.lmtp"
        for u in imap pop3 doveadm; do ln -sf users "$BASE/$s/users.$u"; done
        chmod 644 "$BASE/$s/users" "$BASE/$s/users.lmtp"
    done
    {
        echo 'begin; delete from route;'
        for u in $(people); do echo "insert into route values('$u', '$(ip_of a)');"; done
        echo 'commit;'
    } | sqlite3 "$BASE/P/routes.db"
}

start_all() {
    local s

    for s in a b P; do dovecot -c "$BASE/$s/dovecot.conf"; done
    postfix_start edge
}

stop_all() {
    local s

    postfix_stop edge
    for s in P a b; do [ ! -e "$BASE/$s/run/master.pid" ] || admin "$s" stop || true & done # each waits for its children
    wait
}

up() {
    need postfix:postfix dovecot-core:dovecot dovecot-core:doveadm sqlite3:sqlite3 rsync:rsync
    [ -e /usr/lib/dovecot/modules/auth/libdriver_sqlite.so ] || { echo "ctl.sh: packages are missing: dovecot-sqlite" >&2 && exit 77; }
    begin_base
    make_all
    populate
    start_all
}

reset() {
    stop_all
    postfix_empty edge
    populate
    start_all
}

adduser() { # USER SERVER
    local s

    for s in a b; do
        userline $s "$1" >>"$BASE/$s/users"
        takers $s "$1" add
    done
    sql "insert or replace into route values('$1', '$(ip_of "$2")')"
    sleep 1.2 # for the files of users to be read again
}

seed() { # GROUP FROM TO
    local user from=$2 to=$3

    for user in $(names_of "$1" 3); do backup_mail; done
}

home() { # USER
    local host s

    case $1 in writer-*) echo a && return ;; esac # their mail goes past the proxy
    host=$(sql "select host from route where name = '$1'")
    for s in a b; do [ "$host" != "$(ip_of $s)" ] || { echo "$s" && return; }; done
    echo "ctl.sh: nobody routes $1" >&2
    return 1
}

folders() {
    local s d

    for s in a b; do
        for d in "$BASE/$s/mail"/*/Maildir/; do [ ! -d "$d" ] || echo "$s $(basename "${d%/Maildir/}") ${d%/}"; done
    done
}

# LMTP answers when the mail is stored: only the edge has queues.
queue() {
    postfix_queue_lines edge edge
    printf 'counters a 0 0\ncounters b 0 0\nend\n'
}

case ${1:-} in
up | reset | folders | queue) "$1" ;;
down)
    stop_all
    rm -f "$BASE/up"
    ;;
adduser | seed | move | home | maildir) "$@" ;;
flush) postqueue -c "$BASE/edge/etc" -f ;;
qdirs) for q in incoming active deferred hold maildrop; do echo "$BASE/edge/spool/$q"; done ;;
smtp) echo "$(ip_of edge):$port" ;;
imap) echo "$(ip_of "$2"):1143" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
esac
