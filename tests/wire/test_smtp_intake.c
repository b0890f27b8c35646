/* test_smtp_intake.c - texts of all shapes beside a reader that looks at one octet after another. */
#include <string.h>

#include "base/rng.h"
#include "tests/support/check.h"
#include "wire/smtp_intake.h"

#define TEXT_MAX 600u

/* Its own small truth: the text as RFC 5321 4.5.2 has it, and the index behind its end; 0: it has none. */
static size_t read_slowly(struct slice in, struct buf *text, bool *bare_lf)
{
    bool begins = true;

    for (size_t i = 0; i < in.n; i++) {
        if (begins && in.p[i] == '.') {
            if (i + 2 < in.n && in.p[i + 1] == '\r' && in.p[i + 2] == '\n')
                return i + 3;
            begins = false;
            continue;
        }
        bool cr = i > 0 && in.p[i - 1] == '\r';

        begins = in.p[i] == '\n' && cr;
        *bare_lf = *bare_lf || (in.p[i] == '\n' && !cr);
        (void)buf_add(text, &in.p[i], 1);
    }
    return 0;
}

/* Mostly letters, with runs of what matters. */
static size_t make_text(unsigned char *p, struct rng *r)
{
    static const char *const parts[] = {"\r\n", ".",   "\r\n.",  "\r",
                                        "\n",   "\n.", "\r\n..", "\r\n.\r"};
    size_t n = 0, most = rng_below(r, TEXT_MAX - 100);

    while (n < most) {
        struct slice part = slice_of(parts[rng_below(r, 8)]);
        size_t letters = rng_below(r, 80);

        memset(p + n, 'x', letters);
        n += letters;
        memcpy(p + n, part.p, part.n);
        n += part.n;
        if (n > TEXT_MAX - 90)
            break;
    }
    struct slice rest = slice_of("\r\n.\r\nMAIL");

    memcpy(p + n, rest.p, rest.n);
    return n + rest.n;
}

static size_t read_fast(struct smtp_intake *k, struct slice in, uint64_t most, struct rng *r)
{
    size_t at = 0;

    while (at < in.n) {
        size_t piece = 1 + rng_below(r, most);
        struct slice part = slice_from(in.p + at, piece < in.n - at ? piece : in.n - at),
                     left = part;

        while (left.n > 0)
            if (smtp_intake_step(k, &left))
                return at + part.n - left.n;
        at += part.n;
    }
    return 0;
}

static void a_text_ends_where_it_ends_however_it_is_cut(void)
{
    unsigned char in[TEXT_MAX + 100];

    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct rng r = rng_at(5, 0, seed << 32);
        struct slice all = slice_from(in, make_text(in, &r));
        struct smtp_intake k, brief;
        struct buf text;
        bool bare_lf = false;

        buf_init(&text, TEXT_MAX + 100);
        smtp_intake_init(&k, 100000, false, 0);
        smtp_intake_init(&brief, 100000, true, 20);
        size_t end = read_slowly(all, &text, &bare_lf);

        CHECK(end > 0);
        CHECK_U64(read_fast(&k, all, seed % 3 == 0 ? 5 : 300, &r), end);
        CHECK_U64(read_fast(&brief, all, seed % 2 == 0 ? 3 : 400, &r), end);
        CHECK_MEM(k.content.p, k.content.n, text.p, text.n);
        CHECK_U64(k.bare_lf, bare_lf);
        CHECK_U64(brief.octets, text.n);
        CHECK_MEM(brief.content.p, brief.content.n, text.p, text.n < 20 ? text.n : 20);
        smtp_intake_fini(&k);
        smtp_intake_fini(&brief);
        buf_fini(&text);
    }
}

static const struct test tests[] = {
    TEST(a_text_ends_where_it_ends_however_it_is_cut),
    TEST_END,
};

const struct suite smtp_intake_suite = {"smtp_intake", tests};
