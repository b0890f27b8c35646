/* test_cmd_sink.c - the sink in a test's own loop, and postmuster sink as its user meets it: what it takes, how it
 * misbehaves, what it reports, and that its log is the truth.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/sink.h"
#include "base/clock.h"
#include "tests/app/mta.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define MESSAGES 200u

struct scene {
    struct loop *loop;
    struct sink_config c;
    struct sink *sink;
    struct mta mta;
    struct timer limit;
    char log[300];
    unsigned troubles;
    bool late;
};

static void on_trouble(void *owner, const char *words)
{
    struct scene *s = owner;

    s->troubles += *words != '\0';
}

static void limit_fires(struct timer *t)
{
    struct scene *s = t->owner;

    s->late = true;
    loop_stop(s->loop);
}

static void open_scene(struct scene *s)
{
    struct err e = {0};
    const char *dir = scratch_dir("cmd_sink");

    (void)snprintf(s->log, sizeof s->log, "%s/log.tsv", dir);
    s->loop = loop_epoll_create(&e);
    s->c.loop = s->mta.loop = s->loop;
    s->c.log = fopen(s->log, "we");
    s->c.trouble = on_trouble;
    s->c.owner = s;
    CHECK(net_parse(&s->c.at, "127.0.0.1:0", 0, &e));
    timer_init(&s->limit, limit_fires, s);
    s->sink = sink_open(&s->c, &e);
    CHECK_STR(e.text, "");
    s->mta.to = sink_addr(s->sink);
}

/* Until the caller is done, or the sink. */
static void play(struct scene *s)
{
    timer_arm(s->loop, &s->limit, loop_now(s->loop) + 40 * NS_PER_S);
    loop_run(s->loop);
    timer_disarm(s->loop, &s->limit);
    CHECK(!s->late);
}

static void close_scene(struct scene *s)
{
    mta_end(&s->mta);
    sink_close(s->sink);
    loop_destroy(s->loop);
    if (s->c.log)
        (void)fclose(s->c.log);
}

/* The column of line n (1: the first APDU); static text, "" if there is none. */
static const char *logged(const char *log, unsigned n, unsigned column)
{
    static char out[100];
    struct slice rest = slice_of(log), line = {0}, cell = {0};

    for (unsigned i = 0; i <= n; i++)
        if (!slice_cut(&rest, '\n', &line))
            return "";
    for (unsigned i = 0; i <= column; i++)
        (void)slice_cut(&line, '\t', &cell);
    (void)snprintf(out, sizeof out, "%.*s", (int)cell.n, (const char *)cell.p);
    return out;
}

enum {
    COLUMN_MTA = 3,
    COLUMN_KIND,
    COLUMN_ID,
    COLUMN_CONTENT_ID,
    COLUMN_OCTETS,
    COLUMN_DONE,
    COLUMN_REPORT
};

static bool agrees(const char *done, enum assoc_fate fate, int code)
{
    if (strcmp(done, "taken") == 0)
        return fate == ASSOC_TAKEN;
    if (strcmp(done, "not-now") == 0)
        return fate == ASSOC_NOT_TAKEN && code == 1;
    if (strcmp(done, "never") == 0)
        return fate == ASSOC_NOT_TAKEN && code == 5;
    return fate == ASSOC_DOUBT && (strcmp(done, "abort") == 0 || strcmp(done, "hang-up") == 0 ||
                                   strcmp(done, "silent") == 0);
}

static void what_the_log_says_is_what_the_caller_saw(void)
{
    static struct scene s;
    unsigned wrong = 0, kinds[ASSOC_TAKEN + 1] = {0};

    memset(&s, 0, sizeof s);
    s.c.seed = 3;
    for (unsigned d = 0; d < SINK_DEEDS; d++)
        s.c.deeds[d] = SINK_ALL / 10;
    s.mta = (struct mta){
        .mode = STACK_NORMAL, .name = "MTA-A", .messages = MESSAGES, .patience_ns = 30 * NS_PER_MS};
    open_scene(&s);
    mta_start(&s.mta);
    play(&s);
    char *log = scratch_read(s.log, NULL);

    for (unsigned i = 0; log && i < MESSAGES; i++) {
        char id[40];

        (void)snprintf(id, sizeof id, "MP.261121120000Z.%08u", i + 1);
        wrong += strcmp(logged(log, i + 1, COLUMN_ID), id) != 0;
        wrong += !agrees(logged(log, i + 1, COLUMN_DONE), s.mta.fates[i], s.mta.codes[i]);
        kinds[s.mta.fates[i]]++;
    }
    CHECK_U64(wrong, 0);
    CHECK_STR(log ? logged(log, 1, COLUMN_MTA) : "", "MTA-A");
    CHECK_STR(log ? logged(log, 1, COLUMN_KIND) : "", "message");
    CHECK(kinds[ASSOC_TAKEN] > MESSAGES / 4);
    CHECK(kinds[ASSOC_NOT_TAKEN] > MESSAGES / 20);
    CHECK(kinds[ASSOC_DOUBT] > MESSAGES / 20);
    struct sink_counts c = sink_counts(s.sink);
    for (unsigned d = 0; d < SINK_DEEDS; d++)
        CHECK(c.deeds[d] > 0);
    CHECK_U64(sink_host_counts(s.sink)->taken, kinds[ASSOC_TAKEN]);
    CHECK_U64(sink_host_counts(s.sink)->apdus, MESSAGES);
    free(log);
    close_scene(&s);
}

/* One letter a deed. */
static void deeds_of(uint64_t seed, char out[MESSAGES / 4 + 1])
{
    static struct scene s;

    memset(&s, 0, sizeof s);
    s.c.seed = seed;
    s.c.deeds[SINK_NOT_NOW] = s.c.deeds[SINK_NEVER] = SINK_ALL / 4;
    s.mta = (struct mta){.mode = STACK_1984, .messages = MESSAGES / 4};
    open_scene(&s);
    mta_start(&s.mta);
    play(&s);
    for (unsigned i = 0; i < MESSAGES / 4; i++)
        out[i] = "tnp"[s.mta.fates[i] == ASSOC_TAKEN ? 0 : s.mta.codes[i] == 1 ? 1 : 2];
    out[MESSAGES / 4] = 0;
    close_scene(&s);
}

static void the_same_seed_does_the_same(void)
{
    char a[MESSAGES / 4 + 1], b[MESSAGES / 4 + 1], c[MESSAGES / 4 + 1];

    deeds_of(5, a);
    deeds_of(5, b);
    deeds_of(6, c);
    CHECK_STR(a, b);
    CHECK(strcmp(a, c) != 0);
    CHECK(strchr(a, 't') && strchr(a, 'n') && strchr(a, 'p'));
}

static void binds_are_refused_as_told(void)
{
    for (unsigned strangers = 0; strangers < 2; strangers++) {
        static struct scene s;

        memset(&s, 0, sizeof s);
        *(strangers ? &s.c.strangers : &s.c.busy) = SINK_ALL;
        s.mta = (struct mta){.mode = STACK_NORMAL, .messages = 1, .calls_max = 3};
        open_scene(&s);
        mta_start(&s.mta);
        play(&s);
        CHECK_U64(s.mta.refusals, 3);
        CHECK_I64(s.mta.refused, strangers ? P1_BIND_AUTHENTICATION : P1_BIND_BUSY);
        CHECK_U64(sink_host_counts(s.sink)->refused, 3);
        CHECK_U64(sink_host_counts(s.sink)->binds, 0);
        close_scene(&s);
    }
}

static void reports_go_out_on_the_caller_s_turn(void)
{
    static const enum stack_mode modes[] = {STACK_NORMAL, STACK_X410_1988, STACK_1984};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        static struct scene s;

        memset(&s, 0, sizeof s);
        s.c.reports[0] = (struct sink_report){.reason = 1, .diagnostic = 48, .share = SINK_ALL};
        s.c.report_count = 1;
        s.mta =
            (struct mta){.mode = modes[i], .two_way = true, .messages = 20, .until_reports = 20};
        open_scene(&s);
        mta_start(&s.mta);
        play(&s);
        CHECK_U64(s.mta.reports, 20);
        CHECK_STR(s.mta.last_report, "MP.261121120000Z.00000020 failed 1/48");
        CHECK_U64(sink_counts(s.sink).reports, 20);
        CHECK_U64(sink_counts(s.sink).handed, 20);
        CHECK_U64(sink_counts(s.sink).unhanded, 0);
        close_scene(&s);
    }
}

static void a_monologue_gets_no_reports_and_that_is_counted(void)
{
    static struct scene s;

    memset(&s, 0, sizeof s);
    s.c.reports[0] = (struct sink_report){.delivered = true, .share = SINK_ALL};
    s.c.report_count = 1;
    s.mta = (struct mta){.mode = STACK_NORMAL, .messages = 4};
    open_scene(&s);
    mta_start(&s.mta);
    play(&s);
    char *log = scratch_read(s.log, NULL);

    CHECK_STR(log ? logged(log, 4, COLUMN_REPORT) : "", "no-way-back");
    CHECK_U64(sink_counts(s.sink).unmade, 4);
    CHECK_U64(sink_counts(s.sink).reports, 0);
    free(log);
    close_scene(&s);
}

struct desk { /* who takes the reports */
    struct p1_host *host;
    unsigned delivered, failed, refusals;
    char last[64], mta[40];
};

static enum p1_verdict take_report(void *owner, struct p1_caller *from, struct slice apdu)
{
    struct desk *d = owner;
    struct slice mta = p1_caller_mta(from);

    (void)snprintf(d->mta, sizeof d->mta, "%.*s", (int)mta.n, (const char *)mta.p);
    if (d->refusals > 0 && d->refusals-- > 0)
        return P1_HANG_UP; /* it is to come again */
    mta_report_words(apdu, d->last);
    d->delivered += strstr(d->last, " delivered") != NULL;
    d->failed += strstr(d->last, " failed 0/5") != NULL;
    return P1_TAKE;
}

static void reports_are_handed_to_whom_they_are_to_go(void)
{
    static struct scene s;
    struct desk d = {.refusals = 1};
    struct net_addr at;
    struct err e;

    memset(&s, 0, sizeof s);
    s.c.mta = slice_of("SINKY");
    s.c.count = 40;
    s.c.reports[0] = (struct sink_report){.delivered = true, .share = SINK_ALL / 2};
    s.c.reports[1] = (struct sink_report){.diagnostic = 5, .share = SINK_ALL / 2};
    s.c.report_count = 2;
    s.c.report_tsel = slice_of("PM");
    s.c.report_ssel = slice_of("S");
    s.c.report_psel = slice_of("P");
    s.mta = (struct mta){.mode = STACK_NORMAL, .messages = 40};
    CHECK(net_parse(&at, "127.0.0.1:0", 0, &e));
    struct loop *loop = NULL;

    /* The desk listens on the sink's own loop, which is made first. */
    s.c.report_to = at;
    s.c.report_to.port = program_free_ports(1);
    open_scene(&s);
    loop = s.loop;
    d.host = p1_host_listen(&(struct p1_host_config){.loop = loop,
                                                     .association = {.our_tsel = slice_of("PM"),
                                                                     .our_ssel = slice_of("S"),
                                                                     .our_psel = slice_of("P")},
                                                     .apdu = take_report,
                                                     .owner = &d},
                            &s.c.report_to, &e);
    CHECK(d.host != NULL);
    mta_start(&s.mta);
    play(&s);
    play(&s); /* the sink ends by itself once all is handed over */
    CHECK_U64(d.delivered + d.failed, 40);
    CHECK(d.delivered > 5 && d.failed > 5);
    CHECK_STR(d.mta, "SINKY");
    CHECK_U64(sink_counts(s.sink).handed, 40);
    CHECK_U64(sink_counts(s.sink).unhanded, 0);
    CHECK(s.troubles > 0); /* the one that came again */
    p1_host_close(d.host);
    close_scene(&s);
}

/* --- the program -------------------------------------------------------------------------------------------------- */

static void complains(const char *const *argv, int code, const char *part)
{
    const struct program_way here = {.dir = scratch_dir("cmd_sink_bad")};
    struct program p;

    CHECK_I64(program_run(&p, &here, argv), code);
    char *said = program_said(&p, true);

    CHECK_HAS(said, part);
    free(said);
}

#define SINK(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        "sink", "--p1", "127.0.0.1:0", __VA_ARGS__, NULL                                           \
    }

static void wrong_options_are_told(void)
{
    static const char too_long[] =
        "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00";

    complains((const char *const[]){"sink", NULL}, EX_BAD_USAGE, "usage: postmuster sink --smtp");
    complains((const char *const[]){"sink", "--p1", "10.0.0.1:102", NULL}, EX_GUARD,
              "--p1 10.0.0.1:102: a sink talks to loopback only");
    complains((const char *const[]){"sink", "--p1", "nowhere", NULL}, EX_BAD_USAGE,
              "--p1 nowhere: expected an address of this machine");
    complains(SINK("--report-to", "192.0.2.1:102"), EX_GUARD, "loopback only");
    complains(SINK("--mode", "1992"), EX_BAD_USAGE, "expected any, normal, x410 or 1984");
    complains(SINK("--except", "sometimes,5"), EX_BAD_USAGE, "expected temporary or permanent");
    complains(SINK("--abort", "101"), EX_BAD_USAGE, "--abort 101: expected a percentage");
    complains(SINK("--abort", "60", "--silent", "60"), EX_BAD_USAGE,
              "more than 100 % of the APDUs");
    complains(SINK("--report", "failed:9/0"), EX_BAD_USAGE, "expected delivered, or failed:");
    complains(SINK("--refuse", "busy,x"), EX_BAD_USAGE, "expected busy or validation");
    complains(SINK("--password", "env:PM_NOT_SET"), EX_BAD_USAGE,
              "expected a variable that is set");
    complains(SINK("--tsel", "0x123"), EX_BAD_USAGE, "even number of hex digits");
    complains(SINK("--report-psel", too_long), EX_BAD_USAGE,
              "--report-psel: longer than 32 octets");
    complains(SINK("--window", "300"), EX_BAD_USAGE, "at most 255");
    complains(SINK("--log", "/nowhere/at/all"), EX_IO, "/nowhere/at/all: No such");
}

static bool listens(const struct program *p, struct net_addr *at)
{
    uint16_t port = program_port(p);

    *at = (struct net_addr){.family = 4, .port = port, .ip = {127, 0, 0, 1}};
    return CHECK(port > 0);
}

static void send_to(const struct net_addr *at, struct mta *m)
{
    struct err e;

    m->loop = loop_epoll_create(&e);
    m->to = *at;
    mta_start(m);
    loop_run(m->loop);
    mta_end(m);
    loop_destroy(m->loop);
}

static void it_ends_by_itself_after_so_many(void)
{
    static struct mta m;
    const struct program_way here = {.dir = scratch_dir("cmd_sink_count")};
    struct program p;
    struct net_addr at;

    m = (struct mta){.mode = STACK_NORMAL, .messages = 10, .name = "MTA-A", .password = "secret"};
    if (!CHECK(program_start(&p, &here,
                             SINK("--count", "10", "--peer-mta", "MTA-A", "--peer-password",
                                  "secret", "--except", "temporary,0"))) ||
        !listens(&p, &at))
        return;
    struct mta stranger = {.mode = STACK_NORMAL, .calls_max = 1, .name = "MTA-A", .password = "x"};

    send_to(&at, &stranger);
    CHECK_I64(stranger.refused, P1_BIND_AUTHENTICATION);
    send_to(&at, &m);
    CHECK(program_wait(&p, 20));
    CHECK_I64(p.code, EX_PASS);
    char *said = program_said(&p, false), *complained = program_said(&p, true);

    CHECK_HAS(said, "sink: 2 calls, 1 binds, 1 refused; 10 APDUs, 4,970 octets: 10 taken");
    CHECK_HAS(said, " octets: 10 taken, 0 not for now,");
    CHECK_HAS(complained, "bind refused: \"MTA-A\" has not the right password\n");
    free(said);
    free(complained);
}

static void a_signal_ends_it_in_order(void)
{
    static struct mta m;
    const char *dir = scratch_dir("cmd_sink_signal");
    const struct program_way here = {.dir = dir};
    char log[300];
    struct program p;
    struct net_addr at;

    (void)snprintf(log, sizeof log, "%s/log.tsv", dir);
    m = (struct mta){.mode = STACK_1984, .messages = 3};
    if (!CHECK(program_start(&p, &here, SINK("--log", log, "--mode", "1984"))) || !listens(&p, &at))
        return;
    send_to(&at, &m);
    CHECK_U64(m.fates[2], ASSOC_TAKEN);
    program_signal(&p, SIGTERM);
    CHECK(program_wait(&p, 20));
    CHECK_I64(p.code, EX_PASS);
    char *said = program_said(&p, false), *lines = scratch_read(log, NULL);

    CHECK_HAS(said, "sink: 1 calls, 1 binds, 0 refused; 3 APDUs");
    CHECK_STR(lines ? logged(lines, 3, COLUMN_ID) : "", "MP.261121120000Z.00000003");
    free(said);
    free(lines);
}

static void it_ends_after_so_many_seconds(void)
{
    const struct program_way here = {.dir = scratch_dir("cmd_sink_seconds")};
    struct program p;

    CHECK_I64(program_run(&p, &here, SINK("--seconds", "1")), EX_PASS);
    CHECK_I64(program_run(&p, &here, SINK("--duration", "100ms")), EX_PASS); /* with its unit */
    char *said = program_said(&p, false);

    CHECK_HAS(said, "sink: 0 calls");
    free(said);
}

static const struct test tests[] = {
    TEST(what_the_log_says_is_what_the_caller_saw),
    TEST(the_same_seed_does_the_same),
    TEST(binds_are_refused_as_told),
    TEST(reports_go_out_on_the_caller_s_turn),
    TEST(a_monologue_gets_no_reports_and_that_is_counted),
    TEST(reports_are_handed_to_whom_they_are_to_go),
    TEST(wrong_options_are_told),
    TEST(it_ends_by_itself_after_so_many),
    TEST(a_signal_ends_it_in_order),
    TEST(it_ends_after_so_many_seconds),
    TEST_END,
};

const struct suite cmd_sink_suite = {"cmd_sink", tests};
