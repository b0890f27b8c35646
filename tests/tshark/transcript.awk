# transcript.awk - tshark's PDML as one line a TPKT (and a few for what it carries), by connection and direction.
#
#   awk -v port=N -f transcript.awk fields file.pdml
#
# `fields` says what is taken. What each side said stands together, since only that order is certain: "== 3 caller".
function attribute(line, name,    at, rest)
{
    at = index(line, " " name "=\"")
    if (!at) return ""
    rest = substr(line, at + length(name) + 3)
    return plain(substr(rest, 1, index(rest "\"", "\"") - 1)) # of more lines than one: the first
}

function plain(text)
{
    gsub(/&lt;/, "<", text)
    gsub(/&gt;/, ">", text)
    gsub(/&quot;/, "\"", text)
    gsub(/&#x27;/, "'", text)
    sub(/\r$/, "", text)
    gsub(/&amp;/, "\\&", text)
    return text
}

function words(line,    text) # behind the name, of "Name: words" and of ".... 1... = Name: words"
{
    text = attribute(line, "showname")
    return index(text, ": ") ? substr(text, index(text, ": ") + 2) : text
}

function bracket(line,    text)
{
    text = attribute(line, "showname")
    return match(text, /\(.*\)$/) ? substr(text, RSTART + 1, RLENGTH - 2) : ""
}

function say(text) { said[who] = said[who] text }

FNR == NR {
    if ($0 !~ /^#/ && NF == 3) { label[$1] = $2; how[$1] = $3 }
    next
}

/^<packet>/ { stream = proto = "" }
/^  <proto name="/ {
    proto = attribute($0, "name")
    if (proto == "tpkt") {
        who = stream " " side
        say("\ntpkt")
    } else if (proto == "p1" || proto == "p22") {
        say("\n    " proto)
    } else if (proto == "cotp" || proto == "ses" || proto == "pres" || proto == "acse" || proto == "rtse") {
        say("; " proto)
    } else if (proto == "_ws.malformed") {
        say(" MALFORMED")
    }
    next
}

/<field name="tcp\.srcport"/ { side = attribute($0, "show") == port ? "listener" : "caller" }
/<field name="tcp\.stream"/ {
    stream = attribute($0, "show")
    if (stream + 0 > last) last = stream + 0
}

/^ +<field name="/ {
    name = attribute($0, "name")
    if (!(name in how) || proto ~ /^(frame|eth|ip|tcp|udp)$/) next
    h = how[name]
    head = label[name] == "-" ? " " : " " label[name] "="
    if (name ~ /^cotp\.destref$/ && dt) next
    if (name == "cotp.type") dt = attribute($0, "value") == "f0"
    if (h == "v") say(head attribute($0, "show"))
    else if (h == "l") say("\n   " head attribute($0, "show"))
    else if (h == "f") say(head attribute($0, "size") "\n    | " attribute($0, "show"))
    else if (h == "t") say(head words($0))
    else if (h == "p") say(head bracket($0))
    else if (h == "n") say(" " label[name])
    else if (h == "b") say("\n    " label[name])
    else if (h == "x") say("\n    " label[name] "=" bracket($0))
    else if (h == "s") say(head attribute($0, "size"))
}

END {
    for (s = 0; s <= last; s++) {
        print "== " s " caller" said[s " caller"]
        print "== " s " listener" said[s " listener"]
    }
}
