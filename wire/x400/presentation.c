/* presentation.c - PPDUs.
 *
 *     CP   31{ a0{80 mode} a2{ [81 82 selectors] a4{ {02 id, 06 abstract, {06 transfer}}.. } 61{PDV} } }
 *     CPA  31{ a0{80 mode} a2{ [83 selector] a5{ {80 result, 81 transfer}.. } 61{PDV} } }
 *     CPR  30{ [83] [a5] [8a provider-reason] [61{PDV}] }
 *     ARU  a0{ a0{ {02 id, 06 transfer}.. } 61{PDV} }          ARP  30{ 80 reason, 81 event }
 *     data 61{ 30{ [06 transfer] 02 id, a0{value} | 81 octets } }
 *
 * In X.410 mode CP and CPA have a1{..} in place of a2, RF and AB carry `31{..}` around RTSE's components.
 */
#include "wire/x400/presentation.h"

#include <string.h>

enum { ACCEPTED = 0, PROVIDER_REJECT = 2, NO_ABSTRACT = 1, NO_TRANSFER = 2, ADDRESS_UNKNOWN = 3 };

static const struct {
    enum stack_context context;
    unsigned char n, octets[4];
} abstracts[] = {
    {STACK_CTX_ACSE, 4, {0x52, 0x01, 0x00, 0x01}}, /* 2.2.1.0.1 */
    {STACK_CTX_RTSE, 4, {0x56, 0x00, 0x02, 0x0c}}, /* 2.6.0.2.12 id-as-mta-rtse */
    {STACK_CTX_MTSE, 4, {0x56, 0x00, 0x02, 0x07}}, /* 2.6.0.2.7 id-as-mtse */
};

static const unsigned char transfer[] = {0x51, 0x01}; /* 2.1.1, BER */
#define TRANSFER slice_from(transfer, sizeof transfer)

void presentation_init(struct presentation *p, struct stack *s)
{
    p->l = (struct layer){.ops = &presentation_ops, .stack = s};
    s->presentation = &p->l;
}

void presentation_begin(struct presentation *p)
{
    p->proposals = 0;
}

const char *presentation_refusal(int provider_reason)
{
    static const char *const words[] = {"no reason given",
                                        "temporary congestion",
                                        "a local limit is exceeded",
                                        "the called presentation selector is not known there",
                                        "protocol version not supported",
                                        "default context not supported",
                                        "user data not readable",
                                        "nobody at that access point"};

    if (provider_reason < 0 || (size_t)provider_reason >= sizeof words / sizeof *words)
        return "a reason without a name";
    return words[provider_reason];
}

const char *presentation_abort(int reason)
{
    static const char *const words[] = {"no reason given",        "unrecognised PPDU",
                                        "unexpected PPDU",        "unexpected session call",
                                        "unrecognised parameter", "unexpected parameter",
                                        "invalid parameter value"};

    if (reason < 0 || (size_t)reason >= sizeof words / sizeof *words)
        return "a reason without a name";
    return words[reason];
}

/* --- EXTERNAL and PDV lists --------------------------------------------------------------------------------------- */

/* 02 id, then the value as single-ASN1-type, octet-aligned or arbitrary bits of whole octets. */
static bool read_value(struct ber *b, int64_t *context, struct slice *value)
{
    struct ber_element id, v;

    (void)ber_take(b, BER_OID, &v); /* the transfer syntax may be named */
    if (!ber_take(b, BER_INTEGER, &id) || !ber_int(&id, context))
        return false;
    (void)ber_take(b, 0x07, &v);
    if (ber_next(b, &v) != BER_GOT)
        return false;
    *value = v.value;
    if (v.tag == 0x82) {
        if (v.value.n == 0 || v.value.p[0] != 0)
            return false;
        *value = slice_skip(v.value, 1);
        return true;
    }
    return v.tag == 0xa0 || v.tag == 0x81;
}

bool external_read(struct slice in, int64_t *context, struct slice *value)
{
    struct ber b = ber_in(in), inside;
    struct ber_element e;

    if (!ber_take(&b, BER_EXTERNAL, &e))
        return false;
    inside = ber_inside(&e);
    return read_value(&inside, context, value);
}

void external_put_head(struct ber_out *o, uint8_t context, size_t mark)
{
    ber_put_head(o, 0xa0, mark);
    ber_put_integer(o, BER_INTEGER, context);
    ber_put_head(o, BER_EXTERNAL, mark);
}

/* Fully-encoded data with exactly one PDV list. */
static bool read_data(struct slice in, int64_t *context, struct slice *value)
{
    struct ber b = ber_in(in);
    struct ber_element data, list;

    if (!ber_take(&b, 0x61, &data) || !ber_at_end(&b))
        return false;
    struct ber lists = ber_inside(&data), inside;

    if (!ber_take(&lists, BER_SEQUENCE, &list) || !ber_at_end(&lists))
        return false;
    inside = ber_inside(&list);
    return read_value(&inside, context, value);
}

static void put_data(struct ber_out *o, uint8_t context, size_t mark)
{
    ber_put_head(o, 0xa0, mark);
    ber_put_integer(o, BER_INTEGER, context);
    ber_put_head(o, BER_SEQUENCE, mark);
    ber_put_head(o, 0x61, mark);
}

static enum stack_context context_of(const struct stack *s, int64_t id)
{
    for (unsigned c = 0; c < STACK_CTX_COUNT; c++)
        if (s->context[c] == id)
            return c;
    return STACK_CTX_COUNT;
}

/* --- down --------------------------------------------------------------------------------------------------------- */

static void put_selector(struct ber_out *o, uint32_t tag, struct slice selector)
{
    if (selector.n > 0)
        ber_put_bytes(o, tag, selector);
}

static void put_mode(struct ber_out *o, int mode)
{
    size_t mark = ber_mark(o);

    ber_put_integer(o, 0x80, mode);
    ber_put_head(o, 0xa0, mark);
}

static void put_contexts(struct ber_out *o, const struct stack *s)
{
    size_t all = ber_mark(o);

    for (size_t i = sizeof abstracts / sizeof *abstracts; i-- > 0;) {
        size_t one = ber_mark(o), list = one;

        ber_put_bytes(o, BER_OID, TRANSFER);
        ber_put_head(o, BER_SEQUENCE, list);
        ber_put_bytes(o, BER_OID, slice_from(abstracts[i].octets, abstracts[i].n));
        ber_put_integer(o, BER_INTEGER, s->context[abstracts[i].context]);
        ber_put_head(o, BER_SEQUENCE, one);
    }
    ber_put_head(o, 0xa4, all);
}

static void put_results(struct ber_out *o, const struct presentation *p)
{
    size_t all = ber_mark(o);

    for (unsigned i = p->proposals; i-- > 0;) {
        size_t one = ber_mark(o);

        if (p->proposed[i].answer == ACCEPTED)
            ber_put_bytes(o, 0x81, TRANSFER);
        else if (p->proposed[i].answer == PROVIDER_REJECT)
            ber_put_integer(o, 0x82, p->proposed[i].reason);
        ber_put_integer(o, 0x80, p->proposed[i].answer);
        ber_put_head(o, BER_SEQUENCE, one);
    }
    ber_put_head(o, 0xa5, all);
}

static void put_connect(struct presentation *p, struct unit *u)
{
    const struct association_config *config = p->l.stack->config;

    put_data(&u->head, p->l.stack->context[STACK_CTX_ACSE], 0);
    put_contexts(&u->head, p->l.stack);
    put_selector(&u->head, 0x82, config->their_psel);
    put_selector(&u->head, 0x81, config->our_psel);
}

static void put_abort(struct presentation *p, struct unit *u)
{
    struct stack *s = p->l.stack;
    size_t mark = 0;

    if (u->from == STACK_PRESENTATION) {
        ber_put_integer(&u->head, 0x80, u->reason);
        ber_put_head(&u->head, BER_SEQUENCE, 0);
        return;
    }
    put_data(&u->head, s->context[STACK_CTX_ACSE], 0);
    mark = ber_mark(&u->head);
    for (unsigned c = STACK_CTX_RTSE + 1; c-- > STACK_CTX_ACSE;) { /* those that are in it */
        size_t one = ber_mark(&u->head);

        ber_put_bytes(&u->head, BER_OID, TRANSFER);
        ber_put_integer(&u->head, BER_INTEGER, s->context[c]);
        ber_put_head(&u->head, BER_SEQUENCE, one);
    }
    ber_put_head(&u->head, 0xa0, mark);
    ber_put_head(&u->head, 0xa0, 0);
}

static void put_refuse(struct presentation *p, struct unit *u)
{
    if (u->from == STACK_PRESENTATION && u->reason >= 0)
        ber_put_integer(&u->head, 0x8a, u->reason);
    if (u->from != STACK_PRESENTATION)
        put_data(&u->head, p->l.stack->context[STACK_CTX_ACSE], 0);
    if (p->proposals > 0)
        put_results(&u->head, p);
    put_selector(&u->head, 0x83, p->l.stack->config->our_psel);
    ber_put_head(&u->head, BER_SEQUENCE, 0);
}

static bool presentation_down_normal(struct presentation *p, struct unit *u)
{
    struct stack *s = p->l.stack;

    if (u->what == SV_CONNECT || u->what == SV_ACCEPT) {
        if (u->what == SV_CONNECT) {
            put_connect(p, u);
        } else {
            put_data(&u->head, s->context[STACK_CTX_ACSE], 0);
            put_results(&u->head, p);
            put_selector(&u->head, 0x83, s->config->our_psel);
        }
        ber_put_head(&u->head, 0xa2, 0);
        put_mode(&u->head, 1);
        ber_put_head(&u->head, BER_SET, 0);
    } else if (u->what == SV_REFUSE) {
        put_refuse(p, u);
    } else if (u->what == SV_ABORT) {
        put_abort(p, u);
    } else if (u->what == SV_DATA || u->what == SV_WHOLE || u->what == SV_PLEASE ||
               u->what == SV_RELEASE || u->what == SV_RELEASED) {
        put_data(&u->head, s->context[u->context], unit_mark(u));
    }
    return true;
}

static bool presentation_down(struct layer *l, struct unit *u, struct err *e)
{
    struct presentation *p = (struct presentation *)l;
    bool from_below = u->from == STACK_SESSION; /* what has nothing of ours in it */

    if (from_below)
        return stack_down(l, u, e);
    if (l->stack->normal) {
        (void)presentation_down_normal(p, u);
    } else if (u->what == SV_CONNECT || u->what == SV_ACCEPT) {
        ber_put_head(&u->head, 0xa1, 0);
        put_mode(&u->head, 0);
        ber_put_head(&u->head, BER_SET, 0);
    } else if (u->what == SV_REFUSE || u->what == SV_ABORT) {
        ber_put_head(&u->head, BER_SET, 0);
    }
    return stack_down(l, u, e);
}

/* --- up: opening -------------------------------------------------------------------------------------------------- */

/* The mode and its parameters from a CP or CPA. */
static bool read_opening(struct presentation *p, struct slice in, bool *normal, struct ber *params,
                         struct err *e)
{
    struct ber b = ber_in(in), inside;
    struct ber_element set, mode, value;
    int64_t n = -1;

    if (!ber_take(&b, BER_SET, &set))
        return stack_bad(&p->l, e, "the opening is no SET");
    b = ber_inside(&set);
    if (!ber_find(&b, 0xa0, &mode))
        return stack_bad(&p->l, e, "the opening names no mode");
    inside = ber_inside(&mode);
    if (!ber_take(&inside, 0x80, &value) || !ber_int(&value, &n) || n < 0 || n > 1)
        return stack_bad(&p->l, e, "the opening names no mode we know");
    *normal = n == 1;
    if (!ber_find(&b, *normal ? 0xa2 : 0xa1, &value))
        return stack_bad(&p->l, e, "the opening has no parameters for its mode");
    *params = ber_inside(&value);
    return true;
}

static bool refuse(struct presentation *p, int reason, struct err *e)
{
    struct unit no = stack_unit(p->l.stack, SV_REFUSE);
    struct unit told = {.what = SV_REFUSE, .from = STACK_PRESENTATION, .reason = reason};

    no.from = STACK_PRESENTATION;
    no.reason = reason;
    return presentation_down(&p->l, &no, e) && stack_up(&p->l, &told, e);
}

/* 02 id, 06 abstract, 30 { 06 transfer .. } */
static bool read_context(struct presentation *p, const struct ber_element *one, bool *seen)
{
    struct ber b = ber_inside(one), names;
    struct ber_element id, abstract, list, name;
    int64_t n = 0;
    bool ber = false;

    if (!ber_take(&b, BER_INTEGER, &id) || !ber_int(&id, &n) || n < 1 || n > 255 ||
        !ber_take(&b, BER_OID, &abstract) || !ber_take(&b, BER_SEQUENCE, &list))
        return false;
    for (names = ber_inside(&list); ber_take(&names, BER_OID, &name);)
        ber = ber || ber_oid_is(&name, transfer, sizeof transfer);
    unsigned at = p->proposals++;

    p->proposed[at].answer = PROVIDER_REJECT;
    p->proposed[at].reason = NO_ABSTRACT;
    for (size_t i = 0; i < sizeof abstracts / sizeof *abstracts; i++)
        if (ber_oid_is(&abstract, abstracts[i].octets, abstracts[i].n)) {
            p->proposed[at].answer = ber ? ACCEPTED : PROVIDER_REJECT;
            p->proposed[at].reason = NO_TRANSFER;
            p->l.stack->context[abstracts[i].context] = (uint8_t)n;
            seen[abstracts[i].context] = seen[abstracts[i].context] || ber;
        }
    return true;
}

static bool on_connect(struct presentation *p, struct unit *u, struct ber *params, struct err *e)
{
    const struct association_config *config = p->l.stack->config;
    bool seen[STACK_CTX_COUNT] = {false};
    struct ber_element called, list, one;
    struct ber copy;
    int64_t context = 0;
    enum ber_got got = BER_END;

    if (!ber_find(params, 0xa4, &list))
        return stack_bad(&p->l, e, "CP proposes no contexts");
    for (copy = ber_inside(&list); (got = ber_next(&copy, &one)) == BER_GOT;)
        if (p->proposals == PRESENTATION_CONTEXTS || !read_context(p, &one, seen))
            return stack_bad(&p->l, e, "CP proposes contexts that cannot be read, or too many");
    if (got == BER_BAD)
        return stack_bad(&p->l, e, "the contexts of CP are no BER");
    if (config->our_psel.n > 0 && ber_find(params, 0x82, &called) &&
        (called.value.n != config->our_psel.n ||
         memcmp(called.value.p, config->our_psel.p, called.value.n) != 0))
        return refuse(p, ADDRESS_UNKNOWN, e);
    if (!seen[STACK_CTX_ACSE] || !seen[STACK_CTX_RTSE] || !seen[STACK_CTX_MTSE])
        return refuse(p, 0, e);
    if (!ber_find(params, 0x61, &one) || !read_data(one.whole, &context, &u->data))
        return stack_bad(&p->l, e, "CP has no user data that can be read");
    if (context_of(p->l.stack, context) != STACK_CTX_ACSE)
        return stack_bad(&p->l, e, "CP has data in context %d, not ACSE's", (int)context);
    return stack_up(&p->l, u, e);
}

static bool on_accept(struct presentation *p, struct unit *u, struct ber *params, struct err *e)
{
    struct ber_element list, one, result;
    int64_t n = 0, context = 0;

    if (!ber_find(params, 0xa5, &list))
        return stack_bad(&p->l, e, "CPA has no results");
    struct ber results = ber_inside(&list);

    for (unsigned i = 0; i < STACK_CTX_COUNT; i++) {
        if (!ber_take(&results, BER_SEQUENCE, &one))
            return stack_bad(&p->l, e, "CPA has fewer results than we proposed contexts");
        struct ber inside = ber_inside(&one);

        if (!ber_take(&inside, 0x80, &result) || !ber_int(&result, &n) || n != ACCEPTED)
            return stack_bad(&p->l, e, "CPA refuses the context of %s",
                             i == STACK_CTX_ACSE   ? "ACSE"
                             : i == STACK_CTX_RTSE ? "RTSE and bind"
                                                   : "the MTS-APDUs");
    }
    if (!ber_find(params, 0x61, &one) || !read_data(one.whole, &context, &u->data) ||
        context_of(p->l.stack, context) != STACK_CTX_ACSE)
        return stack_bad(&p->l, e, "CPA has no user data of ACSE that can be read");
    return stack_up(&p->l, u, e);
}

/* --- up: the rest ------------------------------------------------------------------------------------------------- */

/* What cannot be read in a refusal or an abort is left out: it is over in any case. */
static void on_refuse(struct presentation *p, struct unit *u)
{
    struct slice in = u->data;
    struct ber b = ber_in(in);
    struct ber_element all, part;
    int64_t n = 0;

    u->data = slice_from(NULL, 0);
    if (in.n == 0 || ber_next(&b, &all) != BER_GOT)
        return;
    b = ber_inside(&all);
    u->from = STACK_PRESENTATION;
    u->reason = -1;
    if (all.tag == BER_SET) {
        u->from = STACK_RTSE;
        u->data = all.value;
    } else if (ber_find(&b, 0x8a, &part) && ber_int(&part, &n)) {
        u->reason = (int)n;
    } else if (p->l.stack->normal && ber_find(&b, 0x61, &part) &&
               read_data(part.whole, &n, &u->data)) {
        u->from = STACK_ACSE;
    }
}

static void on_abort(struct presentation *p, struct unit *u)
{
    struct slice in = u->data;
    struct ber b = ber_in(in);
    struct ber_element all, part;
    int64_t n = 0;

    u->data = slice_from(NULL, 0);
    if (in.n == 0 || ber_next(&b, &all) != BER_GOT)
        return;
    b = ber_inside(&all);
    if (all.tag == BER_SET) {
        u->from = STACK_RTSE;
        u->data = all.value;
    } else if (all.tag == BER_SEQUENCE) {
        u->from = STACK_PRESENTATION;
        u->provider = true;
        u->reason = ber_find(&b, 0x80, &part) && ber_int(&part, &n) ? (int)n : 0;
    } else if (p->l.stack->normal && ber_find(&b, 0x61, &part) &&
               read_data(part.whole, &n, &u->data)) {
        u->from = STACK_ACSE;
    }
}

static bool on_data(struct presentation *p, struct unit *u, struct err *e)
{
    int64_t context = 0;

    if (u->cut || (u->data.n == 0 && u->what != SV_DATA))
        return stack_up(&p->l, u, e);
    if (!read_data(u->data, &context, &u->data))
        return stack_bad(&p->l, e, "the data of %s cannot be read", service_name(u->what));
    u->context = context_of(p->l.stack, context);
    if (u->context == STACK_CTX_COUNT)
        return stack_bad(&p->l, e, "data in context %d, which was not agreed", (int)context);
    return stack_up(&p->l, u, e);
}

static bool presentation_up(struct layer *l, struct unit *u, struct err *e)
{
    struct presentation *p = (struct presentation *)l;
    struct ber params = {0};
    bool normal = false;

    if (u->what == SV_CONNECT || u->what == SV_ACCEPT) {
        if (!read_opening(p, u->data, &normal, &params, e))
            return false;
        if (u->what == SV_CONNECT)
            stack_order(l->stack, normal);
        else if (normal != l->stack->normal)
            return stack_bad(l, e, "the answer is of the other mode");
        if (normal)
            return u->what == SV_CONNECT ? on_connect(p, u, &params, e)
                                         : on_accept(p, u, &params, e);
        u->data = slice_from(params.p, (size_t)(params.end - params.p));
    } else if (u->what == SV_REFUSE && u->from == STACK_SESSION) {
        on_refuse(p, u);
    } else if (u->what == SV_ABORT) {
        on_abort(p, u);
    } else if (l->stack->normal && (u->what == SV_DATA || u->what == SV_PLEASE ||
                                    u->what == SV_RELEASE || u->what == SV_RELEASED)) {
        return on_data(p, u, e);
    }
    return stack_up(l, u, e);
}

const struct layer_ops presentation_ops = {
    .id = STACK_PRESENTATION, .up = presentation_up, .down = presentation_down};
