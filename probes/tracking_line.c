/* tracking_line.c - one line of a mail system's log, taken apart: when, under which id, and what it says. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "probes/tracking.h"

#define NOT_A_TIME ((time_t)-1)
#define YEAR_S     (365 * 86400ll)

/* Times. */

struct reading {
    const unsigned char *p, *end;
};

static bool number(struct reading *r, unsigned digits_max, int *value)
{
    unsigned n = 0;

    for (*value = 0; n < digits_max && r->p < r->end && isdigit(*r->p); n++)
        *value = *value * 10 + (*r->p++ - '0');
    return n > 0;
}

static bool one_of(struct reading *r, const char *chars)
{
    if (r->p == r->end || !strchr(chars, *r->p) || !*r->p)
        return false;
    r->p++;
    return true;
}

static bool month(struct reading *r, int *value)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    const char *name = names;

    for (*value = 0; r->end - r->p >= 3 && *value < 12; ++*value, name += 3)
        if (memcmp(name, r->p, 3) == 0) {
            r->p += 3;
            return true;
        }
    return false;
}

static bool clock_time(struct reading *r, struct tm *tm, uint64_t *fraction_ns)
{
    *fraction_ns = 0;
    if (!number(r, 2, &tm->tm_hour) || !one_of(r, ":") || !number(r, 2, &tm->tm_min) ||
        !one_of(r, ":") || !number(r, 2, &tm->tm_sec))
        return false;
    if (r->end - r->p >= 2 && (*r->p == '.' || *r->p == ',') && isdigit(r->p[1]))
        r->p++;
    else
        return true;
    for (uint64_t unit = NS_PER_S / 10; r->p < r->end && isdigit(*r->p); unit /= 10)
        *fraction_ns += (uint64_t)(*r->p++ - '0') * unit;
    return true;
}

/* Z, GMT, +0100, +01:00; false: none is said. */
static bool zone(struct reading *r, int *east_s)
{
    struct reading at = *r;
    int hours, minutes;

    *east_s = 0;
    (void)one_of(&at, " ");
    if (at.end - at.p >= 3 && (memcmp(at.p, "GMT", 3) == 0 || memcmp(at.p, "UTC", 3) == 0)) {
        r->p = at.p + 3;
        return true;
    }
    if (one_of(&at, "Z")) {
        r->p = at.p;
        return true;
    }
    int sign = at.p < at.end && *at.p == '-' ? -1 : 1;

    if (!one_of(&at, "+-") || !number(&at, 2, &hours) || (one_of(&at, ":"), false) ||
        !number(&at, 2, &minutes))
        return false;
    *east_s = sign * (hours * 3600 + minutes * 60);
    r->p = at.p;
    return true;
}

static uint64_t unix_ns(struct tm *tm, bool has_zone, int east_s, uint64_t fraction_ns)
{
    if (tm->tm_mon < 0 || tm->tm_mon > 11 || tm->tm_mday < 1 || tm->tm_mday > 31 ||
        tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
        return 0;
    tm->tm_isdst = -1;
    time_t s = has_zone ? timegm(tm) : mktime(tm);

    if (s == NOT_A_TIME || s - east_s <= 0)
        return 0;
    return (uint64_t)(s - east_s) * NS_PER_S + fraction_ns;
}

/* The year is the one that brings it nearest to the run. */
static uint64_t without_year(struct tm *tm, uint64_t fraction_ns, uint64_t near_ns)
{
    time_t near_s = (time_t)(near_ns / NS_PER_S);
    struct tm run;

    if (near_ns == 0 || !gmtime_r(&near_s, &run))
        return 0;
    uint64_t best_ns = 0, best_far = UINT64_MAX;

    for (int i = -1; i <= 1; i++) {
        struct tm try = *tm;

        try.tm_year = run.tm_year + i;
        uint64_t ns = unix_ns(&try, false, 0, fraction_ns);
        uint64_t far = ns > near_ns ? ns - near_ns : near_ns - ns;

        if (ns != 0 && far < best_far) {
            best_ns = ns;
            best_far = far;
        }
    }
    return best_ns;
}

static bool day_first(struct reading *r, struct tm *tm) /* "Sun, 22 Nov 2026 " */
{
    if (r->end - r->p > 5 && r->p[3] == ',')
        r->p += 5;
    return number(r, 2, &tm->tm_mday) && one_of(r, " ") && month(r, &tm->tm_mon) &&
           one_of(r, " ") && number(r, 4, &tm->tm_year) && one_of(r, " ");
}

static bool year_first(struct reading *r, struct tm *tm) /* "2026-11-22 ", "1999.3.1 " */
{
    if (!number(r, 4, &tm->tm_year) || tm->tm_year < 1970 || !one_of(r, "-./") ||
        !number(r, 2, &tm->tm_mon) || !one_of(r, "-./") || !number(r, 2, &tm->tm_mday))
        return false;
    tm->tm_mon--;
    return one_of(r, " T");
}

uint64_t log_time(struct slice text, uint64_t near_ns, size_t *n)
{
    struct reading r = {text.p, text.p + text.n}, at = r;
    struct tm tm = {0};
    uint64_t fraction_ns, ns;
    int east_s;

    *n = 0;
    if (text.n < 8)
        return 0;
    if (month(&at, &tm.tm_mon) && one_of(&at, " ")) {
        (void)one_of(&at, " ");
        if (!number(&at, 2, &tm.tm_mday) || !one_of(&at, " ") ||
            !clock_time(&at, &tm, &fraction_ns))
            return 0;
        ns = without_year(&tm, fraction_ns, near_ns);
    } else {
        at = r;
        tm = (struct tm){0};
        if (!year_first(&at, &tm)) {
            at = r;
            tm = (struct tm){0};
            if (!day_first(&at, &tm))
                return 0;
        }
        tm.tm_year -= 1900;
        if (!clock_time(&at, &tm, &fraction_ns))
            return 0;
        bool has_zone = zone(&at, &east_s);

        ns = unix_ns(&tm, has_zone, east_s, fraction_ns);
    }
    *n = (size_t)(at.p - text.p);
    return ns;
}

/* Lines. */

static bool is_word(struct slice s, size_t from, size_t to)
{
    if (s.n < from || s.n > to)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum(s.p[i]))
            return false;
    return true;
}

/* "1xUzvI-000312-1j", and longer ones since 4.97 */
static bool is_exim_id(struct slice s)
{
    if ((s.n != 16 && s.n != 23) || s.p[6] != '-' || s.p[s.n == 16 ? 13 : 18] != '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static struct slice word_behind(struct slice text, const char *mark)
{
    struct slice w = {0};
    size_t at;

    if (!slice_find(text, slice_of(mark), &at))
        return w;
    w = slice_skip(text, at + strlen(mark));
    for (size_t n = 0; n < w.n; n++)
        if (w.p[n] == ' ' || w.p[n] == ',')
            w.n = n;
    return w;
}

/* "edge postfix/qmgr[5317]: 2F8ED276008: ..."; "host dovecot: lmtp(u1)<1><a>: msgid=..."; or without the host */
static bool read_syslog(struct log_line *l, struct slice rest)
{
    static const char report[] = "notification: ";
    struct slice head;
    size_t at;

    l->words = slice_trim(rest);
    if (!slice_find(rest, slice_of(": "), &at))
        return false;
    rest = slice_skip(rest, at + 2);
    if (slice_cut(&rest, ':', &head) && is_word(head, 6, 20) && !slice_is(head, "NOQUEUE")) {
        for (size_t i = 0; i < head.n; i++)
            if (isdigit(head.p[i]))
                l->id = head; /* no word of a language */
        if (l->id.n > 0 && slice_find(rest, slice_of(report), &at))
            l->other = slice_trim(slice_skip(rest, at + sizeof report - 1));
    }
    l->kind = LOG_SYSLOG;
    return true;
}

static bool read_exim(struct log_line *l, struct slice rest)
{
    struct slice text = slice_trim(rest), id = {0};

    if (slice_starts(text, "[")) { /* a process number */
        (void)slice_cut(&text, ']', &id);
        text = slice_trim(text);
    }
    l->words = text;
    id = text;
    for (size_t n = 0; n < id.n; n++)
        if (id.p[n] == ' ')
            id.n = n;
    if (!is_exim_id(id))
        return false;
    l->id = id;
    struct slice about = word_behind(text, " R=");

    if (is_exim_id(about)) /* "<= <> R=..." is a report; elsewhere R= is a router */
        l->other = about;
    l->kind = LOG_EXIM;
    return true;
}

static bool read_exchange_55(struct log_line *l, struct slice line, uint64_t near_ns)
{
    struct slice rest = line, f[15];
    uint64_t event;
    size_t n = 0, used;

    while (n < 15 && slice_cut(&rest, '\t', &f[n]))
        n++;
    if (n < 14 || !text_u64(slice_trim(f[1]), &event, NULL) || event > 65535)
        return false;
    l->wall_ns = log_time(slice_trim(f[2]), near_ns, &used);
    if (l->wall_ns == 0)
        return false;
    l->id = slice_trim(f[0]);
    l->words = line;
    l->kind = LOG_EXCHANGE_55;
    return true;
}

/* Fields of a CSV line; quotes are left as they are around what they hold together. */
static bool csv_field(struct slice *rest, struct slice *field)
{
    bool quoted = false;
    size_t n = 0;

    if (!rest->p)
        return false;
    while (n < rest->n && (quoted || rest->p[n] != ',')) {
        quoted ^= rest->p[n] == '"';
        n++;
    }
    *field = slice_from(rest->p, n);
    *rest = n < rest->n ? slice_skip(*rest, n + 1) : (struct slice){0};
    return true;
}

static void read_head(struct log_columns *c, struct slice rest)
{
    struct slice name;

    *c = (struct log_columns){0};
    for (uint8_t i = 1; i < LOG_COLUMNS && csv_field(&rest, &name); i++) {
        name = slice_trim(name);
        if (slice_is(name, "date-time"))
            c->time = i;
        else if (slice_is(name, "event-id"))
            c->event = i;
        else if (slice_is(name, "source"))
            c->source = i;
        else if (slice_is(name, "recipient-address"))
            c->recipient = i;
        else if (slice_is(name, "recipient-status"))
            c->status = i;
    }
}

static struct slice column(struct slice line, uint8_t which)
{
    struct slice field = {0};

    for (uint8_t i = 0; i < which; i++)
        if (!csv_field(&line, &field))
            return (struct slice){0};
    return which ? slice_trim(field) : (struct slice){0};
}

bool log_line_read(struct log_line *l, struct slice line, struct log_columns *columns,
                   uint64_t near_ns)
{
    static const char head[] = "#Fields:";
    size_t n;

    *l = (struct log_line){0};
    if (slice_starts(line, head)) {
        read_head(columns, slice_skip(line, sizeof head - 1));
        l->kind = LOG_CSV_HEAD;
        return true;
    }
    if (line.n < 16 || line.p[0] == '#')
        return false;
    if (columns->time && columns->event) {
        l->kind = LOG_EXCHANGE_CSV;
        l->wall_ns = log_time(column(line, columns->time), near_ns, &n);
        return l->wall_ns != 0;
    }
    if (read_exchange_55(l, line, near_ns))
        return true;
    l->wall_ns = log_time(line, near_ns, &n);
    if (n == 0)
        return false;
    struct slice rest = slice_skip(line, n);

    return read_exim(l, rest) || read_syslog(l, rest);
}

/* Words. */

static const char *event_55(struct slice number)
{
    static const struct {
        const char *number, *word;
    } all[] = {
        {"0", "message in"},        {"2", "report in"},         {"4", "submitted"},
        {"7", "message out"},       {"8", "report out"},        {"9", "delivered"},
        {"10", "report delivered"}, {"26", "list expanded"},    {"28", "redirected"},
        {"29", "rerouted"},         {"31", "downgraded"},       {"33", "report absorbed"},
        {"34", "report generated"}, {"43", "report discarded"}, {"1000", "delivered locally"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (slice_is(number, all[i].number))
            return all[i].word;
    return "event";
}

/* For "%.*s". */
static int most(struct slice s, size_t limit)
{
    return (int)(s.n < limit ? s.n : limit);
}

static const char *text_of(struct slice s)
{
    return s.n > 0 ? (const char *)s.p : "";
}

static void words_55(struct slice line, char *out, size_t room)
{
    struct slice rest = line, f[15] = {0};

    for (size_t n = 0; n < 15; n++)
        if (!slice_cut(&rest, '\t', &f[n]))
            break;
    (void)snprintf(out, room, "%s (%.*s), %.*s to %.*s, id %.*s", event_55(f[1]), most(f[1], 8),
                   text_of(f[1]), most(f[6], 200), text_of(f[6]), most(f[13], 200), text_of(f[13]),
                   most(f[0], 100), text_of(f[0]));
}

static void words_csv(struct slice line, const struct log_columns *c, char *out, size_t room)
{
    struct slice event = column(line, c->event), source = column(line, c->source);
    struct slice to = column(line, c->recipient), status = column(line, c->status);

    (void)snprintf(out, room, "%.*s %.*s %.*s %.*s", most(event, 60), text_of(event),
                   most(source, 60), text_of(source), most(to, 250), text_of(to), most(status, 250),
                   text_of(status));
}

const char *log_line_words(const struct log_line *l, struct slice line,
                           const struct log_columns *columns, char *out, size_t room)
{
    char said[1024];

    if (l->kind == LOG_EXCHANGE_55)
        words_55(line, said, sizeof said);
    else if (l->kind == LOG_EXCHANGE_CSV)
        words_csv(line, columns, said, sizeof said);
    else
        return text_clean(out, room, l->words);
    return text_clean(out, room, slice_trim(slice_of(said)));
}
