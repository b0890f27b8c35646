# conf.sh - the configuration files of Exim, on stdout; to be sourced by ctl.sh. Needs BASE, DOMAIN, SENDERS, ip_of NAME, port,
# exim (the program). Names of files come from look-ups ($local_part_data), since what a stranger wrote is tainted.
# shellcheck shell=bash disable=SC2154

exim_conf() { # NAME
    local d=$BASE/$1

    cat <<EOT
exim_path = $exim
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = $1.$DOMAIN
spool_directory = $d/spool
log_file_path = $d/log/%slog
pid_file_path = $d/exim.pid
local_interfaces = <; $(ip_of "$1")
daemon_smtp_ports = $port
tls_advertise_hosts =
keep_environment =
never_users =
host_lookup =
rfc1413_query_timeout = 0s
dsn_advertise_hosts = *
smtp_accept_max = 100
smtp_connect_backlog = 500
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
queue_run_max = 10
deliver_queue_load_max = 100
queue_only_load = 100
split_spool_directory = false
delay_warning = 24h
bounce_return_size_limit = 10K
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
EOT
    if [ "$1" = edge ]; then exim_edge "$d"; else exim_back "$d"; fi
    cat <<EOT
box:
  driver = appendfile
  maildir_format
  directory = $d/mail/\$local_part_data
  create_directory
  user = mail
  group = mail
out:
  driver = smtp
  port = $port
  allow_localhost
  hosts_try_chunking =
  hosts_try_prdr =
begin retry
* * F,1h,5s
EOT
}

exim_edge() { # FOLDER
    cat <<EOT
begin acl
rcpt:
  accept domains = $DOMAIN : $SENDERS
  deny message = relay not permitted
begin routers
senders:
  driver = accept
  domains = $SENDERS
  local_parts = lsearch;$1/users
  local_part_suffix = +*
  local_part_suffix_optional
  transport = box
aliases:
  driver = redirect
  domains = $DOMAIN
  data = \${lookup{\$local_part}lsearch{$1/aliases}}
routes:
  driver = manualroute
  domains = $DOMAIN
  route_data = \${lookup{\$local_part@\$domain}lsearch{$1/routes}{\$value}}
  transport = out
  host_find_failed = defer
  self = send
begin transports
EOT
}

exim_back() { # FOLDER
    cat <<EOT
begin acl
rcpt:
  defer condition = \${lookup{\$local_part}lsearch{$1/moving}{1}{0}}
        message = mailbox is being moved
  accept domains = $DOMAIN
         verify = recipient
  deny message = relay not permitted
begin routers
boxes:
  driver = accept
  domains = $DOMAIN
  local_parts = lsearch;$1/users
  transport = box
  cannot_route_message = Unknown user
reports:
  driver = manualroute
  domains = $SENDERS
  route_data = $(ip_of edge)
  transport = out
  self = send
begin transports
EOT
}
