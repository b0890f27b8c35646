/* test_probe_maildir.c - what is journalled of a Maildir that fills, empties, moves and is renamed under our hands.
 *
 * Real files in a scratch folder, on simulated time. Events read "place=P code=C a=A b=EPOCH slot=S"; slot is number * 2,
 * code of a scan 1 complete + 2 absent + 4 reset. The folder of joanne-1 on s1 is made by box_create().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "tests/probes/rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

struct box {
    struct rig *g;
    char base[300], root[400], path[300];
};

static unsigned told;

static void on_scanned(struct probe *p)
{
    (void)p;
    told++;
}

static void make_root(const struct box *b)
{
    char path[500];

    CHECK(mkdir(b->root, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/new", b->root);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/cur", b->root);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/tmp", b->root);
    CHECK(mkdir(path, 0700) == 0);
}

static struct box *box_create(void)
{
    struct box *b = calloc(1, sizeof *b);

    PM_ASSERT(b);
    b->g = rig_create("probe_maildir");
    (void)snprintf(b->base, sizeof b->base, "%s/s1", scratch_dir("maildir"));
    (void)snprintf(b->path, sizeof b->path, "%s/{server}/{user}", scratch_dir("maildir"));
    (void)snprintf(b->root, sizeof b->root, "%s/joanne-1", b->base);
    b->g->how.type = PROBE_MAILDIR;
    b->g->how.path = b->path;
    CHECK(mkdir(b->base, 0700) == 0);
    make_root(b);
    told = 0;
    return b;
}

static void box_destroy(struct box *b, struct probe *p)
{
    if (p)
        probe_maildir.close(p);
    rig_destroy(b->g);
    free(b);
}

static struct probe *open_probe(struct box *b)
{
    struct err e = {0};
    struct probe *p = probe_maildir.open(&b->g->c, &b->g->how, 0, 0, &e);

    if (p)
        p->scanned = on_scanned;
    else
        CHECK_STR(e.text, "");
    return p;
}

static void put_text(const struct box *b, const char *name, const void *text, size_t n)
{
    char path[700];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", b->root, name);
    f = fopen(path, "we");
    PM_ASSERT(f);
    PM_ASSERT(fwrite(text, 1, n, f) == n);
    PM_ASSERT(fclose(f) == 0);
}

static void put(const struct box *b, const char *name, uint64_t number)
{
    struct slice s = rig_mail(b->g, number);

    put_text(b, name, s.p, s.n);
}

static void rename_to(const struct box *b, const char *from, const char *to)
{
    char old[700], new[700];

    (void)snprintf(old, sizeof old, "%s/%s", b->root, from);
    (void)snprintf(new, sizeof new, "%s/%s", b->root, to);
    PM_ASSERT(rename(old, new) == 0);
}

/* Another name for the mailbox's folder, or its server's. */
static void move_away(const char *folder, const char *to)
{
    char path[700];

    (void)snprintf(path, sizeof path, "%s-%s", folder, to);
    PM_ASSERT(rename(folder, path) == 0);
}

static void move_back(const char *folder, const char *from)
{
    char path[700];

    (void)snprintf(path, sizeof path, "%s-%s", folder, from);
    PM_ASSERT(rename(path, folder) == 0);
}

static void drop(const struct box *b, const char *name)
{
    char path[700];

    (void)snprintf(path, sizeof path, "%s/%s", b->root, name);
    PM_ASSERT(remove(path) == 0);
}

static const char *lines_of(struct box *b, enum event_kind kind)
{
    static char out[20000];
    const char *p = fake_run_events(b->g->r, kind);
    size_t n = 0;

    while (*p && n < sizeof out - 200) {
        const char *from = strchr(p, ' ') + 1, *to = strchr(p, '\n') + 1;

        memcpy(out + n, from, (size_t)(to - from));
        n += (size_t)(to - from);
        p = to;
    }
    out[n] = 0;
    return out;
}

static void wait_scan(struct box *b, struct probe *p)
{
    uint64_t from_ns = loop_now(b->g->r->loop);

    p->ops->scan(p);
    for (unsigned i = 0; i < 100 && p->complete_ns <= from_ns; i++)
        rig_wait(b->g, 100);
    CHECK(p->complete_ns > from_ns);
}

/* ---- what is there ---- */

static void new_and_cur_are_read_and_tmp_and_hidden_files_are_not(void)
{
    struct box *b = box_create();
    struct probe *p;

    put(b, "new/1.a.host", 10);
    put(b, "cur/2.b.host:2,S", 11);
    put(b, "tmp/3.c.host", 12);
    put(b, "cur/.4.d.host:2,S.x7Yz", 13); /* rsync is writing it */
    p = open_probe(b);
    rig_wait(b->g, 1000);
    CHECK_STR(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=1 slot=20\n"
                                    "place=0 code=1 a=0 b=1 slot=22\n");
    CHECK_STR(lines_of(b, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n");
    CHECK_U64(p->scans, 1);
    CHECK_U64(told, 1);
    CHECK(!p->absent && !p->refused && p->complete_ns > 0);
    box_destroy(b, p);
}

static void what_comes_is_seen_and_what_goes_is_gone(void)
{
    struct box *b = box_create();
    struct probe *p = open_probe(b);

    rig_wait(b->g, 300);
    put(b, "new/1", 5);
    put(b, "new/2", 5);
    put(b, "new/3", 6);
    rig_wait(b->g, 300);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 3);
    CHECK_HAS(lines_of(b, EV_SEEN), "place=0 code=2 a=0 b=1 slot=10\n");
    drop(b, "new/1");
    drop(b, "new/3");
    rig_wait(b->g, 300);
    CHECK_U64(fake_run_count(b->g->r, EV_GONE), 2);
    CHECK_HAS(lines_of(b, EV_GONE), "place=0 code=0 a=0 b=1 slot=10\n");
    CHECK_HAS(lines_of(b, EV_GONE), "place=0 code=0 a=0 b=1 slot=12\n");
    CHECK_HAS(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n"); /* what remains */
    CHECK_U64(p->scans, 3);
    box_destroy(b, p);
}

static void flags_and_the_way_from_new_to_cur_are_no_change(void)
{
    struct box *b = box_create();
    struct probe *p;

    put(b, "new/1.a,S=99", 5);
    p = open_probe(b);
    rig_wait(b->g, 300);
    rename_to(b, "new/1.a,S=99", "cur/1.a,S=99:2,");
    rig_wait(b->g, 300);
    rename_to(b, "cur/1.a,S=99:2,", "cur/1.a,S=99:2,ST");
    wait_scan(b, p);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 1);
    CHECK_U64(fake_run_count(b->g->r, EV_GONE), 0);
    CHECK_U64(fake_run_count(b->g->r, EV_SCAN), 2);
    box_destroy(b, p);
}

static void one_name_in_new_and_in_cur_is_two_messages(void)
{
    struct box *b = box_create();
    struct probe *p;

    put(b, "new/1.a", 5);
    put(b, "cur/1.a:2,S", 5);
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_STR(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=2 a=0 b=1 slot=10\n");
    drop(b, "new/1.a");
    rig_wait(b->g, 500);
    CHECK_U64(fake_run_count(b->g->r, EV_GONE), 1);
    CHECK_HAS(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    box_destroy(b, p);
}

static void a_message_with_another_text_is_corrupt_and_one_of_nobody_is_foreign_once(void)
{
    struct box *b = box_create();
    struct slice s = rig_mail(b->g, 7);
    struct probe *p;

    put_text(b, "new/short", s.p, s.n - 300);
    put_text(b, "new/foreign", "Subject: hello\n\nworld\n", 22);
    put_text(b, "new/empty", "", 0);
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 1);
    CHECK_HAS(fake_run_events(b->g->r, EV_SEEN), "slot=14");
    for (uint32_t i = 0; i < b->g->r->event_count; i++)
        if (b->g->r->events[i].kind == EV_SEEN)
            CHECK_U64(b->g->r->events[i].code, 1 | SEEN_CORRUPT);
    CHECK_U64(fake_run_count(b->g->r, EV_FINDING), 2);
    box_destroy(b, p);
}

/* ---- what is not there ---- */

static void no_folder_is_a_complete_scan_of_nothing(void)
{
    struct box *b = box_create();
    struct probe *p;

    put(b, "new/1", 5);
    move_away(b->root, "away");
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_STR(lines_of(b, EV_SCAN), "place=0 code=7 a=0 b=2 slot=0\n");
    CHECK(p->absent && p->refused && p->complete_ns > 0);
    CHECK_U64(p->failures, 0);
    move_back(b->root, "away");
    rig_wait(b->g, 500);
    CHECK_HAS(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK_HAS(lines_of(b, EV_SCAN), "place=0 code=1 a=0 b=2 slot=0\n");
    CHECK(!p->absent && !p->refused);
    box_destroy(b, p);
}

static void where_no_mailbox_can_be_nothing_is_said(void)
{
    struct box *b = box_create();
    struct probe *p;

    move_away(b->base, "away");
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_U64(fake_run_count(b->g->r, EV_SCAN), 0);
    CHECK(!p->absent && p->refused && p->complete_ns == 0);
    CHECK(p->failures >= 2);
    CHECK_U64(fake_run_count(b->g->r, EV_FINDING), p->failures);
    CHECK_HAS(p->why, "no folder");
    box_destroy(b, p);
}

static void a_file_where_the_folder_should_be_is_no_absence(void)
{
    struct box *b = box_create();
    struct probe *p;

    move_away(b->root, "away");
    CHECK(strlen(scratch_file(b->base, "joanne-1", "no folder")) > 0);
    p = open_probe(b);
    rig_wait(b->g, 300);
    CHECK_U64(fake_run_count(b->g->r, EV_SCAN), 0);
    CHECK(!p->absent && p->failures > 0);
    CHECK_HAS(p->why, "Not a directory");
    box_destroy(b, p);
}

/* ---- under our hands ---- */

static void make_folder(const struct box *b, const char *name)
{
    char path[700];

    (void)snprintf(path, sizeof path, "%s/%s", b->root, name);
    PM_ASSERT(mkdir(path, 0700) == 0);
}

/* In the middle of every scan some files get flags, and some go from new/ to cur/. */
static void renames_in_the_middle_of_scans_lose_and_repeat_nothing(void)
{
    enum { FILES = 200, CHANGES = 400 };
    struct box *b = box_create();
    char from[FILES][60], to[60];
    struct probe *p;

    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(from[i], sizeof from[i], "new/%u.x", i);
        put(b, from[i], i);
    }
    p = open_probe(b);
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned k = i * 7 % FILES;

        p->ops->scan(p);
        fake_run_until(b->g->r, loop_now(b->g->r->loop) + i % 5); /* a wakeup or a few */
        (void)snprintf(to, sizeof to, "cur/%u.x:2,%.*s", k, (int)(i / FILES), "SR");
        if (strcmp(from[k], to) != 0)
            rename_to(b, from[k], to);
        (void)snprintf(from[k], sizeof from[k], "%s", to);
    }
    wait_scan(b, p);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), FILES);
    CHECK_U64(fake_run_count(b->g->r, EV_GONE), 0);
    CHECK_U64(fake_run_count(b->g->r, EV_FINDING), 0);
    CHECK(strstr(lines_of(b, EV_SEEN), "code=2") == NULL);
    box_destroy(b, p);
}

/* Steps between listing and reading are wakeups of the loop at one instant: a timer of ours among them strikes there. */
struct striker {
    struct timer timer;
    struct box *b;
    unsigned left;
};

static void strike(struct timer *t)
{
    struct striker *s = t->owner;

    if (s->left-- == 0)
        rename_to(s->b, "new/1.a", "cur/1.a:2,S");
    else
        timer_arm(s->b->g->r->loop, t, loop_now(s->b->g->r->loop));
}

static void a_file_renamed_between_any_two_steps_is_found_again(void)
{
    for (unsigned step = 0; step < 12; step++) {
        struct box *b = box_create();
        struct striker s = {.b = b, .left = step};
        struct probe *p;

        put(b, "new/1.a", 5);
        put(b, "new/2.b", 6);
        p = open_probe(b);
        timer_init(&s.timer, strike, &s);
        timer_arm(b->g->r->loop, &s.timer, loop_now(b->g->r->loop));
        rig_wait(b->g, 1000);
        CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 2);
        CHECK_U64(fake_run_count(b->g->r, EV_GONE), 0);
        CHECK_U64(p->failures, 0);
        CHECK_U64(fake_run_count(b->g->r, EV_SCAN), 1);
        timer_disarm(b->g->r->loop, &s.timer);
        box_destroy(b, p);
    }
}

static void the_same_copy_under_another_name_is_not_two(void)
{
    struct box *b = box_create();
    struct probe *p;

    put(b, "cur/1.a:2,", 5);
    p = open_probe(b);
    rig_wait(b->g, 300);
    rename_to(b, "cur/1.a:2,", "cur/9.other:2,"); /* as another server names it */
    rig_wait(b->g, 300);
    CHECK_STR(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=1 slot=10\n"
                                    "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK_U64(fake_run_count(b->g->r, EV_GONE), 1);
    box_destroy(b, p);
}

static void folders_below_are_read_if_asked_for(void)
{
    for (unsigned asked = 0; asked < 2; asked++) {
        struct box *b = box_create();
        struct probe *p;

        make_folder(b, ".Junk");
        make_folder(b, ".Junk/new");
        make_folder(b, ".Junk/cur");
        put(b, "new/1", 5);
        put(b, ".Junk/new/2", 6);
        put(b, ".Junk/cur/3:2,S", 7);
        b->g->how.folders = asked;
        p = open_probe(b);
        rig_wait(b->g, 500);
        CHECK_U64(fake_run_count(b->g->r, EV_SEEN), asked ? 3 : 1);
        if (asked) {
            rename_to(b, ".Junk/new/2", "cur/2:2,"); /* moved, not copied */
            wait_scan(b, p);
            CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 3);
            CHECK_U64(fake_run_count(b->g->r, EV_GONE), 0);
        }
        box_destroy(b, p);
    }
}

static void a_scan_asked_for_begins_after_the_asking(void)
{
    struct box *b = box_create();
    struct probe *p = open_probe(b);
    uint64_t asked_ns;

    rig_wait(b->g, 1050);
    CHECK_U64(p->scans, 1);
    asked_ns = loop_now(b->g->r->loop);
    p->ops->scan(p);
    rig_wait(b->g, 20); /* does not wait for the period */
    CHECK(p->complete_ns > asked_ns);
    CHECK_U64(p->scans, 2);
    box_destroy(b, p);
}

/* ---- what is odd ---- */

static void links_and_folders_in_place_of_messages_are_no_messages(void)
{
    struct box *b = box_create();
    char path[700];
    struct probe *p;

    put(b, "tmp/real", 5);
    (void)snprintf(path, sizeof path, "%s/new/link", b->root);
    PM_ASSERT(symlink("../tmp/real", path) == 0);
    make_folder(b, "new/folder");
    (void)snprintf(path, sizeof path, "%s/new/pipe", b->root);
    PM_ASSERT(mkfifo(path, 0600) == 0);
    put(b, "new/message", 6);
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_STR(lines_of(b, EV_SEEN), "place=0 code=1 a=0 b=1 slot=12\n");
    CHECK_U64(fake_run_count(b->g->r, EV_SCAN), 1);
    CHECK_U64(p->failures, 0);
    box_destroy(b, p);
}

static void a_file_larger_than_any_message_is_read_in_part_and_is_corrupt(void)
{
    struct box *b = box_create();
    char path[700];
    struct probe *p;

    put(b, "new/large", 5);
    (void)snprintf(path, sizeof path, "%s/new/large", b->root);
    PM_ASSERT(truncate(path, 10LL << 30) == 0); /* of holes */
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 1);
    for (uint32_t i = 0; i < b->g->r->event_count; i++)
        if (b->g->r->events[i].kind == EV_SEEN)
            CHECK_U64(b->g->r->events[i].code, 1 | SEEN_CORRUPT);
    CHECK_U64(fake_run_count(b->g->r, EV_FINDING), 1);
    CHECK_U64(fake_run_count(b->g->r, EV_SCAN), 1);
    box_destroy(b, p);
}

/* Names of a few files: making a file of each costs many times what is tested. A file has at most 65,000 names. */
static void put_names(const struct box *b, const char *pattern, unsigned count)
{
    char path[700], first[700];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/cur/%s%u", b->root, pattern, i);
        if (i % 50000 > 0) {
            PM_ASSERT(link(first, path) == 0);
            continue;
        }
        (void)snprintf(first, sizeof first, "%s/tmp/%u", b->root, i);
        (void)snprintf(path, sizeof path, "tmp/%u", i);
        put_text(b, path, "Subject: x\n\nhello\n", 19);
        (void)snprintf(path, sizeof path, "%s/cur/%s%u", b->root, pattern, i);
        PM_ASSERT(link(first, path) == 0);
    }
}

static void a_hundred_thousand_foreign_messages_are_read_once(void)
{
    struct box *b = box_create();
    uint64_t reads;
    struct probe *p;

    put_names(b, "883699200.P1.host.", 100000);
    put(b, "new/mine", 5);
    p = open_probe(b);
    rig_wait(b->g, 100);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 1);
    CHECK_U64(fake_run_count(b->g->r, EV_FINDING), 1); /* all have the same text */
    CHECK_U64(p->scans, 1);
    reads = correlate_count(b->g->c.correlate);
    CHECK_U64(reads, 100001);
    put(b, "new/mine too", 6);
    wait_scan(b, p);
    CHECK_U64(correlate_count(b->g->c.correlate), 100002);
    CHECK_U64(fake_run_count(b->g->r, EV_SEEN), 2);
    box_destroy(b, p);
    CHECK(strlen(scratch_dir("maildir")) > 0); /* not left behind */
}

/* Hostile: differing only behind the colon, they all have one name. */
static void a_great_many_files_of_one_name_cost_no_more_than_others(void)
{
    struct box *b = box_create();
    struct probe *p;

    put_names(b, "same:2,", 20000);
    p = open_probe(b);
    rig_wait(b->g, 500);
    CHECK_U64(p->scans, 1);
    CHECK_U64(correlate_count(b->g->c.correlate), 20000);
    wait_scan(b, p);
    CHECK_U64(correlate_count(b->g->c.correlate), 20000);
    box_destroy(b, p);
}

static void names_that_would_lead_elsewhere_are_refused(void)
{
    static const char *const names[] = {"..", "a/../../b", ""};
    struct box *b = box_create();

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct err e = {0};

        b->g->r->mailboxes[0].user = names[i];
        CHECK(probe_maildir.open(&b->g->c, &b->g->how, 0, 0, &e) == NULL);
        CHECK_U64(e.code, EX_BAD_PROFILE);
        CHECK_HAS(e.text, "cannot be part of a path");
    }
    box_destroy(b, NULL);
}

static void closing_at_any_moment_is_fine(void)
{
    for (unsigned step = 0; step < 15; step++) {
        struct box *b = box_create();
        struct probe *p;

        for (unsigned i = 0; i < 50; i++) {
            char name[40];

            (void)snprintf(name, sizeof name, "new/%u", i);
            put(b, name, i);
        }
        p = open_probe(b);
        fake_run_until(b->g->r, loop_now(b->g->r->loop) + step / 3);
        probe_maildir.close(p);
        rig_wait(b->g, 1000);
        CHECK(fake_run_count(b->g->r, EV_SEEN) <= 100);
        box_destroy(b, NULL);
    }
}

static const struct test tests[] = {
    TEST(new_and_cur_are_read_and_tmp_and_hidden_files_are_not),
    TEST(what_comes_is_seen_and_what_goes_is_gone),
    TEST(flags_and_the_way_from_new_to_cur_are_no_change),
    TEST(one_name_in_new_and_in_cur_is_two_messages),
    TEST(a_message_with_another_text_is_corrupt_and_one_of_nobody_is_foreign_once),
    TEST(no_folder_is_a_complete_scan_of_nothing),
    TEST(where_no_mailbox_can_be_nothing_is_said),
    TEST(a_file_where_the_folder_should_be_is_no_absence),
    TEST(renames_in_the_middle_of_scans_lose_and_repeat_nothing),
    TEST(a_file_renamed_between_any_two_steps_is_found_again),
    TEST(the_same_copy_under_another_name_is_not_two),
    TEST(folders_below_are_read_if_asked_for),
    TEST(a_scan_asked_for_begins_after_the_asking),
    TEST(links_and_folders_in_place_of_messages_are_no_messages),
    TEST(a_file_larger_than_any_message_is_read_in_part_and_is_corrupt),
    TEST(a_hundred_thousand_foreign_messages_are_read_once),
    TEST(a_great_many_files_of_one_name_cost_no_more_than_others),
    TEST(names_that_would_lead_elsewhere_are_refused),
    TEST(closing_at_any_moment_is_fine),
    TEST_END,
};

const struct suite probe_maildir_suite = {"probe_maildir", tests};
