#!/bin/bash
# check.sh - the rules of the house that a compiler does not know: check.sh RULE ROOT, one line a breach, exit 1.
#
#   banned     calls that are never right (sprintf, strcpy, strtok, atoi, gets, rand ...), tests included
#   seams      time, sockets and randomness come through base/
#   output     only app/main.c and app/cmd_*.c print and exit
#   atomics    _Atomic only in base/ring.c, base/lease.c, base/clock.c
#   functions  at most 70 lines from { to }
#   files      at most 800 lines
#   todo       TODO, FIXME and XXX carry a number: TODO(#12)
#   paths      no path of one machine
#   selftest   plants a breach of every rule and expects it to be found
#
# Comments, strings and character constants do not count for the first four.
set -u
folders="app base lab loadgen probes profiles results wire"

sources() { # folder...
    local dirs=() d
    for d in "$@"; do
        [ -d "$d" ] && dirs+=("$d")
    done
    [ ${#dirs[@]} -gt 0 ] && find "${dirs[@]}" -name '*.[ch]' | sort
}

# What people write: sources, scripts, pages; not what is built, and not bytes made by others.
texts() {
    find . \( -name .git -o -name 'build*' -o -path ./results/runs -o -name golden \) -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.sh' -o -name '*.cmake' -o -name '*.md' -o -name '*.yaml' -o -name '*.json' \
        -o -name '*.txt' -o -name '*.py' -o -name '*.1' -o -name dev -o -path './.ci/*' \) -print | sort
}

# calls PATTERN FILE...: lines of code (no comments, no strings) in which a word of the pattern stands alone.
calls() {
    local pattern=$1
    shift
    [ $# -gt 0 ] || return 0
    awk -v pattern="(^|[^A-Za-z0-9_])($pattern)" '
        FNR == 1 { inside = 0 }
        {
            line = $0
            code = ""
            while (line != "") {
                if (inside) {
                    end = index(line, "*/")
                    if (!end) break
                    line = substr(line, end + 2)
                    inside = 0
                } else if (match(line, /"|\047|\/\*|\/\//)) {
                    what = substr(line, RSTART, RLENGTH)
                    code = code substr(line, 1, RSTART - 1)
                    line = substr(line, RSTART + RLENGTH)
                    if (what == "//") break
                    if (what == "/*") inside = 1
                    else if (what == "\"" && match(line, /^([^"\\]|\\.)*"/)) line = substr(line, RLENGTH + 1)
                    else if (what == "\047" && match(line, /^([^\047\\]|\\.)*\047/)) line = substr(line, RLENGTH + 1)
                } else {
                    code = code line
                    break
                }
            }
            if (code ~ pattern) printf "%s:%d: %s\n", FILENAME, FNR, $0
        }' "$@"
}

rule_banned() {
    calls '(sprintf|vsprintf|strcpy|strcat|stpcpy|strtok|atoi|atol|atoll|atof|gets|rand|srand|random|drand48|alloca) *\(' \
        $(sources $folders)
    calls '(sprintf|vsprintf|strcpy|strcat|strtok|atoi|gets|rand) *\(' $(sources tests)
}

rule_seams() {
    calls '(clock_gettime|clock_nanosleep|nanosleep|usleep|sleep|gettimeofday|time|socket|socketpair|getrandom|RAND_bytes) *\(' \
        $(sources $folders | grep -v '^base/')
}

rule_output() {
    calls '(printf|vprintf|puts|putchar|perror|exit|_exit|_Exit|quick_exit) *\(|(stdout|stderr)([^A-Za-z0-9_]|$)' \
        $(sources $folders | grep -v -e '^app/main\.c$' -e '^app/cmd_[a-z0-9_]*\.c$' -e '^base/err\.c$')
}

rule_atomics() {
    calls '_Atomic|atomic_[a-z]+|__atomic_[a-z]+|__sync_[a-z]+' \
        $(sources $folders tests | grep -v -e '^base/ring\.c$' -e '^base/lease\.c$' -e '^base/clock\.c$')
}

rule_functions() {
    awk '/^{/ { from = FNR }
         /^}/ { if (from && FNR - from + 1 > 70) printf "%s:%d: a function of %d lines\n", FILENAME, from, FNR - from + 1
                from = 0 }' $(sources $folders tests)
}

rule_files() {
    awk 'FNR == 801 { printf "%s: more than 800 lines\n", FILENAME }' $(sources $folders tests)
}

rule_todo() {
    texts | grep -v '^\./tests/house/check\.sh$' | xargs -r -d '\n' grep -nE '\b(TODO|FIXME|XXX)\b' |
        grep -vE '\b(TODO|FIXME|XXX)\(#[0-9]+\)'
}

rule_paths() {
    texts | xargs -r -d '\n' grep -nE '(^|[^A-Za-z0-9_./$}])/(wor[k]|roo[t])/'
}

# Each planted file breaks one rule, `clean.c` none; the folders are those of a project.
plant() {
    mkdir -p app base wire tests/wire
    printf '/* clean.c - sprintf(), time(NULL), printf("x"): only a comment. */\n%s\n' \
        'const char *clean_text = "exit(1); rand(); \" strcpy(a, b)"; // socket(1, 2, 3)' >wire/clean.c
    printf 'int f(void)\n{\n    return my_time(0) + snprintf(0, 0, " ") + (%s == stdout_n);\n}\n' "'\"'" >>wire/clean.c
    printf 'int g(void)\n{\n    return printf("main prints");\n}\n' >app/main.c
    cp app/main.c app/cmd_run.c
    printf '_Atomic int ring_place;\n' >base/ring.c
}

expect() { # RULE FILE LINE-OF-CODE...
    local rule=$1 file=$2
    shift 2
    plant
    [ -z "$(rule_"$rule")" ] || { echo "selftest: $rule complains about a clean tree:"; "rule_$rule"; }
    printf '%b\n' "$@" >"$file"
    rule_"$rule" | grep -q "^\(\./\)\?$file:" || echo "selftest: $rule does not see \"$1\" in $file"
    rm -f "$file"
}

rule_selftest() {
    local scratch long
    scratch=$(mktemp -d) && cd "$scratch" || return
    long=$(printf '    x++;\\n%.0s' {1..69})
    expect banned wire/bad.c '    (void)sprintf(out, "%d", 1);'
    expect banned wire/bad.c '    /* a */ n = atoi (text); /* b */'
    expect banned tests/wire/bad.c 'int x = rand();'
    expect seams wire/bad.c '    t = time(NULL);'
    expect seams app/bad.c '    return "\\"" + socket(AF_INET, 0, 0);'
    expect output wire/bad.c '    exit(1);'
    expect output base/bad.c '    (void)fprintf(stderr, "x");'
    expect output app/bad.c 'a /*\n*/ = printf("x");'
    expect atomics base/bad.c 'static _Atomic int x;'
    expect functions wire/bad.c "int f(void)\n{\n${long}}"
    expect files wire/bad.h "$(printf 'int x;\\n%.0s' {1..801})"
    expect todo wire/bad.c '/* TO''DO: later */'
    expect todo bad.md 'FIX''ME'
    expect paths wire/bad.c 'open("/wor''k/x");'
    expect paths bad.md 'see /roo''t/x'
    cd / && rm -rf "$scratch"
}

cd "${2:?usage: check.sh RULE ROOT}" || exit 2
[ "$(type -t "rule_$1")" = function ] || { echo "no rule $1"; exit 2; }
found=$("rule_$1")
[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }
