# apart.sh - sourced: the rest of a test runs in a network and mounts of its own, and in a folder that goes with it.
#
# Skips (77) where namespaces, or a tool, are not to be had. shellcheck shell=bash

skip() {
    echo "skipped: $*"
    exit 77
}

# apart TOOL... -- ARGUMENT...: the script again, with these arguments of it, apart; there it goes on, in the folder.
apart() {
    local folder code=0
    if [ -n "${PM_APART:-}" ]; then
        cd "$PM_APART"
        ip link set lo up
        mount --make-rprivate / 2>/dev/null || true
        return
    fi
    for tool in unshare ip mount; do command -v "$tool" >/dev/null || skip "$tool is not here"; done
    while [ "$1" != -- ]; do
        command -v "$1" >/dev/null || skip "$1 is not here"
        shift
    done
    shift
    unshare -nm true 2>/dev/null || skip "no namespaces of one's own here"
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # this very folder
    trap "rm -rf '$folder'" EXIT
    PM_APART=$folder unshare -nm bash "$0" "$@" || code=$?
    exit "$code"
}

# cover FILE...: these of the folder stand for those of /etc.
cover() {
    local file
    for file; do mount --bind "$file" "/etc/$file" || skip "/etc/$file cannot be covered"; done
}
