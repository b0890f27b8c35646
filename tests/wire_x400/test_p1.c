/* test_p1.c - APDUs against octets that another program made, and against hostile ones. */
#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/wire_x400/sample.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_bind.h"
#include "wire/x400/p1_names.h"

#define CEILING (1u << 20)

struct read {
    struct sample sample;
    struct arena *arena;
    struct p1_apdu apdu;
    struct err e;
    bool ok;
};

static void read_slice(struct read *r, struct slice s)
{
    r->e = (struct err){0};
    r->arena = arena_create(CEILING);
    r->ok = p1_read(s, r->arena, &r->apdu, &r->e);
}

static bool read_sample(struct read *r, const char *file)
{
    read_slice(r, sample_load(&r->sample, file));
    return CHECK_STR(r->e.text, "") && CHECK(r->ok);
}

static void read_end(struct read *r)
{
    arena_destroy(r->arena);
}

#define CHECK_SLICE(s, text) CHECK_MEM((s).p, (s).n, text, sizeof(text) - 1)

static const char *address(const struct oraddr *o)
{
    static struct buf b;

    b.limit = 4096;
    buf_clear(&b);
    CHECK(oraddr_print(o, &b));
    const char *text = buf_text(&b);
    static char kept[4096];

    (void)snprintf(kept, sizeof kept, "%s", text);
    buf_fini(&b);
    return kept;
}

static void writes_back(struct read *r)
{
    unsigned char room[SAMPLE_MAX];
    struct ber_out o;

    ber_out_init(&o, room, sizeof room);
    CHECK(p1_write(&o, &r->apdu, X400_1988));
    CHECK_MEM(ber_out_slice(&o).p, ber_out_slice(&o).n, r->sample.octets, r->sample.n);
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

static void check_hop(const struct p1_hop *h, const char *mta)
{
    CHECK_SLICE(h->domain.country.text, "XX");
    CHECK(h->domain.admd.text.p && h->domain.admd.text.n == 0);
    CHECK_SLICE(h->domain.prmd.text, "LAB");
    CHECK(slice_is(h->mta, mta));
    CHECK_SLICE(h->arrival, "261121120000Z");
    CHECK_I64(h->action, P1_RELAYED);
}

static void the_sample_message_has_its_fields(void)
{
    struct read r;

    if (read_sample(&r, "70-apdu-message.hex")) {
        const struct p1_message *m = &r.apdu.message;

        CHECK_U64(r.apdu.kind, P1_MESSAGE);
        CHECK_SLICE(m->id.local, "MP.261121120000Z.00000001");
        CHECK_SLICE(m->id.domain.country.text, "XX");
        CHECK_STR(address(&m->originator), "c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load");
        CHECK_MEM(m->eits.p, m->eits.n, "\x80\x03\x06\x20\x00", 5);
        CHECK_I64(m->content_type.number, CONTENT_P2);
        CHECK_SLICE(m->content_id, "MP-00000001");
        CHECK_I64(m->priority, P1_NORMAL);
        CHECK_U64(m->indicators.bits, P1_ALTERNATE_ALLOWED);
        CHECK(!m->deferred.p);
        if (CHECK_U64(m->recipient_count, 1)) {
            CHECK_STR(address(&m->recipients[0].name), "c=XX;a=;p=LAB;o=ORGB;s=User0001");
            CHECK_I64(m->recipients[0].number, 1);
            CHECK_U64(m->recipients[0].indicators.bits, P1_ASK_BOTH);
        }
        if (CHECK_U64(m->trace.count, 1))
            check_hop(&m->trace.at[0], "");
        const struct p1_extension *x = p1_extension_find(&m->extensions, P1_EXT_INTERNAL_TRACE);

        if (CHECK(x && x->form == P1_HOPS && x->hops.count == 1))
            check_hop(&x->hops.at[0], "MTA-A");
        x = p1_extension_find(&m->extensions, P1_EXT_CORRELATOR);
        if (CHECK(x && x->form == P1_TEXT))
            CHECK_SLICE(x->value, "MP-00000001");
        CHECK_U64(m->content.n, 199);
    }
    read_end(&r);
}

static void the_sample_non_delivery_has_its_fields(void)
{
    struct read r;

    if (read_sample(&r, "71-apdu-ndr.hex")) {
        const struct p1_report *m = &r.apdu.report;

        CHECK_U64(r.apdu.kind, P1_REPORT);
        CHECK_SLICE(m->id.local, "RP.261121120000Z.00000001");
        CHECK_STR(address(&m->destination), "c=XX;a=;p=LAB;o=ORGA;s=Sender;g=Load");
        CHECK_SLICE(m->subject.local, "MP.261121120000Z.00000001");
        CHECK_SLICE(m->content_id, "MP-00000001");
        if (CHECK_U64(m->recipient_count, 1)) {
            const struct p1_reported *who = &m->recipients[0];

            CHECK_STR(address(&who->actual), "c=XX;a=;p=LAB;o=ORGB;s=User0001");
            CHECK_I64(who->number, 1);
            CHECK(!who->delivered);
            CHECK_STR(p1_reason_name(who->reason), "unable-to-transfer");
            CHECK_STR(p1_diagnostic_name(who->diagnostic), "unrecognised-OR-name");
            CHECK_SLICE(who->supplementary, "move in progress");
            CHECK_SLICE(who->arrival, "261121120000Z");
            CHECK(!who->redirected);
        }
        const struct p1_extension *x = p1_extension_find(&m->content_extensions, P1_EXT_CORRELATOR);

        CHECK(x && slice_is(x->value, "MP-00000001"));
        CHECK(p1_extension_find(&m->extensions, P1_EXT_INTERNAL_TRACE));
    }
    read_end(&r);
}

static void the_sample_delivery_has_its_fields(void)
{
    struct read r;

    if (read_sample(&r, "72-apdu-dr.hex")) {
        const struct p1_reported *who = r.apdu.report.recipients;

        CHECK_SLICE(r.apdu.report.subject.local, "MP.261121120000Z.00000001");
        CHECK(who->delivered);
        CHECK_SLICE(who->delivery, "261121120000Z");
        CHECK_I64(who->user, 0);
        CHECK_I64(who->reason, P1_NONE);
    }
    read_end(&r);
}

static void the_sample_probe_has_its_fields(void)
{
    struct read r;

    if (read_sample(&r, "73-apdu-probe.hex")) {
        CHECK_U64(r.apdu.kind, P1_PROBE);
        CHECK_SLICE(r.apdu.message.id.local, "PB.261121120000Z.00000001");
        CHECK_I64(r.apdu.message.content_length, 2048);
        CHECK_U64(r.apdu.message.recipient_count, 1);
        CHECK(!r.apdu.message.content.p);
    }
    read_end(&r);
}

static void every_sample_is_written_back_to_its_octets(void)
{
    static const char *const files[] = {"70-apdu-message.hex", "71-apdu-ndr.hex", "72-apdu-dr.hex",
                                        "73-apdu-probe.hex"};

    for (size_t i = 0; i < 4; i++) {
        struct read r;

        if (read_sample(&r, files[i]))
            writes_back(&r);
        read_end(&r);
    }
}

/* exchange.md 9, Q153188: all lengths indefinite. */
static void the_trace_of_exchange_in_indefinite_lengths_is_read(void)
{
    static const char hex[] = "69 80 30 80 63 80 61 80 13 02 55 53 00 00 62 80 13 01 20 00 00"
                              " 13 09 4d 69 63 72 6f 73 6f 66 74 00 00"
                              " 31 80 80 11 39 36 30 37 30 31 31 33 33 31 35 35 2d 30 34 30 30"
                              " 82 01 00 83 02 06 00 00 00 00 00 00 00";
    struct sample s;
    struct ber level = ber_in(sample_hex(&s, hex));
    struct ber_element e;
    struct arena *a = arena_create(CEILING);
    struct p1_hops h = {0};
    int64_t arrival = 0;

    CHECK(ber_next(&level, &e) == BER_GOT && e.tag == 0x69 && ber_at_end(&level));
    CHECK(p1_hops_read(&e, a, &h, NULL));
    if (CHECK_U64(h.count, 1)) {
        CHECK_SLICE(h.at[0].domain.country.text, "US");
        CHECK_SLICE(h.at[0].domain.admd.text, " ");
        CHECK_SLICE(h.at[0].domain.prmd.text, "Microsoft");
        CHECK_SLICE(h.at[0].arrival, "960701133155-0400");
        CHECK(p1_time_read(h.at[0].arrival, &arrival));
        CHECK_I64(arrival, 836242315); /* 1996-07-01 17:31:55 UTC */
        CHECK_I64(h.at[0].action, P1_RELAYED);
        CHECK(h.at[0].other.set && h.at[0].other.count == 2 && h.at[0].other.bits == 0);
    }
    arena_destroy(a);
}

/* --- the encodings of two years ----------------------------------------------------------------------------------- */

static void an_encoding_of_1984_has_nothing_of_1988(void)
{
    unsigned char room[SAMPLE_MAX];
    struct ber_out o;
    struct read r, again;

    if (read_sample(&r, "70-apdu-message.hex")) {
        r.apdu.message.recipients[0].name.common_name = slice_of("User 1");
        ber_out_init(&o, room, sizeof room);
        CHECK(p1_write(&o, &r.apdu, X400_1984));
        read_slice(&again, ber_out_slice(&o));
        CHECK(again.ok && !again.apdu.message.extensions.set);
        CHECK(!again.apdu.message.recipients[0].name.common_name.p);
        CHECK_SLICE(again.apdu.message.content_id, "MP-00000001");
        CHECK_I64(again.apdu.message.content_type.number, 2);
        read_end(&again);
        r.apdu.message.content_type =
            (struct p1_content_type){P1_NONE, slice_from("\x56\x01\x0a\x01", 4)};
        ber_out_init(&o, room, sizeof room);
        CHECK(p1_write(&o, &r.apdu, X400_1984));
        read_slice(&again, ber_out_slice(&o));
        CHECK_I64(again.apdu.message.content_type.number, 2);
        read_end(&again);
    }
    read_end(&r);
}

/* Everything that the samples do not have, told by field after a trip through octets, and stable on the second. */
static void extensions_that_matter_survive(void)
{
    static const struct p1_bits critical = {true, 3, 0x20000000u};
    struct oraddr alternate = {.surname = slice_of("Deputy")};
    struct p1_change moved = {alternate, slice_of("261121120000Z"), 2};
    struct p1_extension each[] = {
        {.type = P1_EXT_REQUESTED_ALTERNATE, .form = P1_NAME, .name = &alternate},
        {.type = P1_EXT_REDIRECTIONS, .form = P1_CHANGES, .changes = &moved, .count = 1},
    };
    struct p1_hop mta = {.domain.country.text = slice_of("XX"), .mta = slice_of("MTA-B")};
    struct p1_extension all[] = {
        {.type = 1, .form = P1_NUMBER, .number = 1, .criticality = critical},
        {.type = 3, .form = P1_NUMBER, .number = 1},
        {.type = 5, .form = P1_TIME, .value = slice_of("261122120000Z")},
        {.type = 23, .form = P1_TEXT, .tag = BER_OCTETS, .value = slice_of("key")},
        {.type = 26, .form = P1_CHANGES, .changes = &moved, .count = 1},
        {.type = 39, .form = P1_MTA, .hops = {&mta, 1, true}},
        {.type = P1_NONE, .oid = slice_from("\x2a\x03", 2), .value = slice_from("\x05\x00", 2)},
    };
    unsigned char room[SAMPLE_MAX], second[SAMPLE_MAX];
    struct read r, again;
    struct ber_out o;

    if (!read_sample(&r, "70-apdu-message.hex"))
        return;
    r.apdu.message.extensions = (struct p1_extensions){all, 7, true};
    r.apdu.message.recipients[0].extensions = (struct p1_extensions){each, 2, true};
    r.apdu.message.deferred = slice_of("261121130000Z");
    ber_out_init(&o, room, sizeof room);
    CHECK(p1_write(&o, &r.apdu, X400_1988));
    read_slice(&again, ber_out_slice(&o));
    CHECK_STR(again.e.text, "");
    const struct p1_message *m = &again.apdu.message;
    const struct p1_extensions *x = &m->extensions, *rx = &m->recipients[0].extensions;

    CHECK_SLICE(m->deferred, "261121130000Z");
    if (CHECK(again.ok && x->count == 7 && rx->count == 2)) {
        CHECK(x->at[0].number == 1 && x->at[0].criticality.bits == 0x20000000u);
        CHECK_SLICE(p1_extension_find(x, 5)->value, "261122120000Z");
        CHECK_U64(p1_extension_find(x, 23)->tag, BER_OCTETS);
        CHECK_I64(p1_extension_find(x, 26)->changes->reason, P1_NONE);
        CHECK_SLICE(p1_extension_find(x, 39)->hops.at->mta, "MTA-B");
        CHECK_MEM(x->at[6].oid.p, x->at[6].oid.n, "\x2a\x03", 2);
        CHECK_STR(address(rx->at[0].name), "s=Deputy");
        CHECK_I64(rx->at[1].changes->reason, 2);
        CHECK_SLICE(rx->at[1].changes->time, "261121120000Z");
        ber_out_init(&o, second, sizeof second);
        CHECK(p1_write(&o, &again.apdu, X400_1988));
        CHECK_MEM(ber_out_slice(&o).p, ber_out_slice(&o).n, room + sizeof room - ber_mark(&o),
                  ber_mark(&o));
    }
    read_end(&again);
    read_end(&r);
}

static void a_report_after_a_redirection_names_both(void)
{
    unsigned char room[SAMPLE_MAX];
    struct read r, again;
    struct ber_out o;

    if (read_sample(&r, "71-apdu-ndr.hex")) {
        struct p1_reported *who = r.apdu.report.recipients;

        who->redirected = true;
        who->intended = (struct oraddr){.surname = slice_of("Joanne")};
        who->diagnostic = P1_NONE;
        who->reason = 0;
        r.apdu.report.returned = slice_of("returned octets");
        r.apdu.report.subject_trace = r.apdu.report.trace;
        ber_out_init(&o, room, sizeof room);
        CHECK(p1_write(&o, &r.apdu, X400_1988));
        /* trap: the [4] replaces the ORName's own tag, so that a4 holds the 30 directly */
        CHECK(slice_find(ber_out_slice(&o),
                         slice_from("\xa4\x0c\x30\x0a\xa5\x08\x80\x06Joanne", 14), NULL));
        read_slice(&again, ber_out_slice(&o));
        CHECK(again.ok && again.apdu.report.recipients->redirected);
        CHECK_STR(address(&again.apdu.report.recipients->intended), "s=Joanne");
        CHECK_I64(again.apdu.report.recipients->diagnostic, P1_NONE);
        CHECK_STR(p1_reason_name(again.apdu.report.recipients->reason), "transfer-failure");
        CHECK_SLICE(again.apdu.report.returned, "returned octets");
        CHECK_U64(again.apdu.report.subject_trace.count, 1);
        read_end(&again);
    }
    read_end(&r);
}

/* --- what peers do ------------------------------------------------------------------------------------------------ */

/* A SET in another order, an unknown member, pieces of strings, indefinite lengths: all of them legal. */
static void legal_oddities_are_read(void)
{
    static const char hex[] =
        "a2 80 a2 80 31 80 81 02 00 a8 80 01 01 60 80 30 80 a5 80 a0 04 04 02 4a 6f 81 02 41 6e"
        " 00 00 00 00 00 00 00 00 00 00"
        " 9f 22 03 01 02 03 64 17 63 0a 61 04 13 02 58 58 62 02 13 00 36 09 04 03 61 62 63 04 02 "
        "64 65"
        " 46 01 16 60 04 30 02 83 00 00 00";
    struct read r;

    read_slice(&r, sample_hex(&r.sample, hex));
    CHECK_STR(r.e.text, "");
    if (CHECK(r.ok)) {
        CHECK_I64(r.apdu.message.content_type.number, 22);
        CHECK_SLICE(r.apdu.message.id.local, "abcde");
        CHECK_STR(address(&r.apdu.message.recipients[0].name), "s=Jo;g=An");
        CHECK_STR(address(&r.apdu.message.originator), "o=");
    }
    read_end(&r);
}

static void refuses(const char *hex, const char *why)
{
    struct read r;

    read_slice(&r, sample_hex(&r.sample, hex));
    CHECK(!r.ok);
    CHECK_HAS(r.e.text, why);
    read_end(&r);
}

static void what_cannot_be_right_is_refused_in_words(void)
{
    refuses("", "nothing there");
    refuses("30 00", "neither a message nor a report nor a probe");
    refuses("a0 02 31 00", "no identifier, no originator or no recipients");
    refuses("a0 04 31 00", "BER at octet 0: a0 04 31 00");
    refuses("a0 84 ff ff ff ff 31 00", "BER");
    refuses("a1 02 31 00", "no identifier or no destination");
    refuses("a2 08 47 01 00 47 01 02 00 00", "the same member twice at octet 5");
    refuses("a2 04 46 02 05", "BER");
    refuses("a2 07 46 05 7f ff ff ff ff", "number");
    refuses("a2 05 a2 03 31 01 00", "BER");
    refuses("a2 04 a2 02 31 00", "a recipient without a name");
}

static void more_elements_than_the_standard_has_are_refused(void)
{
    static const unsigned char head[] = {0xa2, 0x83, 0x02, 0x00, 0x09,
                                         0xa2, 0x83, 0x02, 0x00, 0x04};
    static const unsigned char one[] = {0x31, 0x02, 0x60, 0x00};
    static unsigned char many[sizeof head + 0x020004];
    struct read r;
    size_t n = sizeof head;

    memcpy(many, head, sizeof head);
    for (; n < sizeof many; n += sizeof one)
        memcpy(many + n, one, sizeof one);
    read_slice(&r, slice_from(many, n));
    CHECK(!r.ok);
    CHECK_HAS(r.e.text, "more elements");
    read_end(&r);
}

static void memory_beyond_the_ceiling_is_an_error_of_its_own(void)
{
    struct sample s;
    struct p1_apdu apdu;
    struct err e = {0};
    struct arena *a = arena_create(100);

    CHECK(!p1_read(sample_load(&s, "70-apdu-message.hex"), a, &apdu, &e));
    CHECK_I64(e.code, EX_IO);
    arena_destroy(a);
}

static void every_cut_of_a_sample_is_refused_and_every_flip_is_survived(void)
{
    static const char *const files[] = {"70-apdu-message.hex", "71-apdu-ndr.hex", "72-apdu-dr.hex",
                                        "73-apdu-probe.hex"};

    for (size_t f = 0; f < 4; f++) {
        struct sample s;
        struct slice whole = sample_load(&s, files[f]);
        unsigned taken = 0;

        for (size_t i = 0; i < whole.n; i++) {
            struct read r;

            read_slice(&r, slice_from(whole.p, i));
            taken += r.ok;
            read_end(&r);
            for (unsigned flip = 1; flip < 256; flip <<= 1) {
                struct p1_keys k;

                s.octets[i] ^= (unsigned char)flip;
                read_slice(&r, whole);
                (void)p1_keys_read(whole, &k);
                read_end(&r);
                s.octets[i] ^= (unsigned char)flip;
            }
        }
        CHECK_U64(taken, 0);
    }
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void keys_are_found_without_reading_it_all(void)
{
    struct sample s;
    struct p1_keys k;

    CHECK(p1_keys_read(sample_load(&s, "70-apdu-message.hex"), &k));
    CHECK_U64(k.kind, P1_MESSAGE);
    CHECK_SLICE(k.id.local, "MP.261121120000Z.00000001");
    CHECK_SLICE(k.content_id, "MP-00000001");
    CHECK_SLICE(k.correlator, "MP-00000001");
    CHECK_U64(k.content.n, 199);
    CHECK(p1_keys_read(sample_load(&s, "71-apdu-ndr.hex"), &k));
    CHECK_U64(k.kind, P1_REPORT);
    CHECK_SLICE(k.id.local, "MP.261121120000Z.00000001"); /* the subject's, not the report's own */
    CHECK_SLICE(k.content_id, "MP-00000001");
    CHECK_SLICE(k.correlator, "MP-00000001");
    CHECK(p1_keys_read(sample_load(&s, "73-apdu-probe.hex"), &k));
    CHECK_SLICE(k.id.local, "PB.261121120000Z.00000001");
    CHECK(!p1_keys_read(slice_of("nonsense"), &k));
}

static void the_best_key_there_is_identifies(void)
{
    const struct token_key key = token_key_make(1, 2), other = token_key_make(3, 4);
    char local[TOKEN_CHARS + 3] = "pm.", brief[TOKEN_SHORT_CHARS], text[60] = "[pm.";
    struct p1_keys k = {0};
    uint64_t n = 0;

    CHECK_U64(p1_identify(&k, &key, &n), P1_BY_NOTHING);
    token_write(&key, 4711, text + 4);
    k.content = slice_of(text);
    CHECK_U64(p1_identify(&k, &key, &n), P1_BY_CONTENT);
    CHECK_U64(n, 4711);
    token_write(&key, 4712, local + 3);
    k.correlator = slice_from(local, sizeof local);
    CHECK_U64(p1_identify(&k, &key, &n), P1_BY_CORRELATOR);
    CHECK_U64(n, 4712);
    token_write_short(&key, 4713, brief);
    k.content_id = slice_from(brief, sizeof brief);
    CHECK_U64(p1_identify(&k, &key, &n), P1_BY_CONTENT_ID);
    CHECK_U64(n, 4713);
    k.id.local = k.correlator;
    CHECK_U64(p1_identify(&k, &key, &n), P1_BY_ID);
    CHECK_U64(n, 4712);
    CHECK_U64(p1_identify(&k, &other, &n), P1_BY_NOTHING);
}

/* --- times and names ---------------------------------------------------------------------------------------------- */

static int64_t time_of(const char *text)
{
    int64_t s = -1;

    return p1_time_read(slice_of(text), &s) ? s : -1;
}

static void times_are_read_in_all_their_forms(void)
{
    char out[P1_TIME_CHARS];

    CHECK_I64(time_of("261121120000Z"), 1795262400);
    CHECK_I64(time_of("2611211200Z"), 1795262400);
    CHECK_I64(time_of("261121130000+0100"), 1795262400);
    CHECK_I64(time_of("850314093000+0000"), 479640600);
    CHECK_I64(time_of("000229000000Z"), 951782400);
    CHECK_I64(time_of("700101000000Z"), 0);
    CHECK_I64(time_of("261121120000"), -1);
    CHECK_I64(time_of("261321120000Z"), -1);
    CHECK_I64(time_of("26112112000xZ"), -1);
    CHECK_I64(time_of("261121120000+01"), -1);
    CHECK_I64(time_of(""), -1);
    p1_time_write(1795262400, out);
    CHECK_MEM(out, sizeof out, "261121120000Z", 13);
    for (int64_t s = 0; s < 2300000000; s += 604793) {
        int64_t back = 0;

        p1_time_write(s, out);
        if (!CHECK(p1_time_read(slice_from(out, sizeof out), &back) && back == s))
            return;
    }
}

static void codes_have_the_names_of_the_standard(void)
{
    CHECK_STR(p1_reason_name(0), "transfer-failure");
    CHECK_STR(p1_reason_name(6), "directory-operation-unsuccessful");
    CHECK_STR(p1_reason_name(8), "transfer-failure-for-security-reason");
    CHECK_STR(p1_reason_name(9), "?");
    CHECK_STR(p1_reason_name(-1), "?");
    CHECK_STR(p1_diagnostic_name(3), "loop-detected");
    CHECK_STR(p1_diagnostic_name(26), "recipient-reassignment-prohibited");
    CHECK_STR(p1_diagnostic_name(36), "undeliverable-mail-recipient-deceased");
    CHECK_STR(p1_diagnostic_name(48), "unable-to-complete-transfer");
    CHECK_STR(p1_diagnostic_name(78), "unsupported-security-policy");
    CHECK_STR(p1_diagnostic_name(P1_NONE), "none");
    CHECK_STR(p1_diagnostic_name(255), "?");
    CHECK_STR(p1_extension_name(25), "redirection-history");
    CHECK_STR(p1_extension_name(38), "internal-trace-information");
    CHECK_STR(p1_extension_name(46), "certificate-selectors-override");
    CHECK_STR(p1_redirection_name(1), "originator-requested-alternate-recipient");
    CHECK_STR(p1_bind_error_name(2), "authentication-error");
    CHECK_STR(p1_bind_error_name(1), "?");
    CHECK_STR(p1_content_oid_name(slice_from("\x2a\x86\x48\x86\xf7\x14\x05\x01", 8)),
              "Exchange native");
}

/* --- bind --------------------------------------------------------------------------------------------------------- */

/* The octets inside RTSE's open data, cut out of the samples of whole CONNECTs. */
static void binds_of_both_modes_are_the_samples(void)
{
    static const struct {
        const char *file, *name, *password;
        enum p1_bind_wrap wrap;
    } cases[] = {
        {"10-n-cn.hex", "MTA-A", "secret", P1_BIND_ARGUMENT},
        {"11-n-ac.hex", "MTA-B", "public", P1_BIND_RESULT},
        {"20-x-cn.hex", "MTA-A", "secret", P1_BIND_BARE},
        {"21-x-ac.hex", "MTA-B", "public", P1_BIND_BARE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char room[P1_BIND_MAX];
        struct sample s;
        struct p1_bind b;
        struct ber_out o;
        const struct p1_bind want = {.named = true,
                                     .name = slice_of(cases[i].name),
                                     .password = slice_of(cases[i].password)};
        size_t at = 0;

        ber_out_init(&o, room, sizeof room);
        p1_bind_write(&o, cases[i].wrap, &want);
        CHECK(slice_find(sample_load(&s, cases[i].file), ber_out_slice(&o), &at));
        CHECK(p1_bind_read(slice_from(s.octets + at, ber_mark(&o)), &b, NULL));
        CHECK(b.named && !b.strong && !b.octets);
        CHECK(slice_is(b.name, cases[i].name) && slice_is(b.password, cases[i].password));
    }
}

static void anonymous_empty_and_strong_binds_are_told_apart(void)
{
    unsigned char room[P1_BIND_MAX];
    struct sample s;
    struct p1_bind b;
    struct ber_out o;
    struct err e = {0};

    CHECK(p1_bind_read(sample_hex(&s, "05 00"), &b, NULL) && !b.named);
    CHECK(p1_bind_read(sample_hex(&s, "80 00"), &b, NULL) && !b.named);
    CHECK(p1_bind_read(sample_hex(&s, "b1 02 05 00"), &b, NULL) && !b.named);
    CHECK(p1_bind_read(slice_from(NULL, 0), &b, NULL) && !b.named);
    CHECK(p1_bind_read(sample_hex(&s, "a1 09 80 03 4d 54 41 a1 02 16 00"), &b, NULL));
    CHECK(b.named && b.password.p && b.password.n == 0);
    CHECK(p1_bind_read(sample_hex(&s, "a1 0a 80 03 4d 54 41 a1 03 04 01 78"), &b, NULL));
    CHECK(b.octets && slice_is(b.password, "x"));
    CHECK(p1_bind_read(sample_hex(&s, "a1 0b 80 03 4d 54 41 a1 04 a0 02 a0 00"), &b, NULL));
    CHECK(b.strong && !b.password.p);
    CHECK(!p1_bind_read(sample_hex(&s, "a1 04 a1 02 16 00"), &b, &e));
    CHECK_HAS(e.text, "no MTA name");
    CHECK(!p1_bind_read(sample_hex(&s, "a1 05 80 03 4d 54 41"), &b, &e));
    CHECK_HAS(e.text, "no credentials");
    CHECK(!p1_bind_read(sample_hex(&s, "16 00"), &b, &e));
    b = (struct p1_bind){0};
    ber_out_init(&o, room, sizeof room);
    p1_bind_write(&o, P1_BIND_RESULT, &b);
    CHECK_MEM(o.p, ber_mark(&o), "\xb1\x02\x05\x00", 4);
}

static void a_bind_error_is_the_samples(void)
{
    unsigned char room[P1_BIND_MAX];
    struct sample s;
    struct ber_out o;
    int32_t error = -1;

    ber_out_init(&o, room, sizeof room);
    p1_bind_error_write(&o, true, P1_BIND_AUTHENTICATION);
    CHECK(slice_find(sample_load(&s, "12-n-rf.hex"), ber_out_slice(&o), NULL));
    CHECK(p1_bind_error_read(ber_out_slice(&o), &error));
    CHECK_STR(p1_bind_error_name(error), "authentication-error");
    CHECK(p1_bind_error_read(slice_from("\x02\x01\x00", 3), &error) && error == P1_BIND_BUSY);
    CHECK(!p1_bind_error_read(slice_from("\x02\x01", 2), &error));
}

static const struct test tests[] = {
    TEST(the_sample_message_has_its_fields),
    TEST(the_sample_non_delivery_has_its_fields),
    TEST(the_sample_delivery_has_its_fields),
    TEST(the_sample_probe_has_its_fields),
    TEST(every_sample_is_written_back_to_its_octets),
    TEST(the_trace_of_exchange_in_indefinite_lengths_is_read),
    TEST(an_encoding_of_1984_has_nothing_of_1988),
    TEST(extensions_that_matter_survive),
    TEST(a_report_after_a_redirection_names_both),
    TEST(legal_oddities_are_read),
    TEST(what_cannot_be_right_is_refused_in_words),
    TEST(more_elements_than_the_standard_has_are_refused),
    TEST(memory_beyond_the_ceiling_is_an_error_of_its_own),
    TEST(every_cut_of_a_sample_is_refused_and_every_flip_is_survived),
    TEST(keys_are_found_without_reading_it_all),
    TEST(the_best_key_there_is_identifies),
    TEST(times_are_read_in_all_their_forms),
    TEST(codes_have_the_names_of_the_standard),
    TEST(binds_of_both_modes_are_the_samples),
    TEST(anonymous_empty_and_strong_binds_are_told_apart),
    TEST(a_bind_error_is_the_samples),
    TEST_END,
};

const struct suite p1_suite = {"p1", tests};
