/* mail.c - copies a submission into one block and reads the few header fields the site cares about. */
#include "lab/mail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "lab/plain.h"
#include "lab/schedule.h"

#define SERVER_PART   12 /* of a server's name in an identifier */
#define MTS_LOCAL_MAX 32 /* X.411's bound of a local identifier */

static struct slice put(unsigned char **to, struct slice s)
{
    struct slice copy = {*to, s.n};

    if (s.n > 0)
        memcpy(*to, s.p, s.n);
    *to += s.n;
    return copy;
}

/* Text of others for one line: blanks stay, all else that is not printable ASCII does not. */
static struct slice put_line(unsigned char **to, struct slice s)
{
    struct slice copy = {*to, s.n};

    for (size_t i = 0; i < s.n; i++)
        *(*to)++ = s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?';
    return copy;
}

static size_t text_bytes(const struct mail_source *s)
{
    size_t n = s->from.n + s->envid.n + s->trace.n + s->content.n + s->apdu.n + s->x400_id.n;

    for (uint32_t i = 0; i < s->count; i++)
        n += s->recipients[i].address.n + s->recipients[i].orcpt.n;
    return n;
}

static bool is_field(struct slice line, const char *name, struct slice *value)
{
    if (!slice_starts_nocase(line, name))
        return false;
    *value = slice_trim(slice_skip(line, strlen(name)));
    return true;
}

static void read_field(struct mail *m, struct slice line)
{
    struct slice value;

    if (is_field(line, "message-id:", &value))
        m->message_id = value;
    else if (is_field(line, "subject:", &value))
        m->subject = value;
    else if (is_field(line, "sensitivity:", &value))
        m->is_private = slice_is_nocase(value, "private");
    else if (is_field(line, "priority:", &value) && slice_is_nocase(value, "urgent"))
        m->priority = PRIORITY_URGENT;
    else if (is_field(line, "priority:", &value) && slice_is_nocase(value, "non-urgent"))
        m->priority = PRIORITY_NON_URGENT;
}

/* One header field with its folded lines; false at the end of the header. */
static bool next_field(struct slice *rest, struct slice *field)
{
    const unsigned char *p = rest->p;
    size_t n = 0;

    do {
        const unsigned char *end = memchr(p + n, '\n', rest->n - n);

        if (!end)
            return false;
        n = (size_t)(end - p) + 1;
    } while (n < rest->n && (p[n] == ' ' || p[n] == '\t'));
    *field = (struct slice){p, n};
    *rest = slice_skip(*rest, n);
    return !(p[0] == '\n' || (n >= 2 && p[0] == '\r' && p[1] == '\n'));
}

static void read_header(struct mail *m)
{
    struct slice rest = slice_skip(m->content, m->body_at);
    struct slice field;

    while (rest.n > 0 && next_field(&rest, &field))
        if (strchr("mMsSpP", field.p[0]))
            read_field(m, field);
}

struct mail *mail_create(const struct mail_source *s)
{
    size_t head = sizeof(struct mail) + s->count * sizeof(struct mail_recipient);
    struct mail *m = lab_memory(NULL, head + text_bytes(s), head + text_bytes(s));
    unsigned char *text = (unsigned char *)m + head;

    *m = (struct mail){.refs = 1, .recipients = s->count, .priority = PRIORITY_NORMAL};
    m->content = put(&text, s->trace);
    m->body_at = s->trace.n;
    m->content.n += put(&text, s->content).n;
    m->from = put(&text, s->from);
    m->envid = put(&text, s->envid);
    m->apdu = put(&text, s->apdu);
    m->x400_id = put_line(&text, s->x400_id);
    for (uint32_t i = 0; i < s->count; i++) {
        m->recipient[i] = s->recipients[i];
        m->recipient[i].address = put(&text, s->recipients[i].address);
        m->recipient[i].orcpt = put(&text, s->recipients[i].orcpt);
    }
    read_header(m);
    return m;
}

struct mail *mail_keep(struct mail *m)
{
    m->refs++;
    return m;
}

void mail_release(struct mail *m)
{
    while (m && --m->refs == 0) {
        struct mail *about = m->about;

        free(m);
        m = about;
    }
}

const char *mail_role_name(enum mail_role role)
{
    switch (role) {
    case ROLE_PRIMARY:
        return "primary";
    case ROLE_ALTERNATE:
        return "alternate";
    case ROLE_REPORT:
        break;
    }
    return "report";
}

static struct tm civil(uint64_t at_ns)
{
    time_t t = (time_t)(LAB_EPOCH_S + at_ns / NS_PER_S);
    struct tm tm = {0};

    (void)gmtime_r(&t, &tm);
    return tm;
}

const char *mail_date(char *out, uint64_t at_ns)
{
    struct tm tm = civil(at_ns);

    if (strftime(out, MAIL_DATE_ROOM, "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
        out[0] = '\0';
    return out;
}

const char *mail_date_short(char *out, uint64_t at_ns)
{
    struct tm tm = civil(at_ns);

    (void)snprintf(out, MAIL_DATE_ROOM, "%d/%d/%02d %d:%02d %s", tm.tm_mon + 1, tm.tm_mday,
                   tm.tm_year % 100, tm.tm_hour % 12 ? tm.tm_hour % 12 : 12, tm.tm_min,
                   tm.tm_hour < 12 ? "AM" : "PM");
    return out;
}

/* For every message that comes in: put together by hand. */
static void smtp_mts_id(struct mail *m, const char *server_name, const struct tm *tm)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const int parts[] = {tm->tm_year % 100, tm->tm_mon + 1, tm->tm_mday,
                         tm->tm_hour,       tm->tm_min,     tm->tm_sec};

    uint64_t high = m->id / 1000000;
    unsigned char *to = plain_slice((unsigned char *)m->mts_id,
                                    slice_from(server_name, strnlen(server_name, SERVER_PART)));

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        to = plain_digits(to, (uint64_t)parts[i], 2);
    *to++ = (unsigned char)letters[high / 36 % 36];
    *to++ = (unsigned char)letters[high % 36];
    to = plain_digits(to, m->id, 6);
    *to = '\0';
}

/* A long number takes its room from the server's name. */
static void store_mts_id(struct mail *m, const char *server_name, const struct tm *tm)
{
    char tail[MAIL_MTS_BYTES - 12];
    int n = snprintf(tail, sizeof tail, "-%02d%02d%02d%02d%02d%02dZ-%" PRIu64, tm->tm_year % 100,
                     tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min, tm->tm_sec, m->id);
    int room = n < MTS_LOCAL_MAX ? MTS_LOCAL_MAX - n : 0;

    (void)snprintf(m->mts_id, sizeof m->mts_id, "%.*s%s", room < 12 ? room : 12, server_name, tail);
}

/* What follows the last "l=" of the identifier that it came with. */
static bool keep_mts_id(struct mail *m)
{
    struct slice local = m->x400_id;
    size_t at = 0;

    while (slice_find(local, slice_of(";l="), &at))
        local = slice_skip(local, at + 3);
    if (local.n == 0)
        return false;
    (void)snprintf(m->mts_id, sizeof m->mts_id, "%.*s", (int)local.n, (const char *)local.p);
    return true;
}

void mail_make_mts_id(struct mail *m, const char *server_name, uint64_t at_ns, enum mts_shape shape)
{
    struct tm tm = civil(at_ns);

    if (keep_mts_id(m))
        return;
    if (shape == MTS_STORE)
        store_mts_id(m, server_name, &tm);
    else
        smtp_mts_id(m, server_name, &tm);
}

const char *mail_print_mts_id(const struct mail *m, char out[MAIL_MTS_ROOM])
{
    static const char ours[] = "c=US;a= ;p=LAB;l=";
    size_t n = m->x400_id.n < MAIL_MTS_ROOM ? m->x400_id.n : MAIL_MTS_ROOM - 1;

    if (n > 0) {
        memcpy(out, m->x400_id.p, n);
        out[n] = '\0';
        return out;
    }
    memcpy(out, ours, sizeof ours - 1);
    memcpy(out + sizeof ours - 1, m->mts_id, strlen(m->mts_id) + 1);
    return out;
}
