/* rtse.c - APDUs of RTSE, and the transfer.
 *
 *     RTORQ b0{ 80 checkpoint, 81 window, 82 dialogue, a3{a0{open}} [84 application] }
 *     RTOAC b1{ 80, 81, a2{a0{open}} }   RTORJ b2{ [80 reason] [a1 user data] }   RTAB b6{ 80 reason, [a2 user data] }
 *     RTTP  02 priority                  RTTR  04 octets
 *
 * In X.410 mode the outer b0, b1, b2, b6 are absent (presentation's SET is there instead) and RTTR is the octets themselves.
 * The dialogue mode is always encoded, even where it is the default: Exchange 4.0 mishandled its absence (KB Q140958).
 */
#include "wire/x400/rtse.h"

#include "wire/x400/presentation.h"

#define WINDOW_DEFAULT 3u
#define NOT_YET        UINT64_MAX

enum { P1_1984 = 1, P1_1988 = 12, EXCEPTION_LOCAL = 5 };

void rtse_init(struct rtse *r, struct stack *s, struct session *session, size_t apdu_max)
{
    r->l = (struct layer){.ops = &rtse_ops, .stack = s};
    s->rtse = &r->l;
    r->session = session;
    r->apdu_max = apdu_max;
    buf_init(&r->in, apdu_max + RTSE_EXTERNAL_MAX);
}

void rtse_fini(struct rtse *r)
{
    buf_fini(&r->in);
}

void rtse_begin(struct rtse *r)
{
    const struct association_config *config = r->l.stack->config;

    r->checkpoint = config->checkpoint_kb * 1024u;
    r->window = config->window ? config->window : WINDOW_DEFAULT;
    r->two_way = config->two_way;
    r->application = -1;
    r->abort_reason = RTSE_PROTOCOL_ERROR;
    r->phase = RTSE_IDLE;
    r->activity = 0;
    r->drop_wanted = false;
    r->refused = -1;
    r->bare = r->too_long = false;
    r->sync_due = 0;
    buf_clear(&r->in);
}

const char *rtse_refusal_words(int reason)
{
    static const char *const words[] = {"busy", "it cannot recover",
                                        "validation failure: name, password or mode",
                                        "dialogue mode not acceptable"};

    if (reason < 0 || (size_t)reason >= sizeof words / sizeof *words)
        return "no reason given";
    return words[reason];
}

const char *rtse_abort_words(int reason)
{
    static const char *const words[] = {
        "local system problem", "invalid parameter", "unrecognised activity", "temporary problem",
        "protocol error",       "permanent problem", "by its user",           "transfer completed",
    };

    if (reason < 0 || (size_t)reason >= sizeof words / sizeof *words)
        return "no reason given";
    return words[reason];
}

/* --- down: opening and closing ------------------------------------------------------------------------------------ */

/* Puts the outer tag that X.410 mode has not. */
static bool say(struct rtse *r, struct unit *u, uint32_t tag, struct err *e)
{
    if (r->l.stack->normal && tag)
        ber_put_head(&u->head, tag, 0);
    return stack_down(&r->l, u, e);
}

static void put_open(struct ber_out *o, uint32_t tag, struct slice bind)
{
    size_t mark = ber_mark(o);

    if (bind.n > 0)
        ber_put_bytes(o, 0xa0, bind);
    else
        ber_put_empty(o, 0x80);
    ber_put_head(o, tag, mark);
}

static int application_of(const struct stack *s)
{
    if (s->config->application)
        return s->config->application;
    return s->mode == STACK_1984 ? P1_1984 : P1_1988;
}

bool rtse_open(struct rtse *r, struct err *e)
{
    const struct stack *s = r->l.stack;
    struct unit u = stack_unit(r->l.stack, SV_CONNECT);

    if (!s->normal)
        ber_put_integer(&u.head, 0x84, application_of(s));
    put_open(&u.head, 0xa3, s->config->bind);
    ber_put_integer(&u.head, 0x82, r->two_way);
    ber_put_integer(&u.head, 0x81, r->window);
    ber_put_integer(&u.head, 0x80, r->checkpoint / 1024);
    return say(r, &u, 0xb0, e);
}

bool rtse_accept(struct rtse *r, struct slice bind, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_ACCEPT);

    put_open(&u.head, 0xa2, bind);
    ber_put_integer(&u.head, 0x81, r->window);
    ber_put_integer(&u.head, 0x80, r->checkpoint / 1024);
    return say(r, &u, 0xb1, e);
}

bool rtse_refuse(struct rtse *r, enum rtse_refusal reason, struct slice user, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_REFUSE);

    if (!r->l.stack->normal)
        ber_put_integer(&u.head, 0x80, reason);
    else if (user.n > 0)
        ber_put_bytes(&u.head, 0xa1, user);
    return say(r, &u, 0xb2, e);
}

bool rtse_close(struct rtse *r, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_RELEASE);

    return stack_down(&r->l, &u, e);
}

bool rtse_abort(struct rtse *r, enum rtse_abort reason, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_ABORT);

    ber_put_integer(&u.head, 0x80, reason);
    return say(r, &u, 0xb6, e);
}

bool rtse_please(struct rtse *r, int priority, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_PLEASE);

    ber_put_integer(&u.head, BER_INTEGER, priority);
    return stack_down(&r->l, &u, e);
}

bool rtse_give(struct rtse *r, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_GIVE);

    return stack_down(&r->l, &u, e);
}

/* --- down: our transfer ------------------------------------------------------------------------------------------- */

void rtse_send(struct rtse *r, struct slice apdu)
{
    const struct stack *s = r->l.stack;
    struct ber_out o;

    PM_ASSERT(r->phase == RTSE_IDLE);
    r->apdu = apdu;
    ber_out_init(&o, r->external, sizeof r->external);
    if (s->normal)
        external_put_head(&o, s->context[STACK_CTX_MTSE], (size_t)0 - apdu.n);
    r->external_head = ber_out_slice(&o);
    r->offset = r->since_sync = 0;
    r->end_at = NOT_YET;
    r->begin_at = s->out.said;
    r->drop_wanted = false;
    r->refused = -1;
    r->phase = RTSE_START;
}

void rtse_drop(struct rtse *r, bool resumable)
{
    r->drop_wanted = true;
    r->drop_resumable = resumable;
}

static size_t left(const struct rtse *r)
{
    return r->external_head.n + r->apdu.n - r->offset;
}

/* How many octets the next segment has. */
static size_t piece_of(const struct rtse *r)
{
    size_t n = left(r), room = r->session->tsdu_max;

    if (r->checkpoint && n > r->checkpoint - r->since_sync)
        n = r->checkpoint - r->since_sync;
    if (room) {
        room = room > 128 ? room - 64 : 64; /* headers of session and presentation */
        if (n > room)
            n = room;
    }
    return n;
}

static void put_segment(struct rtse *r, struct unit *u, size_t n)
{
    size_t from_head = 0;

    if (r->offset < r->external_head.n) {
        struct slice rest = slice_skip(r->external_head, r->offset);

        from_head = n < rest.n ? n : rest.n;
        ber_put_raw(&u->head, slice_from(rest.p, from_head));
        u->data = slice_from(r->apdu.p, n - from_head);
    } else {
        u->data = slice_from(r->apdu.p + (r->offset - r->external_head.n), n);
    }
    r->offset += n;
    r->since_sync += n;
    if (r->l.stack->normal)
        ber_put_head(&u->head, BER_OCTETS, unit_mark(u));
}

static size_t put_activity(struct rtse *r, unsigned char id[8])
{
    struct ber_out o;

    ber_out_init(&o, id, 8);
    ber_put_integer(&o, BER_INTEGER, ++r->activity & 0x7fffffff);
    return ber_mark(&o);
}

static bool start(struct rtse *r, struct err *e)
{
    struct stack *s = r->l.stack;
    unsigned char id[8];
    size_t id_octets = put_activity(r, id);
    bool whole = r->session->extended && piece_of(r) == left(r);
    struct unit u = stack_unit(s, whole ? SV_WHOLE : SV_START);

    u.id = slice_from(id + sizeof id - id_octets, id_octets);
    r->begin_at = s->out.said;
    r->phase = whole ? RTSE_ENDING : RTSE_DATA;
    if (whole)
        put_segment(r, &u, left(r));
    return stack_down(&r->l, &u, e);
}

static bool segment(struct rtse *r, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_DATA);

    put_segment(r, &u, piece_of(r));
    if (left(r) == 0)
        r->phase = RTSE_END;
    else if (r->checkpoint && r->since_sync == r->checkpoint)
        r->phase = RTSE_SYNC;
    return stack_down(&r->l, &u, e);
}

static bool point(struct rtse *r, enum stack_service what, enum rtse_phase next, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, what);

    r->phase = next;
    r->since_sync = 0;
    return stack_down(&r->l, &u, e);
}

static bool drop(struct rtse *r, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, r->drop_resumable ? SV_INTERRUPT : SV_DISCARD);

    r->drop_wanted = false;
    r->phase = RTSE_DROPPING;
    return stack_down(&r->l, &u, e);
}

static bool confirm_sync(struct rtse *r, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_SYNC_ACK);

    u.serial = r->sync_due;
    r->sync_due = 0;
    return stack_down(&r->l, &u, e);
}

static bool window_is_full(const struct rtse *r)
{
    const struct session *s = r->session;

    return r->checkpoint && r->since_sync == 0 && s->next_serial - 1 - s->confirmed >= r->window;
}

/* The next thing to say of our transfer; *waits: nothing now. */
static bool step(struct rtse *r, bool *waits, struct err *e)
{
    if (r->drop_wanted && session_may(r->session, SV_DISCARD))
        return drop(r, e);
    switch (r->phase) {
    case RTSE_START:
        return start(r, e);
    case RTSE_DATA:
        if (!session_may(r->session, SV_DATA) || window_is_full(r))
            break;
        return segment(r, e);
    case RTSE_SYNC:
        return point(r, SV_SYNC, RTSE_DATA, e);
    case RTSE_END:
        return point(r, SV_END, RTSE_ENDING, e);
    case RTSE_IDLE:
    case RTSE_ENDING:
    case RTSE_DROPPING:
        break;
    }
    *waits = true;
    return true;
}

bool rtse_pump(struct rtse *r, struct err *e)
{
    struct stack *s = r->l.stack;
    bool waits = false;

    while (!waits && !s->busy && stack_free(s) >= STACK_SAY_MIN) {
        if (r->sync_due && session_may(r->session, SV_SYNC_ACK)) {
            if (!confirm_sync(r, e))
                return false;
            continue;
        }
        if (!step(r, &waits, e))
            return false;
        if (r->phase == RTSE_ENDING && r->end_at == NOT_YET && !s->busy)
            r->end_at = s->out.said;
    }
    if (r->phase == RTSE_ENDING && r->end_at == NOT_YET && !s->busy)
        r->end_at = s->out.said;
    return true;
}

/* --- down: their transfer ----------------------------------------------------------------------------------------- */

bool rtse_confirm(struct rtse *r, struct err *e)
{
    struct unit u;

    if (r->sync_due && !confirm_sync(r, e))
        return false;
    u = stack_unit(r->l.stack, SV_END_ACK);
    return stack_down(&r->l, &u, e);
}

bool rtse_except(struct rtse *r, int reason, struct err *e)
{
    struct unit u = stack_unit(r->l.stack, SV_EXCEPTION);

    u.reason = reason;
    r->sync_due = 0;
    return stack_down(&r->l, &u, e);
}

/* --- up: opening -------------------------------------------------------------------------------------------------- */

static bool read_number(const struct ber *b, uint32_t tag, int64_t absent, int64_t most, int64_t *n)
{
    struct ber_element e;

    *n = absent;
    if (!ber_find(b, tag, &e))
        return true;
    return ber_int(&e, n) && *n >= 0 && *n <= most;
}

/* a0{open}, or 80 00: none; a1: the wish to recover. */
static bool read_open(const struct ber *b, uint32_t tag, struct slice *open, bool *recover)
{
    struct ber_element data, inside;

    *open = slice_from(NULL, 0);
    *recover = false;
    if (!ber_find(b, tag, &data))
        return false;
    struct ber in = ber_inside(&data);

    if (ber_next(&in, &inside) != BER_GOT)
        return false;
    if (inside.tag == 0xa0)
        *open = inside.value;
    *recover = inside.tag == 0xa1;
    return inside.tag == 0xa0 || inside.tag == 0xa1 || inside.tag == 0x80;
}

/* The components: behind the outer tag, or bare. */
static bool read_outer(struct rtse *r, struct slice in, uint32_t tag, struct ber *b)
{
    struct ber_element all;

    *b = ber_in(in);
    if (!r->l.stack->normal)
        return true;
    if (!ber_take(b, tag, &all))
        return false;
    *b = ber_inside(&all);
    return true;
}

static bool turn_down(struct rtse *r, enum rtse_refusal reason, struct err *e)
{
    struct unit told = {.what = SV_REFUSE, .from = STACK_RTSE, .reason = reason};

    return rtse_refuse(r, reason, slice_from(NULL, 0), e) && stack_up(&r->l, &told, e);
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool on_connect(struct rtse *r, struct unit *u, struct err *e)
{
    struct stack *s = r->l.stack;
    int64_t checkpoint = 0, window = 0, dialogue = 0, application = 0;
    bool recover = false;
    struct ber b;

    if (!read_outer(r, u->data, 0xb0, &b))
        return stack_bad(&r->l, e, "the opening is no RTORQ");
    if (!read_number(&b, 0x80, 0, 4194303, &checkpoint) ||
        !read_number(&b, 0x81, WINDOW_DEFAULT, INT32_MAX, &window) ||
        !read_number(&b, 0x82, 0, 1, &dialogue) ||
        !read_number(&b, 0x84, -1, INT32_MAX, &application) ||
        !read_open(&b, 0xa3, &u->data, &recover))
        return stack_bad(&r->l, e, "RTORQ cannot be read");
    s->mode = s->normal ? STACK_NORMAL : application == P1_1988 ? STACK_X410_1988 : STACK_1984;
    r->application = (int)application;
    r->two_way = dialogue == 1;
    r->checkpoint = lesser(r->checkpoint, (uint32_t)checkpoint * 1024);
    r->window = lesser(r->window, window ? (uint32_t)window : 1);
    if (recover)
        return turn_down(r, RTSE_CANNOT_RECOVER, e);
    if (!stack_takes(s, s->mode))
        return turn_down(r, RTSE_VALIDATION, e);
    return stack_up(&r->l, u, e);
}

static bool on_accept(struct rtse *r, struct unit *u, struct err *e)
{
    int64_t checkpoint = 0, window = 0;
    bool recover = false;
    struct ber b;

    if (!read_outer(r, u->data, 0xb1, &b))
        return stack_bad(&r->l, e, "the answer is no RTOAC");
    if (!read_number(&b, 0x80, 0, 4194303, &checkpoint) ||
        !read_number(&b, 0x81, WINDOW_DEFAULT, INT32_MAX, &window) ||
        !read_open(&b, 0xa2, &u->data, &recover) || recover)
        return stack_bad(&r->l, e, "RTOAC cannot be read");
    r->checkpoint = lesser(r->checkpoint, (uint32_t)checkpoint * 1024);
    r->window = lesser(r->window, window ? (uint32_t)window : 1);
    return stack_up(&r->l, u, e);
}

/* Refusals and aborts: what cannot be read is left out. */
static void on_reason(struct rtse *r, struct unit *u, uint32_t outer, uint32_t user)
{
    struct slice in = u->data;
    struct ber_element data;
    int64_t reason = -1;
    struct ber b;

    u->data = slice_from(NULL, 0);
    u->reason = -1;
    if (!read_outer(r, in, outer, &b))
        return;
    if (read_number(&b, 0x80, -1, INT32_MAX, &reason))
        u->reason = (int)reason;
    if (ber_find(&b, user, &data)) {
        u->from = STACK_USER;
        u->data = data.value;
    }
}

/* --- up: transfer ------------------------------------------------------------------------------------------------- */

static bool too_long(struct rtse *r, struct err *e)
{
    r->too_long = true;
    buf_clear(&r->in);
    return rtse_except(r, EXCEPTION_LOCAL, e);
}

static bool on_data(struct rtse *r, const struct unit *u, struct err *e)
{
    struct ber b = ber_in(u->data);
    struct ber_element octets;
    struct ber_pieces i;
    struct slice piece = u->data;
    enum ber_got got = BER_END;

    if (u->cut)
        return too_long(r, e);
    if (!r->l.stack->normal)
        return buf_add(&r->in, piece.p, piece.n) || too_long(r, e);
    if (u->context != STACK_CTX_RTSE || !ber_take(&b, BER_OCTETS, &octets) || !ber_at_end(&b))
        return stack_bad(&r->l, e, "a segment is no OCTET STRING in RTSE's context");
    ber_pieces_init(&i, &octets);
    while ((got = ber_pieces_next(&i, &piece)) == BER_GOT)
        if (!buf_add(&r->in, piece.p, piece.n))
            return too_long(r, e);
    return got == BER_END || stack_bad(&r->l, e, "a segment's octets cannot be read");
}

static bool on_end(struct rtse *r, struct unit *u, struct err *e)
{
    int64_t context = 0;

    u->data = buf_slice(&r->in);
    r->bare = u->data.n == 0 || u->data.p[0] != BER_EXTERNAL;
    if (!r->bare && !external_read(u->data, &context, &u->data))
        return stack_bad(&r->l, e, "the EXTERNAL around the APDU cannot be read");
    if (!r->bare && r->l.stack->normal && context != r->l.stack->context[STACK_CTX_MTSE])
        return stack_bad(&r->l, e, "an APDU in context %d, not that of the MTS-APDUs",
                         (int)context);
    if (u->data.n > r->apdu_max)
        return too_long(r, e);
    return stack_up(&r->l, u, e);
}

/* The peer takes its transfer back: said yes to, and told. */
static bool on_drop(struct rtse *r, struct unit *u, struct err *e)
{
    struct unit yes =
        stack_unit(r->l.stack, u->what == SV_DISCARD ? SV_DISCARD_ACK : SV_INTERRUPT_ACK);

    r->sync_due = 0;
    return stack_down(&r->l, &yes, e) && stack_up(&r->l, u, e);
}

static bool on_please(struct rtse *r, struct unit *u, struct err *e)
{
    struct ber b = ber_in(u->data);
    struct ber_element n;
    int64_t priority = 0;

    if (ber_take(&b, BER_INTEGER, &n))
        (void)ber_int(&n, &priority);
    u->reason = (int)priority;
    u->data = slice_from(NULL, 0);
    return !r->two_way || stack_up(&r->l, u, e); /* in a monologue nobody gives the turn */
}

static bool on_release(struct rtse *r, struct unit *u, struct err *e)
{
    struct unit yes = stack_unit(r->l.stack, SV_RELEASED);

    return stack_down(&r->l, &yes, e) && stack_up(&r->l, u, e);
}

/* Ends our transfer: AEA, or what came of our giving it up. */
static bool on_ended(struct rtse *r, struct unit *u, struct err *e)
{
    r->phase = RTSE_IDLE;
    u->reason = r->refused;
    return stack_up(&r->l, u, e);
}

static bool rtse_up(struct layer *l, struct unit *u, struct err *e)
{
    struct rtse *r = (struct rtse *)l;

    r->abort_reason = RTSE_PROTOCOL_ERROR;
    switch (u->what) {
    case SV_CONNECT:
        return on_connect(r, u, e);
    case SV_ACCEPT:
        return on_accept(r, u, e);
    case SV_REFUSE:
        if (u->from == STACK_RTSE && u->data.n > 0)
            on_reason(r, u, 0xb2, 0xa1);
        return stack_up(l, u, e);
    case SV_ABORT:
        if (u->from == STACK_RTSE)
            on_reason(r, u, 0xb6, 0xa2);
        return stack_up(l, u, e);
    case SV_START:
        buf_clear(&r->in);
        r->too_long = false;
        return true;
    case SV_RESUME:
        r->abort_reason = RTSE_UNRECOGNISED_ACTIVITY;
        return stack_bad(l, e, "an activity is resumed that we have not");
    case SV_DATA:
        return on_data(r, u, e);
    case SV_SYNC:
        if (!u->unconfirmed)
            r->sync_due = u->serial;
        return true;
    case SV_END:
        return on_end(r, u, e);
    case SV_INTERRUPT:
    case SV_DISCARD:
        return on_drop(r, u, e);
    case SV_EXCEPTION:
        r->refused = u->reason;
        rtse_drop(r, false);
        return true;
    case SV_END_ACK:
    case SV_INTERRUPT_ACK:
    case SV_DISCARD_ACK:
        return on_ended(r, u, e);
    case SV_PLEASE:
        return on_please(r, u, e);
    case SV_GIVE:
        if (!r->two_way)
            return stack_bad(l, e, "the turn is given in a monologue");
        return stack_up(l, u, e);
    case SV_RELEASE:
        return on_release(r, u, e);
    case SV_SYNC_ACK: /* the window moves: rtse_pump() looks */
    case SV_WHOLE:
        return true;
    case SV_TRANSPORT_UP:
    case SV_TRANSPORT_GONE:
    case SV_RELEASED:
    case SV_ABORTED:
    case SV_COUNT:
        break;
    }
    return stack_up(l, u, e);
}

const struct layer_ops rtse_ops = {.id = STACK_RTSE, .up = rtse_up};
