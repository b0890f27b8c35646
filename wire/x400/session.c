/* session.c - the state machine of the session layer, and which parameters each SPDU carries.
 *
 * Where X.225 lets SPDUs cross (a PLEASE TOKENS against our GIVE TOKENS, a MINOR SYNC ACK against our DISCARD), the cell
 * says DROP or TELL; everything else that has no cell is answered with ABORT. While aborting, all but AA and AB is dropped.
 */
#include "wire/x400/session.h"

#include <string.h>

#define REQUIREMENTS         0x0249u /* half-duplex, minor sync, activity, exceptions */
#define REQUIREMENTS_DEFAULT 0x0349u /* where PI 20 is absent */
#define USER_V1              512u
#define USER_EXTENDED        10240u
#define ALL_TOKENS           0x15u

enum {
    PREFIX_GIVE = 1,
    PREFIX_PLEASE = 2,
    RELEASE_TRANSPORT = 1, /* PI 17 */
    ABORT_USER = 2,
    ABORT_PROTOCOL = 4,
    REFUSE_USER = 2, /* with data */
    REFUSE_SELECTOR = 129,
    REFUSE_VERSION = 132,
    REFUSE_UNSPECIFIED = 133,
    REFUSE_LIMIT = 134,
};

static const char *const state_names[] = {
#define X(id, text) text,
    SESSION_STATES(X)
#undef X
};

const char *session_state_name(enum session_state state)
{
    return state_names[state];
}

// clang-format off
static const struct session_cell cells[SES_COUNT][SPDU_COUNT] = {
    [SES_FRESH]        = {[SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_WAITING]      = {[SPDU_CN]  = {SES_TELL, SES_CALLED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_CALLING]      = {[SPDU_AC]  = {SES_TELL, SES_HOLDING},
                          [SPDU_RF]  = {SES_TELL, SES_CLOSED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_CALLED]       = {[SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_HOLDING]      = {[SPDU_PT]  = {SES_TELL, SES_HOLDING},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_LISTENING]    = {[SPDU_AS]  = {SES_TELL, SES_RECEIVING},
                          [SPDU_AR]  = {SES_TELL, SES_RECEIVING},
                          [SPDU_GTC] = {SES_TELL, SES_HOLDING},
                          [SPDU_GT]  = {SES_TELL, SES_HOLDING},
                          [SPDU_FN]  = {SES_TELL, SES_FINISHED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_SENDING]      = {[SPDU_MIA] = {SES_TELL, SES_SENDING},
                          [SPDU_PT]  = {SES_TELL, SES_SENDING},
                          [SPDU_ED]  = {SES_TELL, SES_EXCEPTION},
                          [SPDU_ER]  = {SES_TELL, SES_EXCEPTION},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_ENDING]       = {[SPDU_MIA] = {SES_TELL, SES_ENDING},
                          [SPDU_PT]  = {SES_TELL, SES_ENDING},
                          [SPDU_ED]  = {SES_TELL, SES_EXCEPTION},
                          [SPDU_ER]  = {SES_TELL, SES_EXCEPTION},
                          [SPDU_AEA] = {SES_TELL, SES_HOLDING},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_EXCEPTION]    = {[SPDU_PT]  = {SES_TELL, SES_EXCEPTION},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_INTERRUPTING] = {[SPDU_AIA] = {SES_TELL, SES_HOLDING},
                          [SPDU_MIA] = {SES_DROP, SES_INTERRUPTING},
                          [SPDU_ED]  = {SES_DROP, SES_INTERRUPTING},
                          [SPDU_ER]  = {SES_DROP, SES_INTERRUPTING},
                          [SPDU_PT]  = {SES_TELL, SES_INTERRUPTING},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_DISCARDING]   = {[SPDU_ADA] = {SES_TELL, SES_HOLDING},
                          [SPDU_MIA] = {SES_DROP, SES_DISCARDING},
                          [SPDU_ED]  = {SES_DROP, SES_DISCARDING},
                          [SPDU_ER]  = {SES_DROP, SES_DISCARDING},
                          [SPDU_PT]  = {SES_TELL, SES_DISCARDING},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_GIVING]       = {[SPDU_GTA] = {SES_DROP, SES_LISTENING},
                          [SPDU_PT]  = {SES_DROP, SES_GIVING},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_RECEIVING]    = {[SPDU_DT]  = {SES_TELL, SES_RECEIVING},
                          [SPDU_MIP] = {SES_TELL, SES_RECEIVING},
                          [SPDU_AE]  = {SES_TELL, SES_ENDED},
                          [SPDU_AI]  = {SES_TELL, SES_INTERRUPTED},
                          [SPDU_AD]  = {SES_TELL, SES_DISCARDED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_ENDED]        = {[SPDU_AI]  = {SES_TELL, SES_INTERRUPTED},
                          [SPDU_AD]  = {SES_TELL, SES_DISCARDED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_EXCEPTED]     = {[SPDU_DT]  = {SES_DROP, SES_EXCEPTED},
                          [SPDU_MIP] = {SES_DROP, SES_EXCEPTED},
                          [SPDU_AE]  = {SES_DROP, SES_EXCEPTED},
                          [SPDU_AI]  = {SES_TELL, SES_INTERRUPTED},
                          [SPDU_AD]  = {SES_TELL, SES_DISCARDED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_INTERRUPTED]  = {[SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_DISCARDED]    = {[SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_RELEASING]    = {[SPDU_DN]  = {SES_TELL, SES_CLOSED},
                          [SPDU_PT]  = {SES_DROP, SES_RELEASING},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_FINISHED]     = {[SPDU_AB]  = {SES_TELL, SES_CLOSED}},
    [SES_ABORTING]     = {[SPDU_AA]  = {SES_TELL, SES_CLOSED},
                          [SPDU_AB]  = {SES_TELL, SES_CLOSED}},
};

static const struct {
    uint32_t from; /* states in which it may be asked for: bits */
    enum session_state next;
} asks[SV_COUNT] = {
#define IN(state) (1u << (state))
    [SV_CONNECT]       = {IN(SES_FRESH), SES_CALLING},
    [SV_ACCEPT]        = {IN(SES_CALLED), SES_LISTENING},
    [SV_REFUSE]        = {IN(SES_CALLED), SES_CLOSED},
    [SV_START]         = {IN(SES_HOLDING), SES_SENDING},
    [SV_WHOLE]         = {IN(SES_HOLDING), SES_ENDING},
    [SV_DATA]          = {IN(SES_SENDING), SES_SENDING},
    [SV_SYNC]          = {IN(SES_SENDING), SES_SENDING},
    [SV_END]           = {IN(SES_SENDING), SES_ENDING},
    [SV_INTERRUPT]     = {IN(SES_SENDING) | IN(SES_EXCEPTION), SES_INTERRUPTING},
    [SV_DISCARD]       = {IN(SES_SENDING) | IN(SES_EXCEPTION), SES_DISCARDING},
    [SV_GIVE]          = {IN(SES_HOLDING), SES_GIVING},
    [SV_RELEASE]       = {IN(SES_HOLDING), SES_RELEASING},
    [SV_SYNC_ACK]      = {IN(SES_RECEIVING) | IN(SES_ENDED), SES_COUNT}, /* SES_COUNT: stays */
    [SV_END_ACK]       = {IN(SES_ENDED), SES_LISTENING},
    [SV_EXCEPTION]     = {IN(SES_RECEIVING) | IN(SES_ENDED), SES_EXCEPTED},
    [SV_PLEASE]        = {IN(SES_LISTENING) | IN(SES_RECEIVING) | IN(SES_ENDED), SES_COUNT},
    [SV_INTERRUPT_ACK] = {IN(SES_INTERRUPTED), SES_LISTENING},
    [SV_DISCARD_ACK]   = {IN(SES_DISCARDED), SES_LISTENING},
    [SV_RELEASED]      = {IN(SES_FINISHED), SES_CLOSED},
    [SV_ABORT]         = {(IN(SES_COUNT) - 1) & ~(IN(SES_FRESH) | IN(SES_ABORTING) | IN(SES_CLOSED)),
                          SES_ABORTING},
};

// clang-format on

struct session_cell session_cell(enum session_state state, enum spdu_kind kind)
{
    struct session_cell cell = cells[state][kind];

    if (cell.act == SES_ILLEGAL && (state == SES_ABORTING || state == SES_CLOSED))
        return (struct session_cell){SES_DROP, state};
    return cell;
}

bool session_may(const struct session *s, enum stack_service what)
{
    return asks[what].from & IN(s->state);
}

const char *session_refusal(int reason)
{
    switch (reason) {
    case 0:
        return "no reason given";
    case 1:
        return "its user is congested";
    case REFUSE_USER:
        return "refused by its user";
    case REFUSE_SELECTOR:
        return "the session selector is not known there";
    case 130:
        return "no user is attached to the session selector";
    case 131:
        return "congestion when connecting";
    case REFUSE_VERSION:
        return "none of the proposed versions is supported";
    case REFUSE_UNSPECIFIED:
        return "what the session needs is not supported";
    case REFUSE_LIMIT:
        return "a limit of the implementation";
    default:
        return "a reason without a name";
    }
}

const char *session_exception(int reason)
{
    switch (reason) {
    case 0:
        return "no reason given";
    case 1:
        return "temporarily unable to continue";
    case 3:
        return "sequence error";
    case 5:
        return "local error of its user";
    case 6:
        return "unrecoverable procedural error";
    case 128:
        return "it demands the data token";
    default:
        return "a reason without a name";
    }
}

const char *session_abort(int bits)
{
    if (bits & ABORT_USER)
        return "aborted by its user";
    if (bits & ABORT_PROTOCOL)
        return "protocol error";
    return bits & 16 ? "a restriction of its implementation" : "no reason given";
}

void session_init(struct session *s, struct stack *stack)
{
    s->l = (struct layer){.ops = &session_ops, .stack = stack};
}

void session_begin(struct session *s)
{
    const struct association_config *config = s->l.stack->config;

    s->state = config->initiator ? SES_FRESH : SES_WAITING;
    s->version = 2;
    s->extended = false;
    s->turn_theirs = config->initiator && config->turn_theirs;
    s->next_serial = 1;
    s->confirmed = 0;
    s->tsdu_max = 0;
    s->common_ref = slice_from(NULL, 0);
}

/* --- down --------------------------------------------------------------------------------------------------------- */

static uint8_t versions_of(const struct stack *s)
{
    static const uint8_t by_mode[] = {1, 3, 2};

    return s->config->versions ? s->config->versions : by_mode[s->mode];
}

/* What a responder takes before it knows the mode. */
static uint8_t versions_taken(const struct stack *s)
{
    return s->config->versions ? s->config->versions : 3;
}

/* The chosen one, as AC and RF name it. */
static uint8_t version_bit(const struct session *s)
{
    return s->version == 2 ? 2 : 1;
}

static void put_references(struct session *s, struct ber_out *o)
{
    const struct association_config *config = s->l.stack->config;
    size_t group = ber_mark(o), mark = group;
    bool initiator = config->initiator;

    if (initiator)
        ber_put_text(o, BER_UTC, config->utc ? config->utc : "700101000000Z");
    else
        ber_put_raw(o, s->common_ref);
    spdu_put_head(o, SPDU_P_COMMON_REF, mark);
    mark = ber_mark(o);
    ber_put_text(o, BER_T61, config->name ? config->name : "");
    spdu_put_head(o, initiator ? SPDU_P_CALLING_REF : SPDU_P_CALLED_REF, mark);
    spdu_put_head(o, SPDU_P_CONNECTION, group);
}

static void put_item(struct session *s, struct ber_out *o, uint8_t versions)
{
    const struct association_config *config = s->l.stack->config;
    size_t group = ber_mark(o);

    spdu_put_octet(o, SPDU_P_SETTING, s->turn_theirs == config->initiator ? ALL_TOKENS : 0);
    spdu_put_octet(o, SPDU_P_VERSIONS, versions);
    spdu_put_octet(o, SPDU_P_OPTIONS, config->extended);
    spdu_put_head(o, SPDU_P_ITEM, group);
}

/* User data of the layers above, if there are any: all that is written so far. */
static void put_user(struct ber_out *o)
{
    if (ber_mark(o) > 0)
        spdu_put_head(o, SPDU_P_USER, 0);
}

/* Those of a CONNECT may be longer where version 2 is offered. */
static bool put_user_connect(struct session *s, struct ber_out *o, struct err *e)
{
    size_t n = ber_mark(o);

    if (n <= USER_V1) {
        put_user(o);
        return true;
    }
    if (!(versions_of(s->l.stack) & 2) || n > USER_EXTENDED)
        return stack_bad(&s->l, e, "%zu octets of user data do not fit in a CONNECT", n);
    spdu_put_head(o, SPDU_P_USER_EXTENDED, 0);
    return true;
}

static bool put_connect(struct session *s, struct unit *u, enum spdu_kind kind, struct err *e)
{
    static const unsigned char requirements[] = {REQUIREMENTS >> 8, REQUIREMENTS & 255};
    const struct stack *stack = s->l.stack;
    const struct association_config *config = stack->config;
    bool calling = kind == SPDU_CN;

    if (!calling)
        put_user(&u->head);
    else if (!put_user_connect(s, &u->head, e))
        return false;
    if (stack->normal) { /* no session selector in X.410 mode: it breaks foreign MTAs */
        struct slice called = calling ? config->their_ssel : config->our_ssel;

        if (called.n > 0)
            spdu_put(&u->head, SPDU_P_CALLED_SEL, called);
        if (calling && config->our_ssel.n > 0)
            spdu_put(&u->head, SPDU_P_CALLING_SEL, config->our_ssel);
    }
    spdu_put(&u->head, SPDU_P_REQUIREMENTS, slice_from(requirements, sizeof requirements));
    put_item(s, &u->head, calling ? versions_of(stack) : version_bit(s));
    put_references(s, &u->head);
    spdu_put_head(&u->head, spdu_si(kind), 0);
    return true;
}

static void put_refuse(struct session *s, struct unit *u)
{
    ber_put_octet(&u->head, (unsigned char)(u->from == STACK_SESSION ? u->reason : REFUSE_USER));
    spdu_put_head(&u->head, SPDU_P_REASON, 0);
    spdu_put_octet(&u->head, SPDU_P_VERSIONS,
                   s->version == 0 ? versions_taken(s->l.stack) : version_bit(s));
    spdu_put_octet(&u->head, SPDU_P_DISCONNECT, RELEASE_TRANSPORT);
    spdu_put_head(&u->head, spdu_si(SPDU_RF), 0);
}

static void put_abort(struct unit *u)
{
    bool user = u->from != STACK_SESSION && ber_mark(&u->head) > 0;

    put_user(&u->head);
    spdu_put_octet(&u->head, SPDU_P_DISCONNECT,
                   user ? RELEASE_TRANSPORT | ABORT_USER : RELEASE_TRANSPORT | ABORT_PROTOCOL);
    spdu_put_head(&u->head, spdu_si(SPDU_AB), 0);
}

/* One of category 2: its parameter in front, then its SI, then the empty GT or PT. */
static void put_behind(struct unit *u, unsigned char prefix, enum spdu_kind kind, size_t mark)
{
    spdu_put_head(&u->head, spdu_si(kind), mark);
    ber_put_octet(&u->head, 0);
    ber_put_octet(&u->head, prefix);
}

static void put_data(struct unit *u)
{
    static const unsigned char dt[] = {PREFIX_GIVE, 0, 0x01, 0};

    ber_put_raw(&u->head, slice_from(dt, sizeof dt));
}

static void put_serial(struct unit *u, unsigned char prefix, enum spdu_kind kind, uint32_t serial)
{
    spdu_put_serial(&u->head, serial);
    put_behind(u, prefix, kind, 0);
}

/* GT AS AE DT in one TSDU: the end is meant after the data. */
static void put_whole(struct session *s, struct unit *u)
{
    size_t mark = 0;

    spdu_put_head(&u->head, spdu_si(SPDU_DT), ber_mark(&u->head));
    mark = ber_mark(&u->head);
    spdu_put_serial(&u->head, s->next_serial);
    spdu_put_head(&u->head, spdu_si(SPDU_AE), mark);
    mark = ber_mark(&u->head);
    spdu_put(&u->head, SPDU_P_ID, u->id);
    put_behind(u, PREFIX_GIVE, SPDU_AS, mark);
}

/* The SPDUs of category 1, with what the layers above put into them. */
static bool encode_alone(struct session *s, struct unit *u, struct err *e)
{
    if (u->what == SV_CONNECT || u->what == SV_ACCEPT)
        return put_connect(s, u, u->what == SV_CONNECT ? SPDU_CN : SPDU_AC, e);
    if (u->what == SV_REFUSE) {
        put_refuse(s, u);
    } else if (u->what == SV_ABORT) {
        put_abort(u);
    } else if (u->what == SV_GIVE) {
        spdu_put_head(&u->head, spdu_si(SPDU_GTC), 0);
    } else {
        put_user(&u->head);
        if (u->what == SV_RELEASE)
            spdu_put_octet(&u->head, SPDU_P_DISCONNECT, RELEASE_TRANSPORT);
        if (u->what == SV_PLEASE)
            spdu_put_octet(&u->head, SPDU_P_TOKENS, 0x01); /* data: the others come along */
        spdu_put_head(&u->head,
                      spdu_si(u->what == SV_RELEASE    ? SPDU_FN
                              : u->what == SV_RELEASED ? SPDU_DN
                                                       : SPDU_PT),
                      0);
    }
    return true;
}

static bool encode(struct session *s, struct unit *u, struct err *e)
{
    switch (u->what) {
    case SV_START:
        spdu_put(&u->head, SPDU_P_ID, u->id);
        put_behind(u, PREFIX_GIVE, SPDU_AS, 0);
        return true;
    case SV_DATA:
        put_data(u);
        return true;
    case SV_WHOLE:
        put_whole(s, u);
        return true;
    case SV_SYNC:
        u->serial = s->next_serial++;
        put_serial(u, PREFIX_GIVE, SPDU_MIP, u->serial);
        return true;
    case SV_END:
        put_serial(u, PREFIX_GIVE, SPDU_AE, s->next_serial);
        return true;
    case SV_SYNC_ACK:
        s->confirmed = u->serial;
        put_serial(u, PREFIX_PLEASE, SPDU_MIA, u->serial);
        return true;
    case SV_END_ACK:
        put_serial(u, PREFIX_PLEASE, SPDU_AEA, s->next_serial);
        return true;
    case SV_INTERRUPT:
    case SV_DISCARD:
        spdu_put_octet(&u->head, SPDU_P_REASON, (unsigned char)u->reason);
        put_behind(u, PREFIX_GIVE, u->what == SV_DISCARD ? SPDU_AD : SPDU_AI, 0);
        return true;
    case SV_INTERRUPT_ACK:
    case SV_DISCARD_ACK:
        put_behind(u, PREFIX_PLEASE, u->what == SV_DISCARD_ACK ? SPDU_ADA : SPDU_AIA, 0);
        return true;
    case SV_EXCEPTION:
        spdu_put_octet(&u->head, SPDU_P_REASON, (unsigned char)u->reason);
        put_behind(u, PREFIX_PLEASE, SPDU_ED, 0);
        return true;
    case SV_CONNECT:
    case SV_ACCEPT:
    case SV_REFUSE:
    case SV_ABORT:
    case SV_RELEASE:
    case SV_RELEASED:
    case SV_PLEASE:
    case SV_GIVE:
        return encode_alone(s, u, e);
    case SV_TRANSPORT_UP:
    case SV_TRANSPORT_GONE:
    case SV_ABORTED:
    case SV_RESUME:
    case SV_COUNT:
        break;
    }
    PM_UNREACHABLE();
}

static bool session_down(struct layer *l, struct unit *u, struct err *e)
{
    struct session *s = (struct session *)l;

    PM_ASSERT(session_may(s, u->what));
    if (u->what == SV_START || u->what == SV_WHOLE) {
        s->next_serial = 1;
        s->confirmed = 0;
    }
    if (!encode(s, u, e))
        return false;
    if (asks[u->what].next != SES_COUNT)
        s->state = asks[u->what].next;
    if (u->what == SV_ACCEPT && !s->turn_theirs)
        s->state = SES_HOLDING;
    return stack_down(l, u, e);
}

/* --- up ----------------------------------------------------------------------------------------------------------- */

/* Says no to a CONNECT, and tells the user above that it was said. */
static bool refuse(struct session *s, int reason, struct err *e)
{
    struct unit no = stack_unit(s->l.stack, SV_REFUSE);
    struct unit told = {.what = SV_REFUSE, .from = STACK_SESSION, .reason = reason};

    no.from = STACK_SESSION;
    no.reason = reason;
    return session_down(&s->l, &no, e) && stack_up(&s->l, &told, e);
}

/* 0: the initiator has all tokens, 1: the responder, 2: we choose; -1: they are apart. */
static int turn_of(uint8_t setting)
{
    unsigned data = setting & 3;

    if ((setting >> 2 & 3) != data || (setting >> 4 & 3) != data)
        return -1;
    return data == 3 ? -1 : (int)data;
}

static bool on_connect(struct session *s, const struct spdu *p, struct err *e)
{
    const struct association_config *config = s->l.stack->config;
    unsigned requirements = p->has & SPDU_HAS_REQUIREMENTS ? p->requirements : REQUIREMENTS_DEFAULT;
    unsigned versions = p->has & SPDU_HAS_VERSIONS ? p->versions : 1;
    int turn = turn_of(p->setting);

    versions &= versions_taken(s->l.stack);
    s->version = versions & 2 ? 2 : versions & 1;
    s->state = SES_CALLED;
    if (p->called_sel.n > 0 && config->our_ssel.n > 0 &&
        (p->called_sel.n != config->our_ssel.n ||
         memcmp(p->called_sel.p, config->our_ssel.p, p->called_sel.n) != 0))
        return refuse(s, REFUSE_SELECTOR, e);
    if (s->version == 0)
        return refuse(s, REFUSE_VERSION, e);
    if ((requirements & REQUIREMENTS) != REQUIREMENTS || turn < 0)
        return refuse(s, REFUSE_UNSPECIFIED, e);
    if (p->has & SPDU_HAS_OVERFLOW)
        return refuse(s, REFUSE_LIMIT, e);
    s->turn_theirs = turn != 1;
    s->extended = config->extended && p->options & 1;
    if (p->common_ref.n > 0)
        memcpy(s->common_ref_octets, p->common_ref.p, p->common_ref.n);
    s->common_ref = slice_from(s->common_ref_octets, p->common_ref.n);
    return true;
}

static bool on_accept(struct session *s, const struct spdu *p, struct err *e)
{
    const struct association_config *config = s->l.stack->config;
    unsigned requirements = p->has & SPDU_HAS_REQUIREMENTS ? p->requirements : REQUIREMENTS_DEFAULT;
    unsigned versions = p->has & SPDU_HAS_VERSIONS ? p->versions : 1;

    versions &= versions_of(s->l.stack);
    s->version = versions & 2 ? 2 : versions & 1;
    if (s->version == 0)
        return stack_bad(&s->l, e, "ACCEPT names version mask %02x, we offered %02x", p->versions,
                         versions_of(s->l.stack));
    if ((requirements & REQUIREMENTS) != REQUIREMENTS)
        return stack_bad(&s->l, e, "ACCEPT grants %04x, RTSE needs %04x", requirements,
                         REQUIREMENTS);
    if (p->has & SPDU_HAS_TSDU_MAX)
        s->tsdu_max = p->tsdu_max[0];
    s->extended = config->extended && p->options & 1;
    if (s->turn_theirs)
        s->state = SES_LISTENING;
    return true;
}

static bool on_point(struct session *s, const struct spdu *p, struct err *e)
{
    bool have = p->has & SPDU_HAS_SERIAL;

    if (!have || p->serial != s->next_serial)
        return stack_bad(&s->l, e, "%s with serial number %u, %u was due", spdu_name(p->kind),
                         have ? p->serial : 0, s->next_serial);
    if (p->kind == SPDU_MIP)
        s->next_serial++;
    return true;
}

static bool on_confirm(struct session *s, const struct spdu *p, struct err *e)
{
    bool have = p->has & SPDU_HAS_SERIAL;

    if (p->kind == SPDU_AEA) {
        if (!have || p->serial != s->next_serial)
            return stack_bad(&s->l, e, "%s with serial number %u, %u was due", spdu_name(p->kind),
                             have ? p->serial : 0, s->next_serial);
        return true;
    }
    if (!have || p->serial <= s->confirmed || p->serial >= s->next_serial)
        return stack_bad(&s->l, e, "%s of %u, but %u to %u are unconfirmed", spdu_name(p->kind),
                         have ? p->serial : 0, s->confirmed + 1, s->next_serial - 1);
    s->confirmed = p->serial;
    return true;
}

/* What the session layer answers by itself: GTA, AA. */
static bool answer(struct session *s, enum spdu_kind kind, struct err *e)
{
    struct unit u = stack_unit(s->l.stack, SV_GIVE);

    spdu_put_head(&u.head, spdu_si(kind), 0);
    return stack_down(&s->l, &u, e);
}

/* What is special about some SPDUs, before the layer above hears of them. *told: it has heard already. */
static bool check(struct session *s, const struct spdu *p, bool *told, struct err *e)
{
    if (p->has & SPDU_HAS_ENCLOSURE && (p->enclosure & 3) != 3)
        return stack_bad(&s->l, e, "a segment, though segmenting was not negotiated");
    if (p->kind == SPDU_CN) {
        bool ok = on_connect(s, p, e);

        *told = s->state != SES_CALLED;
        return ok;
    }
    if (p->kind == SPDU_AC)
        return on_accept(s, p, e);
    if (p->kind == SPDU_MIP || p->kind == SPDU_AE)
        return on_point(s, p, e);
    if (p->kind == SPDU_MIA || p->kind == SPDU_AEA)
        return on_confirm(s, p, e);
    if (p->kind == SPDU_AS || p->kind == SPDU_AR) {
        s->next_serial = 1;
        s->confirmed = 0;
        if (p->id.n == 0)
            return stack_bad(&s->l, e, "%s without an identifier", spdu_name(p->kind));
    }
    if (p->kind == SPDU_GT && (p->tokens & ALL_TOKENS) != ALL_TOKENS)
        return stack_bad(&s->l, e, "tokens given apart (%02x): they move together", p->tokens);
    if (p->kind == SPDU_GTC)
        return answer(s, SPDU_GTA, e);
    if (p->kind == SPDU_AB && !(p->disconnect & RELEASE_TRANSPORT) && !s->l.stack->busy)
        return answer(s, SPDU_AA, e);
    return true;
}

static enum stack_service service_of(enum spdu_kind kind)
{
    static const uint8_t services[SPDU_COUNT] = {
        [SPDU_CN] = SV_CONNECT,        [SPDU_AC] = SV_ACCEPT,    [SPDU_RF] = SV_REFUSE,
        [SPDU_FN] = SV_RELEASE,        [SPDU_DN] = SV_RELEASED,  [SPDU_AB] = SV_ABORT,
        [SPDU_AA] = SV_ABORTED,        [SPDU_GT] = SV_GIVE,      [SPDU_GTC] = SV_GIVE,
        [SPDU_PT] = SV_PLEASE,         [SPDU_DT] = SV_DATA,      [SPDU_MIP] = SV_SYNC,
        [SPDU_MIA] = SV_SYNC_ACK,      [SPDU_AE] = SV_END,       [SPDU_AEA] = SV_END_ACK,
        [SPDU_AS] = SV_START,          [SPDU_AR] = SV_RESUME,    [SPDU_AI] = SV_INTERRUPT,
        [SPDU_AIA] = SV_INTERRUPT_ACK, [SPDU_AD] = SV_DISCARD,   [SPDU_ADA] = SV_DISCARD_ACK,
        [SPDU_ED] = SV_EXCEPTION,      [SPDU_ER] = SV_EXCEPTION,
    };

    return services[kind];
}

static bool tell(struct session *s, const struct spdu *p, bool cut, struct err *e)
{
    struct unit u = {.what = service_of(p->kind),
                     .context = STACK_CTX_RTSE,
                     .from = STACK_SESSION,
                     .serial = p->serial,
                     .unconfirmed = p->has & SPDU_HAS_SYNC_TYPE && p->sync_type & 1,
                     .cut = cut,
                     .id = p->id,
                     .data = p->kind == SPDU_DT ? p->information : p->user};

    if (p->reason.n > 0)
        u.reason = p->reason.p[0];
    if (p->kind == SPDU_RF && p->reason.n > 1) /* its user data follow the reason */
        u.data = slice_skip(p->reason, 1);
    if (p->kind == SPDU_AB)
        u.reason = p->disconnect;
    u.provider = p->kind == SPDU_AB && !(p->disconnect & ABORT_USER);
    return stack_up(&s->l, &u, e);
}

static bool take(struct session *s, const struct spdu *p, bool cut, struct err *e)
{
    struct session_cell cell = session_cell(s->state, p->kind);
    enum session_state before = s->state;
    bool told = false;

    if (cell.act == SES_ILLEGAL)
        return stack_bad(&s->l, e, "%s while %s", spdu_name(p->kind), state_names[before]);
    if (cell.act == SES_TELL) {
        s->state = cell.next;
        if (!check(s, p, &told, e)) {
            s->state = before;
            return false;
        }
        return told || tell(s, p, cut, e);
    }
    s->state = cell.next;
    return true;
}

/* What stands behind a prefix: one SPDU, or with extended concatenation several, of which a MIP or AE that is before the
 * data is meant after it. */
static bool take_behind(struct session *s, struct slice rest, bool cut, struct err *e)
{
    struct spdu p, later = {.kind = SPDU_NONE};
    const char *why = NULL;

    for (bool first = true; rest.n > 0; first = false) {
        if (!first && !s->extended)
            return stack_bad(&s->l, e, "more than one SPDU behind a prefix");
        if (!spdu_read(&rest, false, &p, &why))
            return stack_bad(&s->l, e, "%s", why);
        bool point = p.kind == SPDU_AE || p.kind == SPDU_MIP;

        if (point && rest.n > 0 && later.kind == SPDU_NONE)
            later = p;
        else if (!take(s, &p, cut, e))
            return false;
    }
    return later.kind == SPDU_NONE || take(s, &later, cut, e);
}

static bool session_up(struct layer *l, struct unit *u, struct err *e)
{
    struct session *s = (struct session *)l;
    struct slice rest = u->data;
    struct spdu p;
    const char *why = NULL;

    if (u->what != SV_DATA) /* of the transport connection: passes */
        return stack_up(l, u, e);
    if (s->state == SES_CLOSED)
        return true;
    if (!spdu_read(&rest, true, &p, &why))
        return stack_bad(l, e, "%s", why);
    if ((p.kind == SPDU_GT || p.kind == SPDU_PT) && !p.has && p.user.n == 0 && rest.n > 0)
        return take_behind(s, rest, u->cut, e);
    if (rest.n > 0)
        return stack_bad(l, e, "%s is not alone in its TSDU", spdu_name(p.kind));
    if (u->cut)
        return stack_bad(l, e, "%s of more octets than we take", spdu_name(p.kind));
    if ((p.kind == SPDU_GT || p.kind == SPDU_PT) && !(p.has & SPDU_HAS_TOKENS))
        return stack_bad(l, e, "%s names no token and is before nothing", spdu_name(p.kind));
    return take(s, &p, false, e);
}

const struct layer_ops session_ops = {.id = STACK_SESSION, .up = session_up, .down = session_down};
