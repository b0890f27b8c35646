/* fuzz_pop3.c - libFuzzer's entry for POP3 as a client reads it: however the octets are cut, the same answers come of them, and no
 * answer holds more than came.
 *
 * The first octet says which of the answers are of many lines: answer i is if bit i % 8 is set.
 */
#include <string.h>

#include "base/err.h"
#include "wire/pop3.h"

#define PRINTED_MAX (64u << 20)

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void add(struct buf *out, struct slice s)
{
    PM_ASSERT(buf_add(out, s.p, s.n) && buf_add_text(out, ">\n"));
}

static void hold_listing(struct slice text)
{
    struct slice id;
    uint32_t number;
    size_t left = text.n + 1;
    bool bad = false;

    while (pop3_next_uidl(&text, &number, &id, &bad)) {
        PM_ASSERT(!bad && id.n > 0 && text.n < left);
        left = text.n;
    }
}

static void note(struct buf *out, const struct pop3_response *r)
{
    uint32_t count;

    PM_ASSERT(r->line.n <= POP3_LINE_MAX && r->text.n <= POP3_TEXT_MAX);
    PM_ASSERT(buf_add_format(out, "%d %d\n", r->ok, r->cut));
    add(out, r->code);
    add(out, r->line);
    add(out, r->text);
    PM_ASSERT(pop3_refusal(r->line) <= POP3_FAULT);
    (void)pop3_stat(r->line, &count);
    (void)pop3_has_word(r->text, "UIDL");
    hold_listing(r->text);
}

static enum pop3_answer read_in_pieces(struct slice in, unsigned many, size_t piece,
                                       struct buf *out)
{
    struct pop3_in reader;
    enum pop3_answer a = POP3_AGAIN;
    struct pop3_response r;
    size_t octets = in.n;
    unsigned i = 0;

    pop3_in_init(&reader);
    while (in.n > 0 && a == POP3_AGAIN) {
        size_t n = in.n < piece ? in.n : piece;
        unsigned char *room = pop3_in_room(&reader, n);

        PM_ASSERT(room);
        memcpy(room, in.p, n);
        pop3_in_took(&reader, n);
        in = slice_skip(in, n);
        while ((a = pop3_in_next(&reader, many >> i % 8 & 1, &r)) == POP3_DONE) {
            PM_ASSERT(r.text.n + r.line.n <= octets);
            note(out, &r);
            i++;
        }
    }
    PM_ASSERT(a != POP3_BAD || reader.error);
    pop3_in_fini(&reader);
    return a;
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    unsigned many = n > 0 ? data[0] : 0;
    struct slice in = slice_skip(slice_from(data, n), 1);
    const size_t pieces[] = {1, 1 + n % 13};
    struct buf whole, cut;

    buf_init(&whole, PRINTED_MAX);
    enum pop3_answer a = read_in_pieces(in, many, n + 1, &whole);

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        buf_init(&cut, PRINTED_MAX);
        enum pop3_answer b = read_in_pieces(in, many, pieces[i], &cut);

        PM_ASSERT(a == b && whole.n == cut.n);
        PM_ASSERT(whole.n == 0 || memcmp(whole.p, cut.p, whole.n) == 0);
        buf_fini(&cut);
    }
    buf_fini(&whole);
    return 0;
}
