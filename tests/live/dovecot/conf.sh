# conf.sh - what the Dovecots of ctl.sh are told, to be sourced: dovecot_conf NAME (a, b: back ends; P: the proxy), proxy_sql.
# Dovecot wants the parts of an inet_listener on lines of their own. The proxy's rows are cached only because they come from
# SQL: those of a passwd-file never are.
# shellcheck shell=bash

dovecot_conf() {
    local d=$BASE/$1

    cat <<EOT
instance_name = postmuster-$1
base_dir = $d/run
state_dir = $d/run
listen = $(ip_of "$1")
log_path = $d/log
protocols = imap pop3 lmtp
ssl = no
auth_verbose = yes
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %Ln
first_valid_uid = 1
first_valid_gid = 1
mail_uid = mail
mail_gid = mail
mail_home = $d/mail/%n
mail_location = maildir:~/Maildir
lmtp_save_to_detail_mailbox = no
recipient_delimiter = +
mail_max_userip_connections = 100
doveadm_password = $password
doveadm_port = 2425
service imap-login {
  inet_listener imap {
    port = 1143
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  inet_listener pop3 {
    port = 1110
  }
  inet_listener pop3s {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = $(ip_of "$1")
    port = 2424
  }
}
service doveadm {
  inet_listener {
    address = $(ip_of "$1")
    port = 2425
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
EOT
    if [ "$1" = P ]; then proxy_part "$d"; else back_end_part "$d"; fi
}

back_end_part() { # a file a service: whose mail is taken (users.lmtp) may differ from who may log on
    cat <<EOT
passdb {
  driver = passwd-file
  args = username_format=%n $1/users
}
userdb {
  driver = passwd-file
  args = username_format=%n $1/users.%s
}
EOT
}

proxy_part() {
    cat <<EOT
lmtp_proxy = yes
auth_cache_size = 10M
auth_cache_ttl = $TTL s
auth_cache_negative_ttl = $TTL s
passdb {
  driver = sql
  args = $1/sql.conf
}
userdb {
  driver = passwd-file
  args = username_format=%n $1/users
}
EOT
}

proxy_sql() {
    cat <<EOT
driver = sqlite
connect = $BASE/P/routes.db
default_pass_scheme = PLAIN
password_query = SELECT name AS user, '$password' AS password, '$password' AS pass, 'y' AS proxy, host, \\
  CASE '%s' WHEN 'lmtp' THEN '2424' WHEN 'imap' THEN '1143' ELSE '1110' END AS port FROM route WHERE name = '%n'
EOT
}
