# imap.sh - an administrator's IMAP session in bash, to be sourced: imap_open HOST PORT USER PASSWORD, imap_do COMMAND...,
# imap_close. Words are sent as quoted strings, except the command itself and words that need none (RENAME's partition may not
# be one). imap_do leaves the tagged answer in $imap_tagged ("OK Completed") and the untagged NO, if there was one, in
# $imap_untagged_no. Every wait for an answer is bounded by $imap_wait_s.
# shellcheck shell=bash disable=SC2034
imap_wait_s=${imap_wait_s:-120}
imap_tag=0

imap_line() { # one line of the server's, without its end
    IFS= read -r -t "$imap_wait_s" -u "$imap_fd" imap_answer || {
        echo "imap: no answer from the server" >&2
        return 1
    }
    imap_answer=${imap_answer%$'\r'}
}

imap_do() {
    local line="a$((++imap_tag)) $1" word

    shift
    for word; do
        if [[ $word =~ ^[A-Za-z0-9./!_-]+$ ]]; then line+=" $word"; else line+=" \"$word\""; fi
    done
    printf '%s\r\n' "$line" >&"$imap_fd"
    imap_tagged='' imap_untagged_no=''
    while imap_line; do
        case $imap_answer in
        "a$imap_tag "*)
            imap_tagged=${imap_answer#* }
            return 0
            ;;
        "* NO "*) imap_untagged_no=${imap_answer#\* NO } ;;
        esac
    done
    return 1
}

imap_open() {
    exec {imap_fd}<>"/dev/tcp/$1/$2" && imap_line && imap_do LOGIN "$3" "$4" || return 1
    [[ $imap_tagged == OK* ]] || {
        echo "imap: log-in: $imap_tagged" >&2
        return 1
    }
}

imap_close() {
    imap_do LOGOUT || true
    exec {imap_fd}>&-
}
