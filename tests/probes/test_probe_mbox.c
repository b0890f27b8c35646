/* test_probe_mbox.c - what is journalled of an mbox file that grows, is locked, rewritten and half written.
 *
 * A real file in a scratch folder, on simulated time. Events read "place=P code=C a=A b=EPOCH slot=S"; slot is number * 2, code of a
 * scan 1 complete + 2 absent + 4 reset.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/probes/rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define POSTMARK "From joe-1@lab.test Thu Jan  1 00:00:00 1998\n"

enum quoting { QUOTE_MBOXO, QUOTE_MBOXRD };

struct scene {
    struct rig *g;
    struct probe *p;
    char folder[300], path[300], file[400];
    enum quoting quoting;
    bool crlf;
};

static struct scene *scene_create(void)
{
    struct scene *s = calloc(1, sizeof *s);

    PM_ASSERT(s);
    s->g = rig_create("probe_mbox");
    (void)snprintf(s->folder, sizeof s->folder, "%s", scratch_dir("mbox"));
    (void)snprintf(s->path, sizeof s->path, "%.280s/{local}", s->folder);
    (void)snprintf(s->file, sizeof s->file, "%s/joanne-1", s->folder);
    s->g->how.type = PROBE_MBOX;
    s->g->how.path = s->path;
    return s;
}

static void open_probe(struct scene *s)
{
    struct err e = {0};

    s->p = probe_mbox.open(&s->g->c, &s->g->how, 0, 0, &e);
    PM_ASSERT(s->p);
}

static void scene_destroy(struct scene *s)
{
    if (s->p)
        probe_mbox.close(s->p);
    rig_destroy(s->g);
    free(s);
}

static void append(struct scene *s, const void *text, size_t n)
{
    FILE *f = fopen(s->file, "ae");

    PM_ASSERT(f);
    PM_ASSERT(fwrite(text, 1, n, f) == n);
    PM_ASSERT(fclose(f) == 0);
}

static void append_text(struct scene *s, const char *text)
{
    append(s, text, strlen(text));
}

/* As local delivery agents write it. */
static void quote(const struct scene *s, struct slice mail, struct buf *out)
{
    struct slice line;

    (void)buf_add_text(out, POSTMARK);
    while (slice_cut(&mail, '\n', &line)) {
        struct slice bare = line;

        while (s->quoting == QUOTE_MBOXRD && slice_starts(bare, ">"))
            bare = slice_skip(bare, 1);
        if (slice_starts(bare, "From "))
            (void)buf_add_text(out, ">");
        if (!s->crlf && line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        (void)buf_add(out, line.p, line.n);
        (void)buf_add_text(out, "\n");
    }
    (void)buf_add_text(out, "\n");
}

static void put(struct scene *s, uint64_t number)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    quote(s, rig_mail(s->g, number), &b);
    append(s, b.p, b.n);
    buf_fini(&b);
}

static const char *lines_of(struct scene *s, enum event_kind kind)
{
    static char out[20000];
    const char *p = fake_run_events(s->g->r, kind);
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

static uint64_t count_of(struct scene *s, enum event_kind kind)
{
    return fake_run_count(s->g->r, kind);
}

/* Files change within one tick of the kernel's clock here: the probe must see another time. */
static void change_time(const struct scene *s, long seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    PM_ASSERT(utimensat(AT_FDCWD, s->file, times, 0) == 0);
}

static void what_is_there_and_what_comes_is_seen_once(void)
{
    struct scene *s = scene_create();

    put(s, 10);
    put(s, 11);
    open_probe(s);
    rig_wait(s->g, 500);
    put(s, 12);
    put(s, 10);
    rig_wait(s->g, 500);
    CHECK_STR(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=1 slot=20\n"
                                    "place=0 code=1 a=0 b=1 slot=22\n"
                                    "place=0 code=1 a=0 b=1 slot=24\n"
                                    "place=0 code=2 a=0 b=1 slot=20\n");
    CHECK_STR(lines_of(s, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n"
                                    "place=0 code=1 a=0 b=1 slot=0\n");
    scene_destroy(s);
}

/* Bodies of 1,000 octets have hardly ever such lines: all of the corpus has them. */
static void quoted_from_lines_are_no_corruption(void)
{
    for (unsigned way = 0; way < 4; way++) {
        struct scene *s = scene_create();
        uint64_t quoted = 0;

        s->quoting = way % 2 ? QUOTE_MBOXO : QUOTE_MBOXRD;
        s->crlf = way / 2;
        for (uint64_t n = 0; n < 400; n++) {
            struct slice m = rig_mail(s->g, n);

            quoted += memmem(m.p, m.n, "\nFrom ", 6) != NULL;
            put(s, n);
        }
        CHECK(quoted > 10);
        open_probe(s);
        rig_wait(s->g, 2000);
        CHECK_U64(count_of(s, EV_SEEN), 400);
        for (uint32_t i = 0; i < s->g->r->event_count; i++)
            if (s->g->r->events[i].kind == EV_SEEN && !CHECK_U64(s->g->r->events[i].code, 1))
                break;
        CHECK_U64(count_of(s, EV_FINDING), 0);
        scene_destroy(s);
    }
}

static void a_text_cut_short_is_corrupt(void)
{
    struct scene *s = scene_create();
    struct slice m = rig_mail(s->g, 5);

    append_text(s, POSTMARK);
    append(s, m.p, m.n - 200);
    append_text(s, "\n\n");
    put(s, 6);
    open_probe(s);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_SEEN), 2);
    for (uint32_t i = 0; i < s->g->r->event_count; i++)
        if (s->g->r->events[i].kind == EV_SEEN)
            CHECK_U64(s->g->r->events[i].code,
                      s->g->r->events[i].slot == 10 ? 1 | SEEN_CORRUPT : 1);
    scene_destroy(s);
}

static void a_file_that_shrank_is_read_again_in_a_new_epoch(void)
{
    struct scene *s = scene_create();

    put(s, 5);
    put(s, 6);
    open_probe(s);
    rig_wait(s->g, 500);
    PM_ASSERT(truncate(s->file, 0) == 0);
    put(s, 6);
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=2 slot=12\n");
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=5 a=0 b=2 slot=0\n");
    CHECK_U64(count_of(s, EV_SEEN), 3);
    scene_destroy(s);
}

static void a_file_that_was_replaced_or_rewritten_is_read_again(void)
{
    struct scene *s = scene_create();
    char other[500];

    put(s, 5);
    put(s, 6);
    open_probe(s);
    rig_wait(s->g, 500);
    (void)snprintf(other, sizeof other, "%s.old", s->file);
    PM_ASSERT(rename(s->file, other) == 0);
    put(s, 7);
    put(s, 8);
    put(s, 9);
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=5 a=0 b=2 slot=0\n");
    CHECK_U64(count_of(s, EV_SEEN), 5);
    change_time(s, 1000); /* the same size: in place */
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=5 a=0 b=3 slot=0\n");
    CHECK_U64(count_of(s, EV_SEEN), 8);
    /* one out at the front, more than that at the end */
    PM_ASSERT(truncate(s->file, 0) == 0);
    put(s, 8);
    put(s, 9);
    put(s, 10);
    put(s, 11);
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=5 a=0 b=4 slot=0\n");
    CHECK_U64(count_of(s, EV_SEEN), 12);
    scene_destroy(s);
}

static void a_dotlock_is_waited_for(void)
{
    struct scene *s = scene_create();
    char lock[500];

    (void)snprintf(lock, sizeof lock, "%s", "joanne-1.lock");
    put(s, 5);
    CHECK(strlen(scratch_file(s->folder, lock, "1")) > 0);
    open_probe(s);
    rig_wait(s->g, 60000);
    CHECK_U64(count_of(s, EV_SCAN), 0);
    CHECK_U64(count_of(s, EV_SEEN), 0);
    CHECK_U64(s->p->failures, 0);
    CHECK(s->p->refused && !s->p->absent);
    CHECK_HAS(s->p->why, "locked");
    (void)snprintf(lock, sizeof lock, "%s.lock", s->file);
    PM_ASSERT(remove(lock) == 0);
    rig_wait(s->g, 300);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    CHECK_U64(count_of(s, EV_SEEN), 1);
    CHECK(!s->p->refused);
    scene_destroy(s);
}

/* Locks of fcntl are a process's: another one holds it. */
static void a_lock_of_fcntl_is_waited_for(void)
{
    struct scene *s = scene_create();
    int ready[2], done[2];
    char c = 0;
    pid_t child;

    put(s, 5);
    PM_ASSERT(pipe(ready) == 0 && pipe(done) == 0);
    child = fork();
    PM_ASSERT(child >= 0);
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(s->file, O_RDWR | O_CLOEXEC);

        (void)close(done[1]);
        if (fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], "x", 1) == 1)
            (void)!read(done[0], &c, 1);
        _exit(0);
    }
    (void)close(done[0]);
    CHECK(read(ready[0], &c, 1) == 1);
    open_probe(s);
    rig_wait(s->g, 1000);
    CHECK_U64(count_of(s, EV_SCAN), 0);
    CHECK_U64(s->p->failures, 0);
    (void)close(done[1]);
    PM_ASSERT(waitpid(child, NULL, 0) == child);
    rig_wait(s->g, 300);
    CHECK_U64(count_of(s, EV_SEEN), 1);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    scene_destroy(s);
}

static void a_message_half_written_without_a_lock_is_put_right(void)
{
    struct scene *s = scene_create();
    struct buf b;
    uint32_t newest = 0;

    put(s, 5);
    buf_init(&b, 1 << 20);
    quote(s, rig_mail(s->g, 6), &b);
    append(s, b.p, b.n / 2);
    open_probe(s);
    rig_wait(s->g, 500);
    append(s, b.p + b.n / 2, b.n - b.n / 2);
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=5 a=0 b=2 slot=0\n");
    CHECK_U64(count_of(s, EV_SEEN), 4);
    for (uint32_t i = 0; i < s->g->r->event_count; i++)
        if (s->g->r->events[i].kind == EV_SEEN && s->g->r->events[i].slot == 12)
            newest = s->g->r->events[i].code;
    CHECK_U64(newest, 1);
    buf_fini(&b);
    scene_destroy(s);
}

static void no_file_is_a_complete_scan_of_nothing(void)
{
    struct scene *s = scene_create();

    open_probe(s);
    rig_wait(s->g, 500);
    CHECK_STR(lines_of(s, EV_SCAN), "place=0 code=7 a=0 b=2 slot=0\n");
    CHECK(s->p->absent);
    put(s, 5);
    rig_wait(s->g, 500);
    CHECK_STR(lines_of(s, EV_SEEN), "place=0 code=1 a=0 b=2 slot=10\n");
    CHECK(!s->p->absent);
    PM_ASSERT(remove(s->file) == 0);
    rig_wait(s->g, 500);
    CHECK_HAS(lines_of(s, EV_SCAN), "place=0 code=7 a=0 b=3 slot=0\n");
    CHECK_U64(s->p->failures, 0);
    scene_destroy(s);
}

static void what_is_no_mbox_is_a_failure(void)
{
    static const char *const texts[] = {"Subject: hello\n\nworld\n", "\n\n" POSTMARK "\n",
                                        "From here on\n\nnothing\n"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct scene *s = scene_create();

        append_text(s, texts[i]);
        open_probe(s);
        rig_wait(s->g, 1000);
        CHECK_U64(count_of(s, EV_SCAN), 0);
        CHECK(s->p->failures >= 2);
        CHECK_HAS(s->p->why, "no mbox");
        scene_destroy(s);
    }
}

static void an_empty_file_is_a_complete_scan(void)
{
    struct scene *s = scene_create();

    append_text(s, "");
    open_probe(s);
    rig_wait(s->g, 500);
    CHECK_STR(lines_of(s, EV_SCAN), "place=0 code=1 a=0 b=1 slot=0\n");
    put(s, 5);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_SEEN), 1);
    scene_destroy(s);
}

static void a_message_too_large_to_be_kept_hides_none_behind_it(void)
{
    struct scene *s = scene_create();
    size_t piece = 1 << 20;
    char *much = malloc(piece);

    PM_ASSERT(much);
    memset(much, 'x', piece);
    for (size_t i = 79; i < piece; i += 80)
        much[i] = '\n';
    put(s, 5);
    append_text(s, POSTMARK "Subject: large\n\n");
    for (unsigned i = 0; i < 70; i++)
        append(s, much, piece);
    append_text(s, "\n\n");
    put(s, 6);
    memset(much, 'y', piece);
    append_text(s, POSTMARK "Subject: one line\n\n");
    for (unsigned i = 0; i < 70; i++)
        append(s, much, piece);
    append_text(s, "\n\n");
    put(s, 7);
    open_probe(s);
    rig_wait(s->g, 3000);
    CHECK_U64(count_of(s, EV_SEEN), 3);
    CHECK_U64(count_of(s, EV_FINDING), 2);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    put(s, 8);
    rig_wait(s->g, 500);
    CHECK_U64(count_of(s, EV_SEEN), 4);
    CHECK_U64(count_of(s, EV_SCAN), 2);
    free(much);
    scene_destroy(s);
}

static void a_hundred_thousand_foreign_messages_are_read_once(void)
{
    struct scene *s = scene_create();
    FILE *f = fopen(s->file, "we");
    uint64_t reads;

    PM_ASSERT(f);
    for (unsigned i = 0; i < 100000; i++)
        PM_ASSERT(fputs(POSTMARK "Subject: x\n\nhello\n\n", f) >= 0);
    PM_ASSERT(fclose(f) == 0);
    put(s, 5);
    open_probe(s);
    rig_wait(s->g, 1000);
    CHECK_U64(count_of(s, EV_SEEN), 1);
    CHECK_U64(count_of(s, EV_FINDING), 1);
    CHECK_U64(count_of(s, EV_SCAN), 1);
    reads = correlate_count(s->g->c.correlate);
    CHECK_U64(reads, 100001);
    put(s, 6);
    rig_wait(s->g, 500);
    CHECK_U64(correlate_count(s->g->c.correlate), 100002);
    scene_destroy(s);
}

static const struct test tests[] = {
    TEST(what_is_there_and_what_comes_is_seen_once),
    TEST(quoted_from_lines_are_no_corruption),
    TEST(a_text_cut_short_is_corrupt),
    TEST(a_file_that_shrank_is_read_again_in_a_new_epoch),
    TEST(a_file_that_was_replaced_or_rewritten_is_read_again),
    TEST(a_dotlock_is_waited_for),
    TEST(a_lock_of_fcntl_is_waited_for),
    TEST(a_message_half_written_without_a_lock_is_put_right),
    TEST(no_file_is_a_complete_scan_of_nothing),
    TEST(what_is_no_mbox_is_a_failure),
    TEST(an_empty_file_is_a_complete_scan),
    TEST(a_message_too_large_to_be_kept_hides_none_behind_it),
    TEST(a_hundred_thousand_foreign_messages_are_read_once),
    TEST_END,
};

const struct suite probe_mbox_suite = {"probe_mbox", tests};
