/* test_live_terminal.c - the built program on a real terminal (a pty): what is seen while a run goes on, also while the window
 * changes, and that a run ends in order when the terminal sends an interrupt, or goes away.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/app/program.h"
#include "tests/app/screen.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define LIMIT_MS 60000
#define STEP_MS  20
#define SEEN_MAX (1u << 20)

/* Some four seconds: a load, two moves, and a wait for silence. */
#define PROFILE                                                                                    \
    "schema: 1\nrun: {name: shown, seed: 5}\n"                                                     \
    "lab: {version: modern, servers: [s1, s2], time_scale: 20}\n"                                  \
    "mailboxes: {anna: {count: 3, home: s1, stock: 10s}, joe: {home: s2}}\n"                       \
    "load: {x: {via: s2, from: joe, to: anna, arrivals: constant, rate: 5/s, duration: 60s}}\n"    \
    "moves: {m: {mailboxes: anna, from: s1, to: s2, start: 5s, every: 20s, count: 2}}\n"           \
    "settle: {silence: double-collect, retry: 10s, deadline: 5m}\n"

struct terminal {
    int fd; /* the far end; -1: closed */
    struct program program;
    struct screen screen;
    struct buf seen; /* every octet */
    char dir[200], runs[300];
    unsigned waited_ms;
};

static void become(const struct terminal *t, const char *term, const char *profile)
{
    sigset_t none;
    int out = open(t->program.out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGHUP, SIG_DFL);
    (void)unsetenv("NO_COLOR");
    (void)setenv("TERM", term, 1);
    if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    (void)execl(PM_POSTMUSTER, PM_POSTMUSTER, "run", profile, "--runs", t->runs, (char *)NULL);
    _exit(127);
}

static bool begin(struct terminal *t, const char *term, unsigned columns, unsigned rows)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    *t = (struct terminal){.fd = -1, .program = {.code = -1}};
    (void)snprintf(t->dir, sizeof t->dir, "%s", scratch_dir("terminal"));
    (void)snprintf(t->runs, sizeof t->runs, "%s/runs", t->dir);
    (void)snprintf(t->program.out, sizeof t->program.out, "%s/out", t->dir);
    screen_init(&t->screen, columns, rows);
    buf_init(&t->seen, SEEN_MAX);
    const char *profile = scratch_file(t->dir, "p.yaml", PROFILE);

    (void)fflush(NULL);
    t->program.pid = forkpty(&t->fd, NULL, NULL, &size);
    if (t->program.pid == 0)
        become(t, term, profile);
    return CHECK(t->program.pid > 0);
}

/* Reads what has come, waiting a moment for it. false: nobody is there any more. */
static bool take(struct terminal *t)
{
    char part[4096];
    struct pollfd p = {.fd = t->fd, .events = POLLIN};

    if (t->fd < 0 || poll(&p, 1, STEP_MS) < 0)
        return false;
    t->waited_ms += STEP_MS;
    if (!p.revents)
        return t->waited_ms < LIMIT_MS;
    ssize_t n = read(t->fd, part, sizeof part); /* EIO: the other end is closed */

    if (n <= 0)
        return false;
    screen_feed(&t->screen, slice_from(part, (size_t)n));
    (void)buf_add(&t->seen, part, (size_t)n);
    return t->waited_ms < LIMIT_MS;
}

/* Until it shows this. */
static bool shows(struct terminal *t, const char *what)
{
    while (!strstr(screen_text(&t->screen), what))
        if (!take(t)) {
            (void)check_true(false, what, __FILE__, __LINE__);
            return false;
        }
    return true;
}

static void resize(struct terminal *t, unsigned columns, unsigned rows)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    screen_resize(&t->screen, columns);
    CHECK(ioctl(t->fd, TIOCSWINSZ, &size) == 0);
}

static void end(struct terminal *t)
{
    while (take(t))
        ;
    CHECK(program_wait(&t->program, 30));
    if (t->fd >= 0)
        (void)close(t->fd);
    buf_fini(&t->seen);
}

/* The run was judged, and its folder says so. */
static void check_judged(const struct terminal *t)
{
    char path[700];

    (void)snprintf(path, sizeof path, "%s/summary.json", program_only_folder(t->runs));
    CHECK(access(path, R_OK) == 0);
}

static void all_of_a_run_is_seen_and_nothing_is_left_behind(void)
{
    struct terminal t;

    if (!begin(&t, "xterm", 80, 24))
        return;
    (void)(shows(&t, "shown  load  ") && shows(&t, " in flight ") && shows(&t, "late p99 <=") &&
           shows(&t, " of 300  ") && shows(&t, "/s of 5.0/s") && shows(&t, "  so far  ") &&
           shows(&t, " open\n") && shows(&t, "  queues  s1 ") &&
           shows(&t, "verdict load ends in ") && shows(&t, "anna-1 s1>s2  copying  for ") &&
           shows(&t, "1 of 2 ended") && shows(&t, "shown  settle  ") &&
           shows(&t, "verdict in at most "));
    end(&t);
    CHECK_I64(t.program.code, 0);
    CHECK_STR(screen_text(&t.screen), "");
    CHECK_U64(t.screen.y, 0);
    CHECK_U64(t.screen.wraps, 0);
    CHECK_U64(t.screen.unknown, 0);
    check_judged(&t);
}

static void a_window_that_changes_meanwhile_shows_one_view(void)
{
    struct terminal t;

    if (!begin(&t, "xterm", 120, 40))
        return;
    if (shows(&t, "shown  load  ")) {
        resize(&t, 60, 20);
        (void)shows(&t, "\n          in flight "); /* which had room on its line */
        CHECK(strstr(strstr(screen_text(&t.screen), "shown"), "shown ") != NULL);
        CHECK(strstr(strstr(screen_text(&t.screen), "shown") + 1, "shown ") == NULL);
        resize(&t, 100, 30);
        (void)shows(&t, "  in flight ");
    }
    end(&t);
    CHECK_I64(t.program.code, 0);
    CHECK_STR(screen_text(&t.screen), "");
    CHECK_U64(t.screen.wraps, 0);
}

static void a_terminal_that_cannot_redraw_gets_lines(void)
{
    struct terminal t;
    struct slice seen;

    if (!begin(&t, "dumb", 80, 24))
        return;
    while (take(&t))
        ;
    seen = buf_slice(&t.seen);
    CHECK(seen.n > 0 && memchr(seen.p, 033, seen.n) == NULL);
    CHECK_HAS(buf_text(&t.seen), "shown load ");
    CHECK_HAS(buf_text(&t.seen), "shown settle ");
    end(&t);
    CHECK_I64(t.program.code, 0);
}

static void an_interrupt_is_told_and_the_run_is_judged(void)
{
    static const char control_c[] = "\003";
    struct terminal t;

    if (!begin(&t, "xterm", 80, 24))
        return;
    if (shows(&t, "shown  load  ")) {
        CHECK(write(t.fd, control_c, 1) == 1);
        (void)shows(&t, "interrupted: draining and judging; once more stops at once");
    }
    end(&t);
    CHECK_I64(t.program.code, 130);
    check_judged(&t);
}

static void a_terminal_that_goes_away_ends_the_run_in_order(void)
{
    struct terminal t;

    if (!begin(&t, "xterm", 80, 24))
        return;
    (void)shows(&t, "shown  load  ");
    (void)close(t.fd); /* SIGHUP, and every write fails from now on */
    t.fd = -1;
    end(&t);
    CHECK_I64(t.program.code, 143);
    check_judged(&t);
}

static const struct test tests[] = {
    TEST(all_of_a_run_is_seen_and_nothing_is_left_behind),
    TEST(a_window_that_changes_meanwhile_shows_one_view),
    TEST(a_terminal_that_cannot_redraw_gets_lines),
    TEST(an_interrupt_is_told_and_the_run_is_judged),
    TEST(a_terminal_that_goes_away_ends_the_run_in_order),
    TEST_END,
};

const struct suite live_terminal_suite = {"live_terminal", tests};
