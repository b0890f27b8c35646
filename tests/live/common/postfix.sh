# postfix.sh - Postfix instances side by side on loopback, to be sourced. Each has folder, queue, log and master of its own
# under $BASE/NAME, listens on one address and port, and touches nothing under /etc/postfix. Needs BASE, DOMAIN (of the
# mailboxes), SENDERS (domain of the originators), ip_of NAME, port.
# shellcheck shell=bash

# qmgr is woken every 3 s, not 300, for mail that a reload has put back from the active queue to the incoming one. Such mail
# waits even so: what a delivery agent of before the reload still holds ("skipped, still being delivered") is tried after 60 s.
postfix_master_cf() { # ADDRESS:PORT
    cat <<EOT
$1 inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 3 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
EOT
}

# inet_interfaces stays at 127.0.0.1, the only address that lo has by name; master.cf names the one to listen on. An error
# costs a client no time (smtpd_error_sleep_time), else the edge would take minutes over a flood of refusals.
postfix_main_cf() { # NAME FOLDER
    cat <<EOT
compatibility_level = 3.6
queue_directory = $2/spool
data_directory = $2/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = $1.$DOMAIN
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = $2/maillog
maillog_file_prefixes = $BASE
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
virtual_mailbox_base = $2/mail
virtual_uid_maps = static:8
virtual_gid_maps = static:8
virtual_minimum_uid = 1
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
transport_retry_time = 2s
service_throttle_time = 2s
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_client_message_rate_limit = 0
in_flow_delay = 0
smtpd_error_sleep_time = 0
default_process_limit = 60
EOT
}

postfix_make() { # NAME, further lines of main.cf on stdin
    local d=$BASE/$1

    mkdir -p "$d/etc" "$d/spool" "$d/data" "$d/mail"
    chmod 755 "$d"
    chown postfix "$d/data"
    chown mail:mail "$d/mail"
    postfix_master_cf "$(ip_of "$1"):$port" >"$d/etc/master.cf"
    { postfix_main_cf "$1" "$d"; cat; } >"$d/etc/main.cf"
}

# The door: everything for $DOMAIN goes where the transport map says, by name or else to DEFAULT; it is read again by a timer
# of trivial-rewrite's, up to 10 s after a change, which is what F2 is about.
postfix_make_edge() { # DEFAULT-NEXT-HOP, further lines of main.cf on stdin
    local etc=$BASE/edge/etc

    {
        cat <<EOT
relay_domains = $DOMAIN
relay_recipient_maps =
transport_maps = hash:$etc/transport
virtual_alias_maps = hash:$etc/aliases
EOT
        cat
    } | postfix_make edge
    echo "$DOMAIN $1" >"$etc/transport"
    : >"$etc/aliases"
    postmap "hash:$etc/transport" "hash:$etc/aliases"
}

postfix_do() { # NAME COMMAND: start, stop, reload
    postfix -c "$BASE/$1/etc" "$2" 2>&1 | grep -vE 'starting|stopping|refreshing|^$' >&2 || true
}

postfix_is_up() { # NAME
    (exec 3<>"/dev/tcp/$(ip_of "$1")/$port") 2>/dev/null
}

postfix_start() { # NAME...
    local n i

    for n; do
        ! postfix_is_up "$n" || { echo "ctl.sh: somebody listens on $(ip_of "$n"):$port already" >&2 && return 1; }
        postfix_do "$n" start
    done
    for n; do
        for ((i = 0; i < 100; i++)); do
            ! postfix_is_up "$n" || continue 2
            sleep 0.1
        done
        echo "ctl.sh: $n does not answer on $(ip_of "$n"):$port" >&2
        return 1
    done
}

postfix_stop() { # NAME...
    local n

    for n; do [ ! -e "$BASE/$n/spool/pid/master.pid" ] || postfix_do "$n" stop; done
}

postfix_empty() { # NAME, when it is stopped
    (cd "$BASE/$1/spool" && find incoming active deferred hold maildrop bounce defer trace -type f -delete)
}

# A line of a table, in place of the one with that key; "-" takes it out. Under a lock: movers run side by side.
postfix_map() { # NAME TABLE KEY VALUE
    local f=$BASE/$1/etc/$2

    (
        flock 9
        { grep -vF "$3 " "$f" || true; [ "$4" = - ] || echo "$3 $4"; } >"$f.new"
        mv "$f.new" "$f"
        postmap "hash:$f"
    ) 9>"$f.lock"
}

# docs/queues.md's lines. With `verp` the sender's address carries the token; what has come and gone is in the log.
postfix_queue_lines() { # SERVER INSTANCE
    local d=$BASE/$2 in=0 out=0

    out=$(grep -c 'qmgr\[[0-9]*\]: [0-9A-F]*: removed$' "$d/maillog" || true)
    in=$(grep -c 'cleanup\[[0-9]*\]: [0-9A-F]*: message-id=' "$d/maillog" || true)
    echo "counters $1 $in $out"
    postqueue -c "$d/etc" -j | awk -v server="$1" '
        function text(line, key,    at, rest) {
            at = index(line, "\"" key "\": \"")
            rest = substr(line, at + length(key) + 5)
            return at ? substr(rest, 1, index(rest, "\"") - 1) : ""
        }
        {
            id = text($0, "queue_id"); sender = text($0, "sender"); held = text($0, "queue_name") == "hold"
            while (match($0, /"address": "[^"]*"/)) {
                to = substr($0, RSTART + 12, RLENGTH - 13)
                $0 = substr($0, RSTART + RLENGTH)
                print server, id, sender == "" || sender == "MAILER-DAEMON" ? "<>" : sender, to, 0, held ? "NONE" : "DUE", "-"
            }
        }'
}
