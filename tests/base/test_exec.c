/* Real children: their lines, their end, and none of them left behind. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "base/clock.h"
#include "base/exec.h"
#include "tests/support/check.h"

#define TOO_LONG_NS (20 * NS_PER_S)

struct stage {
    struct loop *loop;
    struct exec *exec;
    struct child *child;
    struct timer limit, later;
    struct buf out, err; /* each line followed by '|' */
    unsigned ended, lines_after_end, kill_at_line, lines;
    int status;
    char why[80];
    size_t longest;
    bool timed_out;
};

static void on_line(void *owner, struct slice line, bool is_error)
{
    struct stage *s = owner;
    struct buf *b = is_error ? &s->err : &s->out;

    s->lines_after_end += s->ended > 0;
    s->longest = line.n > s->longest ? line.n : s->longest;
    (void)buf_add(b, line.p, line.n < 100 ? line.n : 100);
    (void)buf_add_text(b, "|");
    if (++s->lines == s->kill_at_line) {
        s->exec->kill(s->exec, s->child);
        timer_arm(s->loop, &s->later, loop_now(s->loop) + 100 * NS_PER_MS);
    }
}

static void on_ended(void *owner, int status, const char *why)
{
    struct stage *s = owner;

    s->ended++;
    s->status = status;
    (void)snprintf(s->why, sizeof s->why, "%s", why);
    loop_stop(s->loop);
}

static const struct child_handler handler = {.line = on_line, .ended = on_ended};

static void on_limit(struct timer *t)
{
    struct stage *s = t->owner;

    s->timed_out = true;
    loop_stop(s->loop);
}

static void on_later(struct timer *t)
{
    struct stage *s = t->owner;

    loop_stop(s->loop);
}

static bool stage_init(struct stage *s)
{
    struct err e = {0};

    *s = (struct stage){.loop = loop_epoll_create(&e)};
    s->exec = s->loop ? exec_real(s->loop, &e) : NULL;
    buf_init(&s->out, 1 << 20);
    buf_init(&s->err, 1 << 20);
    timer_init(&s->limit, on_limit, s);
    timer_init(&s->later, on_later, s);
    return check_true(s->exec, e.text, __FILE__, __LINE__);
}

static bool stage_start(struct stage *s, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct err e = {0};

    s->child = s->exec->start(s->exec, argv, &handler, s, &e);
    return check_true(s->child, e.text, __FILE__, __LINE__);
}

static void stage_run(struct stage *s)
{
    timer_arm(s->loop, &s->limit, clock_mono_ns() + TOO_LONG_NS);
    loop_run(s->loop);
    CHECK(!s->timed_out);
}

static void stage_fini(struct stage *s)
{
    exec_real_destroy(s->exec);
    loop_destroy(s->loop);
    buf_fini(&s->out);
    buf_fini(&s->err);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* nobody is left behind */
}

/* Starts the script, runs until its end, and leaves what was seen in *s; the caller ends with stage_fini(). */
static bool play(struct stage *s, const char *script)
{
    if (!stage_init(s) || !stage_start(s, script))
        return false;
    stage_run(s);
    CHECK_U64(s->ended, 1);
    CHECK_U64(s->lines_after_end, 0);
    return true;
}

static void lines_come_in_order_and_the_status_at_the_end(void)
{
    struct stage s;

    if (play(&s, "echo one; echo; echo 'two words'; echo oops >&2; exit 3")) {
        CHECK_STR(buf_text(&s.out), "one||two words|");
        CHECK_STR(buf_text(&s.err), "oops|");
        CHECK_I64(s.status, 3);
        CHECK_STR(s.why, "exit status 3");
    }
    stage_fini(&s);
}

static void a_last_line_without_its_end_and_dos_ends_are_lines_too(void)
{
    struct stage s;

    if (play(&s, "printf 'a\\r\\nb\\rc\\nlast'"))
        CHECK_STR(buf_text(&s.out), "a|b\rc|last|");
    stage_fini(&s);
}

static void lines_come_while_the_child_still_runs(void)
{
    struct stage s;

    if (stage_init(&s) && stage_start(&s, "echo begun; exec sleep 60")) {
        s.kill_at_line = 1;
        stage_run(&s); /* ends by `later`, since a killed child tells no end */
        CHECK_STR(buf_text(&s.out), "begun|");
        CHECK_U64(s.ended, 0);
    }
    stage_fini(&s);
}

static void no_line_and_no_end_after_a_kill_in_the_middle_of_a_burst(void)
{
    struct stage s;

    if (stage_init(&s) && stage_start(&s, "echo 1; echo 2; echo 3; echo 4")) {
        s.kill_at_line = 2;
        stage_run(&s);
        CHECK_U64(s.lines, 2);
        CHECK_U64(s.ended, 0);
    }
    stage_fini(&s);
}

static void a_signal_is_told_in_words(void)
{
    struct stage s;

    if (play(&s, "kill -TERM $$")) {
        CHECK_I64(s.status, 128 + SIGTERM);
        CHECK_STR(s.why, "killed by SIGTERM");
    }
    stage_fini(&s);
}

static void a_child_that_closes_its_output_and_lives_on_blocks_nobody(void)
{
    struct stage s;

    if (play(&s, "echo x; exec >&- 2>&-; sleep 0.3; exit 7")) {
        CHECK_STR(buf_text(&s.out), "x|");
        CHECK_I64(s.status, 7);
    }
    stage_fini(&s);
}

static void a_grandchild_that_keeps_the_pipe_does_not_put_off_the_end(void)
{
    struct stage s;
    uint64_t from = clock_mono_ns();

    if (play(&s, "sleep 3 & echo done; exit 0")) {
        CHECK_STR(buf_text(&s.out), "done|");
        CHECK(clock_mono_ns() - from < 2 * NS_PER_S);
    }
    stage_fini(&s);
}

static void a_line_that_is_too_long_is_cut_and_the_next_one_is_whole(void)
{
    struct stage s;

    if (play(&s, "head -c 300000 /dev/zero | tr '\\0' 'x'; echo; echo next")) {
        CHECK_U64(s.longest, 65536);
        CHECK_U64(s.lines, 2);
        CHECK_HAS(buf_text(&s.out), "x|next|");
    }
    stage_fini(&s);
}

static void a_line_of_exactly_the_limit_is_whole(void)
{
    struct stage s;

    if (play(&s, "head -c 65536 /dev/zero | tr '\\0' 'x'; echo; echo next")) {
        CHECK_U64(s.longest, 65536);
        CHECK_U64(s.lines, 2);
        CHECK_HAS(buf_text(&s.out), "x|next|");
    }
    stage_fini(&s);
}

static void much_output_comes_whole(void)
{
    struct stage s;

    if (play(&s, "i=0; while [ $i -lt 20000 ]; do echo line; i=$((i+1)); done"))
        CHECK_U64(s.lines, 20000);
    stage_fini(&s);
}

static void a_kill_takes_the_whole_group(void)
{
    struct stage s;
    int grandchild = 0;

    if (stage_init(&s) && stage_start(&s, "sleep 61 & echo $!; wait")) {
        s.kill_at_line = 1;
        stage_run(&s);
        grandchild = (int)strtol(buf_text(&s.out), NULL, 10);
        CHECK(grandchild > 0);
        CHECK(s.ended == 0);
    }
    stage_fini(&s);
    char path[64], state[512] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", grandchild);
    FILE *f = fopen(path, "re"); /* gone, or a zombie that nobody reaps in this container */
    if (f) {
        (void)!fgets(state, sizeof state, f);
        (void)fclose(f);
    }
    CHECK(!f || strstr(state, ") Z") || strstr(state, ") X"));
}

static void what_cannot_be_run_is_an_error_with_its_name(void)
{
    static const char *const argv[] = {"/no/such/program", NULL};
    struct stage s;
    struct err e = {0};

    if (stage_init(&s)) {
        CHECK(!s.exec->start(s.exec, argv, &handler, &s, &e));
        CHECK_HAS(e.text, "cannot run /no/such/program: No such file");
        s.exec->kill(s.exec, NULL);
    }
    stage_fini(&s);
}

static void the_child_gets_no_descriptor_and_no_blocked_signal_of_ours(void)
{
    sigset_t all, before;
    struct stage s;
    int leak = dup(1); /* without FD_CLOEXEC */

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (play(&s, "for f in /proc/self/fd/*; do [ ${f##*/} -gt 2 ] && readlink $f; done; "
                 "grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t'; echo; cat; exit 0")) {
        const char *ignored = strstr(buf_text(&s.out), "SigIgn:");

        CHECK_HAS(buf_text(&s.out), "SigBlk:0000000000000000SigIgn:");
        if (ignored) /* SIGPIPE is ignored in this process; 32 and 33 belong to libc */
            CHECK_U64(strtoull(ignored + 7, NULL, 16) & 0x7fffffff, 0);
        CHECK(!strstr(buf_text(&s.out), "pipe:") && !strstr(buf_text(&s.out), "eventpoll"));
        CHECK_I64(s.status, 0);
    }
    stage_fini(&s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(leak);
}

static void several_children_run_side_by_side(void)
{
    struct stage s[3];
    uint64_t from = clock_mono_ns();
    bool ok = stage_init(&s[0]);

    for (int i = 1; i < 3; i++) {
        s[i] = s[0];
        buf_init(&s[i].out, 1 << 20);
    }
    for (int i = 0; ok && i < 3; i++)
        ok = stage_start(&s[i], "sleep 0.4; echo x");
    timer_arm(s[0].loop, &s[0].limit, clock_mono_ns() + TOO_LONG_NS);
    while (ok && !s[0].timed_out && s[0].ended + s[1].ended + s[2].ended < 3)
        loop_run(s[0].loop);
    CHECK(ok && !s[0].timed_out);
    CHECK(clock_mono_ns() - from < 1100 * NS_PER_MS);
    for (int i = 0; i < 3; i++)
        CHECK_STR(buf_text(&s[i].out), "x|");
    buf_fini(&s[1].out);
    buf_fini(&s[2].out);
    stage_fini(&s[0]);
}

static const struct test tests[] = {
    TEST(lines_come_in_order_and_the_status_at_the_end),
    TEST(a_last_line_without_its_end_and_dos_ends_are_lines_too),
    TEST(lines_come_while_the_child_still_runs),
    TEST(no_line_and_no_end_after_a_kill_in_the_middle_of_a_burst),
    TEST(a_signal_is_told_in_words),
    TEST(a_child_that_closes_its_output_and_lives_on_blocks_nobody),
    TEST(a_grandchild_that_keeps_the_pipe_does_not_put_off_the_end),
    TEST(a_line_that_is_too_long_is_cut_and_the_next_one_is_whole),
    TEST(a_line_of_exactly_the_limit_is_whole),
    TEST(much_output_comes_whole),
    TEST(a_kill_takes_the_whole_group),
    TEST(what_cannot_be_run_is_an_error_with_its_name),
    TEST(the_child_gets_no_descriptor_and_no_blocked_signal_of_ours),
    TEST(several_children_run_side_by_side),
    TEST_END,
};
const struct suite exec_suite = {"exec", tests};
