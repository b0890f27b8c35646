/* fuzz_smtp.c - libFuzzer's entry for the answering side of SMTP and LMTP: whatever a caller says, and however it is cut, he hears
 * the same, and the same messages are taken, whether their texts are kept or discarded.
 */
#include <string.h>

#include "base/err.h"
#include "wire/smtp_server.h"

#define SIZE_MAX_BYTES 4096u
#define KEEP           16u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

struct outcome {
    struct buf said, taken, brief; /* brief: of each message its octets, and the first of them */
};

static void note_message(const struct smtp_server *s, struct outcome *o)
{
    struct slice text = smtp_server_content(s);

    PM_ASSERT(text.n <= SIZE_MAX_BYTES && smtp_server_recipients(s) > 0);
    PM_ASSERT(buf_add(&o->taken, text.p, text.n) && buf_add_text(&o->taken, "\n--\n"));
    PM_ASSERT(buf_add_format(&o->brief, "%llu ", (unsigned long long)smtp_server_text_octets(s)) &&
              buf_add(&o->brief, text.p, text.n < KEEP ? text.n : KEEP));
    for (uint32_t i = 0; i < smtp_server_recipients(s); i++)
        PM_ASSERT(smtp_server_recipient(s, i).address.n > 0);
}

/* Refuses by the addresses, so that all answers are given, and cuts by them too. */
static void answer(struct smtp_server *s, enum smtp_ask what, struct outcome *o)
{
    const char *no = NULL;

    if (what == SMTP_ASK_TLS) {
        smtp_server_secured(s);
        return;
    }
    if (what == SMTP_ASK_RECIPIENT && smtp_server_asked(s).n % 3 == 0)
        no = "550 5.1.1 nobody";
    if (what == SMTP_ASK_DATA && smtp_server_sender(s).n % 5 == 4)
        no = "451 4.3.0 later";
    if (what == SMTP_ASK_DATA && smtp_server_sender(s).n > 9)
        smtp_server_cut(s, (enum smtp_cut)(smtp_server_sender(s).n % 4));
    if (what == SMTP_ASK_MESSAGE)
        note_message(s, o);
    while (smtp_server_answers(s) > 0)
        smtp_server_answer(s, no);
}

static void talk(const struct smtp_server_config *c, struct slice in, size_t piece,
                 struct outcome *o)
{
    struct smtp_server *s = smtp_server_create(c);
    enum smtp_ask what = SMTP_ASK_MORE;

    PM_ASSERT(s);
    buf_init(&o->said, 16u << 20);
    buf_init(&o->taken, 16u << 20);
    buf_init(&o->brief, 16u << 20);
    smtp_server_begin(s, NULL);
    while (in.n > 0 && what != SMTP_ASK_END && what != SMTP_ASK_CUT) {
        struct slice part = slice_from(in.p, in.n < piece ? in.n : piece);

        in = slice_skip(in, part.n);
        do {
            what = smtp_server_hear(s, &part);
            if (what != SMTP_ASK_MORE && what != SMTP_ASK_END && what != SMTP_ASK_CUT)
                answer(s, what, o);
        } while (what != SMTP_ASK_MORE && what != SMTP_ASK_END && what != SMTP_ASK_CUT);
    }
    struct slice out = smtp_server_output(s);

    PM_ASSERT(!c->discard || smtp_server_held(s) <= KEEP + 1);
    PM_ASSERT(buf_add(&o->said, out.p, out.n));
    smtp_server_destroy(s);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void forget(struct outcome *o)
{
    buf_fini(&o->said);
    buf_fini(&o->taken);
    buf_fini(&o->brief);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    for (int lmtp = 0; lmtp < 2; lmtp++) {
        const struct smtp_server_config keeps = {.name = "us.test",
                                                 .lmtp = lmtp,
                                                 .lacks = lmtp && n % 2 ? SMTP_LACKS_CHUNKING : 0,
                                                 .size_max = SIZE_MAX_BYTES};
        struct smtp_server_config discards = keeps;
        struct outcome whole, cut, brief;

        discards.discard = true;
        discards.keep = KEEP;
        talk(&keeps, slice_from(data, n), n + 1, &whole);
        talk(&keeps, slice_from(data, n), 1 + n % 7, &cut);
        talk(&discards, slice_from(data, n), 1 + n % 100, &brief);
        PM_ASSERT(same(&whole.said, &cut.said) && same(&whole.taken, &cut.taken));
        PM_ASSERT(same(&whole.said, &brief.said) && same(&whole.brief, &brief.brief));
        forget(&whole);
        forget(&cut);
        forget(&brief);
    }
    return 0;
}
