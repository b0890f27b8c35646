# rewrap.awk - the APDUs of an X.410 capture, put around with normal mode, which tshark can read to the bottom.
#
#   awk -f rewrap.awk CN.hex AC.hex followed      (tshark -z follow,tcp,raw) | text2pcap -D -T 40000,102 - out.pcap
#
# CN and AC are golden samples. Of each direction TPKTs, segments of COTP and activities are put together here, independently
# of our codec; what was discarded is left out. Each APDU then goes out as AS, DT.., AE around an EXTERNAL.
FNR == 1 { file++ }
/^#/ { next }
file < 3 { gsub(/[^0-9a-f]/, ""); sample[file] = sample[file] $0; next }
/^Filter: tcp\.stream eq / {
    stream = $NF + 0
    if (stream > last) last = stream
}
/^\t?[0-9a-f]+$/ {
    side = sub(/^\t/, "")
    said[stream, side] = said[stream, side] $0
}
END {
    for (stream = 0; stream <= last; stream++) {
        apart(said[stream, 0], "O")
        apart(said[stream, 1], "I")
    }
}

function number(hex,    i, n)
{
    for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
    return n
}

function apart(all, way,    at, len, tsdu, apdu, si)
{
    for (at = 1; at + 8 <= length(all); at += len) {
        len = 2 * number(substr(all, at + 4, 4))
        if (substr(all, at + 10, 2) != "f0") continue
        tsdu = tsdu substr(all, at + 14, len - 14)
        if (substr(all, at + 12, 2) != "80") continue
        si = substr(tsdu, 5, 2)
        if (substr(tsdu, 1, 4) == "0100") { # GIVE TOKENS, then
            if (si == "2d") apdu = ""       # ACTIVITY START
            else if (si == "01") apdu = apdu substr(tsdu, 9)
            else if (si == "29") wrap(apdu, way) # ACTIVITY END
        }
        tsdu = ""
    }
}

function tlv(tag, value,    n)
{
    n = length(value) / 2
    if (n < 128) return sprintf("%s%02x%s", tag, n, value)
    if (n < 65536) return sprintf("%s82%04x", tag, n) value
    return sprintf("%s83%06x", tag, n) value
}

function wrap(apdu, way,    external, at)
{
    if (!begun) {
        begun = 1
        packet(sample[1], "O")
        packet(sample[2], "I")
    }
    external = tlv("28", "020105" tlv("a0", apdu))
    tsdu_out("01002d0529030201" sprintf("%02x", ++activity), way)
    for (at = 1; at <= length(external); at += 60000)
        tsdu_out("01000100" tlv("61", tlv("30", "020103" tlv("a0", tlv("04", substr(external, at, 60000))))), way)
    tsdu_out("010029032a0131", way)
}

function tsdu_out(tsdu, way)
{
    packet(sprintf("0300%04x02f080", length(tsdu) / 2 + 7) tsdu, way)
}

function packet(hex, way,    at, i)
{
    print way
    for (at = 0; at < length(hex); at += 64) {
        printf "%06x", at / 2
        for (i = 1; i <= 64 && at + i < length(hex); i += 2) printf " %s", substr(hex, at + i, 2)
        print ""
    }
}
