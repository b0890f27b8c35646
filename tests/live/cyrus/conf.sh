# conf.sh - the configuration files of Cyrus' nodes, on stdout; to be sourced by ctl.sh. Needs BASE, ip_of NODE, password, bin (Cyrus'
# programs), usermoves (no: allowusermoves is left out).
# shellcheck shell=bash disable=SC2154

imapd_conf() { # NODE
    local dir=$BASE/$1 node

    cat <<X
configdirectory: $dir/conf
defaultpartition: default
partition-default: $dir/spool
temp_path: $dir/tmp
cyrus_user: mail
cyrus_group: mail
servername: $(ip_of "$1")
admins: cyrus murder
proxyservers: murder
lmtp_admins: murder
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $BASE/sasldb2
sasl_mech_list: PLAIN
virtdomains: off
unixhierarchysep: yes
altnamespace: no
delete_mode: immediate
expunge_mode: immediate
duplicatesuppression: yes
lmtpsocket: $dir/conf/socket/lmtp
idlesocket: $dir/conf/socket/idle
notifysocket: $dir/conf/socket/notify
syslog_prefix: live-$1
search_engine: none
maxlogins_per_host: 0
maxlogins_per_user: 0
X
    [ "$usermoves" = no ] || echo "allowusermoves: yes"
    [ "$1" = M ] && return
    cat <<X
mupdate_server: $(ip_of M)
mupdate_port: 3905
mupdate_username: murder
mupdate_authname: murder
mupdate_password: $password
mupdate_config: standard
mupdate_retry_delay: 2
proxy_authname: murder
proxy_password: $password
X
    for node in a b F; do
        node=$(ip_of $node)
        printf '%s_mechs: PLAIN\n%s_password: %s\n' "${node//./_}" "${node//./_}" "$password"
    done
}

cyrus_conf() { # NODE: back ends' lmtpd without -a, or the front end is offered EXTERNAL only
    local conf=$BASE/$1/imapd.conf ip pre=

    ip=$(ip_of "$1")
    [ "$1" = F ] && pre=-a
    echo "START {"
    echo "  recover cmd=\"$bin/ctl_cyrusdb -C $conf -r\""
    [[ $1 == [ab] ]] && echo "  push cmd=\"$bin/ctl_mboxlist -C $conf -m\""
    echo "}"
    echo "SERVICES {"
    [ "$1" = M ] && echo "  mupdate cmd=\"$bin/mupdate -C $conf -m\" listen=\"$ip:3905\" prefork=1"
    [ "$1" = F ] && echo "  mupdate cmd=\"$bin/mupdate -C $conf\" listen=\"$ip:3905\" prefork=1"
    [ "$1" = M ] || echo "  imap cmd=\"$bin/imapd -C $conf\" listen=\"$ip:1143\" prefork=2"
    [ "$1" = M ] || echo "  lmtp cmd=\"$bin/lmtpd -C $conf $pre\" listen=\"$ip:2003\" prefork=2"
    echo "}"
    echo "EVENTS {"
    echo "  checkpoint cmd=\"$bin/ctl_cyrusdb -C $conf -c\" period=30"
    echo "}"
}
