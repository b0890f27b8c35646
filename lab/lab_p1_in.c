/* lab_p1_in.c - envelope fields one by one, and the header that stands before the text.
 *
 * All text goes into one buffer that may move while it grows, so it is noted by place first and made slices of at the end.
 */
#include "lab/lab_p1_in.h"

#include <string.h>

#include "base/clock.h"
#include "lab/core.h"
#include "wire/x400/content.h"

#define ARENA_MAX  (64u << 20)  /* 32,767 recipients with their extensions */
#define TEXT_MAX   (96u << 20)  /* of an APDU of 32 MB: its body, and many addresses twice */
#define LINE_MAX   900u         /* of a header */
#define KEEP_BYTES (256u << 10) /* a larger buffer is given back */

#define UNABLE_TO_TRANSFER   1
#define EITS_UNSUPPORTED     6
#define CONTENT_SYNTAX_ERROR 12
#define CONTENT_UNSUPPORTED  15

struct span {
    size_t at, n;
};

void p1_in_init(struct p1_in *in)
{
    *in = (struct p1_in){0};
    buf_init(&in->text, TEXT_MAX);
}

void p1_in_forget(struct p1_in *in)
{
    arena_destroy(in->arena);
    in->arena = NULL;
    buf_clear(&in->text);
    if (in->text.room > KEEP_BYTES)
        buf_fini(&in->text);
}

void p1_in_fini(struct p1_in *in)
{
    arena_destroy(in->arena);
    buf_fini(&in->text);
    *in = (struct p1_in){0};
}

/* --- the header --------------------------------------------------------------------------------------------------- */

static bool add_slice(struct buf *b, struct slice s)
{
    return s.n == 0 || buf_add(b, s.p, s.n);
}

/* Text of others on one line of a header. */
static bool add_clean(struct buf *b, struct slice s)
{
    bool ok = true;

    for (size_t i = 0; i < s.n && i < LINE_MAX && ok; i++) {
        unsigned char c = s.p[i];

        c = c < ' ' ? ' ' : c > '~' ? '?' : c;
        ok = buf_add(b, &c, 1);
    }
    return ok;
}

/* The left side of a Message-ID: what RFC 5322 does not allow there becomes '_'. */
static bool add_id(struct buf *b, struct slice s)
{
    bool ok = true;

    for (size_t i = 0; i < s.n && i < LINE_MAX / 2 && ok; i++) {
        unsigned char c = s.p[i];

        if (c <= ' ' || c > '~' || strchr("<>@()[]\\,;:\"", c))
            c = '_';
        ok = buf_add(b, &c, 1);
    }
    return ok;
}

static bool add_mailbox(struct buf *b, const struct p1_terms *t, const struct oraddr *name)
{
    size_t mark = b->n;

    if (!p1_terms_address(t, name, b))
        return false;
    if (memchr(b->p + mark, '@', b->n - mark))
        return true;
    b->n = mark; /* no address of mail */
    return buf_add_format(b, "unknown@%s", lab_domain(lab_site_core(t->site)));
}

static bool add_people(struct buf *b, const struct p1_terms *t, const char *field,
                       const struct ipm_people *list)
{
    bool ok = true, first = true;

    for (uint32_t i = 0; ok && i < list->count; i++) {
        if (!list->at[i].named)
            continue;
        ok = buf_add_text(b, first ? field : ",\r\n\t") && add_mailbox(b, t, &list->at[i].name);
        first = false;
    }
    return ok && (first || buf_add_text(b, "\r\n"));
}

static bool add_identity(struct buf *b, const struct p1_terms *t, const struct p1_message *m,
                         const struct ipm *ipm)
{
    bool has_id = ipm->id.set && ipm->id.local.n > 0;

    return buf_add_text(b, "Message-ID: <") && add_id(b, has_id ? ipm->id.local : m->id.local) &&
           buf_add_format(b, "@%s>\r\nX-X400-MTS-Identifier: [",
                          lab_domain(lab_site_core(t->site))) &&
           oraddr_domain_print(&m->id.domain, b) && buf_add_text(b, ";l=") &&
           add_clean(b, m->id.local) && buf_add_text(b, "]\r\n");
}

static bool add_header(struct buf *b, const struct p1_terms *t, const struct p1_message *m,
                       const struct ipm *ipm)
{
    const bool named = ipm->from_set && ipm->from.named;
    char date[MAIL_DATE_ROOM];

    return buf_add_text(b, "From: ") &&
           add_mailbox(b, t, named ? &ipm->from.name : &m->originator) && buf_add_text(b, "\r\n") &&
           add_people(b, t, "To: ", &ipm->to) && add_people(b, t, "Cc: ", &ipm->copy) &&
           buf_add_text(b, "Subject: ") && add_clean(b, ipm->subject) &&
           buf_add_format(b, "\r\nDate: %s\r\n",
                          mail_date(date, lab_now_ns(lab_site_core(t->site)))) &&
           add_identity(b, t, m, ipm) &&
           (ipm->sensitivity != 2 || buf_add_text(b, "Sensitivity: Private\r\n")) &&
           buf_add_text(b, "MIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
}

static bool add_body(struct buf *b, const struct ipm *ipm)
{
    bool ok = true;

    for (uint32_t i = 0; ok && i < ipm->part_count; i++)
        ok = (i == 0 || buf_add_text(b, "\r\n")) && add_slice(b, ipm->parts[i].text);
    return ok;
}

/* --- the envelope ------------------------------------------------------------------------------------------------- */

static bool add_span(struct buf *b, struct span *s, bool ok, size_t mark)
{
    *s = (struct span){mark, b->n - mark};
    return ok;
}

static struct slice made(const struct p1_in *in, struct span s)
{
    return slice_from(in->text.p + s.at, s.n);
}

/* What the originator's own bits ask for; without bits, the usual. */
static void set_wishes(struct lab_recipient *r, const struct p1_bits *asked)
{
    r->success = asked->set && (asked->bits & P1_USER_REPORT);
    r->never = asked->set && !(asked->bits & (P1_USER_REPORT | P1_USER_NON));
}

static bool add_recipients(struct p1_in *in, const struct p1_terms *t, const struct p1_message *m)
{
    struct span *where = arena_new(in->arena, struct span, m->recipient_count + 1u);
    uint32_t count = 0;

    in->recipients = arena_new(in->arena, struct lab_recipient, m->recipient_count + 1u);
    if (!where || !in->recipients)
        return false;
    for (uint32_t i = 0; i < m->recipient_count; i++) {
        const struct p1_recipient *r = &m->recipients[i];
        size_t mark = in->text.n;

        if (r->indicators.set && !(r->indicators.bits & P1_RESPONSIBLE))
            continue;
        if (!add_span(&in->text, &where[count], p1_terms_address(t, &r->name, &in->text), mark))
            return false;
        in->recipients[count].number = i;
        set_wishes(&in->recipients[count++], &r->indicators);
    }
    for (uint32_t i = 0; i < count; i++)
        in->recipients[i].address = made(in, where[i]); /* nothing is added any more */
    in->submission.recipients = in->recipients;
    in->submission.count = count;
    return true;
}

/* When the sender's MTA had it, by the sender's clock. */
static int64_t stamped_s(const struct p1_message *m, uint64_t now_ns)
{
    int64_t s;

    if (m->trace.count > 0 && p1_time_read(m->trace.at[m->trace.count - 1].arrival, &s))
        return s;
    return p1_terms_unix_s(now_ns);
}

/* Lab time of a time by the sender's clock; never 0, which means that nothing is asked for. */
static uint64_t lab_time(int64_t at_s, int64_t stamped, uint64_t now_ns)
{
    int64_t ahead_s = at_s - stamped;

    if (ahead_s > 0 && (uint64_t)ahead_s < (NEVER_NS - now_ns) / NS_PER_S)
        now_ns += (uint64_t)ahead_s * NS_PER_S;
    return now_ns > 0 ? now_ns : 1;
}

static void set_times(struct lab_submission *to, const struct p1_message *m, uint64_t now_ns)
{
    const struct p1_extension *latest = p1_extension_find(&m->extensions, P1_EXT_LATEST_DELIVERY);
    const int64_t stamped = stamped_s(m, now_ns);
    int64_t s;

    if (m->deferred.p && p1_time_read(m->deferred, &s) && s > stamped)
        to->deferred_ns = lab_time(s, stamped, now_ns);
    if (latest && latest->form == P1_TIME && p1_time_read(latest->value, &s))
        to->latest_ns = lab_time(s, stamped, now_ns);
}

static enum lab_priority priority_of(const struct p1_message *m)
{
    return m->priority == P1_URGENT       ? LAB_URGENT
           : m->priority == P1_NON_URGENT ? LAB_NON_URGENT
                                          : LAB_NORMAL;
}

static bool fill(struct p1_in *in, const struct p1_terms *t, const struct ipm *ipm)
{
    const struct p1_message *m = &in->apdu.message;
    const struct p1_extension *fixed =
        p1_extension_find(&m->extensions, P1_EXT_REASSIGNMENT_PROHIBITED);
    struct buf *b = &in->text;
    struct span content, from, id;

    if (!add_span(b, &content, add_header(b, t, m, ipm) && add_body(b, ipm), 0))
        return false;
    size_t mark = b->n;

    if (!add_span(b, &from, p1_terms_address(t, &m->originator, b), mark))
        return false;
    mark = b->n;
    if (!add_span(b, &id,
                  oraddr_domain_print(&m->id.domain, b) && buf_add_text(b, ";l=") &&
                      add_clean(b, m->id.local),
                  mark) ||
        !add_recipients(in, t, m))
        return false;
    in->submission.content = made(in, content);
    in->submission.from = made(in, from);
    in->submission.mts_id = made(in, id);
    in->submission.priority = priority_of(m);
    in->submission.no_reassignment = fixed && fixed->form == P1_NUMBER && fixed->number == 1;
    set_times(&in->submission, m, lab_now_ns(lab_site_core(t->site)));
    return true;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static enum p1_taken fail(struct p1_in *in, int diag)
{
    in->reason = UNABLE_TO_TRANSFER;
    in->diag = diag;
    return P1_IN_FAILED;
}

static bool is_text(const struct ipm *ipm)
{
    for (uint32_t i = 0; i < ipm->part_count; i++)
        if (!ipm->parts[i].text.p)
            return false;
    return true;
}

static enum p1_taken take_message(struct p1_in *in, const struct p1_terms *t, struct err *e)
{
    struct content content;

    if (!content_read(in->apdu.message.content, in->arena, &content, e))
        return e->code == EX_IO ? P1_IN_BAD : fail(in, CONTENT_SYNTAX_ERROR);
    if (content.notification)
        return fail(in, CONTENT_UNSUPPORTED);
    if (!is_text(&content.ipm))
        return fail(in, EITS_UNSUPPORTED);
    if (fill(in, t, &content.ipm))
        return P1_IN_MAIL;
    (void)err_set(e, EX_IO, "p1: the message needs more memory than there is for one");
    return P1_IN_BAD;
}

enum p1_taken p1_in_read(struct p1_in *in, const struct p1_terms *t, struct slice apdu,
                         const char *client, struct err *e)
{
    p1_in_forget(in);
    in->arena = arena_create(ARENA_MAX);
    in->submission = (struct lab_submission){.apdu = apdu, .client = client};
    if (!in->arena) {
        (void)err_set(e, EX_IO, "out of memory");
        return P1_IN_BAD;
    }
    if (!p1_read(apdu, in->arena, &in->apdu, e))
        return P1_IN_BAD;
    switch (in->apdu.kind) {
    case P1_MESSAGE:
        return take_message(in, t, e);
    case P1_PROBE:
        return P1_IN_PROBE;
    case P1_REPORT:
        break;
    }
    return P1_IN_REPORT;
}

bool p1_in_is_known(const struct p1_terms *t, const struct oraddr *name)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    bool known = p1_terms_address(t, name, &text) &&
                 lab_find_mailbox(lab_site_core(t->site), buf_slice(&text)) != NO_MAILBOX;

    buf_fini(&text);
    return known;
}
