/* fuzz_imap.c - libFuzzer's entry for IMAP as a client reads it: however the octets are cut, the same responses come of them, all
 * of what they say lies within what came, and what ends a session ends it at the same place.
 */
#include <string.h>

#include "base/err.h"
#include "wire/imap.h"

#define PRINTED_MAX (64u << 20)

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void add(struct buf *out, struct slice s)
{
    PM_ASSERT(buf_add(out, s.p, s.n) && buf_add_text(out, ">\n"));
}

static void hold_words(const struct imap_response *r)
{
    struct slice rest = r->text, host;
    char line[IMAP_PRINT];
    uint32_t number, count = 0;

    imap_print_line(r, line);
    PM_ASSERT(memchr(line, 0, sizeof line));
    for (const char *p = line; *p; p++)
        PM_ASSERT((unsigned char)*p >= ' ');
    if (r->kind == IMAP_SEARCH)
        while (imap_next_number(&rest, &number))
            count++;
    PM_ASSERT(count <= r->text.n);
    if (imap_referral(r->line, &host))
        PM_ASSERT(host.n > 0 && host.n <= r->line.n);
    (void)imap_code_number(r, "UIDVALIDITY", &number);
    (void)imap_has_word(r->text, "IDLE");
    (void)imap_is_listed(r);
    (void)imap_denies_mailbox(r);
}

static void note(struct buf *out, const struct imap_response *r)
{
    PM_ASSERT(r->kind <= IMAP_OTHER);
    PM_ASSERT(r->has_body || r->body.n == 0);
    PM_ASSERT(r->has_fields || r->fields.n == 0);
    PM_ASSERT(buf_add_format(out, "%d %d %u %u %d %u %d %llu\n", (int)r->kind, (int)r->status,
                             r->tag, r->number, r->has_uid, r->uid, r->has_size,
                             (unsigned long long)r->size));
    add(out, r->code);
    add(out, r->text);
    add(out, r->line);
    add(out, r->body);
    add(out, r->fields);
    hold_words(r);
}

static enum imap_answer read_in_pieces(struct slice in, size_t piece, struct buf *out)
{
    struct imap_in reader;
    enum imap_answer a = IMAP_AGAIN;
    struct imap_response r;
    size_t octets = in.n;

    imap_in_init(&reader);
    while (in.n > 0 && a == IMAP_AGAIN) {
        size_t n = in.n < piece ? in.n : piece;
        unsigned char *room = imap_in_room(&reader, n);

        PM_ASSERT(room);
        memcpy(room, in.p, n);
        imap_in_took(&reader, n);
        in = slice_skip(in, n);
        while ((a = imap_in_next(&reader, &r)) == IMAP_DONE) {
            PM_ASSERT(r.body.n + r.fields.n <= 2 * octets);
            note(out, &r);
        }
    }
    PM_ASSERT(a != IMAP_BAD || reader.error);
    imap_in_fini(&reader);
    return a;
}

static void lex(struct slice rest)
{
    struct imap_token t;
    size_t left = rest.n + 1;

    while (imap_lex(&rest, &t) == IMAP_DONE) {
        PM_ASSERT(rest.n < left && t.text.n <= left); /* it goes on */
        left = rest.n;
        if (rest.n == 0)
            break;
    }
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice in = slice_from(data, n);
    const size_t pieces[] = {1, 1 + n % 13};
    struct buf whole, cut;

    buf_init(&whole, PRINTED_MAX);
    enum imap_answer a = read_in_pieces(in, n + 1, &whole);

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        buf_init(&cut, PRINTED_MAX);
        enum imap_answer b = read_in_pieces(in, pieces[i], &cut);

        PM_ASSERT(a == b && whole.n == cut.n);
        PM_ASSERT(whole.n == 0 || memcmp(whole.p, cut.p, whole.n) == 0);
        buf_fini(&cut);
    }
    buf_fini(&whole);
    lex(in);
    return 0;
}
