/* test_p1_print.c - what `postmuster p1` shows of samples, of whole packets, and of trash. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/p1_dump.h"
#include "wire/x400/p1_print.h"

static const char message[] =
    "message\n"
    "  identifier           c=XX;a=;p=LAB;l=MP.261121120000Z.00000001\n"
    "  originator           c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load\n"
    "  information types    20 ia5-text\n"
    "  content type         2 P2 (1984)\n"
    "  content identifier   MP-00000001\n"
    "  priority             0 normal\n"
    "  indicators           20 alternate-recipient-allowed\n"
    "  recipient 1          c=XX;a=;p=LAB;o=ORGB;s=User0001\n"
    "    indicators         d0 responsible MTA-report originator-report\n"
    "  trace                c=XX;a=;p=LAB relayed at 2026-11-21 12:00:00 UTC\n"
    "  internal trace       c=XX;a=;p=LAB mta MTA-A relayed at 2026-11-21 12:00:00 UTC\n"
    "  content-correlator (23) MP-00000001\n"
    "  content              199 octets\n"
    "    interpersonal message\n"
    "      this IPM         MP-00000001 of c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load\n"
    "      from             c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load\n"
    "      to               c=XX;a=;p=LAB;o=ORGB;s=User0001\n"
    "      subject          moveproof MP-00000001\n"
    "      body part        IA5 text, 9 octets\n"
    "        | probe 1\n";

static const char non_delivery[] =
    "report\n"
    "  identifier           c=XX;a=;p=LAB;l=RP.261121120000Z.00000001\n"
    "  destination          c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load\n"
    "  trace                c=XX;a=;p=LAB relayed at 2026-11-21 12:00:00 UTC\n"
    "  internal trace       c=XX;a=;p=LAB mta MTA-B relayed at 2026-11-21 12:00:00 UTC\n"
    "  about                c=XX;a=;p=LAB;l=MP.261121120000Z.00000001\n"
    "  information types    20 ia5-text\n"
    "  content type         2 P2 (1984)\n"
    "  content identifier   MP-00000001\n"
    "  recipient 1          c=XX;a=;p=LAB;o=ORGB;s=User0001\n"
    "    not delivered      1 unable-to-transfer, 0 unrecognised-OR-name\n"
    "    arrived            2026-11-21 12:00:00 UTC\n"
    "    indicators         d0 responsible MTA-report originator-report\n"
    "    supplementary      move in progress\n"
    "  content-correlator (23) MP-00000001\n";

struct shown {
    struct buf text;
    struct err e;
    bool ok;
};

static void show(struct shown *s, struct slice file)
{
    *s = (struct shown){0};
    buf_init(&s->text, 1u << 20);
    s->ok = p1_dump(file, &s->text, &s->e);
}

static void show_end(struct shown *s)
{
    buf_fini(&s->text);
}

static void shows(struct slice file, const char *want)
{
    struct shown s;

    show(&s, file);
    CHECK(s.ok);
    CHECK_STR(s.e.text, "");
    CHECK_STR(buf_text(&s.text), want);
    show_end(&s);
}

/* --- goldens ------------------------------------------------------------------------------------------------------ */

static void apdus_are_shown_with_names_for_their_numbers(void)
{
    struct sample s;

    shows(sample_load(&s, "70-apdu-message.hex"), message);
    shows(sample_load(&s, "71-apdu-ndr.hex"), non_delivery);
    struct slice delivery = sample_load(&s, "72-apdu-dr.hex");
    struct shown out;

    show(&out, delivery);
    CHECK_HAS(buf_text(&out.text),
              "    delivered          2026-11-21 12:00:00 UTC to a user of type 0 public\n");
    show_end(&out);
    show(&out, sample_load(&s, "73-apdu-probe.hex"));
    CHECK_HAS(buf_text(&out.text), "probe\n  identifier ");
    CHECK_HAS(buf_text(&out.text), "  content length       2048\n");
    show_end(&out);
}

static void files_of_hex_are_shown_as_what_they_spell(void)
{
    char path[300];

    (void)snprintf(path, sizeof path, PM_SOURCE_DIR "/tests/golden/x400/71-apdu-ndr.hex");
    char *text = scratch_read(path, NULL);

    if (CHECK(text))
        shows(slice_of(text), non_delivery);
    free(text);
}

/* Normal mode (EXTERNAL, P-DATA) and X.410 mode (bare), with the activity's end and without. */
static void a_captured_transfer_is_shown_down_to_its_text(void)
{
    static const char normal[] = "TSDU of 9 octets\n"
                                 "  GIVE TOKENS\n"
                                 "  ACTIVITY START, activity 020101\n"
                                 "TSDU of 531 octets\n"
                                 "  GIVE TOKENS\n"
                                 "  DATA TRANSFER, 527 octets\n"
                                 "TSDU of 7 octets\n"
                                 "  GIVE TOKENS\n"
                                 "  ACTIVITY END, serial 1\n";
    static const char old[] = "TSDU of 501 octets\n"
                              "  GIVE TOKENS\n"
                              "  DATA TRANSFER, 497 octets\n";
    char want[4096];
    struct sample s;

    (void)snprintf(want, sizeof want, "%s%s", normal, message);
    shows(sample_load(&s, "37-one-write-n.hex"), want);
    (void)snprintf(want, sizeof want, "%s%s", old, message);
    shows(sample_load(&s, "32-x-dt.hex"), want);
    /* the TSDU alone, without TPKT and COTP */
    shows(slice_skip(sample_load(&s, "32-x-dt.hex"), 7), strchr(want, '\n') + 1);
    struct slice p_data = slice_skip(sample_load(&s, "31-n-dt.hex"), 11);

    shows(p_data, message);
}

static void openings_and_refusals_are_shown_without_passwords(void)
{
    struct sample s;

    shows(sample_load(&s, "01-cr.hex"), "COTP connect request, TPDUs of 8192 octets, calling "
                                        "\"MPA\" (4d5041), called \"MPB\" (4d5042)\n");
    shows(sample_load(&s, "03-dr.hex"), "COTP disconnect request, reason 3\n");
    shows(sample_load(&s, "10-n-cn.hex"),
          "TSDU of 173 octets\n"
          "  CONNECT, versions 02, requirements 0249, 126 octets of user data\n"
          "    normal mode\n"
          "    RTSE open: checkpoint 64 KiB, window 3, dialogue mode 1\n"
          "    MTA bind: name \"MTA-A\", a password of 6 octets\n");
    shows(sample_load(&s, "21-x-ac.hex"),
          "TSDU of 85 octets\n"
          "  ACCEPT, versions 01, requirements 0249, 38 octets of user data\n"
          "    X.410-1984 mode\n"
          "    RTSE open: checkpoint 64 KiB, window 3\n"
          "    MTA bind: name \"MTA-B\", a password of 6 octets\n");
    shows(sample_load(&s, "12-n-rf.hex"), "TSDU of 91 octets\n"
                                          "  REFUSE, versions 02, reason 2, disconnect 01\n"
                                          "    MTA bind error 2 authentication-error\n");
    shows(sample_load(&s, "22-x-rf.hex"), "TSDU of 16 octets\n"
                                          "  REFUSE, versions 01, reason 2, disconnect 01\n"
                                          "    RTSE refused: 0 busy\n");
}

static void a_content_alone_is_shown(void)
{
    struct sample s;
    struct p1_keys k;

    CHECK(p1_keys_read(sample_load(&s, "70-apdu-message.hex"), &k));
    shows(k.content, "interpersonal message\n"
                     "  this IPM             MP-00000001 of c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load\n"
                     "  from                 c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load\n"
                     "  to                   c=XX;a=;p=LAB;o=ORGB;s=User0001\n"
                     "  subject              moveproof MP-00000001\n"
                     "  body part            IA5 text, 9 octets\n"
                     "    | probe 1\n");
    shows(sample_hex(&s, "a1 14 6b 04 13 02 69 64 a0 0c a0 0a 80 01 00 81 01 02 82 02 6f 68"),
          "non-receipt notification\n"
          "  about IPM            id\n"
          "  reason               0 discarded\n"
          "  discarded because    2 \n"
          "  comment              oh\n");
}

/* What samples lack: extensions, redirection, times, odd names; and nothing a peer says reaches the terminal as it is. */
static void everything_else_has_its_line(void)
{
    struct oraddr joanne = {.surname = slice_of("Joanne\x1b[2J")};
    struct p1_change moved = {joanne, slice_of("960701133155-0400"), 2};
    struct p1_hop mta = {.mta = slice_of("MTA-B")};
    struct p1_extension all[] = {
        {.type = 1, .form = P1_NUMBER, .number = 1},
        {.type = 5, .form = P1_TIME, .value = slice_of("soon\n")},
        {.type = 2, .form = P1_NAME, .name = &joanne},
        {.type = 25, .form = P1_CHANGES, .changes = &moved, .count = 1},
        {.type = 39, .form = P1_MTA, .hops = {&mta, 1, true}},
        {.type = 20, .form = P1_RAW, .value = slice_from("\x31\x00", 2)},
        {.type = P1_NONE, .form = P1_RAW, .oid = slice_from("\x2a\x03", 2)},
    };
    struct p1_reported who = {
        .actual = joanne, .number = 2, .redirected = true, .diagnostic = P1_NONE, .reason = 99};
    struct p1_apdu apdu = {.kind = P1_REPORT};
    struct arena *a = arena_create(65536);
    struct buf out;

    who.extensions = (struct p1_extensions){all, 7, true};
    p1_report_init(&apdu.report);
    apdu.report.recipients = &who;
    apdu.report.recipient_count = 1;
    apdu.report.returned = slice_of("no content");
    buf_init(&out, 65536);
    CHECK(p1_print(&apdu, a, &out));
    CHECK_STR(strstr(buf_text(&out), "  recipient 2"),
              "  recipient 2          s=Joanne\\x1b[2J\n"
              "    intended for       \n"
              "    not delivered      99 ?, no diagnostic\n"
              "    recipient-reassignment-prohibited (1) yes\n"
              "    latest-delivery-time (5) soon\n"
              "    originator-requested-alternate-recipient (2) s=Joanne\\x1b[2J\n"
              "    redirected from    s=Joanne\\x1b[2J at 1996-07-01 17:31:55 UTC: "
              "recipient-MD-assigned-alternate-recipient\n"
              "    reporting-MTA-name (39) MTA-B\n"
              "    message-security-label (20) 2 octets: 31 00 \n"
              "    extension 1.2.3    0 octets: \n"
              "  returned content     10 octets\n"
              "    unread             10 octets: 6e 6f 20 63 6f 6e 74 65 6e 74 \n");
    buf_fini(&out);
    arena_destroy(a);
}

/* --- trash -------------------------------------------------------------------------------------------------------- */

static void fails(struct slice file, const char *why)
{
    struct shown s;

    show(&s, file);
    CHECK(!s.ok);
    CHECK_HAS(s.e.text, why);
    show_end(&s);
}

static void trash_is_refused_in_words(void)
{
    struct sample s;

    fails(slice_of(""), "empty");
    fails(sample_hex(&s, "a0 00"), "p1: message: no envelope");
    fails(sample_hex(&s, "a0 02 31 00"), "p1: message envelope");
    fails(sample_hex(&s, "61 00"), "presentation");
    fails(sample_hex(&s, "03 00 00 07 02 50 80"), "cotp");
    fails(sample_hex(&s, "03 00 00 09 02 f0 80"), "cut off");
    fails(sample_hex(&s, "03 00 00 07 f0 f0 80"), "cotp");
    fails(sample_hex(&s, "03 00 00 05 ff ff ff"), "tpkt");
    fails(sample_hex(&s, "ff ff"), "session");
    struct slice cut = sample_load(&s, "70-apdu-message.hex");

    cut.n--;
    fails(cut, "BER");
}

static void what_was_read_before_a_fault_is_still_shown(void)
{
    struct sample s;
    struct shown out;
    struct slice packets = sample_load(&s, "37-one-write-n.hex");

    show(&out, slice_from(packets.p, packets.n - 1));
    CHECK(!out.ok);
    CHECK_HAS(buf_text(&out.text), "DATA TRANSFER, 527 octets\n");
    show_end(&out);
}

static void no_octets_break_it(void)
{
    static const char *const files[] = {"37-one-write-n.hex", "32-x-dt.hex", "10-n-cn.hex",
                                        "71-apdu-ndr.hex",    "12-n-rf.hex", "22-x-rf.hex"};

    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        struct sample s;
        struct slice whole = sample_load(&s, files[f]);
        struct rng r = rng_at(400, (uint32_t)f, 0);

        for (int i = 0; i < 3000; i++) {
            size_t at = rng_below(&r, whole.n);
            unsigned char flip = (unsigned char)(1 + rng_below(&r, 255));
            struct shown out;

            s.octets[at] ^= flip;
            show(&out, slice_from(whole.p, whole.n - (i % 3 ? 0 : rng_below(&r, whole.n))));
            CHECK(out.ok || out.e.text[0]);
            show_end(&out);
            s.octets[at] ^= flip;
        }
    }
}

static const struct test tests[] = {
    TEST(apdus_are_shown_with_names_for_their_numbers),
    TEST(files_of_hex_are_shown_as_what_they_spell),
    TEST(a_captured_transfer_is_shown_down_to_its_text),
    TEST(openings_and_refusals_are_shown_without_passwords),
    TEST(a_content_alone_is_shown),
    TEST(everything_else_has_its_line),
    TEST(trash_is_refused_in_words),
    TEST(what_was_read_before_a_fault_is_still_shown),
    TEST(no_octets_break_it),
    TEST_END,
};

const struct suite p1_print_suite = {"p1_print", tests};
