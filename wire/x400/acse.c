/* acse.c - APDUs of ACSE.
 *
 *     AARQ 60{ a1{06 name} [a2 a3 called AP, AE] [a6 a7 calling AP, AE] be{EXTERNAL} }
 *     AARE 61{ a1{06 name} a2{02 result} a3{a1{02 diagnostic}} [a4 a5 ours] be{EXTERNAL} }
 *     RLRQ 62{80 00}   RLRE 63{80 00}   ABRT 64{ 80 source, be{EXTERNAL} }
 */
#include "wire/x400/acse.h"

#include "wire/x400/presentation.h"

#define USER_INFORMATION 0xbe

enum { ACCEPTED = 0, REJECTED_PERMANENT = 1, NO_REASON = 1, BAD_CONTEXT_NAME = 2, DIAG_NULL = 0 };

static const unsigned char mts_transfer[] = {0x56, 0x00, 0x01, 0x06}; /* 2.6.0.1.6 */

void acse_init(struct acse *a, struct stack *s)
{
    a->l = (struct layer){.ops = &acse_ops, .stack = s};
    s->acse = &a->l;
}

const char *acse_diagnostic(int diagnostic)
{
    static const char *const words[] = {"no diagnostic",
                                        "no reason given",
                                        "application context not supported",
                                        "calling AP title not recognised",
                                        "calling AP invocation not recognised",
                                        "calling AE qualifier not recognised",
                                        "calling AE invocation not recognised",
                                        "called AP title not recognised",
                                        "called AP invocation not recognised",
                                        "called AE qualifier not recognised",
                                        "called AE invocation not recognised",
                                        "authentication mechanism not recognised",
                                        "authentication mechanism required",
                                        "authentication failure",
                                        "authentication required"};

    if (diagnostic < 0 || (size_t)diagnostic >= sizeof words / sizeof *words)
        return "a diagnostic without a name";
    return words[diagnostic];
}

/* --- down --------------------------------------------------------------------------------------------------------- */

static void put_name(struct ber_out *o)
{
    size_t mark = ber_mark(o);

    ber_put_bytes(o, BER_OID, slice_from(mts_transfer, sizeof mts_transfer));
    ber_put_head(o, 0xa1, mark);
}

static void put_title(struct ber_out *o, uint32_t tag, struct slice title)
{
    PM_ASSERT(title.n <= STACK_TITLE_MAX);
    if (title.n > 0)
        ber_put_bytes(o, tag, title);
}

static void put_information(struct acse *a, struct ber_out *o)
{
    external_put_head(o, a->l.stack->context[STACK_CTX_RTSE], 0);
    ber_put_head(o, USER_INFORMATION, 0);
}

static void put_request(struct acse *a, struct unit *u)
{
    const struct association_config *config = a->l.stack->config;

    put_information(a, &u->head);
    put_title(&u->head, 0xa7, config->calling_ae);
    put_title(&u->head, 0xa6, config->calling_ap);
    put_title(&u->head, 0xa3, config->called_ae);
    put_title(&u->head, 0xa2, config->called_ap);
    put_name(&u->head);
    ber_put_head(&u->head, 0x60, 0);
}

/* The answer; a refusal of our own (diagnostic) has nothing of RTSE in it. */
static void put_answer(struct acse *a, struct unit *u, int result, int diagnostic)
{
    const struct association_config *config = a->l.stack->config;
    size_t mark = 0, outer = 0;

    if (u->from != STACK_ACSE)
        put_information(a, &u->head);
    put_title(&u->head, 0xa5, config->calling_ae);
    put_title(&u->head, 0xa4, config->calling_ap);
    outer = mark = ber_mark(&u->head);
    ber_put_integer(&u->head, BER_INTEGER, diagnostic);
    ber_put_head(&u->head, 0xa1, mark);
    ber_put_head(&u->head, 0xa3, outer);
    mark = ber_mark(&u->head);
    ber_put_integer(&u->head, BER_INTEGER, result);
    ber_put_head(&u->head, 0xa2, mark);
    put_name(&u->head);
    ber_put_head(&u->head, 0x61, 0);
}

static bool acse_down(struct layer *l, struct unit *u, struct err *e)
{
    struct acse *a = (struct acse *)l;

    if (u->what == SV_CONNECT) {
        put_request(a, u);
    } else if (u->what == SV_ACCEPT) {
        put_answer(a, u, ACCEPTED, DIAG_NULL);
    } else if (u->what == SV_REFUSE && u->from >= STACK_ACSE) {
        put_answer(a, u, REJECTED_PERMANENT, u->from == STACK_ACSE ? u->reason : NO_REASON);
    } else if (u->what == SV_ABORT && u->from >= STACK_ACSE) {
        if (ber_mark(&u->head) > 0)
            put_information(a, &u->head);
        ber_put_integer(&u->head, 0x80, u->from == STACK_ACSE);
        ber_put_head(&u->head, 0x64, 0);
    } else if (u->what == SV_RELEASE || u->what == SV_RELEASED) {
        u->context = STACK_CTX_ACSE;
        ber_put_integer(&u->head, 0x80, 0);
        ber_put_head(&u->head, u->what == SV_RELEASE ? 0x62 : 0x63, 0);
    }
    return stack_down(l, u, e);
}

/* --- up ----------------------------------------------------------------------------------------------------------- */

/* RTSE's part, out of the user information. */
static bool read_information(struct acse *a, const struct ber *b, struct slice *out)
{
    struct ber_element info;
    int64_t context = 0;

    return ber_find(b, USER_INFORMATION, &info) && external_read(info.value, &context, out) &&
           context == a->l.stack->context[STACK_CTX_RTSE];
}

static bool refuse(struct acse *a, int diagnostic, struct err *e)
{
    struct unit no = stack_unit(a->l.stack, SV_REFUSE);
    struct unit told = {.what = SV_REFUSE, .from = STACK_ACSE, .reason = diagnostic};

    no.from = STACK_ACSE;
    no.reason = diagnostic;
    return acse_down(&a->l, &no, e) && stack_up(&a->l, &told, e);
}

static bool on_request(struct acse *a, struct unit *u, struct err *e)
{
    struct ber b = ber_in(u->data), names;
    struct ber_element all, name, oid;

    if (!ber_take(&b, 0x60, &all))
        return stack_bad(&a->l, e, "the opening is no AARQ");
    b = ber_inside(&all);
    if (!ber_find(&b, 0xa1, &name))
        return stack_bad(&a->l, e, "AARQ names no application context");
    names = ber_inside(&name);
    if (!ber_take(&names, BER_OID, &oid) || !ber_oid_is(&oid, mts_transfer, sizeof mts_transfer) ||
        !stack_takes(a->l.stack, STACK_NORMAL))
        return refuse(a, BAD_CONTEXT_NAME, e);
    if (!read_information(a, &b, &u->data))
        return stack_bad(&a->l, e, "AARQ has no user information of RTSE");
    return stack_up(&a->l, u, e);
}

static bool on_answer(struct acse *a, struct unit *u, struct err *e)
{
    struct ber b = ber_in(u->data), inside;
    struct ber_element all, part, n;
    int64_t result = -1, diagnostic = DIAG_NULL;

    if (!ber_take(&b, 0x61, &all)) {
        if (u->what == SV_ACCEPT)
            return stack_bad(&a->l, e, "the answer is no AARE");
        u->data = slice_from(NULL, 0); /* refused in any case */
        u->reason = DIAG_NULL;
        return stack_up(&a->l, u, e);
    }
    b = ber_inside(&all);
    if (ber_find(&b, 0xa2, &part)) {
        inside = ber_inside(&part);
        if (ber_take(&inside, BER_INTEGER, &n))
            (void)ber_int(&n, &result);
    }
    if (u->what == SV_ACCEPT && result != ACCEPTED)
        return stack_bad(&a->l, e, "AARE says result %d in an accepted connection", (int)result);
    if (ber_find(&b, 0xa3, &part)) { /* of the user (a1) or the provider (a2) */
        inside = ber_inside(&part);
        if (ber_next(&inside, &part) == BER_GOT) {
            inside = ber_inside(&part);
            if (ber_take(&inside, BER_INTEGER, &n))
                (void)ber_int(&n, &diagnostic);
        }
    }
    u->data = slice_from(NULL, 0);
    if (read_information(a, &b, &u->data))
        u->from = STACK_RTSE;
    else if (u->what == SV_ACCEPT)
        return stack_bad(&a->l, e, "AARE has no user information of RTSE");
    else
        u->reason = (int)diagnostic;
    return stack_up(&a->l, u, e);
}

static bool on_abort(struct acse *a, struct unit *u, struct err *e)
{
    struct ber b = ber_in(u->data);
    struct ber_element all, part;
    int64_t source = 0;

    u->data = slice_from(NULL, 0);
    if (ber_take(&b, 0x64, &all)) {
        b = ber_inside(&all);
        if (ber_find(&b, 0x80, &part) && ber_int(&part, &source))
            u->provider = source == 1;
        if (read_information(a, &b, &u->data))
            u->from = STACK_RTSE;
    }
    return stack_up(&a->l, u, e);
}

static bool acse_up(struct layer *l, struct unit *u, struct err *e)
{
    struct acse *a = (struct acse *)l;

    if (u->what == SV_CONNECT)
        return on_request(a, u, e);
    if (u->what == SV_ACCEPT)
        return on_answer(a, u, e);
    if (u->what == SV_REFUSE && u->from == STACK_ACSE && u->data.n > 0)
        return on_answer(a, u, e);
    if (u->what == SV_ABORT && u->from == STACK_ACSE)
        return on_abort(a, u, e);
    if (u->what == SV_RELEASE || u->what == SV_RELEASED)
        u->data = slice_from(NULL, 0);
    return stack_up(l, u, e);
}

const struct layer_ops acse_ops = {.id = STACK_ACSE, .up = acse_up, .down = acse_down};
