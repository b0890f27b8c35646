#!/usr/bin/env bash
# ctl.sh - Cyrus IMAP 3.6 Murder on loopback: a Postfix edge hands all mail to the front end F by LMTP, which asks its copy of
# the mupdate master M's list for each user's server, and hands on to the back ends a and b.
#
#   ctl.sh up [PROFILE]          unpacks Cyrus (apt-get download, once), starts all five, makes the mailboxes that
#                                profiles/live-cyrus-*.yaml want; for live-cyrus-false-ok without allowusermoves
#   ctl.sh down                  stops what up started; the folder stays to be looked at
#   ctl.sh reset [PROFILE]       all of it from the beginning
#   ctl.sh adduser USER SERVER.. mailboxes USER@lab.test; waits until the front end knows them
#   ctl.sh move USER FROM TO HOW in the words of docs/mover.md: xfer, xfer-trusting (believes the tagged OK), rename (through F)
#   ctl.sh home USER             server that the mupdate master names
#   ctl.sh folders               SERVER USER FOLDER of all mailboxes that the back ends list (a moved one's files may stay)
#   ctl.sh queue                 what the edge holds, in the lines of docs/queues.md;  ctl.sh flush: try it now
#   ctl.sh qdirs                 folders that may hold mail on its way
#   ctl.sh smtp                  where mail enters;  ctl.sh imap SERVER: where mailboxes are read
#   ctl.sh mlist F|M|a|b         a node's list of mailboxes, as it stands in its database
#
# IMAP 1143, LMTP 2003, mupdate 3905. Users log on at the back ends as NAME with the password labpass. All state is under $BASE
# (/var/tmp/postmuster-live/cyrus), below no folder that user mail cannot enter; the unpacked packages are in build/live-cache.
# Root: they switch users; and Cyrus takes its port numbers from /etc/services, so that each master runs in a mount namespace
# of its own with a private copy over that file. Up in 5 s.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
system=cyrus
NET=${NET:-127.0.23}
password=labpass
usermoves=yes
# shellcheck source=../common/ctl.sh
source "$here/../common/ctl.sh"
# shellcheck source=../common/postfix.sh
source "$here/../common/postfix.sh"
# shellcheck source=conf.sh
source "$here/conf.sh"
# shellcheck source=imap.sh
source "$here/imap.sh"
cache=$(live_cache)
bin=$cache/cyrus/usr/lib/cyrus/bin
libs=$cache/cyrus/usr/lib/x86_64-linux-gnu

ip_of() {
    case $1 in
    edge) echo "$NET.1" ;;
    a) echo "$NET.12" ;;
    b) echo "$NET.13" ;;
    F) echo "$NET.14" ;;
    M) echo "$NET.15" ;;
    *) echo "ctl.sh: no such server: $1" >&2 && exit 64 ;;
    esac
}

# --- nodes -------------------------------------------------------------------------------------------------------------

cyrus() { LD_LIBRARY_PATH=$libs "$bin/$1" "${@:2}"; }

wait_port() { # ADDRESS PORT
    local i

    for ((i = 0; i < 150; i++)); do
        (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null && return
        sleep 0.1
    done
    echo "ctl.sh: nothing listens on $1:$2" >&2
    return 1
}

secret() { # USER REALM...: what PLAIN is checked against
    local user=$1 realm

    shift
    for realm; do saslpasswd2 -p -c -f "$BASE/sasldb2" -u "$realm" "$user" <<<"$password"; done
}

node_up() { # NODE
    local dir=$BASE/$1

    mkdir -p "$dir"/conf/{db,proc,log,msg,socket,ptclient,lock} "$dir/spool" "$dir/tmp"
    imapd_conf "$1" >"$dir/imapd.conf"
    cyrus_conf "$1" >"$dir/cyrus.conf"
    chown -R mail:mail "$dir"
    chmod 755 "$dir"
    # shellcheck disable=SC2016 # expanded inside the namespace
    LD_LIBRARY_PATH=$libs unshare -m bash -c 'mount --bind "$0" /etc/services && exec "$@"' "$BASE/services" \
        "$bin/master" -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/master.pid" -d -L "$dir/log" \
        >"$dir/start.log" 2>&1 </dev/null
}

node_down() { # NODE
    local pid i

    pid=$(cat "$BASE/$1/master.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    for ((i = 0; i < 50; i++)); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

# --- the site ----------------------------------------------------------------------------------------------------------

start_all() {
    local node

    sed '/^imap2\?\s\|^lmtp\s\|^mupdate\s\|^csync\s/d' /etc/services >"$BASE/services"
    printf 'imap 1143/tcp\nlmtp 2003/tcp\nmupdate 3905/tcp\ncsync 2005/tcp\n' >>"$BASE/services"
    secret murder "$(hostname)" "$(ip_of a)" "$(ip_of b)" "$(ip_of F)" "$(ip_of M)"
    secret cyrus "$(hostname)" "$(ip_of a)" "$(ip_of b)" "$(ip_of F)"
    chown mail:mail "$BASE/sasldb2"
    chmod 640 "$BASE/sasldb2"
    node_up M
    wait_port "$(ip_of M)" 3905
    for node in a b F; do node_up $node; done
    for node in a b F; do wait_port "$(ip_of $node)" 2003; done
    postfix_start edge
}

stop_all() {
    local node

    postfix_stop edge
    for node in F a b M; do node_down $node; done
}

wait_known() { # USER...: the front end's list lags behind by up to 2 s
    local i user list missing

    for ((i = 0; i < 100; i++)); do
        list=$(cyrus ctl_mboxlist -C "$BASE/F/imapd.conf" -d) missing=
        for user; do [[ $list == *"\"user.$user\":"* ]] || missing=$user; done
        [ -n "$missing" ] || return 0
        sleep 0.2
    done
    echo "ctl.sh: the front end never learned of $missing" >&2
    return 1
}

adduser() { # USER SERVER [USER SERVER]...
    local users=()

    while [ $# -ge 2 ]; do
        secret "$1" "$(ip_of a)" "$(ip_of b)"
        imap_open "$(ip_of "$2")" 1143 cyrus "$password"
        imap_do CREATE "user/$1"
        [[ $imap_tagged == OK* ]] || {
            echo "ctl.sh: CREATE user/$1: $imap_tagged" >&2
            return 1
        }
        imap_close
        users+=("$1")
        shift 2
    done
    wait_known "${users[@]}"
}

populate() {
    local all=() user

    for user in $(names_of user 8); do all+=("$user" a); done
    for user in $(names_of writer 2); do all+=("$user" b); done
    adduser "${all[@]}"
}

begin() { # [PROFILE]
    [ "$1" != live-cyrus-false-ok ] || usermoves=no
    begin_base
    postfix_make_edge "lmtp:inet:$(ip_of F):2003" <<EOT # F says 451 to many during a move: no reason to let it rest
lmtp_destination_concurrency_failed_cohort_limit = 100
lmtp_destination_concurrency_negative_feedback = 0
transport_retry_time = 2s
EOT
    start_all
    populate
}

up() { # [PROFILE]
    need postfix:postfix sasl2-bin:saslpasswd2 util-linux:unshare
    need_private cyrus
    if cyrus imapd -h 2>&1 | grep -q 'shared libraries'; then
        echo "ctl.sh: packages with shared libraries are missing (./dev deps)" >&2 && exit 77
    fi
    begin "${1:-}"
}

reset() {
    down
    begin "${1:-}"
}

down() {
    stop_all
    rm -f "$BASE/up"
}

move() { # USER FROM TO xfer|xfer-trusting|rename
    local mover=$live/movers/cyrus-xfer.sh

    case $4 in
    xfer) "$mover" "$(ip_of "$2"):1143" "$1" "$(ip_of "$3")" ;;
    xfer-trusting) "$mover" --trust-tag "$(ip_of "$2"):1143" "$1" "$(ip_of "$3")" ;;
    rename) "$mover" --rename "$(ip_of F):1143" "$1" "$(ip_of "$3")!default" ;;
    *) echo "failed no such way to move: $4" && return 1 ;;
    esac
}

home() { # USER
    local found

    found=$(cyrus ctl_mboxlist -C "$BASE/M/imapd.conf" -d 2>/dev/null | grep -F "\"user.$1\":" || true)
    case $found in
    *"$(ip_of a)"*) echo a ;;
    *"$(ip_of b)"*) echo b ;;
    *)
        echo "ctl.sh: the mupdate master knows no user.$1" >&2
        return 1
        ;;
    esac
}

folders() {
    local s user

    for s in a b; do
        cyrus ctl_mboxlist -C "$BASE/$s/imapd.conf" -d | sed -n 's/^"user\.\([^"]*\)".*/\1/p' | while read -r user; do
            echo "$s $user $(cyrus mbpath -C "$BASE/$s/imapd.conf" "user/$user")"
        done
    done
}

# LMTP answers when the mail is stored: only the edge has queues.
queue() {
    postfix_queue_lines edge edge
    printf 'counters a 0 0\ncounters b 0 0\nend\n'
}

case ${1:-} in
down | folders | queue) "$1" ;;
up | reset | adduser | move | home) "$@" ;;
flush) postqueue -c "$BASE/edge/etc" -f ;;
qdirs) for q in incoming active deferred hold maildrop; do echo "$BASE/edge/spool/$q"; done ;;
smtp) echo "$(ip_of edge):$port" ;;
imap) echo "$(ip_of "$2"):1143" ;;
mlist) cyrus ctl_mboxlist -C "$BASE/${2:-F}/imapd.conf" -d ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64 ;;
esac
