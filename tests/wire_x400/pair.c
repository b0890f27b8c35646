/* pair.c - associations against each other and against octets. */
#include "tests/wire_x400/pair.h"

#include <string.h>

#include "tests/support/check.h"

static const unsigned char bind_a[] = {0xa1, 0x11, 0x80, 0x05, 'M', 'T', 'A', '-', 'A', 0xa1,
                                       0x08, 0x16, 0x06, 's',  'e', 'c', 'r', 'e', 't'};
static const unsigned char bind_b[] = {0xa1, 0x11, 0x80, 0x05, 'M', 'T', 'A', '-', 'B', 0xa1,
                                       0x08, 0x16, 0x06, 'p',  'u', 'b', 'l', 'i', 'c'};
static const unsigned char wrapped_a[] = {0xb0, 0x13, 0xa1, 0x11, 0x80, 0x05, 'M',
                                          'T',  'A',  '-',  'A',  0xa1, 0x08, 0x16,
                                          0x06, 's',  'e',  'c',  'r',  'e',  't'};
static const unsigned char wrapped_b[] = {0xb1, 0x13, 0xa1, 0x11, 0x80, 0x05, 'M',
                                          'T',  'A',  '-',  'B',  0xa1, 0x08, 0x16,
                                          0x06, 'p',  'u',  'b',  'l',  'i',  'c'};

struct side side_initiator(enum stack_mode mode)
{
    struct side s = {.config = {.initiator = true,
                                .mode = mode,
                                .our_tsel = slice_of("MPA"),
                                .their_tsel = slice_of("MPB"),
                                .name = "MTA-A",
                                .utc = "261121120000Z",
                                .ref = 0x1234,
                                .tpdu_bytes = 8192,
                                .checkpoint_kb = 64,
                                .window = 3,
                                .two_way = true},
                     .stop_after = SIZE_MAX,
                     .confirm = true};

    s.config.bind = mode == STACK_NORMAL ? slice_from(wrapped_a, sizeof wrapped_a)
                                         : slice_from(bind_a, sizeof bind_a);
    return s;
}

struct side side_responder(void)
{
    return (struct side){.config = {.name = "MTA-B",
                                    .ref = 0x4321,
                                    .our_tsel = slice_of("MPB"),
                                    .checkpoint_kb = 64,
                                    .window = 3},
                         .stop_after = SIZE_MAX,
                         .accept = true,
                         .confirm = true};
}

void side_begin(struct side *s)
{
    if (!s->a) {
        s->a = association_create(&s->config);
        buf_init(&s->got, 32u << 20);
    }
    side_forget(s);
    association_begin(s->a);
}

void side_fini(struct side *s)
{
    association_destroy(s->a);
    buf_fini(&s->got);
    s->a = NULL;
}

void side_forget(struct side *s)
{
    s->heard.n = s->heard.received = s->heard.received_octets = 0;
}

static void act(struct side *s, const struct assoc_event *ev)
{
    if (ev->news == ASSOC_ASKED && s->accept) {
        bool normal = association_mode(s->a) == STACK_NORMAL;

        association_accept(s->a, s->result.n > 0 ? s->result
                                 : normal        ? slice_from(wrapped_b, sizeof wrapped_b)
                                                 : slice_from(bind_b, sizeof bind_b));
    }
    if (ev->news == ASSOC_RECEIVED) {
        s->heard.received++;
        s->heard.received_octets += ev->bytes.n;
        buf_clear(&s->got);
        (void)buf_add(&s->got, ev->bytes.p, ev->bytes.n);
        if (s->confirm)
            (void)association_confirm(s->a);
    }
}

static void hear(struct side *s, struct slice in)
{
    struct assoc_event ev;

    while (association_hear(s->a, &in, &ev) != ASSOC_MORE) {
        if (s->heard.n < NEWS_MAX) {
            s->heard.ev[s->heard.n] = ev;
            s->heard.ev[s->heard.n++].bytes = slice_from(NULL, 0);
        }
        act(s, &ev);
    }
    CHECK_U64(in.n, 0);
}

void side_hear(struct side *s, struct slice in)
{
    size_t chunk = s->chunk ? s->chunk : SIZE_MAX;

    do {
        size_t n = in.n < chunk ? in.n : chunk;

        hear(s, slice_from(in.p, n));
        in = slice_skip(in, n);
    } while (in.n > 0);
}

bool side_says(struct side *s, struct slice want, const char *what)
{
    struct slice said = association_output(s->a);
    bool same = check_mem(said.p, said.n, want.p, want.n, what, __FILE__, __LINE__);

    association_gave(s->a, said.n);
    return same;
}

bool side_says_nothing(struct side *s)
{
    return association_output(s->a).n == 0;
}

const struct assoc_event *side_last(const struct side *s)
{
    static const struct assoc_event none;

    return s->heard.n > 0 ? &s->heard.ev[s->heard.n - 1] : &none;
}

bool side_told(const struct side *s, enum assoc_news news)
{
    for (size_t i = 0; i < s->heard.n; i++)
        if (s->heard.ev[i].news == news)
            return true;
    return false;
}

/* One side's turn to write; false: it has nothing to say. */
static bool carry(struct side *from, struct side *to)
{
    struct slice said = association_output(from->a);
    unsigned char copy[70000];
    size_t n = said.n < sizeof copy ? said.n : sizeof copy;

    if (n > from->stop_after)
        n = from->stop_after;
    if (n == 0)
        return false;
    memcpy(copy, said.p, n);
    association_gave(from->a, n);
    if (from->stop_after != SIZE_MAX)
        from->stop_after -= n;
    side_hear(to, slice_from(copy, n));
    return true;
}

void pair_talk(struct side *a, struct side *b)
{
    bool more = true;

    while (more) {
        more = carry(a, b);
        more = carry(b, a) || more;
    }
}

bool pair_bind(struct side *a, struct side *b)
{
    side_begin(b);
    side_begin(a);
    pair_talk(a, b);
    return CHECK(side_told(a, ASSOC_BOUND)) && CHECK(side_told(b, ASSOC_ASKED));
}
