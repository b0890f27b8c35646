/* test_imap.c - answers of servers, whole and in pieces, hostile bodies, limits, and what is sent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/secret.h"
#include "tests/support/check.h"
#include "wire/imap.h"

/* RFC 3501 section 8's sample and what probes ask for, with bodies that look like answers. */
static const char session[] =
    "* OK [CAPABILITY IMAP4REV1 IDLE] dovecot {5}\r\n"
    "* CAPABILITY IMAP4rev1 STARTTLS IDLE LITERAL+\r\n"
    "p1 OK [READ-ONLY] LOGIN completed {12}\r\n"
    "* 18 EXISTS\r\n"
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
    "* 2 RECENT\r\n"
    "* OK [UNSEEN 17] Message 17 is the first unseen message\r\n"
    "* OK [UIDVALIDITY 3857529045] UIDs valid\r\n"
    "* OK [UIDNEXT 4392] Predicted next UID\r\n"
    "* 12 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 "
    "ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" {8}\r\nIMAP4 \"x ((\"Terry \\\"G\\\" "
    "Gray\" "
    "NIL \"gray\" \"cac.washington.edu\")) NIL NIL) UID 4301)\r\n"
    "* 7 FETCH (UID 9 RFC822.SIZE 60 BODY[] {60}\r\n"
    "* 7 FETCH (UID 1 BODY[] {99}\r\np2 OK done\r\n+ go\r\nA004 OK\r\n)\r\n)\r\n"
    "* 8 FETCH (BODY[] \"short \\\"one\\\"\" UID 10)\r\n"
    "* 9 FETCH (BODY[HEADER.FIELDS (SUBJECT {)]<0> {3+}\r\n)\r\n UID 11 BODY[] NIL)\r\n"
    "* SEARCH 2 84 882\r\n"
    "* SEARCH\r\n"
    "* 3 EXPUNGE\r\n"
    "+ idling\r\n"
    "+\r\n"
    "* ESEARCH (TAG \"p4\") UID ALL 1:3\r\n"
    "p2 NO [UNAVAILABLE] being moved\r\n"
    "p3 BAD what?\r\n"
    "* BYE [INUSE] moved\r\n";

/* One line per response, so that two readings can be compared. */
static void print_response(struct buf *out, const struct imap_response *r)
{
    (void)buf_add_format(out, "kind %d status %d tag %u number %u code ", (int)r->kind,
                         (int)r->status, r->tag, r->number);
    (void)buf_add(out, r->code.p, r->code.n);
    (void)buf_add_text(out, " text ");
    (void)buf_add(out, r->text.p, r->text.n);
    (void)buf_add_format(out, " uid %d %u size %d %llu body %d <", r->has_uid, r->uid, r->has_size,
                         (unsigned long long)r->size, r->has_body);
    (void)buf_add(out, r->body.p, r->body.n);
    (void)buf_add_text(out, ">\n");
}

static bool feed(struct imap_in *in, const void *p, size_t n)
{
    unsigned char *room = imap_in_room(in, n);

    if (!room)
        return false;
    memcpy(room, p, n);
    imap_in_took(in, n);
    return true;
}

static enum imap_answer take_all(struct imap_in *in, struct buf *out)
{
    struct imap_response r;
    enum imap_answer a;

    while ((a = imap_in_next(in, &r)) == IMAP_DONE)
        print_response(out, &r);
    return a;
}

/* Feeds `text` in pieces of at most `most` octets (0: all at once). */
static enum imap_answer read_in_pieces(const char *text, size_t n, size_t most, uint64_t seed,
                                       struct buf *out)
{
    struct imap_in in;
    struct rng r = rng_at(seed, 1, 0);
    enum imap_answer a = IMAP_AGAIN;

    imap_in_init(&in);
    for (size_t at = 0; at < n && a == IMAP_AGAIN;) {
        size_t piece = most ? 1 + (size_t)rng_below(&r, most) : n;

        piece = piece < n - at ? piece : n - at;
        if (!feed(&in, text + at, piece))
            break;
        at += piece;
        a = take_all(&in, out);
    }
    imap_in_fini(&in);
    return a;
}

static void a_session_is_read_as_the_rfc_means_it(void)
{
    struct buf got;
    const char *text;

    buf_init(&got, 1 << 20);
    CHECK_U64(read_in_pieces(session, sizeof session - 1, 0, 0, &got), IMAP_AGAIN);
    text = buf_text(&got);
    CHECK_HAS(text, "code CAPABILITY IMAP4REV1 IDLE text dovecot {5} ");
    CHECK_HAS(text, "kind 0 status 0 tag 1 number 0 code READ-ONLY text LOGIN completed {12} ");
    CHECK_HAS(text, "code UIDVALIDITY 3857529045 ");
    CHECK_HAS(text, "number 12 code  text  uid 1 4301 size 1 4286 body 0 <>");
    CHECK_HAS(text, "number 7 code  text  uid 1 9 size 1 60 body 1 <* 7 FETCH (UID 1 BODY[] "
                    "{99}\r\np2 OK done\r\n+ go\r\nA004 OK\r\n)\r\n>");
    CHECK_HAS(text, "number 8 code  text  uid 1 10 size 0 0 body 1 <short \"one\">");
    CHECK_HAS(text, "number 9 code  text  uid 1 11 size 0 0 body 0 <>");
    CHECK_HAS(text, "text 2 84 882 ");
    CHECK_HAS(text, "kind 2 status 0 tag 0 number 0 code  text idling ");
    CHECK_HAS(text, "kind 0 status 1 tag 2 number 0 code UNAVAILABLE text being moved ");
    CHECK_HAS(text, "kind 0 status 2 tag 3 number 0 code  text what? ");
    CHECK_HAS(text, "kind 1 status 3 tag 0 number 0 code INUSE text moved ");
    buf_fini(&got);
}

static void any_split_of_the_octets_reads_the_same(void)
{
    struct buf whole, pieces;
    bool same = true;

    buf_init(&whole, 1 << 20);
    buf_init(&pieces, 1 << 20);
    (void)read_in_pieces(session, sizeof session - 1, 0, 0, &whole);
    for (uint64_t seed = 0; seed < 400 && same; seed++) {
        buf_clear(&pieces);
        (void)read_in_pieces(session, sizeof session - 1, 1 + seed % 40, seed, &pieces);
        same = CHECK_STR(buf_text(&pieces), buf_text(&whole));
    }
    buf_fini(&whole);
    buf_fini(&pieces);
}

static void nonsense_is_bad_and_never_a_guess(void)
{
    static const char *const cases[] = {
        "HTTP/1.1 200 OK\r\n",
        "A004 OK done\r\n",
        "p OK done\r\n",
        "p7 MAYBE\r\n",
        "p99999999999 OK\r\n",
        "* 7 FETCH (UID x)\r\n",
        "* 7 FETCH (UID 0)\r\n",
        "* 7 FETCH (UID 4\r\n",
        "* 7 FETCH (UID 4 BODY[] {3}\r\nabcd)\r\n",
        "* 7 FETCH (UID 4) trailing\r\n",
        "* 7 FETCH (UID 4 BODY[] {99999999999}\r\n",
        "* 7 FETCH (UID 4 BODY[] {70000000}\r\n",
        "* 7 FETCH (X ((((((((((((((((((((((((((((((((((((((((((1 UID 4)\r\n",
        "* 7 FETCH (X \"no end)\r\n",
        "* \r\n",
        "* 7 \r\n",
        "\r\n",
    };
    struct buf got;

    buf_init(&got, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!CHECK_U64(read_in_pieces(cases[i], strlen(cases[i]), 0, 0, &got), IMAP_BAD))
            (void)fprintf(stderr, "case: %s\n", cases[i]);
    buf_fini(&got);
}

static void an_endless_line_ends_the_session_and_a_long_search_does_not(void)
{
    struct buf text, got;

    buf_init(&text, 1 << 20);
    buf_init(&got, 1 << 20);
    (void)buf_add_text(&text, "* OK ");
    for (unsigned i = 0; i < 10000; i++)
        (void)buf_add_text(&text, "1111111111");
    CHECK_U64(read_in_pieces(buf_text(&text), text.n, 5000, 3, &got), IMAP_BAD);
    buf_clear(&text);
    (void)buf_add_text(&text, "* SEARCH");
    for (unsigned i = 0; i < 10000; i++)
        (void)buf_add_text(&text, "          ");
    (void)buf_add_text(&text, "77\r\n");
    CHECK_U64(read_in_pieces(buf_text(&text), text.n, 5000, 3, &got), IMAP_AGAIN);
    CHECK_HAS(buf_text(&got), "text 77 ");
    buf_fini(&text);
    buf_fini(&got);
}

static void slices_are_taken_off_without_keeping_what_was_read(void)
{
    struct imap_in in;
    struct imap_response r;
    char one[1200];
    unsigned bodies = 0;
    int n = snprintf(one, sizeof one, "* 1 FETCH (UID 5 BODY[] {1000}\r\n%01000d)\r\n", 0);

    imap_in_init(&in);
    for (unsigned i = 0; i < 20000 && feed(&in, one, (size_t)n); i++)
        while (imap_in_next(&in, &r) == IMAP_DONE)
            bodies += r.body.n == 1000;
    CHECK_U64(bodies, 20000);
    CHECK(in.bytes.room < 1 << 20);
    imap_in_fini(&in);
}

static void log_in_quotes_what_can_be_quoted_and_counts_the_rest(void)
{
    struct imap_login plain = {.user = "joe", .password = "a \"b\\c", .tag = 1};
    struct imap_login odd = {.user = "jo\xc3\xa9", .password = "line\nbreak", .tag = 2};
    struct buf out;
    bool more;

    buf_init(&out, 4096);
    CHECK(imap_login_next(&plain, &out, &more) && !more);
    CHECK_STR(buf_text(&out), "p1 LOGIN \"joe\" \"a \\\"b\\\\c\"\r\n");
    buf_clear(&out);
    CHECK(imap_login_next(&odd, &out, &more) && more);
    CHECK_STR(buf_text(&out), "p2 LOGIN {4}\r\n");
    CHECK(imap_login_next(&odd, &out, &more) && more);
    CHECK_STR(buf_text(&out), "p2 LOGIN {4}\r\njo\xc3\xa9 {10}\r\n");
    CHECK(imap_login_next(&odd, &out, &more) && !more);
    CHECK_STR(buf_text(&out), "p2 LOGIN {4}\r\njo\xc3\xa9 {10}\r\nline\nbreak\r\n");
    buf_fini(&out);
}

static void fields_of_a_header_are_told_apart_from_a_whole_text(void)
{
    static const char said[] =
        "* 1 FETCH (UID 7 BODY[HEADER.FIELDS (X-POSTMUSTER \"FROM\")] {7}\r\n)\r\np4 O)\r\n"
        "* 2 fetch (body[header.fields (From)] \"From: \\\"j\\\"\" uid 8)\r\n"
        "* 3 FETCH (BODY[HEADER.FIELDS (FROM)] NIL UID 9)\r\n"
        "* 4 FETCH (BODY[] \"\\\\\" UID 10 BODY[HEADER] {1}\r\nx)\r\n";

    static const struct {
        bool fields, body;
        const char *text;
    } want[] = {{true, false, ")\r\np4 O"},
                {true, false, "From: \"j\""},
                {true, false, ""},
                {false, true, "\\"}};
    struct imap_response r;
    struct imap_in in;

    imap_in_init(&in);
    memcpy(imap_in_room(&in, sizeof said), said, sizeof said - 1);
    imap_in_took(&in, sizeof said - 1);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_U64(imap_in_next(&in, &r), IMAP_DONE);
        CHECK_U64(r.kind, IMAP_FETCH);
        CHECK_U64(r.uid, 7 + i);
        CHECK_U64(r.has_fields, want[i].fields);
        CHECK_U64(r.has_body, want[i].body);
        CHECK(slice_is(want[i].fields ? r.fields : r.body, want[i].text));
    }
    imap_in_fini(&in);
}

static void commands_are_written_as_the_rfc_spells_them(void)
{
    static const struct imap_range all[] = {{1, 2000}}, rest[] = {{7, 7}, {9, 12}, {2001, 0}};
    struct buf out;

    buf_init(&out, 4096);
    CHECK(imap_put(&out, 1, "CAPABILITY") && imap_put_examine(&out, 2) &&
          imap_put_fetch(&out, 3, all, 1, IMAP_WHOLE) &&
          imap_put_fetch(&out, 4, rest, 3, IMAP_FIELDS) && imap_put_search_all(&out, 5) &&
          imap_put_idle_done(&out));
    CHECK_STR(buf_text(&out), "p1 CAPABILITY\r\np2 EXAMINE INBOX\r\n"
                              "p3 UID FETCH 1:2000 (UID BODY.PEEK[])\r\n"
                              "p4 UID FETCH 7,9:12,2001:* (UID BODY.PEEK[HEADER.FIELDS "
                              "(X-Postmuster Message-ID Content-Type From)])\r\n"
                              "p5 UID SEARCH ALL\r\nDONE\r\n");
    buf_fini(&out);
}

static void the_largest_set_fits_in_a_line_that_servers_take(void)
{
    struct imap_range set[IMAP_SET_MAX];
    struct buf out;

    buf_init(&out, 16384);
    for (uint32_t i = 0; i < IMAP_SET_MAX; i++)
        set[i] = (struct imap_range){UINT32_MAX - 1, UINT32_MAX};
    CHECK(imap_put_fetch(&out, UINT32_MAX, set, IMAP_SET_MAX, IMAP_FIELDS));
    CHECK(out.n > IMAP_SET_MAX * 22ul && out.n <= 8192);
    buf_fini(&out);
}

static void tokens_wait_for_what_is_missing(void)
{
    static const char whole[] =
        "FLAGS (\\Seen) \"a\\\"b\" NIL [UIDNEXT 7] {4}\r\n)\r\n( BODY[A (B)]<0> \r\n";

    static const enum imap_token_kind want[] = {IMAP_ATOM,   IMAP_OPEN,    IMAP_ATOM, IMAP_CLOSE,
                                                IMAP_QUOTED, IMAP_NIL,     IMAP_ATOM, IMAP_LITERAL,
                                                IMAP_ATOM,   IMAP_LINE_END};

    for (size_t n = 0; n <= sizeof whole - 1; n++) {
        struct slice rest = slice_from(whole, n);
        struct imap_token t;
        enum imap_answer a;
        size_t i = 0;

        while ((a = imap_lex(&rest, &t)) == IMAP_DONE && i < 10)
            if (!CHECK_U64(t.kind, want[i++]))
                return;
        CHECK_U64(a, IMAP_AGAIN);
        if (n == sizeof whole - 1)
            CHECK_U64(i, 10);
    }
}

static void answers_are_searched_for_words_and_numbers(void)
{
    struct imap_response r = {.code = slice_of("UIDVALIDITY 12")};
    struct slice numbers = slice_of("3 x 5 4294967296 7");
    uint32_t n = 0;

    CHECK(imap_code_number(&r, "uidvalidity", &n) && n == 12);
    CHECK(!imap_code_number(&r, "UIDNEXT", &n));
    CHECK(imap_has_word(slice_of("IMAP4rev1 IDLE"), "idle"));
    CHECK(!imap_has_word(slice_of("IMAP4rev1 IDLENESS"), "IDLE"));
    CHECK(imap_next_number(&numbers, &n) && n == 3);
    CHECK(imap_next_number(&numbers, &n) && n == 5);
    CHECK(imap_next_number(&numbers, &n) && n == 7);
    CHECK(!imap_next_number(&numbers, &n));
}

static void a_reply_that_repeats_the_password_across_its_cut_is_printed_without_it(void)
{
    char reply[300], line[IMAP_PRINT];
    struct imap_response r;
    struct imap_in in;

    secret_note("S3cret-horse");
    (void)snprintf(reply, sizeof reply, "* BYE %0147d S3cret-horse is no password\r\n", 0);
    imap_in_init(&in);
    CHECK(feed(&in, reply, strlen(reply)));
    CHECK_I64(imap_in_next(&in, &r), IMAP_DONE);
    imap_print_line(&r, line);
    CHECK_U64(strlen(line), IMAP_PRINT - 1);
    CHECK_HAS(line, "0 ****");
    CHECK(!strstr(line, "S3cr"));
    imap_in_fini(&in);
}

static const struct test tests[] = {
    TEST(a_session_is_read_as_the_rfc_means_it),
    TEST(any_split_of_the_octets_reads_the_same),
    TEST(nonsense_is_bad_and_never_a_guess),
    TEST(an_endless_line_ends_the_session_and_a_long_search_does_not),
    TEST(slices_are_taken_off_without_keeping_what_was_read),
    TEST(log_in_quotes_what_can_be_quoted_and_counts_the_rest),
    TEST(fields_of_a_header_are_told_apart_from_a_whole_text),
    TEST(commands_are_written_as_the_rfc_spells_them),
    TEST(the_largest_set_fits_in_a_line_that_servers_take),
    TEST(tokens_wait_for_what_is_missing),
    TEST(answers_are_searched_for_words_and_numbers),
    TEST(a_reply_that_repeats_the_password_across_its_cut_is_printed_without_it),
    TEST_END,
};

const struct suite imap_suite = {"imap", tests};
