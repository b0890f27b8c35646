/* lab_p1_write.c - reads the message again, changes what an MTA changes, writes it.
 *
 * The APDU is read anew for each recipient that goes out: the lab keeps octets, not trees.
 */
#include "lab/lab_p1_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/bounce.h"
#include "wire/x400/content.h"

#define ARENA_MAX   (64u << 20)
#define HEADS       8192u        /* more than what is added to a message */
#define OCTETS_MAX  (256u << 20) /* longer than anything that can come of a message of 32 MB */
#define ID_MAX      64u          /* of an IPM's identifier */
#define SUBJECT_MAX 128u

struct making {
    const struct p1_terms *t;
    struct arena *arena;
    enum x400_year year;
    struct err *e;
    char now[P1_TIME_CHARS];
};

static bool no_memory(struct err *e)
{
    return err_set(e, EX_IO, "p1: it needs more memory than there is for one message");
}

static struct slice now_of(const struct making *k)
{
    return slice_from(k->now, sizeof k->now);
}

static bool begin(struct making *k, const struct p1_terms *t, enum x400_year year, uint64_t at_ns,
                  struct err *e)
{
    *k = (struct making){.t = t, .year = year, .e = e, .arena = arena_create(ARENA_MAX)};
    p1_terms_time(at_ns, k->now);
    return k->arena || no_memory(e);
}

/* Room is guessed and doubled: only the writer knows how long the lengths become. */
static bool write_apdu(const struct making *k, const struct p1_apdu *apdu, size_t likely,
                       struct p1_octets *out)
{
    for (size_t room = likely + HEADS; room <= OCTETS_MAX; room *= 2) {
        unsigned char *p = malloc(room);
        struct ber_out o;

        if (!p)
            break;
        ber_out_init(&o, p, room);
        if (p1_write(&o, apdu, k->year)) {
            struct slice s = ber_out_slice(&o);

            memmove(p, s.p, s.n);
            *out = (struct p1_octets){p, s.n};
            return true;
        }
        free(p);
    }
    return no_memory(k->e);
}

static bool name_of(const struct making *k, struct slice address, struct oraddr *out)
{
    return p1_terms_oraddr(k->t, address, k->arena, out, k->e);
}

/* The message that came, and which of its recipients this is about. */
static bool read_message(const struct making *k, const struct lab_outgoing *from,
                         struct p1_apdu *apdu)
{
    if (!p1_read(from->apdu, k->arena, apdu, k->e))
        return false;
    return (apdu->kind == P1_MESSAGE && from->number < apdu->message.recipient_count) ||
           err_set(k->e, EX_INTERNAL, "p1: recipient %u is not in its message",
                   (unsigned)from->number);
}

static bool redirect(const struct making *k, const struct lab_outgoing *from,
                     struct p1_recipient *r)
{
    struct oraddr to;

    if (from->intended.n == 0)
        return true;
    return name_of(k, from->to, &to) &&
           (p1_redirect(r, &to, 0, now_of(k), k->arena) || no_memory(k->e));
}

static uint32_t done_to(const struct lab_outgoing *from)
{
    return from->intended.n > 0 ? P1_OTHER_REDIRECTED : 0;
}

static bool relay(const struct making *k, const struct lab_outgoing *from, struct p1_octets *out)
{
    struct p1_apdu apdu;
    struct p1_message *m = &apdu.message;

    if (!read_message(k, from, &apdu))
        return false;
    for (uint32_t i = 0; i < m->recipient_count; i++)
        if (i != from->number)
            m->recipients[i].indicators.bits &= ~P1_RESPONSIBLE;
    if (!redirect(k, from, &m->recipients[from->number]))
        return false;
    return (p1_trace_add(m, &k->t->us, now_of(k), done_to(from), k->arena) || no_memory(k->e)) &&
           write_apdu(k, &apdu, from->apdu.n, out);
}

/* --- mail that came by SMTP --------------------------------------------------------------------------------------- */

static bool split(struct slice content, struct slice *header, struct slice *body)
{
    size_t at;

    if (!slice_find(content, slice_of("\r\n\r\n"), &at))
        return false;
    *header = slice_from(content.p, at + 2);
    *body = slice_skip(content, at + 4);
    return true;
}

static struct slice field(struct slice header, const char *name)
{
    struct slice line;

    while (header.n > 0) {
        (void)slice_cut(&header, '\n', &line);
        if (slice_starts_nocase(line, name))
            return slice_trim(slice_skip(line, strlen(name)));
    }
    return slice_from(NULL, 0);
}

/* "<pm.abc@host>" without its brackets and host. */
static struct slice id_of(struct slice header, const char *otherwise)
{
    struct slice id = field(header, "message-id:"), local;

    if (id.n > 0 && id.p[0] == '<')
        id = slice_skip(id, 1);
    (void)slice_cut(&id, '@', &local);
    return local.n > 0 && local.n <= ID_MAX ? local : slice_of(otherwise);
}

/* On one line: folds become nothing, since the blank behind them stays. */
static struct slice unfold(struct arena *a, struct slice s)
{
    unsigned char *text = arena_bytes(a, SUBJECT_MAX);
    size_t n = 0;

    for (size_t i = 0; text && i < s.n && n < SUBJECT_MAX; i++)
        if (s.p[i] != '\r' && s.p[i] != '\n')
            text[n++] = s.p[i];
    return slice_from(text, text ? n : 0);
}

static bool write_content(const struct making *k, const struct lab_outgoing *from,
                          const struct oraddr *originator, const struct oraddr *recipient,
                          struct slice *out)
{
    struct slice header, body;
    struct ipm_person *to = arena_new(k->arena, struct ipm_person, 1);
    struct ipm_part *part = arena_new(k->arena, struct ipm_part, 1);
    const size_t room = from->content.n + HEADS;
    void *octets = arena_bytes(k->arena, room);
    struct content c;
    struct ber_out o;

    if (!to || !part || !octets)
        return no_memory(k->e);
    if (!split(from->content, &header, &body))
        return err_set(k->e, EX_WIRE, "p1: mail without an end of its header");
    content_init(&c);
    c.ipm.id = (struct ipm_id){true, true, *originator, id_of(header, from->mts_id)};
    c.ipm.from_set = true;
    c.ipm.from = (struct ipm_person){.named = true, .name = *originator, .notify = P1_NONE};
    *to = (struct ipm_person){.named = true, .name = *recipient, .notify = P1_NONE};
    c.ipm.to = (struct ipm_people){to, 1, true};
    c.ipm.subject = unfold(k->arena, from->subject);
    *part = (struct ipm_part){.text = body};
    c.ipm.parts = part;
    c.ipm.part_count = 1;
    ber_out_init(&o, octets, room);
    if (!content_write(&o, &c, k->year))
        return no_memory(k->e);
    *out = ber_out_slice(&o);
    return true;
}

static struct slice sender_of(const struct making *k, const struct lab_outgoing *from)
{
    const char *domain = lab_domain(lab_site_core(k->t->site));
    const char *nobody = arena_format(k->arena, "postmaster@%s", domain);

    return from->from.n > 0 ? from->from : slice_of(nobody);
}

/* A gateway's work: an envelope and an IPM of our own around the text. */
static bool compose(const struct making *k, const struct lab_outgoing *from, struct p1_octets *out)
{
    static const unsigned char ia5[] = {0x80, 0x03, 0x06, 0x20, 0x00};
    struct p1_apdu apdu = {.kind = P1_MESSAGE};
    struct p1_message *m = &apdu.message;
    struct p1_recipient *r = arena_new(k->arena, struct p1_recipient, 1);

    p1_message_init(m);
    if (!r)
        return no_memory(k->e);
    m->id = (struct p1_id){k->t->us.domain, slice_of(from->mts_id)};
    m->eits = slice_from(ia5, sizeof ia5);
    m->content_type.number = k->year == X400_1984 ? CONTENT_P2 : CONTENT_P22;
    m->priority = P1_NORMAL;
    *r = (struct p1_recipient){
        .number = 1, .indicators = {true, 8, P1_ASK_NON}, .conversion = P1_NONE};
    m->recipients = r;
    m->recipient_count = 1;
    if (!name_of(k, sender_of(k, from), &m->originator) ||
        !name_of(k, from->intended.n > 0 ? from->intended : from->to, &r->name) ||
        !write_content(k, from, &m->originator, &r->name, &m->content) || !redirect(k, from, r))
        return false;
    return (p1_trace_add(m, &k->t->us, now_of(k), done_to(from), k->arena) || no_memory(k->e)) &&
           write_apdu(k, &apdu, m->content.n, out);
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

static struct p1_fate fate_of(const struct making *k, uint32_t recipient, bool delivered,
                              int reason, int diag)
{
    struct p1_fate f = {.recipient = recipient,
                        .delivered = delivered,
                        .time = now_of(k),
                        .reason = reason,
                        .diagnostic = diag == P1_NO_DIAG ? P1_NONE : diag};

    if (!delivered)
        f.supplementary = slice_of(bounce_sentence(reason, diag));
    return f;
}

static bool write_report(const struct making *k, const struct p1_message *m,
                         const struct p1_report_order *order, struct p1_octets *out)
{
    struct p1_apdu apdu = {.kind = P1_REPORT};

    return (p1_report_make(&apdu.report, m, &k->t->us, order, k->arena) || no_memory(k->e)) &&
           write_apdu(k, &apdu, apdu.report.returned.n, out);
}

static bool report(const struct making *k, const struct lab_outgoing *about, struct p1_octets *out)
{
    const struct p1_fate fate =
        fate_of(k, about->number, about->delivered, about->reason, about->diag);
    struct p1_apdu apdu;

    if (about->apdu.n == 0)
        return err_set(k->e, EX_WIRE, "p1: a report about mail that came by SMTP");
    if (!read_message(k, about, &apdu) ||
        !redirect(k, about, &apdu.message.recipients[about->number]))
        return false;
    return write_report(
        k, &apdu.message,
        &(struct p1_report_order){
            .local_id = slice_of(about->mts_id), .now = now_of(k), .fates = &fate, .count = 1},
        out);
}

bool p1_write_outgoing(const struct p1_terms *t, const struct lab_outgoing *out,
                       enum x400_year year, struct p1_octets *octets, struct err *e)
{
    struct making k;
    bool ok = begin(&k, t, year, out->at_ns, e);

    *octets = (struct p1_octets){0};
    if (ok && out->is_report)
        ok = report(&k, out, octets);
    else if (ok)
        ok = out->apdu.n > 0 ? relay(&k, out, octets) : compose(&k, out, octets);
    arena_destroy(k.arena);
    return ok;
}

static bool answer_all(const struct making *k, const struct p1_answer *x, const char *local_id,
                       struct p1_octets *octets)
{
    const struct p1_message *m = x->about;
    struct p1_fate *fates = arena_new(k->arena, struct p1_fate, m->recipient_count + 1u);
    uint32_t count = 0;

    if (!fates)
        return no_memory(k->e);
    for (uint32_t i = 0; i < m->recipient_count; i++) {
        const struct p1_recipient *r = &m->recipients[i];
        bool delivered = x->delivered && x->delivered[i];
        bool ours = !r->indicators.set || (r->indicators.bits & P1_RESPONSIBLE);

        if (ours && (!r->indicators.set || p1_report_wanted(r, delivered)))
            fates[count++] = fate_of(k, i, delivered, x->reason, x->diag);
    }
    return count == 0 || write_report(k, m,
                                      &(struct p1_report_order){.local_id = slice_of(local_id),
                                                                .now = now_of(k),
                                                                .fates = fates,
                                                                .count = count},
                                      octets);
}

bool p1_write_answer(const struct p1_terms *t, const struct p1_answer *answer, enum x400_year year,
                     struct p1_octets *octets, struct err *e)
{
    char id[40];
    struct making k;
    bool ok = begin(&k, t, year, lab_now_ns(lab_site_core(t->site)), e);

    *octets = (struct p1_octets){0};
    (void)snprintf(id, sizeof id, "%.10s-%.12sZ-A%06" PRIu64, t->name, k.now,
                   answer->number % 1000000);
    ok = ok && answer_all(&k, answer, id, octets);
    arena_destroy(k.arena);
    return ok;
}
