/* p1_print.c - labels in a column of their own, what belongs to a recipient indented under it. */
#include "wire/x400/p1_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "wire/x400/p1_names.h"

#define LABEL_WIDTH    22
#define VALUE_MAX      1024u
#define TEXT_LINES_MAX 40u
#define TEXT_LINE_MAX  200u

struct pen {
    struct buf *out;
    bool ok;
    unsigned indent;
};

static void line(struct pen *w, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void line(struct pen *w, const char *label, const char *format, ...)
{
    char value[VALUE_MAX];
    va_list args;
    int width = LABEL_WIDTH - (int)w->indent;

    va_start(args, format);
    (void)vsnprintf(value, sizeof value, format, args);
    va_end(args);
    w->ok = w->ok && buf_add_format(w->out, "%*s%-*s %s\n", (int)w->indent, "",
                                    width > 1 ? width : 1, label, value);
}

static void head(struct pen *w, const char *text)
{
    w->ok = w->ok && buf_add_format(w->out, "%*s%s\n", (int)w->indent, "", text);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static void text_line(struct pen *w, const char *label, struct slice s)
{
    char shown[VALUE_MAX];

    if (s.p)
        line(w, label, "%s", text_clean(shown, sizeof shown, s));
}

static void octets_line(struct pen *w, const char *label, struct slice s)
{
    char hex[3 * 32 + 4] = "";

    if (!s.p)
        return;
    for (size_t i = 0; i < s.n && i < 32; i++)
        (void)snprintf(hex + 3 * i, 4, "%02x ", s.p[i]);
    line(w, label, "%zu octets: %s%s", s.n, hex, s.n > 32 ? ".." : "");
}

static const char *address(const struct oraddr *o, char *out, size_t room)
{
    struct buf b;

    buf_init(&b, 64u << 10);
    bool ok = oraddr_print(o, &b);

    (void)snprintf(out, room, "%s%s", ok ? buf_text(&b) : "(too long)",
                   o->directory.p ? " (and a directory name)" : "");
    buf_fini(&b);
    return out;
}

static void name_line(struct pen *w, const char *label, const struct oraddr *o)
{
    char shown[VALUE_MAX];

    line(w, label, "%s", address(o, shown, sizeof shown));
}

static void id_line(struct pen *w, const char *label, const struct p1_id *id)
{
    const struct oraddr o = {.domain = id->domain};
    char domain[200], local[200];

    line(w, label, "%s;l=%s", address(&o, domain, sizeof domain),
         text_clean(local, sizeof local, id->local));
}

/* "2026-11-21 12:00:00 UTC"; what is no time is shown as it came. */
static const char *time_text(struct slice utc, char *out, size_t room)
{
    char iso[P1_TIME_CHARS];
    int64_t s;

    if (!p1_time_read(utc, &s))
        return text_clean(out, room, utc);
    p1_time_write(s, iso);
    (void)snprintf(out, room, "%s%.2s-%.2s-%.2s %.2s:%.2s:%.2s UTC", iso[0] < '5' ? "20" : "19",
                   iso, iso + 2, iso + 4, iso + 6, iso + 8, iso + 10);
    return out;
}

static void time_line(struct pen *w, const char *label, struct slice utc)
{
    char shown[80];

    if (utc.p)
        line(w, label, "%s", time_text(utc, shown, sizeof shown));
}

static void number_line(struct pen *w, const char *label, int32_t n, const char *name)
{
    if (n != P1_NONE)
        line(w, label, "%d %s", n, name);
}

static void bits_line(struct pen *w, const char *label, const struct p1_bits *b,
                      const char *const *names, unsigned count)
{
    char shown[400];
    size_t n = 0;

    if (!b->set)
        return;
    n += (size_t)snprintf(shown, sizeof shown, "%02x", b->bits >> 24);
    for (unsigned i = 0; i < count && n < sizeof shown; i++)
        if (b->bits >> (31 - i) & 1)
            n += (size_t)snprintf(shown + n, sizeof shown - n, " %s", names[i]);
    line(w, label, "%s", shown);
}

static void eits_line(struct pen *w, const char *label, struct slice eits)
{
    static const char *const names[] = {"unknown",    "telex",     "ia5-text", "g3-fax",
                                        "g4-class-1", "teletex",   "videotex", "voice",
                                        "simple-doc", "mixed-mode"};
    struct ber level = ber_in(eits);
    struct ber_element e;
    struct p1_bits b = {.set = true};
    unsigned count;

    if (eits.p && ber_find(&level, 0x80, &e) && ber_bits(&e, &b.bits, &count))
        bits_line(w, label, &b, names, 10);
    else
        octets_line(w, label, eits);
}

static void content_type_line(struct pen *w, const struct p1_content_type *t)
{
    char oid[100];

    if (t->number != P1_NONE)
        line(w, "content type", "%d %s", t->number, p1_content_name(t->number));
    else if (t->oid.p)
        line(w, "content type", "%s %s", ber_oid_text(oid, sizeof oid, t->oid),
             p1_content_oid_name(t->oid));
}

static const char *const message_bits[] = {"disclose-recipients", "implicit-conversion-prohibited",
                                           "alternate-recipient-allowed", "content-return-request"};
static const char *const recipient_bits[] = {"responsible", "MTA-report", "MTA-non-delivery-report",
                                             "originator-report", "originator-non-delivery-report"};
static const char *const other_bits[] = {"redirected", "dl-operation"};

/* --- trace and extensions ----------------------------------------------------------------------------------------- */

static void hop_line(struct pen *w, const char *label, const struct p1_hop *h)
{
    const struct oraddr o = {.domain = h->domain}, tried = {.domain = h->attempted};
    char domain[200], mta[80], arrival[80], attempted[200];

    line(w, label, "%s%s%s %s at %s", address(&o, domain, sizeof domain), h->mta.p ? " mta " : "",
         text_clean(mta, sizeof mta, h->mta), p1_action_name(h->action),
         time_text(h->arrival, arrival, sizeof arrival));
    w->indent += 2;
    if (tried.domain.country.text.p || tried.domain.admd.text.p || tried.domain.prmd.text.p)
        line(w, "attempted", "%s", address(&tried, attempted, sizeof attempted));
    text_line(w, "attempted MTA", h->attempted_mta);
    time_line(w, "deferred", h->deferred);
    eits_line(w, "converted to", h->converted);
    bits_line(w, "other actions", &h->other, other_bits, 2);
    w->indent -= 2;
}

static void hops_lines(struct pen *w, const char *label, const struct p1_hops *h)
{
    for (uint32_t i = 0; i < h->count; i++)
        hop_line(w, label, &h->at[i]);
}

static void changes_lines(struct pen *w, const struct p1_extension *x)
{
    char name[VALUE_MAX / 2], time[80];

    for (uint32_t i = 0; i < x->count; i++) {
        const struct p1_change *c = &x->changes[i];

        line(w, x->type == P1_EXT_REDIRECTIONS ? "redirected from" : "expanded", "%s at %s%s%s",
             address(&c->name, name, sizeof name), time_text(c->time, time, sizeof time),
             c->reason == P1_NONE ? "" : ": ",
             c->reason == P1_NONE ? "" : p1_redirection_name(c->reason));
    }
}

static void extension_lines(struct pen *w, const struct p1_extension *x)
{
    char label[120], oid[100];

    if (x->type == P1_NONE)
        (void)snprintf(label, sizeof label, "extension %s", ber_oid_text(oid, sizeof oid, x->oid));
    else
        (void)snprintf(label, sizeof label, "%s (%d)", p1_extension_name(x->type), x->type);
    switch (x->form) {
    case P1_RAW:
        octets_line(w, label, x->value.p ? x->value : slice_of(""));
        break;
    case P1_NUMBER:
        line(w, label, "%s", x->number ? "yes" : "no");
        break;
    case P1_TEXT:
        text_line(w, label, x->value);
        break;
    case P1_TIME:
        time_line(w, label, x->value);
        break;
    case P1_NAME:
        name_line(w, label, x->name);
        break;
    case P1_CHANGES:
        changes_lines(w, x);
        break;
    case P1_HOPS:
        hops_lines(w, x->type == P1_EXT_INTERNAL_TRACE ? "internal trace" : "trace (extension)",
                   &x->hops);
        break;
    case P1_MTA:
        text_line(w, label, x->hops.at->mta);
        break;
    }
}

static void extensions_lines(struct pen *w, const struct p1_extensions *x)
{
    for (uint32_t i = 0; i < x->count; i++)
        extension_lines(w, &x->at[i]);
}

/* --- contents ----------------------------------------------------------------------------------------------------- */

static void ipm_id_line(struct pen *w, const char *label, const struct ipm_id *id)
{
    char name[VALUE_MAX / 2], local[200];

    if (id->set)
        line(w, label, "%s%s%s", text_clean(local, sizeof local, id->local),
             id->named ? " of " : "", id->named ? address(&id->user, name, sizeof name) : "");
}

static void person_line(struct pen *w, const char *label, const struct ipm_person *p)
{
    char name[VALUE_MAX / 2], free_form[200];

    line(w, label, "%s%s%s%s%s%s", p->named ? address(&p->name, name, sizeof name) : "",
         p->free_form.p ? " " : "", text_clean(free_form, sizeof free_form, p->free_form),
         p->notify > 0 && (p->notify & 0x80) ? ", receipt asked for" : "",
         p->notify > 0 && (p->notify & 0x40) ? ", non-receipt asked for" : "",
         p->reply ? ", reply asked for" : "");
}

static void people_lines(struct pen *w, const char *label, const struct ipm_people *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        person_line(w, label, &p->at[i]);
}

static void body_lines(struct pen *w, struct slice text)
{
    char shown[TEXT_LINE_MAX];
    struct slice one;

    for (unsigned i = 0; text.n > 0; i++) {
        if (i == TEXT_LINES_MAX) {
            w->ok = w->ok &&
                    buf_add_format(w->out, "%*s| .. %zu octets more\n", (int)w->indent, "", text.n);
            return;
        }
        (void)slice_cut(&text, '\n', &one);
        w->ok = w->ok && buf_add_format(w->out, "%*s| %s\n", (int)w->indent, "",
                                        text_clean(shown, sizeof shown, one));
    }
}

static const char *part_name(uint32_t tag)
{
    switch (tag & 0x1f) {
    case 0:
        return "IA5 text";
    case 3:
        return "G3 facsimile";
    case 5:
        return "teletex";
    case 7:
        return "nationally defined";
    case 9:
        return "a message";
    case 14:
        return "bilaterally defined (BP14)";
    case 15:
        return "extended (BP15)";
    default:
        return "of another kind";
    }
}

static void ipm_lines(struct pen *w, const struct ipm *m)
{
    static const char *const importances[] = {"low", "normal", "high"};

    head(w, "interpersonal message");
    w->indent += 2;
    ipm_id_line(w, "this IPM", &m->id);
    if (m->from_set)
        person_line(w, "from", &m->from);
    people_lines(w, "to", &m->to);
    people_lines(w, "copy", &m->copy);
    people_lines(w, "blind copy", &m->blind);
    ipm_id_line(w, "in reply to", &m->replied_to);
    text_line(w, "subject", m->subject);
    if (m->importance >= 0)
        line(w, "importance", "%s", m->importance < 3 ? importances[m->importance] : "?");
    if (m->auto_forwarded)
        line(w, "auto-forwarded", "yes");
    for (uint32_t i = 0; i < m->part_count; i++) {
        const struct ipm_part *p = &m->parts[i];

        line(w, "body part", "%s, %zu octets", part_name(p->tag), p->text.p ? p->text.n : p->raw.n);
        w->indent += 2;
        body_lines(w, p->text);
        w->indent -= 2;
    }
    w->indent -= 2;
}

static void ipn_lines(struct pen *w, const struct ipn *n)
{
    head(w, n->receipt ? "receipt notification"
            : n->other ? "other notification"
                       : "non-receipt notification");
    w->indent += 2;
    ipm_id_line(w, "about IPM", &n->subject);
    time_line(w, "received", n->time);
    number_line(w, "acknowledged", n->mode, n->mode == 1 ? "automatically" : "by hand");
    number_line(w, "reason", n->reason, n->reason == 1 ? "auto-forwarded" : "discarded");
    number_line(w, "discarded because", n->discard, "");
    text_line(w, "comment", n->comment);
    w->indent -= 2;
}

bool content_print(const struct content *c, unsigned indent, struct buf *out)
{
    struct pen w = {out, true, indent};

    if (c->notification)
        ipn_lines(&w, &c->ipn);
    else
        ipm_lines(&w, &c->ipm);
    return w.ok;
}

static void content_lines(struct pen *w, const char *label, struct slice octets, struct arena *a)
{
    struct content c;

    if (!octets.p)
        return;
    line(w, label, "%zu octets", octets.n);
    if (content_read(octets, a, &c, NULL)) {
        w->indent += 2;
        w->ok = w->ok && content_print(&c, w->indent, w->out);
        w->indent -= 2;
    } else {
        octets_line(w, "  unread", octets);
    }
}

/* --- APDUs -------------------------------------------------------------------------------------------------------- */

static void recipient_lines(struct pen *w, const struct p1_recipient *r)
{
    char label[40];

    (void)snprintf(label, sizeof label, "recipient %d", r->number);
    name_line(w, label, &r->name);
    w->indent += 2;
    bits_line(w, "indicators", &r->indicators, recipient_bits, 5);
    number_line(w, "explicit conversion", r->conversion, "");
    extensions_lines(w, &r->extensions);
    w->indent -= 2;
}

static void message_lines(struct pen *w, const struct p1_message *m, bool probe, struct arena *a)
{
    head(w, probe ? "probe" : "message");
    w->indent += 2;
    id_line(w, "identifier", &m->id);
    name_line(w, "originator", &m->originator);
    eits_line(w, "information types", m->eits);
    content_type_line(w, &m->content_type);
    text_line(w, "content identifier", m->content_id);
    number_line(w, "priority", m->priority, p1_priority_name(m->priority));
    if (m->content_length != P1_NONE)
        line(w, "content length", "%lld", (long long)m->content_length);
    bits_line(w, "indicators", &m->indicators, message_bits, 4);
    time_line(w, "deferred until", m->deferred);
    octets_line(w, "bilateral information", m->bilateral);
    for (uint32_t i = 0; i < m->recipient_count; i++)
        recipient_lines(w, &m->recipients[i]);
    hops_lines(w, "trace", &m->trace);
    extensions_lines(w, &m->extensions);
    content_lines(w, "content", m->content, a);
    w->indent -= 2;
}

static void reported_lines(struct pen *w, const struct p1_reported *r)
{
    char label[40], time[80];

    (void)snprintf(label, sizeof label, "recipient %d", r->number);
    name_line(w, label, &r->actual);
    w->indent += 2;
    if (r->redirected)
        name_line(w, "intended for", &r->intended);
    if (r->delivered)
        line(w, "delivered", "%s to a user of type %d %s",
             time_text(r->delivery, time, sizeof time), r->user == P1_NONE ? 0 : r->user,
             p1_user_name(r->user == P1_NONE ? 0 : r->user));
    else if (r->diagnostic == P1_NONE)
        line(w, "not delivered", "%d %s, no diagnostic", r->reason, p1_reason_name(r->reason));
    else
        line(w, "not delivered", "%d %s, %d %s", r->reason, p1_reason_name(r->reason),
             r->diagnostic, p1_diagnostic_name(r->diagnostic));
    time_line(w, "arrived", r->arrival);
    eits_line(w, "converted to", r->converted);
    bits_line(w, "indicators", &r->indicators, recipient_bits, 5);
    text_line(w, "supplementary", r->supplementary);
    extensions_lines(w, &r->extensions);
    w->indent -= 2;
}

static void report_lines(struct pen *w, const struct p1_report *r, struct arena *a)
{
    head(w, "report");
    w->indent += 2;
    id_line(w, "identifier", &r->id);
    name_line(w, "destination", &r->destination);
    hops_lines(w, "trace", &r->trace);
    extensions_lines(w, &r->extensions);
    id_line(w, "about", &r->subject);
    hops_lines(w, "subject's trace", &r->subject_trace);
    eits_line(w, "information types", r->eits);
    content_type_line(w, &r->content_type);
    text_line(w, "content identifier", r->content_id);
    for (uint32_t i = 0; i < r->recipient_count; i++)
        reported_lines(w, &r->recipients[i]);
    octets_line(w, "additional", r->additional);
    extensions_lines(w, &r->content_extensions);
    content_lines(w, "returned content", r->returned, a);
    w->indent -= 2;
}

bool p1_print(const struct p1_apdu *apdu, struct arena *a, struct buf *out)
{
    struct pen w = {.out = out, .ok = true};

    if (apdu->kind == P1_REPORT)
        report_lines(&w, &apdu->report, a);
    else
        message_lines(&w, &apdu->message, apdu->kind == P1_PROBE, a);
    return w.ok;
}
