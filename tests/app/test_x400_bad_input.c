/* test_x400_bad_input.c - what can go wrong around a run over X.400, through the program itself: its exit code, what it says,
 * in bounded time, and nothing miscounted. What each layer does about it is tested beside that layer.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "results/judge.h"
#include "tests/app/mta.h"
#include "tests/app/peer.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define OVERSIZE ((16u << 20) + 1) /* one octet more than is taken */

/* A run against one server, its reports at a listener of its own. */
struct play {
    struct program run, sink;
    struct peer *peer;
    uint16_t listen;
    char dir[300];
};

struct wants {
    const char *x400, *load; /* further keys, with a comma behind each */
    const char *server;      /* further keys of s1, with a comma in front */
    uint16_t port;           /* of s1 */
};

static const char usual_address[] = "c=US;a= ;p=X;s={local}";

static void profile_write(struct play *p, const struct wants *w, const char *address, char *out,
                          size_t room)
{
    (void)snprintf(
        out, room,
        "schema: 1\n"
        "servers:\n"
        "  s1: {p1: '127.0.0.1:%u'%s}\n"
        "x400: {%slisten: '127.0.0.1:%u', mta: PM, password: ours, domain: 'c=US;a= ;p=PM',\n"
        "  address: '%s', our_address: 'c=US;a= ;p=PM;s={local}'}\n"
        "mailboxes:\n"
        "  box: {home: s1, address: 'box@lab.test'}\n"
        "  joe: {home: ours, address: 'joe@lab.test'}\n"
        "load:\n"
        "  steady: {%sprotocol: p1, via: s1, from: joe, to: box, rate: 4/s, duration: 1s,\n"
        "    connections: 2}\n"
        "settle: {canary: no, deadline: 1s}\n",
        (unsigned)w->port, w->server ? w->server : "", w->x400 ? w->x400 : "", (unsigned)p->listen,
        address, w->load ? w->load : "");
}

static bool play_run(struct play *p, const char *name, const struct wants *w)
{
    char text[2000], path[400], folder[400];
    const char *const argv[] = {"run", path, "--dir", folder, NULL};

    (void)snprintf(p->dir, sizeof p->dir, "%s", scratch_dir(name));
    if (p->listen == 0)
        p->listen = program_free_ports(1);
    profile_write(p, w, usual_address, text, sizeof text);
    (void)snprintf(path, sizeof path, "%s", scratch_file(p->dir, "x400.yaml", text));
    (void)snprintf(folder, sizeof folder, "%s/run", p->dir);
    return CHECK(program_start(&p->run, &(struct program_way){.dir = p->dir}, argv));
}

static void play_says(const struct play *p, int code, const char *says)
{
    char *said = program_said(&p->run, true);

    (void)CHECK_I64(p->run.code, code);
    if (says)
        (void)CHECK_HAS(said, says);
    free(said);
}

/* A number of the summary: a class's copies, a flag's, a finding's; -1: not there. */
static long counted(const struct play *p, const char *name)
{
    char path[400], key[80];

    (void)snprintf(path, sizeof path, "%s/run/summary.json", p->dir);
    (void)snprintf(key, sizeof key, "\"%s\":", name);
    char *text = scratch_read(path, NULL);
    const char *at = text ? strstr(text, key) : NULL;
    long n = at ? strtol(at + strlen(key), NULL, 10) : -1;

    free(text);
    return n;
}

/* All copies are in these two classes, and the account balances; judged again from what is on the disk. */
static void play_counts(const struct play *p, enum outcome class, unsigned n, unsigned unsent)
{
    struct run_record r = {0};
    char path[400];
    struct err e = {0};

    (void)snprintf(path, sizeof path, "%s/run", p->dir);
    if (check_true(judge_folder(&r, path, &e), e.text, __FILE__, __LINE__)) {
        for (unsigned c = 0; c < CLASS_COUNT; c++)
            if (!CHECK_U64(r.judgement->tally.classes[c], c == CLASS_NOT_SENT ? unsent
                                                          : c == class        ? n
                                                                              : 0))
                (void)CHECK_STR(p->dir, class_name((enum outcome)c));
        for (uint32_t i = 0; i < r.judgement->identity_count; i++)
            (void)CHECK_U64(r.judgement->identities[i].left, r.judgement->identities[i].right);
    }
    run_record_fini(&r);
}

/* --- who cannot be bound ------------------------------------------------------------------------------------------ */

#define TRASH   "03 00 00 0b 02 f0 80 ff ff ff ff"
#define BLARE   "68 61 6c 6c 6f 3f 0d 0a 68 61 6c 6c 6f 3f 0d 0a"
#define TOO_BIG "03 00 ff ff 02 f0 80 0e 9c 01 1a"
#define MPB     ", p1_tsel: MPB"

/* What a server does when it is called, and what is said of it. The last three take half a minute. */
static const struct opening {
    struct peer_step steps[4];
    const char *says;
} openings[] = {
    {{{0, BLARE, 0, 0}}, "this is not RFC 1006 (68 61 6c 6c 6f"},
    {{{1, "", 0, 0}}, "the peer closes the connection while opening the transport connection"},
    {{{1, "03-dr.hex", 0, 0}}, "connection refused: cotp: address unknown"},
    {{{1, "02-cc.hex", 0, 0}, {1, "", 0, 0}}, "closes the connection while binding"},
    {{{1, "02-cc.hex", 0, 0}, {1, TRASH, 0, 0}}, "session: an SPDU runs past the end of its TSDU"},
    {{{1, "02-cc.hex", 0, 0}, {1, "66-ab-prov.hex", 0, 0}},
     "session: the peer aborted while we were binding: protocol error"},
    {{{1, "02-cc.hex", 0, 0}, {1, "12-n-rf.hex", 0, 0}}, "bind refused: authentication-error"},
    {{{1, "02-cc.hex", 0, 0}, {1, "11-n-ac.hex", "80 01 00 81", "80 01 02 81"}},
     "presentation: CPA refuses the context of ACSE"},
    {{{1, "02-cc.hex", 0, 0}, {1, "21-x-ac.hex", 0, 0}},
     "session: ACCEPT names version mask 01, we offered 02"},
    {{{2, "", 0, 0}}, "no answer, opening the transport connection"},
    {{{1, "02-cc.hex", 0, 0}, {2, "", 0, 0}}, "no answer, binding"},
    {{{1, "02-cc.hex", 0, 0}, {1, TOO_BIG, 0, 0}}, "no answer, binding"},
};

static void sink_start(struct play *p, const char *name, const char *const *options)
{
    const char *argv[16] = {"sink", "--p1", "127.0.0.1:0"};

    (void)snprintf(p->dir, sizeof p->dir, "%s", scratch_dir(name));
    for (unsigned i = 0; options[i]; i++)
        argv[3 + i] = options[i];
    (void)CHECK(program_start(&p->sink, &(struct program_way){.dir = p->dir}, argv));
}

static void sink_stop_and_says(struct play *p, const char *says)
{
    program_signal(&p->sink, SIGTERM);
    (void)CHECK(program_wait(&p->sink, 10));
    char *said = program_said(&p->sink, true);

    if (says)
        (void)CHECK_HAS(said, says);
    free(said);
}

#define SECRET ", p1_mta: MTA1, p1_password: secret"

/* Between two who do not agree: what each of them says. */
static void who_does_not_agree_is_told_on_both_sides(void)
{
    static const struct {
        const char *options[8];
        const char *server, *x400, *ours, *theirs;
    } cases[] = {
        {{"--mta", "MTA1", "--password", "wrong"},
         SECRET,
         NULL,
         "bind result: wrong password of \"MTA1\"",
         "by its user"},
        {{"--mta", "OTHER", "--password", "secret"},
         SECRET,
         NULL,
         "bind result: the peer is called \"OTHER\", not \"MTA1\"",
         "by its user"},
        {{"--peer-password", "another"},
         "",
         NULL,
         "bind refused: authentication-error",
         "\"PM\" has not the right password"},
        {{"--peer-mta", "ANOTHER"},
         "",
         "mode: x410, ",
         "bind refused: validation failure: name, password or mode",
         "\"PM\" is not an MTA we know"},
        {{"--mode", "1984"},
         "",
         NULL,
         "bind refused: acse: application context not supported",
         "1988 normal mode is not taken here"},
        {{"--mode", "normal"},
         "",
         "mode: x410, ",
         "bind refused: validation failure: name, password or mode",
         "1988 X.410 mode is not taken here"},
        {{"--tsel", "THEIRS"},
         ", p1_tsel: OTHERS",
         NULL,
         "connection refused: cotp: address unknown: the called transport selector is not known",
         "the called transport selector"},
        {{"--ssel", "S"},
         ", p1_ssel: T",
         NULL,
         "bind refused: session: the session selector is not known there",
         "session"},
        {{"--psel", "P"},
         ", p1_psel: Q",
         NULL,
         "bind refused: presentation: the called presentation selector is not known",
         "presentation"},
        {{"--refuse", "busy"}, "", NULL, "bind refused: busy", "busy, by order"},
    };
    static struct play p;

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        p = (struct play){.listen = 0};
        sink_start(&p, "x400-sink", cases[i].options);
        const struct wants w = {
            .x400 = cases[i].x400, .server = cases[i].server, .port = program_port(&p.sink)};

        if (!CHECK(w.port > 0) || !play_run(&p, "x400-disagree", &w))
            return;
        (void)CHECK(program_wait(&p.run, 10));
        play_says(&p, EX_TARGET, cases[i].ours);
        sink_stop_and_says(&p, cases[i].theirs);
    }
}

/* --- what ends a transfer ----------------------------------------------------------------------------------------- */

#define BOUND                                                                                      \
    {1, "02-cc.hex", 0, 0},                                                                        \
    {                                                                                              \
        1, "11-n-ac.hex", 0, 0                                                                     \
    }

static const struct breach {
    struct peer_step steps[6];
    const char *load;
    enum outcome class;
    unsigned doubts;
    const char *finding;
} breaches[] = {
    {{BOUND, {1, "", 0, 0}}, NULL, CLASS_UNKNOWN, 4, NULL},
    {{BOUND, {3, "", 0, 0}}, NULL, CLASS_UNKNOWN, 4, NULL},
    {{BOUND, {3, "66-ab-prov.hex", 0, 0}}, NULL, CLASS_UNKNOWN, 4, NULL},
    {{BOUND, {3, TRASH, 0, 0}}, NULL, CLASS_UNKNOWN, 4, "protocol"},
    {{BOUND, {3, BLARE, 0, 0}}, NULL, CLASS_UNKNOWN, 4, "protocol"},
    {{BOUND, {3, "64-n-ab.hex", 0, 0}}, "resend: 2, ", CLASS_UNKNOWN, 4, NULL},
    /* An exception is a refusal, also when they hang up on what we answer to it. */
    {{BOUND, {3, "54-ed.hex", 0, 0}, {1, "", 0, 0}}, NULL, CLASS_REFUSED_TEMPORARY, 0, NULL},
    {{BOUND, {3, "54-ed.hex", "32 01 01", "32 01 05"}, {1, "", 0, 0}},
     NULL,
     CLASS_REFUSED_PERMANENT,
     0,
     NULL},
};

#define OPENINGS (sizeof openings / sizeof *openings)
#define BREACHES (sizeof breaches / sizeof *breaches)

static struct play plays[OPENINGS + BREACHES];

static bool play_against(struct play *p, const struct peer_step *steps, const char *load)
{
    char name[40];

    (void)snprintf(name, sizeof name, "x400-peer-%u", (unsigned)(p - plays));
    p->peer = peer_start_x400(steps);
    return CHECK(p->peer != NULL) &&
           play_run(p, name,
                    &(struct wants){.port = peer_port(p->peer), .server = MPB, .load = load});
}

static void check_breach(const struct play *p, const struct breach *b)
{
    play_says(p, b->class == CLASS_REFUSED_PERMANENT ? EX_FAIL : EX_INCONCLUSIVE, NULL);
    play_counts(p, b->class, 4, 0);
    (void)CHECK_I64(counted(p, "doubt"), b->doubts);
    if (b->finding)
        (void)CHECK(counted(p, b->finding) > 0);
}

/* All at once, since some take their time. */
static void servers_that_misbehave_are_left_and_accounted_for(void)
{
    uint16_t first = program_free_ports(OPENINGS + BREACHES); /* before anybody listens on them */

    for (unsigned i = 0; i < OPENINGS + BREACHES; i++) {
        bool opens = i < OPENINGS;

        plays[i] = (struct play){.listen = (uint16_t)(first + i)};
        if (!play_against(&plays[i], opens ? openings[i].steps : breaches[i - OPENINGS].steps,
                          opens ? NULL : breaches[i - OPENINGS].load))
            return;
    }
    for (unsigned i = 0; i < OPENINGS + BREACHES; i++) {
        (void)CHECK(program_wait(&plays[i].run, 45));
        if (i < OPENINGS)
            play_says(&plays[i], EX_TARGET, openings[i].says);
        else
            check_breach(&plays[i], &breaches[i - OPENINGS]);
        peer_stop(plays[i].peer);
    }
}

static void an_mta_that_never_answers_can_be_left_by_two_interrupts(void)
{
    static const char *const options[] = {"--silent", "100", NULL};
    static struct play p;

    p = (struct play){.listen = 0};
    sink_start(&p, "x400-silent-sink", options);
    if (!play_run(&p, "x400-silent", &(struct wants){.port = program_port(&p.sink)}))
        return;
    program_sleep_ms(2000);
    (void)CHECK(!program_is_over(&p.run));
    program_signal(&p.run, SIGINT);
    program_sleep_ms(300);
    program_signal(&p.run, SIGINT);
    (void)CHECK(program_wait(&p.run, 10));
    (void)CHECK_I64(p.run.code, 130);
    play_counts(&p, CLASS_UNKNOWN, 2, 2); /* both associations wait for their first answer */
    (void)CHECK_I64(counted(&p, "doubt"), 2);
    sink_stop_and_says(&p, NULL);
}

/* --- who calls us ------------------------------------------------------------------------------------------------- */

static void call_us(const struct play *p, struct mta *m)
{
    struct err e;

    m->loop = loop_epoll_create(&e);
    m->to = (struct net_addr){.family = 4, .port = p->listen, .ip = {127, 0, 0, 1}};
    m->calls_max = 1;
    mta_start(m);
    loop_run(m->loop);
    mta_end(m);
    loop_destroy(m->loop);
}

/* Their mail, a report about mail of somebody else's, an APDU that is none, one that is too long: each has its answer, and
 * no message of ours is another's. */
static void what_strangers_bring_is_answered_and_counted_apart(void)
{
    static const char *const options[] = {"--mta", "MTA1", "--password", "secret", NULL};
    static const char *const samples[] = {"70-apdu-message.hex", "71-apdu-ndr.hex",
                                          "72-apdu-dr.hex", "73-apdu-probe.hex"};
    static struct mta m;
    static struct play p;
    static unsigned char huge[OVERSIZE];

    p = (struct play){.listen = 0};
    sink_start(&p, "x400-strange-sink", options);
    if (!play_run(&p, "x400-strange",
                  &(struct wants){.port = program_port(&p.sink), .server = SECRET}))
        return;
    char path[400];

    (void)snprintf(path, sizeof path, "%s/run/manifest.json", p.dir);
    (void)CHECK(program_file_appears(path, 20));
    for (unsigned i = 0; i < sizeof samples / sizeof *samples; i++) {
        m = (struct mta){.mode = (enum stack_mode)(i % STACK_MODE_COUNT),
                         .messages = 1,
                         .sample = samples[i],
                         .name = "MTA1",
                         .password = "secret"};
        call_us(&p, &m);
        (void)CHECK_U64(m.binds, 1);
        (void)CHECK_STR(samples[i], m.fates[0] == ASSOC_TAKEN ? samples[i] : "not taken");
    }
    memset(huge, 0xa0, 300);
    for (unsigned i = 0; i < 2; i++) {
        m = (struct mta){.mode = STACK_X410_1988,
                         .messages = 1,
                         .octets = slice_from(huge, i == 0 ? 300 : OVERSIZE),
                         .name = "MTA1",
                         .password = "secret"};
        call_us(&p, &m);
        (void)CHECK_U64(m.fates[0], ASSOC_NOT_TAKEN);
        (void)CHECK_I64(m.codes[0], 5);
    }
    m = (struct mta){.mode = STACK_NORMAL, .name = "MTA1", .password = "Secret"};
    call_us(&p, &m);
    (void)CHECK_I64(m.refused, P1_BIND_AUTHENTICATION);
    m = (struct mta){.mode = STACK_1984, .name = "MTA2", .password = "secret"};
    call_us(&p, &m);
    (void)CHECK_I64(m.refused, RTSE_VALIDATION);
    (void)CHECK(program_wait(&p.run, 30));
    play_says(&p, EX_INCONCLUSIVE, NULL);
    play_counts(&p, CLASS_UNKNOWN, 4, 0);
    (void)CHECK_I64(counted(&p, "foreign"), 3); /* one message, two reports; a probe is nobody's */
    (void)CHECK(counted(&p, "protocol") >= 4);
    (void)snprintf(path, sizeof path, "%s/run/log.txt", p.dir);
    char *log = scratch_read(path, NULL);

    (void)CHECK_HAS(log ? log : "", "callers of ours: failed ");
    free(log);
    sink_stop_and_says(&p, NULL);
}

static void an_address_where_somebody_listens_already_is_said(void)
{
    static const struct peer_step nothing[] = {{0, NULL, 0, 0}};
    struct peer *other = peer_start_x400(nothing);
    static struct play p;

    if (!CHECK(other != NULL))
        return;
    p = (struct play){.listen = peer_port(other)};
    if (play_run(&p, "x400-listen", &(struct wants){.port = 9})) {
        (void)CHECK(program_wait(&p.run, 10));
        play_says(&p, EX_IO, "x400.listen: cannot listen on 127.0.0.1:");
        play_says(&p, EX_IO, "in use");
    }
    peer_stop(other);
}

/* --- addresses that do not fit ------------------------------------------------------------------------------------ */

static void addresses_that_do_not_fit_are_refused_before_anything_is_called(void)
{
    static const struct {
        const char *address, *x400, *says;
    } cases[] = {
        {"c=US;a= ;p=X;s=Smith", "",
         "x400.yaml: x400: box@lab.test and pm-no-such-user have the same O/R address"},
        {"c=US;a= ;p=X;zz={local}", "",
         "x400.yaml: x400.address: box@lab.test: O/R address: 'zz' is no attribute"},
        {"c=USA1;a= ;p=X;s={local}", "", "c has 4 characters, 3 are allowed"},
        {"c=US;a= ;p=X;s={nobody}", "", "unknown word {nobody}"},
        {"c=US;a= ;p=X;o=0123456789012345678901234567890123456789012345678901234567890123456789;"
         "s={local}",
         "", "o has 70 characters, 64 are allowed"},
        {"c=US;a= ;p=X;cn={local}", "mode: '1984', ", "cn: there is no common name in 1984"},
        {"c=US;a= ;p=X;s={local}", "mode: '1992', ", "x400.mode: expected"},
    };
    static struct play p;
    char text[2000], path[400];
    const char *const verbs[] = {"check", "run"};

    p = (struct play){.listen = 8};
    for (unsigned i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const char *const argv[] = {verbs[i % 2], path, NULL};

        (void)snprintf(p.dir, sizeof p.dir, "%s", scratch_dir("x400-address"));
        profile_write(&p, &(struct wants){.x400 = cases[i / 2].x400, .port = 9},
                      cases[i / 2].address, text, sizeof text);
        (void)snprintf(path, sizeof path, "%s", scratch_file(p.dir, "x400.yaml", text));
        (void)program_run(&p.run, &(struct program_way){.dir = p.dir}, argv);
        play_says(&p, EX_BAD_PROFILE, cases[i / 2].says);
        char *said = program_said(&p.run, true), *first = strstr(said, "x400.yaml");

        (void)CHECK(first && !strstr(first + 1, "x400.yaml"));
        free(said);
    }
}

static const struct test tests[] = {
    TEST(servers_that_misbehave_are_left_and_accounted_for),
    TEST(who_does_not_agree_is_told_on_both_sides),
    TEST(an_mta_that_never_answers_can_be_left_by_two_interrupts),
    TEST(what_strangers_bring_is_answered_and_counted_apart),
    TEST(an_address_where_somebody_listens_already_is_said),
    TEST(addresses_that_do_not_fit_are_refused_before_anything_is_called),
    TEST_END,
};

const struct suite x400_bad_input_suite = {"x400_bad_input", tests};
