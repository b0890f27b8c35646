/* report_csv.c - a line a copy, RFC 4180 (CRLF, header, quotes doubled), in order of number, recipient and role.
 *
 * Times are target ns since the load began, and beside them UTC by the wall's clock (empty in a run on simulated time). An empty
 * field is "never" or "none". Numbers are plain, negative ones too; words that a spreadsheet would take for a formula begin with
 * an apostrophe.
 */
#include "results/report_csv.h"

#include "base/clock.h"
#include "results/report_stream.h"

struct csv {
    const struct report_source *source;
    const struct manifest *m;
    struct same_status status;
    struct report_stream out;
};

static const char *const columns =
    "number,token,load,server,originator,recipient,mailbox,role,class,flags,ending,status,final,"
    "sent_ns,sent_at,accepted_ns,accepted_at,first_seen_ns,first_seen_at,reported_ns,reported_at,"
    "late_us,move,phase,phase_ns\r\n";

static void comma(struct csv *c)
{
    stream_add(&c->out, ",");
}

static void words(struct csv *c, const char *text)
{
    comma(c);
    stream_csv(&c->out, text);
}

static void time_of(struct csv *c, uint64_t t_ns)
{
    char at[ISO_BYTES];

    comma(c);
    if (t_ns != NEVER_NS)
        stream_u64(&c->out, t_ns);
    comma(c);
    stream_add(&c->out, report_iso(at, c->m, t_ns));
}

static void flags(struct csv *c, const struct copy *p)
{
    bool any = false;

    comma(c);
    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (p->flags >> f & 1) {
            stream_add(&c->out, any ? " " : "");
            stream_add(&c->out, flag_name(f));
            any = true;
        }
}

static void move_of(struct csv *c, const struct copy *p)
{
    bool near = p->move.move != NO_INDEX;

    comma(c);
    if (near)
        stream_u64(&c->out, p->move.move);
    words(c, move_phase_name(p->move.phase));
    comma(c);
    if (near)
        stream_i64(&c->out, p->move.phase_ns);
}

static void row(struct csv *c, const struct copy *p)
{
    char token[27];

    stream_u64(&c->out, p->number);
    words(c, said_token(c->source, p->number, token));
    words(c, c->m->loads[p->load].name);
    words(c, p->tried ? report_server(c->m, p->server) : "");
    words(c, report_mailbox(c->m, p->from));
    words(c, report_mailbox(c->m, p->to));
    words(c, report_mailbox(c->m, p->mailbox));
    words(c, p->alternate ? "alternate" : "primary");
    words(c, class_name(p->outcome));
    flags(c, p);
    words(c, event_ending_name(p->facts.k));
    words(c, same_status(&c->status, c->source, p));
    words(c, p->facts.z ? "1" : "0");
    time_of(c, p->sent_ns);
    time_of(c, p->facts.k == END_ACCEPTED ? p->end_ns : NEVER_NS);
    time_of(c, p->first_seen_ns);
    time_of(c, p->first_reported_ns);
    comma(c);
    if (p->tried)
        stream_u64(&c->out, p->late_us);
    move_of(c, p);
    stream_add(&c->out, "\r\n");
}

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct csv *c = owner;

    for (uint32_t i = 0; i < n; i++)
        row(c, &copies[i]);
    return stream_step(&c->out);
}

static bool write_csv(const struct report_source *s, const struct report_out *out, struct err *e)
{
    struct csv c = {.source = s, .m = s->run->manifest};

    stream_begin(&c.out, out);
    stream_add(&c.out, columns);
    bool ok = report_each_copy(s, on_message, &c, e);

    return stream_end(&c.out, e) && ok;
}

const struct report_form form_csv = {
    .name = "csv", .help = "a line a copy, for spreadsheets and data frames", .write = write_csv};
