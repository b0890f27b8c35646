#!/usr/bin/env bash
# ctl.sh - three Postfix on loopback: an edge that routes by a hash: table, and the back ends a and b with mailboxes as Maildirs.
#
#   ctl.sh up                       makes and starts all three, and the mailboxes that profiles/live-postfix-*.yaml want
#   ctl.sh down                     stops what up started; the folder stays to be looked at
#   ctl.sh reset                    empties mailboxes and queues, everybody is at home again
#   ctl.sh adduser USER SERVER      a mailbox USER@lab.test on a or b
#   ctl.sh alias USER WORD,...      the edge sends USER's mail to these instead
#   ctl.sh move USER FROM TO RECIPE moves it by tests/live/movers/RECIPE.sh, in the words of docs/mover.md
#   ctl.sh home USER                server that the edge's table names
#   ctl.sh maildir USER SERVER      its folder there;  ctl.sh folders: SERVER USER FOLDER of all
#   ctl.sh queue                    what the queues hold, in the lines of docs/queues.md;  ctl.sh flush: try it now
#   ctl.sh list SERVER              postqueue -j;  ctl.sh show SERVER ID...: postcat's headers (type: postfix)
#   ctl.sh qdirs                    folders that may hold mail on its way
#   ctl.sh smtp                     where mail enters
#
# NDRs come to writer-1 and -2 @sender.test, mailboxes of the edge. All state is under $BASE (/var/tmp/postmuster-live/postfix),
# below no folder that user mail cannot enter. Root: Postfix switches users. Up in 3 to 6 s.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
system=postfix
NET=${NET:-127.0.21}
# shellcheck source=../common/ctl.sh
source "$here/../common/ctl.sh"
# shellcheck source=../common/postfix.sh
source "$here/../common/postfix.sh"
servers=(edge a b)

ip_of() {
    case $1 in
    edge) echo "$NET.1" ;;
    a) echo "$NET.2" ;;
    b) echo "$NET.3" ;;
    *) echo "ctl.sh: no such server: $1" >&2 && exit 64 ;;
    esac
}

next_hop() { echo "smtp:[$(ip_of "$1")]:$port"; }
maildir() { echo "$BASE/$2/mail/$1"; }

# --- steps of a move, see movers/ ------------------------------------------------------------------------------------

copy() { copy_maildir "$(maildir "$user" "$from")" "$(maildir "$user" "$to")"; }
route() { postfix_map edge transport "$user@$DOMAIN" "$(next_hop "$to")"; }
admit() { postfix_map "$to" mailboxes "$user@$DOMAIN" "$user/"; }
dismiss() { postfix_map "$from" mailboxes "$user@$DOMAIN" -; }
erase() { rm -rf "$(maildir "$user" "$from")"; }
block() { # the old server puts mail off; reloaded, so that no session goes on with the old table
    postfix_map "$from" access "$user@$DOMAIN" "450 4.2.1 mailbox is being moved"
    postfix_do "$from" reload
    postfix_do edge reload # and the edge drops the sessions that it kept open to there
}
drain() { # until the old server holds nothing for him any more
    local i

    for ((i = 0; i < 100; i++)); do
        postqueue -c "$BASE/$from/etc" -j | grep -qF "\"$user@$DOMAIN\"" || return 0
        sleep 0.1
    done
    echo "the queue of $from does not empty" >&2 && return 1
}
unblock() { postfix_map "$from" access "$user@$DOMAIN" -; }
apply_route() { postfix_do edge reload; }

# --- the site ----------------------------------------------------------------------------------------------------------

make_all() {
    local d s

    postfix_make_edge "$(next_hop a)" <<EOT
virtual_mailbox_domains = $SENDERS
virtual_mailbox_maps = hash:$BASE/edge/etc/senders
recipient_delimiter = +
EOT
    # With verp the return path is writer-1+pm.TOKEN@sender.test.
    for s in $(names_of writer 2); do echo "$s@$SENDERS $s/"; done >"$BASE/edge/etc/senders"
    postmap "hash:$BASE/edge/etc/senders"
    for s in a b; do
        d=$BASE/$s/etc
        postfix_make "$s" <<EOT
virtual_mailbox_domains = $DOMAIN
virtual_mailbox_maps = hash:$d/mailboxes
transport_maps =
relayhost = [$(ip_of edge)]:$port
smtpd_recipient_restrictions = check_recipient_access hash:$d/access, permit_mynetworks, reject_unauth_destination
EOT
        : >"$d/mailboxes"
        : >"$d/access"
        postmap "hash:$d/mailboxes" "hash:$d/access"
    done
}

make_folder() { # FOLDER: a Maildir
    mkdir -p "$1/cur" "$1/new" "$1/tmp"
    chown -R mail:mail "$1"
}

# dual-1 to -3 have alternate recipients, alt-1 to -3, "deliver to both".
people() { names_of user 9; names_of dual 3; names_of alt 3; }

# Everybody at home, in one go: tables are written whole and mailboxes empty.
populate() {
    local u

    for u in $(people); do echo "$u@$DOMAIN $u/"; done >"$BASE/a/etc/mailboxes"
    : >"$BASE/b/etc/mailboxes"
    : >"$BASE/a/etc/access"
    : >"$BASE/b/etc/access"
    {
        echo "$DOMAIN $(next_hop a)"
        for u in $(people); do echo "$u@$DOMAIN $(next_hop a)"; done
    } >"$BASE/edge/etc/transport"
    for u in 1 2 3; do echo "dual-$u@$DOMAIN dual-$u@$DOMAIN, alt-$u@$DOMAIN"; done >"$BASE/edge/etc/aliases"
    postmap "hash:$BASE/edge/etc/transport" "hash:$BASE/edge/etc/aliases"
    for u in a b; do postmap "hash:$BASE/$u/etc/mailboxes" "hash:$BASE/$u/etc/access"; done
    for u in "${servers[@]}"; do rm -rf "${BASE:?}/$u/mail"/*; done
    for u in $(people); do make_folder "$(maildir "$u" a)"; done
    for u in $(names_of writer 2); do make_folder "$(maildir "$u" edge)"; done
}

up() {
    need postfix:postfix postfix:postmap rsync:rsync
    begin_base
    make_all
    populate
    postfix_start "${servers[@]}"
}

reset() {
    postfix_stop "${servers[@]}"
    for s in "${servers[@]}"; do postfix_empty "$s"; done
    populate
    postfix_start "${servers[@]}"
}

adduser() { # USER SERVER
    local user=$1 to=$2

    make_folder "$(maildir "$user" "$to")"
    admit
    route
    apply_route
}

home() { # USER
    local key hop s

    case $1 in writer-*) echo edge && return ;; esac
    while read -r key hop; do
        [ "$key" = "$1@$DOMAIN" ] || continue
        for s in a b; do [ "$hop" != "$(next_hop $s)" ] || { echo "$s" && return; }; done
    done <"$BASE/edge/etc/transport"
    echo "ctl.sh: nobody routes $1" >&2
    return 1
}

folders() {
    local s d

    for s in "${servers[@]}"; do
        for d in "$BASE/$s/mail"/*/; do [ ! -d "$d" ] || echo "$s $(basename "$d") ${d%/}"; done
    done
}

queue() {
    local s

    for s in "${servers[@]}"; do postfix_queue_lines "$s" "$s"; done
    echo end
}

case ${1:-} in
up | reset | folders | queue) "$1" ;;
down)
    postfix_stop "${servers[@]}"
    rm -f "$BASE/up"
    ;;
adduser | move | home | maildir) "$@" ;;
alias) postfix_map edge aliases "$2@$DOMAIN" "$3" ;;
list) postqueue -c "$BASE/$2/etc" -j ;;
show) postcat -c "$BASE/$2/etc" -eh -q "${@:3}" ;;
flush) for s in "${servers[@]}"; do postqueue -c "$BASE/$s/etc" -f; done ;;
qdirs) for s in "${servers[@]}"; do for q in incoming active deferred hold maildrop; do echo "$BASE/$s/spool/$q"; done; done ;;
smtp) echo "$(ip_of edge):$port" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
esac
