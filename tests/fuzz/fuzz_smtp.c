/* fuzz_smtp.c - libFuzzer's entry for the answering side of SMTP and LMTP: whatever a caller says, and however it is cut, he hears
 * the same, and the same messages are taken.
 */
#include <string.h>

#include "base/err.h"
#include "wire/smtp_server.h"

#define SIZE_MAX_BYTES 4096u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

struct outcome {
    struct buf said, taken;
};

/* Refuses by the address, so that both answers are given. */
static void answer(struct smtp_server *s, enum smtp_ask what, struct outcome *o)
{
    struct slice text = smtp_server_content(s);
    const char *no = NULL;

    if (what == SMTP_ASK_RECIPIENT && smtp_server_asked(s).n % 3 == 0)
        no = "550 5.1.1 nobody";
    if (what == SMTP_ASK_MESSAGE) {
        PM_ASSERT(text.n <= SIZE_MAX_BYTES && smtp_server_recipients(s) > 0);
        PM_ASSERT(buf_add(&o->taken, text.p, text.n) && buf_add_text(&o->taken, "\n--\n"));
        for (uint32_t i = 0; i < smtp_server_recipients(s); i++)
            PM_ASSERT(smtp_server_recipient(s, i).address.n > 0);
    }
    while (smtp_server_answers(s) > 0)
        smtp_server_answer(s, no);
}

static void talk(bool lmtp, struct slice in, size_t piece, struct outcome *o)
{
    const struct smtp_server_config c = {
        .name = "us.test", .lmtp = lmtp, .size_max = SIZE_MAX_BYTES};
    struct smtp_server *s = smtp_server_create(&c);
    enum smtp_ask what = SMTP_ASK_MORE;

    PM_ASSERT(s);
    buf_init(&o->said, 16u << 20);
    buf_init(&o->taken, 16u << 20);
    smtp_server_begin(s, NULL);
    while (in.n > 0 && what != SMTP_ASK_END) {
        struct slice part = slice_from(in.p, in.n < piece ? in.n : piece);

        in = slice_skip(in, part.n);
        while ((what = smtp_server_hear(s, &part)) != SMTP_ASK_MORE && what != SMTP_ASK_END)
            answer(s, what, o);
    }
    struct slice out = smtp_server_output(s);

    PM_ASSERT(buf_add(&o->said, out.p, out.n));
    smtp_server_destroy(s);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    for (int lmtp = 0; lmtp < 2; lmtp++) {
        struct outcome whole, cut;

        talk(lmtp, slice_from(data, n), n + 1, &whole);
        talk(lmtp, slice_from(data, n), 1 + n % 7, &cut);
        PM_ASSERT(same(&whole.said, &cut.said) && same(&whole.taken, &cut.taken));
        buf_fini(&whole.said);
        buf_fini(&whole.taken);
        buf_fini(&cut.said);
        buf_fini(&cut.taken);
    }
    return 0;
}
