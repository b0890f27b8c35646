/* test_queue_postfix.c - Postfix queues: what postqueue 3.7 listed and postcat showed, and what neither should say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/queue_format.h"
#include "tests/probes/queue_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define GOLDEN PM_SOURCE_DIR "/tests/golden/queues/"

static const struct probe_profile postfix = {.name = "queues", .type = PROBE_QUEUE_POSTFIX};

static void answer_file(struct queue_rig *r, const char *command, const char *name)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s%s", GOLDEN, name);
    char *text = scratch_read(path, NULL);

    if (CHECK(text != NULL))
        queue_rig_answer(r, command, text, 0);
    free(text);
}

static void begin_recorded(struct queue_rig *r)
{
    queue_rig_begin(r, &postfix);
    answer_file(r, "postqueue", "postfix-queue.json");
    answer_file(r, "postcat", "postfix-show.txt");
}

/* Messages 7 (to two), 8 (on hold), a report about 7, one that says nothing, and somebody else's. */
static void recorded_output_gives_ours_by_recipient_and_leaves_out_what_is_foreign(void)
{
    struct queue_rig r;

    begin_recorded(&r);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=196608 a=4 b=2 slot=14\n"
                                                 "10000 place=0 code=65536 a=0 b=2 slot=14\n"
                                                 "10000 place=0 code=65536 a=1 b=2 slot=14\n"
                                                 "10000 place=0 code=0 a=0 b=2 slot=16\n");
    CHECK_U64(r.probe->entries, 5); /* ours, and the report that may be about ours */
    CHECK_U64(r.probe->due, 4);     /* not what is on hold */
    CHECK(!r.probe->counted);
    queue_rig_end(&r);
}

static void messages_are_shown_once_while_they_are_listed(void)
{
    struct queue_rig r;

    begin_recorded(&r);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r) && queue_rig_list(&r) && queue_rig_list(&r));
    const char *log = fake_exec_log(&r.run->exec), *first = strstr(log, "[postcat][-eh][-q][");

    if (CHECK(first != NULL) && first)
        CHECK(!strstr(first + 1, "[postcat]"));
    CHECK_HAS(log, "[postqueue][-j]\n");
    CHECK_U64(r.run->exec.starts, 5); /* one by itself, three asked for, one postcat */
    queue_rig_end(&r);
}

static void an_empty_queue_is_whole_and_settles(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    queue_rig_answer(&r, "postqueue", "", 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_U64(r.probe->entries + r.probe->due, 0);
    CHECK_U64(fake_run_count(r.run, EV_WAVE), 1);
    CHECK_U64(r.run->exec.starts, 2);
    queue_rig_end(&r);
}

#define LINE(id, sender, to)                                                                       \
    "{\"queue_name\": \"hold\", \"queue_id\": \"" id "\", \"sender\": \"" sender                   \
    "\", \"recipients\": [{\"address\": \"" to "\"}]}\n"
#define SHOWN(id, header)                                                                          \
    "*** ENVELOPE RECORDS hold/" id " ***\n*** MESSAGE CONTENTS hold/" id " ***\n" header          \
    "\n*** HEADER EXTRACTED hold/" id " ***\n*** MESSAGE FILE END hold/" id " ***\n"

static void what_went_between_listing_and_look_is_possibly_ours_and_due(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    queue_rig_answer(&r, "postqueue", LINE("A1", "a@b.test", "joanne-1@lab.test"), 0);
    queue_rig_answer(&r, "postcat", "!postcat: fatal: open queue file A1: No such file\n", 1);
    CHECK(queue_rig_open(&r));
    fake_run_until(r.run, loop_now(r.run->loop) + NS_PER_S);
    CHECK_U64(r.probe->entries, 1);
    CHECK_U64(r.probe->due, 1);
    CHECK_U64(fake_run_count(r.run, EV_QUEUED), 0);
    queue_rig_forget(&r);
    queue_rig_answer(&r, "postqueue", "", 0);
    CHECK(queue_rig_list(&r));
    CHECK_U64(r.probe->entries, 0);
    queue_rig_end(&r);
}

static void what_can_never_be_shown_makes_the_listing_fail_in_words(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    queue_rig_answer(&r, "postqueue", LINE("A1", "a@b.test", "joanne-1@lab.test"), 0);
    queue_rig_answer(&r, "postcat", "!postcat: fatal: open queue file A1: Permission denied\n", 1);
    CHECK(queue_rig_open(&r));
    CHECK(!queue_rig_list(&r));
    CHECK_STR(r.probe->why, "queue entry A1 cannot be shown: postcat: fatal: open queue file A1: "
                            "Permission denied");
    queue_rig_end(&r);
}

static void one_that_is_gone_does_not_hide_those_behind_it(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    queue_rig_answer(&r, "postqueue",
                     LINE("A1", "a@b.test", "joanne-1@lab.test")
                         LINE("B2", "a@b.test", "joanne-2@lab.test")
                             LINE("C3", "a@b.test", "x@y.test"),
                     0);
    queue_rig_answer(&r, "[postcat", "", 0); /* never: the arguments have no brackets here */
    queue_rig_answer(&r, "A1", SHOWN("B2", "X-A: @9@") "!postcat: fatal: A1: No such file\n", 1);
    queue_rig_answer(&r, "postcat", SHOWN("B2", "X-A: @9@") SHOWN("C3", "Message-ID: <c@d>"), 0);
    CHECK(queue_rig_open(&r));
    fake_run_until(r.run, loop_now(r.run->loop) + NS_PER_S);
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "0 place=0 code=0 a=1 b=1 slot=18\n");
    CHECK_U64(r.probe->entries, 2); /* A1, possibly ours; B2; not C3 */
    CHECK_U64(r.probe->due, 1);
    queue_rig_end(&r);
}

static void a_verp_sender_says_enough(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    queue_rig_answer(&r, "postqueue", LINE("A1", "joe+@5@@lab.test", "joanne-1@lab.test"), 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=0 a=0 b=2 slot=10\n");
    CHECK(!strstr(fake_exec_log(&r.run->exec), "postcat"));
    queue_rig_end(&r);
}

static void our_own_null_sender_is_no_report(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    queue_rig_answer(&r, "postqueue", LINE("A1", "MAILER-DAEMON", "joanne-1@lab.test"), 0);
    queue_rig_answer(&r, "postcat", SHOWN("A1", "X-Postmuster: @6@\nMessage-Id: <@6@@lab.test>"),
                     0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_STR(fake_run_events(r.run, EV_QUEUED), "10000 place=0 code=0 a=0 b=2 slot=12\n");
    queue_rig_end(&r);
}

static void every_try_that_changes_the_reason_changes_the_fingerprint(void)
{
    static const char *const reasons[] = {"Connection refused", "Connection timed out"};
    struct queue_rig r;
    uint64_t standing[2];

    for (unsigned i = 0; i < 2; i++) {
        char line[300];

        queue_rig_begin(&r, &postfix);
        (void)snprintf(line, sizeof line,
                       "{\"queue_name\":\"deferred\",\"queue_id\":\"A\",\"sender\":\"@1@@l\","
                       "\"recipients\":[{\"address\":\"a@b\",\"delay_reason\":\"%s\"}]}\n",
                       reasons[i]);
        queue_rig_answer(&r, "postqueue", line, 0);
        CHECK(queue_rig_open(&r) && queue_rig_list(&r));
        standing[i] = r.probe->standing;
        queue_rig_end(&r);
    }
    CHECK(standing[0] != standing[1]);
}

static void check_bad(struct queue_rig *r, const char *text, const char *why)
{
    CHECK(!queue_rig_read(r, text));
    CHECK_HAS(r->e.text, why);
}

static void output_that_is_cut_or_something_else_lists_nothing(void)
{
    struct queue_rig r;

    queue_rig_begin(&r, &postfix);
    CHECK(queue_rig_read(&r, "\n\n"));
    check_bad(&r, "{\"queue_name\": \"deferred\", \"queue_id\": \"3665\n", "no JSON");
    check_bad(&r, "Mail queue is empty\n", "no JSON");
    check_bad(&r, "[]\n", "expected queue_name");
    check_bad(&r, "{}\n", "expected queue_name");
    check_bad(&r, "{\"queue_name\":\"hold\",\"queue_id\":\"A\",\"recipients\":7}\n", "expected");
    check_bad(&r, LINE("-c", "a@b", "c@d"), "expected queue_name");
    check_bad(&r, LINE("../../etc/passwd", "a@b", "c@d"), "expected queue_name");
    check_bad(&r, LINE("A B", "a@b", "c@d"), "expected queue_name");
    check_bad(&r, "\xff\xfe\x01\n", "no JSON");
    queue_rig_answer(&r, "postqueue", "!postqueue: fatal: Queue report unavailable\n", 69);
    CHECK(queue_rig_open(&r));
    CHECK(!queue_rig_list(&r));
    CHECK_HAS(r.probe->why, "exit status 69");
    CHECK_HAS(r.probe->why, "Queue report unavailable");
    queue_rig_end(&r);
}

static void a_line_cut_for_its_length_is_an_entry_without_recipients(void)
{
    struct queue_rig r;
    struct buf line;

    queue_rig_begin(&r, &postfix);
    buf_init(&line, 1u << 20);
    CHECK(buf_add_text(&line, "{\"queue_name\": \"active\", \"queue_id\": \"A1\", \"sender\": "
                              "\"list@b.test\", \"recipients\": ["));
    while (line.n < 65530)
        CHECK(buf_add_text(&line, "{\"address\": \"somebody@example.test\"}, "));
    line.n = 65536;
    CHECK(buf_add_text(&line, "\n"));
    queue_rig_answer(&r, "postqueue", buf_text(&line), 0);
    queue_rig_answer(&r, "postcat", SHOWN("A1", "Message-ID: <c@d>"), 0);
    CHECK(queue_rig_open(&r));
    CHECK(queue_rig_list(&r));
    CHECK_U64(r.probe->entries, 0); /* shown, and somebody else's */
    line.n = 65000;
    CHECK(buf_add_text(&line, "\n"));
    check_bad(&r, buf_text(&line), "no JSON"); /* cut by somebody else */
    buf_fini(&line);
    queue_rig_end(&r);
}

static void a_hundred_thousand_entries_are_read_in_order(void)
{
    struct queue_rig r;
    struct buf text;

    queue_rig_begin(&r, &postfix);
    buf_init(&text, 64u << 20);
    for (unsigned i = 0; i < 100000; i++)
        PM_ASSERT(
            buf_add_format(&text,
                           "{\"queue_name\":\"hold\",\"queue_id\":\"Q%u\",\"sender\":\"@%u@@l\","
                           "\"recipients\":[{\"address\":\"joanne-1@lab.test\"}]}\n",
                           i, i < 3 ? i : 3));
    queue_rig_answer(&r, "postqueue", "", 0);
    CHECK(queue_rig_read(&r, buf_text(&text)));
    buf_fini(&text);
    queue_rig_end(&r);
}

static void check_show(const struct probe_profile *how, const char *wants)
{
    struct queue_rig r;

    queue_rig_begin(&r, how);
    queue_rig_answer(&r, "postqueue", LINE("A1", "a@b.test", "joanne-1@lab.test"), 0);
    CHECK(queue_rig_open(&r));
    CHECK(!queue_rig_list(&r));
    CHECK_HAS(fake_exec_log(&r.run->exec), wants);
    queue_rig_end(&r);
}

static void the_look_goes_with_the_listing(void)
{
    static const char *const argv[] = {"/opt/pf/postqueue", "-c", "/etc/{server}", "-j", NULL};
    static const char *const ssh[] = {"ssh", "{server}", "postqueue -j", NULL};
    static const char *const show[] = {"show-one", "{server}", "id={id}", NULL};
    struct queue_rig r;

    check_show(&(struct probe_profile){.type = PROBE_QUEUE_POSTFIX, .argv = argv},
               "[/opt/pf/postcat][-c][/etc/s1][-eh][-q][A1]\n");
    check_show(&(struct probe_profile){.type = PROBE_QUEUE_POSTFIX, .argv = ssh, .show = show},
               "[show-one][s1][id=A1]\n");
    queue_rig_begin(&r, &(struct probe_profile){.type = PROBE_QUEUE_POSTFIX, .argv = ssh});
    CHECK(!queue_rig_open(&r));
    CHECK_HAS(r.e.text, "queues of s1: no show: expected the command");
    queue_rig_end(&r);
}

static void one_command_is_one_servers_queue(void)
{
    struct queue_rig r;
    struct err e = {0};

    queue_rig_begin(&r, &postfix);
    CHECK(queue_rig_open(&r));
    CHECK(!probe_queue_postfix.open(&r.context, &r.run->probes[0], SITE_NONE, 1, &e));
    CHECK_HAS(e.text, "the same command lists the queues of s1 and s2");
    queue_rig_end(&r);
}

static void a_server_without_queues_says_so_at_once(void)
{
    struct queue_rig r;
    struct err e = {0};

    queue_rig_begin(&r, &postfix);
    r.probe = probe_queue_none.open(&r.context, NULL, SITE_NONE, 1, &e);
    CHECK(r.probe != NULL);
    CHECK(queue_rig_list(&r));
    CHECK(r.probe->counted);
    CHECK_HAS(fake_run_events(r.run, EV_WAVE), "10000 place=1 code=1 a=0 b=2 slot=");
    CHECK_U64(r.run->exec.starts, 0);
    queue_rig_end(&r);
}

static const struct test tests[] = {
    TEST(recorded_output_gives_ours_by_recipient_and_leaves_out_what_is_foreign),
    TEST(messages_are_shown_once_while_they_are_listed),
    TEST(an_empty_queue_is_whole_and_settles),
    TEST(what_went_between_listing_and_look_is_possibly_ours_and_due),
    TEST(what_can_never_be_shown_makes_the_listing_fail_in_words),
    TEST(one_that_is_gone_does_not_hide_those_behind_it),
    TEST(a_verp_sender_says_enough),
    TEST(our_own_null_sender_is_no_report),
    TEST(every_try_that_changes_the_reason_changes_the_fingerprint),
    TEST(output_that_is_cut_or_something_else_lists_nothing),
    TEST(a_line_cut_for_its_length_is_an_entry_without_recipients),
    TEST(a_hundred_thousand_entries_are_read_in_order),
    TEST(the_look_goes_with_the_listing),
    TEST(one_command_is_one_servers_queue),
    TEST(a_server_without_queues_says_so_at_once),
    TEST_END,
};
const struct suite queue_postfix_suite = {"queue_postfix", tests};
