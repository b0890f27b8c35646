# expand.awk - the list of what is expected, written short, as the lines that transcript.awk gives.
#
#   awk -f expand.awk values FILE...        values: "name value" lines, what talk said it would send
#
#   # ..                       a comment           == N side       begins what that side of connection N says
#   define NAME .. end         lines to be used    use NAME k=v..  them, {k} replaced by v
#   repeat A B NAME            use NAME i=A .. i=B {name} {name+N} a value, and a sum with one (N may be negative)
#   set NAME VALUE             a value                _               a blank, for v
FILENAME == ARGV[1] { value[$1] = $2; next }
/^ *#/ || /^ *$/ { next }
$1 == "define" { name = $2; body[name] = ""; known[name] = 1; next }
$1 == "set" { value[$2] = $3; next }
$1 == "end" { name = ""; next }
name != "" { body[name] = body[name] $0 "\n"; next }
{ emit($0) }

function emit(line,    w, n, i, j, text, lines, eq)
{
    if (line !~ /^ *(use|repeat) /) {
        gsub(/_/, " ", line)
        print values(line)
        return
    }
    n = split(line, w, " ")
    if (w[1] == "repeat") {
        for (i = w[2]; i <= w[3]; i++) emit("use " w[4] " i=" i)
        return
    }
    if (!(w[2] in known)) {
        print "expand: nothing is called " w[2]
        return
    }
    text = body[w[2]]
    for (i = 3; i <= n; i++) {
        eq = index(w[i], "=")
        text = replaced(text, "{" substr(w[i], 1, eq - 1) "}", substr(w[i], eq + 1))
    }
    n = split(text, lines, "\n")
    for (j = 1; j < n; j++) emit(lines[j])
}

function replaced(text, what, by,    at, out)
{
    while ((at = index(text, what))) {
        out = out substr(text, 1, at - 1) by
        text = substr(text, at + length(what))
    }
    return out text
}

function values(line,    out, inside, plus)
{
    while (match(line, /\{[a-z0-9.+-]+\}/)) {
        inside = substr(line, RSTART + 1, RLENGTH - 2)
        plus = index(inside, "+")
        out = out substr(line, 1, RSTART - 1)
        out = out (plus ? value[substr(inside, 1, plus - 1)] + substr(inside, plus + 1) : value[inside])
        line = substr(line, RSTART + RLENGTH)
    }
    return out line
}
