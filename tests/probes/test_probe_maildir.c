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

static const struct test tests[] = {
    TEST(new_and_cur_are_read_and_tmp_and_hidden_files_are_not),
    TEST(what_comes_is_seen_and_what_goes_is_gone),
    TEST(flags_and_the_way_from_new_to_cur_are_no_change),
    TEST(one_name_in_new_and_in_cur_is_two_messages),
    TEST(a_message_with_another_text_is_corrupt_and_one_of_nobody_is_foreign_once),
    TEST(no_folder_is_a_complete_scan_of_nothing),
    TEST(where_no_mailbox_can_be_nothing_is_said),
    TEST(a_file_where_the_folder_should_be_is_no_absence),
    TEST_END,
};

const struct suite probe_maildir_suite = {"probe_maildir", tests};
