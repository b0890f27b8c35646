/* test_smtp_text.c - the texts of messages: what they hold, how long they are, and what the check calls intact. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/check.h"
#include "wire/smtp_text.h"

static struct smtp_corpus *corpus;
static struct token_key key;
static struct smtp_text text;

static void put_at(unsigned char *p, struct slice s)
{
    memcpy(p, s.p, s.n);
}

static struct smtp_text_order order(uint64_t number, uint32_t body_bytes)
{
    static struct slice to[2];

    if (!corpus)
        corpus = smtp_corpus_create(42);
    key = token_key_make(7, 8);
    to[0] = slice_of("joanne-1@lab.test");
    to[1] = slice_of("joanne-2@lab.test");
    return (struct smtp_text_order){
        .number = number,
        .key = &key,
        .from = slice_of("joe@lab.test"),
        .to = to,
        .recipients = 2,
        .subject = slice_of("postmuster steady"),
        .body_bytes = body_bytes,
        .date_s = 951868799, /* 2000-02-29 23:59:59 */
    };
}

/* The whole message in one buffer of the caller's to free. */
static unsigned char *gather(bool stuffed, size_t step, size_t *n)
{
    uint64_t total = smtp_text_bytes(&text, stuffed), at = 0;
    unsigned char *all = malloc(total + 1);
    struct iovec iov[3];

    while (all && at < total) {
        int count = smtp_text_iov(&text, stuffed, at, iov, 3);
        size_t left = step;

        if (count == 0)
            break;
        for (int i = 0; i < count && left > 0; i++) { /* as if the kernel took `step` octets */
            size_t take = iov[i].iov_len < left ? iov[i].iov_len : left;

            memcpy(all + at, iov[i].iov_base, take);
            at += take;
            left -= take;
        }
    }
    *n = at;
    if (all)
        all[at] = '\0';
    return all;
}

static enum smtp_text_state check(const void *p, size_t n, uint32_t body_bytes)
{
    return smtp_text_check(corpus, &key, 30020, body_bytes, slice_from(p, n));
}

static void a_head_carries_the_token_in_every_place(void)
{
    struct smtp_text_order o = order(30020, 1024);
    size_t n, at = 0, found = 0;
    uint64_t number;

    CHECK(smtp_text_compose(&text, corpus, &o));
    char *all = (char *)gather(false, SIZE_MAX, &n);
    while (token_find(&key, slice_from(all, n), &at, &number))
        found += number == 30020;
    CHECK_U64(found, 4);
    CHECK_HAS(all, "Date: Tue, 29 Feb 2000 23:59:59 +0000\r\n");
    CHECK_HAS(all, "From: <joe@lab.test>\r\nTo: <joanne-1@lab.test>,\r\n <joanne-2@lab.test>\r\n");
    CHECK_HAS(all, "Subject: postmuster steady [pm.");
    CHECK_HAS(all, "Message-ID: <pm.");
    CHECK_HAS(all, "@lab.test>\r\n");
    CHECK_HAS(all, "Auto-Submitted: auto-generated\r\n");
    CHECK_HAS(all, "charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\npm.");
    free(all);
}

static void dates_are_right_over_the_years(void)
{
    static const struct {
        uint64_t s;
        const char *date;
    } known[] = {
        {0, "Date: Thu, 01 Jan 1970 00:00:00 +0000"},
        {1709164800, "Date: Thu, 29 Feb 2024 00:00:00 +0000"},
        {1735689599, "Date: Tue, 31 Dec 2024 23:59:59 +0000"},
        {4107542400, "Date: Mon, 01 Mar 2100 00:00:00 +0000"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct smtp_text_order o = order(1, 0);

        o.date_s = known[i].s;
        CHECK(smtp_text_compose(&text, corpus, &o));
        text.head[text.head_bytes] = '\0';
        CHECK_HAS((char *)text.head, known[i].date);
    }
}

static void a_date_is_put_into_words_once_a_second(void)
{
    struct smtp_text_memo memo = {0};
    struct smtp_text_order o = order(1, 0);

    for (uint64_t second = 0; second < 3; second++) {
        o.date_s = 951868798 + second;
        for (int again = 0; again < 2; again++) {
            static unsigned char plain[SMTP_TEXT_HEAD_MAX];

            o.memo = NULL;
            CHECK(smtp_text_compose(&text, corpus, &o));
            size_t n = text.head_bytes;
            memcpy(plain, text.head, n);
            o.memo = &memo;
            CHECK(smtp_text_compose(&text, corpus, &o));
            CHECK_MEM(text.head, text.head_bytes, plain, n);
        }
    }
    CHECK_STR(memo.date, "Wed, 01 Mar 2000 00:00:00 +0000");
    memo.date[5] = '7'; /* it is the memo that is read */
    CHECK(smtp_text_compose(&text, corpus, &o));
    CHECK(strstr((char *)text.head, "Date: Wed, 71 Mar") != NULL);
}

static size_t body_of(const unsigned char *all, size_t n)
{
    size_t at = 0;

    return slice_find(slice_from(all, n), slice_of("\r\n\r\n"), &at) ? n - at - 4 : 0;
}

static void a_body_has_its_size_but_for_two_octets(void)
{
    static const uint32_t sizes[] = {100, 1024, 4096, 10240, 131072, 300001, 1000000};

    for (uint64_t number = 0; number < 40; number++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct smtp_text_order o = order(number, sizes[i]);
            size_t n;

            if (!smtp_text_compose(&text, corpus, &o))
                break;
            unsigned char *all = gather(false, 1u << 20, &n);
            CHECK_U64(n, smtp_text_bytes(&text, false));
            CHECK_BETWEEN((double)body_of(all, n), sizes[i] - 2.0, sizes[i]);
            CHECK(memcmp(all + n - 2, "\r\n", 2) == 0);
            free(all);
        }
}

static void a_copy_is_the_text_of_the_pieces(void)
{
    static unsigned char copy[400000];

    for (uint32_t size = 0; size < 300000; size = size * 2 + 77) {
        const struct smtp_text_order o = order(30020 + size, size);
        size_t n;

        CHECK(smtp_text_compose(&text, corpus, &o));
        for (int stuffed = 0; stuffed < 2; stuffed++) {
            unsigned char *all = gather(stuffed, SIZE_MAX, &n);

            smtp_text_copy(&text, stuffed, copy);
            CHECK_MEM(copy, smtp_text_bytes(&text, stuffed), all, n);
            free(all);
        }
    }
}

static void the_stuffed_form_is_the_raw_form_with_dots_doubled(void)
{
    for (uint64_t number = 0; number < 20; number++) {
        struct smtp_text_order o = order(number, 200000);
        size_t raw_n, n;

        CHECK(smtp_text_compose(&text, corpus, &o));
        unsigned char *raw = gather(false, SIZE_MAX, &raw_n), *stuffed = gather(true, 977, &n);
        CHECK(n > raw_n);
        CHECK(!memmem(stuffed, n, "\n.\r\n", 4));
        unsigned char *copy = malloc(n);
        size_t out = 0;
        for (size_t i = 0; copy && i < n; i++) /* reads from stuffed, writes to copy */
            if (stuffed[i] != '.' || (i > 0 && stuffed[i - 1] != '\n'))
                copy[out++] = stuffed[i];
        CHECK_U64(out, raw_n);
        CHECK(copy && out == raw_n && memcmp(copy, raw, raw_n) == 0);
        free(copy);
        free(stuffed);
        free(raw);
    }
}

static bool has_line(const unsigned char *all, size_t n, const char *line)
{
    char whole[128];

    (void)snprintf(whole, sizeof whole, "\r\n%s\r\n", line);
    return memmem(all, n, whole, strlen(whole)) != NULL;
}

static void the_corpus_holds_what_gateways_break(void)
{
    struct smtp_text_order o = order(1, 140000); /* once around */
    size_t n, longest = 0, eight = 0, run = 0;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n);
    CHECK(has_line(all, n, "."));
    CHECK(has_line(all, n, "A004 OK FETCH completed"));
    CHECK(has_line(all, n, "* 7 FETCH (FAKE)"));
    CHECK(has_line(all, n, "+ go ahead"));
    CHECK(has_line(all, n, "trailing blanks   "));
    CHECK(memmem(all, n, "\r\nFrom ", 7) != NULL);
    for (size_t i = 0; i < n; i++) {
        eight += all[i] > 127;
        run = all[i] == '\n' ? 0 : run + 1;
        longest = run > longest ? run : longest;
        if (all[i] == '\0' || (all[i] == '\n') != (i > 0 && all[i - 1] == '\r'))
            CHECK(false);
    }
    CHECK_U64(longest, 999);
    CHECK(eight > 100);
    free(all);
}

static void the_seven_bit_twin_has_the_same_lengths_and_no_eighth_bit(void)
{
    struct smtp_text_order o = order(30020, 50000);
    size_t n, twin_n, eight = 0;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n);
    o.seven_bit = true;
    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *twin = gather(false, SIZE_MAX, &twin_n);
    for (size_t i = 0; i < twin_n; i++)
        eight += twin[i] > 127;
    CHECK_U64(eight, 0);
    CHECK_U64(body_of(twin, twin_n), body_of(all, n));
    CHECK(check(twin, twin_n, 50000) == SMTP_TEXT_INTACT);
    CHECK(check(all, n, 50000) == SMTP_TEXT_INTACT);
    free(twin);
    free(all);
}

static void other_line_ends_and_trailing_blanks_leave_a_message_intact(void)
{
    struct smtp_text_order o = order(30020, 30000);
    size_t n, out = 0;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n), *lf = malloc(n + 8);
    PM_ASSERT(all && lf);
    for (size_t i = 0; i < n; i++)
        if (all[i] != '\r')
            lf[out++] = all[i];
    CHECK(check(lf, out, 30000) == SMTP_TEXT_INTACT);
    put_at(lf + out, slice_of("\n\n"));
    CHECK(check(lf, out + 2, 30000) == SMTP_TEXT_INTACT);
    CHECK(check(lf, out - 1, 30000) == SMTP_TEXT_INTACT);
    put_at(lf + out - 1, slice_of(" \t\n"));
    CHECK(check(lf, out + 2, 30000) == SMTP_TEXT_INTACT);
    put_at(lf + out - 1, slice_of("\nx"));
    CHECK(check(lf, out + 1, 30000) == SMTP_TEXT_CORRUPT);
    free(lf);
    free(all);
}

/* `all` with `mark` put before every line that begins with `start`; how many. */
static unsigned mark_lines(const unsigned char *all, size_t n, const char *start, const char *mark,
                           struct buf *out)
{
    struct slice rest = slice_from(all, n), line;
    unsigned marked = 0;

    buf_clear(out);
    while (rest.n > 0) {
        (void)slice_cut(&rest, '\n', &line);
        if (slice_starts(line, start)) {
            PM_ASSERT(buf_add_text(out, mark));
            marked++;
        }
        PM_ASSERT(buf_add(out, line.p, line.n) && buf_add_text(out, "\n"));
    }
    return marked;
}

static void the_marks_of_mbox_files_leave_a_message_intact(void)
{
    struct smtp_text_order o = order(30020, 50000);
    struct buf marked;
    size_t n;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n);
    buf_init(&marked, 1 << 20);
    CHECK(mark_lines(all, n, "From ", ">", &marked) > 0); /* mboxo */
    CHECK(check(marked.p, marked.n, 50000) == SMTP_TEXT_INTACT);
    CHECK(mark_lines(all, n, ">From ", ">", &marked) > 0); /* what mboxrd does besides */
    CHECK(check(marked.p, marked.n, 50000) == SMTP_TEXT_INTACT);
    CHECK(mark_lines(all, n, "From ", ">>", &marked) > 0);
    CHECK(check(marked.p, marked.n, 50000) == SMTP_TEXT_CORRUPT);
    CHECK(mark_lines(all, n, "QUIT", ">", &marked) > 0);
    CHECK(check(marked.p, marked.n, 50000) == SMTP_TEXT_CORRUPT);
    buf_fini(&marked);
    free(all);
}

static void any_changed_octet_of_the_body_is_corruption(void)
{
    struct smtp_text_order o = order(30020, 3000);
    size_t n;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n);
    CHECK(check(all, n, 3000) == SMTP_TEXT_INTACT);
    for (size_t i = n - body_of(all, n); i < n; i += 7) {
        unsigned char was = all[i];

        if (was == '\r' || was == '\n' || was == ' ' || was == '\t')
            continue;
        all[i] = was == 'Q' ? 'R' : 'Q';
        CHECK(check(all, n, 3000) == SMTP_TEXT_CORRUPT);
        all[i] = was;
    }
    CHECK(check(all, n - 10, 3000) == SMTP_TEXT_CORRUPT);
    CHECK(check(all, n, 3100) == SMTP_TEXT_CORRUPT);
    CHECK(check(all, 20, 3000) == SMTP_TEXT_CORRUPT);
    CHECK(check("", 0, 3000) == SMTP_TEXT_CORRUPT);
    CHECK(smtp_text_check(corpus, &key, 30021, 3000, slice_from(all, n)) == SMTP_TEXT_CORRUPT);
    free(all);
}

static size_t to_base64(const unsigned char *in, size_t n, unsigned char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t w = 0;

    for (size_t i = 0; i < n; i += 3) {
        unsigned b =
            in[i] << 16u | (i + 1 < n ? in[i + 1] : 0u) << 8 | (i + 2 < n ? in[i + 2] : 0u);

        out[w++] = (unsigned char)digits[b >> 18];
        out[w++] = (unsigned char)digits[b >> 12 & 63];
        out[w++] = (unsigned char)(i + 1 < n ? digits[b >> 6 & 63] : '=');
        out[w++] = (unsigned char)(i + 2 < n ? digits[b & 63] : '=');
        if (i % 57 == 54)
            out[w++] = '\n';
    }
    return w;
}

static size_t to_quoted(const unsigned char *in, size_t n, unsigned char *out)
{
    size_t w = 0, column = 0;

    for (size_t i = 0; i < n; i++) {
        bool blank_end = (in[i] == ' ' || in[i] == '\t') && i + 1 < n && in[i + 1] == '\r';

        if (in[i] == '\r' || in[i] == '\n') {
            out[w++] = in[i];
            column = 0;
            continue;
        }
        if (column > 70) {
            put_at(out + w, slice_of("=\r\n"));
            w += 3;
            column = 0;
        }
        if (in[i] == '=' || in[i] > 126 || blank_end) {
            out[w++] = '=';
            out[w++] = (unsigned char)"0123456789ABCDEF"[in[i] >> 4];
            out[w++] = (unsigned char)"0123456789ABCDEF"[in[i] & 15];
            column += 3;
        } else {
            out[w++] = in[i];
            column++;
        }
    }
    return w;
}

static void a_reencoded_message_counts_as_rewritten(void)
{
    struct smtp_text_order o = order(30020, 20000);
    size_t n;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n), *coded = malloc(4 * n);
    const unsigned char *body = all + n - body_of(all, n);
    static const char base64[] = "Subject: x\r\nContent-Transfer-Encoding: BASE64\r\n\r\n";
    static const char quoted[] = "content-transfer-encoding: quoted-printable\n\n";

    memcpy(coded, base64, sizeof base64 - 1);
    size_t w = sizeof base64 - 1 + to_base64(body, body_of(all, n), coded + sizeof base64 - 1);
    CHECK(check(coded, w, 20000) == SMTP_TEXT_REWRITTEN);
    coded[w / 2] ^= 1;
    CHECK(check(coded, w, 20000) == SMTP_TEXT_CORRUPT);
    memcpy(coded, quoted, sizeof quoted - 1);
    w = sizeof quoted - 1 + to_quoted(body, body_of(all, n), coded + sizeof quoted - 1);
    CHECK(check(coded, w, 20000) == SMTP_TEXT_REWRITTEN);
    free(coded);
    free(all);
}

static void a_doubled_dot_left_in_is_corruption(void)
{
    struct smtp_text_order o = order(30020, 100000);
    size_t n;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(true, SIZE_MAX, &n);
    CHECK(check(all, n, 100000) == SMTP_TEXT_CORRUPT);
    free(all);
}

static void a_return_path_carries_the_token_as_detail(void)
{
    struct smtp_text_order o = order(30020, 0);
    char out[64];

    CHECK(smtp_text_compose(&text, corpus, &o));
    struct slice path = smtp_text_verp(o.from, text.token, out, sizeof out);
    size_t at = 0;
    uint64_t number;
    CHECK(slice_starts(path, "joe+pm."));
    CHECK(token_find(&key, path, &at, &number));
    CHECK(slice_is(slice_skip(path, at), "@lab.test"));
    CHECK_U64(smtp_text_verp(o.from, text.token, out, 20).n, 0);
    CHECK_U64(smtp_text_verp(slice_of("nobody"), text.token, out, sizeof out).n, 0);
}

static void addresses_that_do_not_fit_are_refused(void)
{
    struct smtp_text_order o = order(1, 100);
    static char subject[SMTP_TEXT_HEAD_MAX];

    memset(subject, 'x', sizeof subject);
    o.subject = slice_from(subject, sizeof subject);
    CHECK(!smtp_text_compose(&text, corpus, &o));
    o.subject.n = SMTP_TEXT_HEAD_MAX - 700 - 2 * o.from.n - 44;
    CHECK(smtp_text_compose(&text, corpus, &o));
    CHECK(text.head_bytes <= SMTP_TEXT_HEAD_MAX);
}

static void the_same_seed_makes_the_same_text_and_another_another(void)
{
    struct smtp_text_order o = order(5, 2000);
    struct smtp_corpus *same = smtp_corpus_create(42), *other = smtp_corpus_create(43);
    size_t n;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n);
    CHECK(smtp_text_check(same, &key, 5, 2000, slice_from(all, n)) == SMTP_TEXT_INTACT);
    CHECK(smtp_text_check(other, &key, 5, 2000, slice_from(all, n)) == SMTP_TEXT_CORRUPT);
    free(all);
    smtp_corpus_destroy(same);
    smtp_corpus_destroy(other);
    smtp_corpus_destroy(corpus);
    smtp_corpus_destroy(NULL);
    corpus = NULL;
}

static void a_large_body_is_compared_to_its_end(void)
{
    struct smtp_text_order o = order(30020, 30000);
    size_t n;

    CHECK(smtp_text_compose(&text, corpus, &o));
    unsigned char *all = gather(false, SIZE_MAX, &n);
    CHECK(check(all, n, 30000) == SMTP_TEXT_INTACT);
    for (size_t i = n - body_of(all, n) + 4090; i < n; i += 1 + i % 257) {
        unsigned char was = all[i];

        if (was == '\r' || was == '\n' || was == ' ' || was == '\t')
            continue;
        all[i] = was == 'Q' ? 'R' : 'Q';
        CHECK(check(all, n, 30000) == SMTP_TEXT_CORRUPT);
        all[i] = was;
    }
    free(all);
}

static const struct test tests[] = {
    TEST(a_head_carries_the_token_in_every_place),
    TEST(dates_are_right_over_the_years),
    TEST(a_date_is_put_into_words_once_a_second),
    TEST(a_copy_is_the_text_of_the_pieces),
    TEST(a_body_has_its_size_but_for_two_octets),
    TEST(the_stuffed_form_is_the_raw_form_with_dots_doubled),
    TEST(the_corpus_holds_what_gateways_break),
    TEST(the_seven_bit_twin_has_the_same_lengths_and_no_eighth_bit),
    TEST(other_line_ends_and_trailing_blanks_leave_a_message_intact),
    TEST(the_marks_of_mbox_files_leave_a_message_intact),
    TEST(any_changed_octet_of_the_body_is_corruption),
    TEST(a_reencoded_message_counts_as_rewritten),
    TEST(a_doubled_dot_left_in_is_corruption),
    TEST(a_return_path_carries_the_token_as_detail),
    TEST(addresses_that_do_not_fit_are_refused),
    TEST(the_same_seed_makes_the_same_text_and_another_another),
    TEST(a_large_body_is_compared_to_its_end),
    TEST_END,
};

const struct suite smtp_text_suite = {"smtp_text", tests};
