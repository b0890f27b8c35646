/* cmd_run.c - run profiles, all variants side by side, and judge: progress to stderr, verdicts to stdout. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/campaign.h"
#include "app/ci.h"
#include "app/cmd.h"
#include "app/live.h"
#include "app/matrix.h"
#include "app/metrics.h"
#include "app/resume.h"
#include "base/clock.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/tls.h"
#include "results/compare.h"
#include "results/judge.h"

#define STEP_MS      100
#define ECHO_MS      100
#define PROFILES_MAX 32
#define PARALLEL_MAX 1000
#define METRICS_PORT 9464 /* where OpenTelemetry's exporters are scraped, too */

struct watcher {
    bool quiet, color;
    bool matrix;        /* cells are shown in a table at the end, not one by one */
    bool terminated;    /* the first to break it off was SIGTERM, or the terminal that went away */
    uint64_t signal_ns; /* when the last one came */
    struct live *live;
    bool live_color;
    struct metrics_server *metrics; /* NULL: not asked for */
};

/* In one write, so that no half of a view shows; a terminal that does not take it is not waited for. */
static void to_stderr(struct buf *text)
{
    (void)fflush(stderr);
    for (ssize_t n = 0; text->n > 0; buf_drop(text, (size_t)n)) {
        n = write(STDERR_FILENO, text->p, text->n);
        if (n <= 0)
            break;
    }
    buf_fini(text);
}

static void end_line(struct watcher *w)
{
    struct buf text;

    buf_init(&text, 4096);
    live_wipe(w->live, &text);
    to_stderr(&text);
}

static void show_progress(struct watcher *w, struct campaign *c)
{
    uint64_t now = clock_mono_ns();
    struct live_room room = {.color = w->live_color};
    struct buf text;

    terminal_size(STDERR_FILENO, &room.columns, &room.rows);
    buf_init(&text, 4u << 20);
    (void)live_show(w->live, c, now, &room, &text);
    to_stderr(&text);
    if (w->metrics)
        metrics_publish(w->metrics, c, now);
}

/* What failed, in words; refused log-ons are what moves look like and stay in log.txt. */
static void show_log(const char *log)
{
    struct slice rest = slice_of(log), line;

    while (slice_cut(&rest, '\n', &line))
        if (!slice_starts(line, "mailbox "))
            (void)fprintf(stderr, "%.*s\n", (int)line.n, (const char *)line.p);
}

/* What is wrong with a run, once with the profile that it is about. */
static void show_error(const struct job *j)
{
    const char *text = j->result.error.text;
    size_t n = strlen(j->path);

    if (strncmp(text, j->path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    (void)fprintf(stderr, "postmuster: %s%s%s: %s\n", j->path, *j->variant ? " " : "", j->variant,
                  text);
}

static const char *github_summary(void)
{
    const char *file = getenv("GITHUB_STEP_SUMMARY");

    return file && *file ? file : NULL;
}

/* To GitHub's runner, if this is one: the page of its summary, and why the run did not pass. */
static void tell_github(const struct job *j)
{
    const char *file = github_summary(), *actions = getenv("GITHUB_ACTIONS");
    char run[256];
    struct err e = {0};
    struct buf lines;

    if (file && j->result.judgement && !ci_summarize(&j->result, file, &e))
        (void)fprintf(stderr, "postmuster: %s\n", e.text);
    if (!actions || strcmp(actions, "true") != 0)
        return;
    (void)snprintf(run, sizeof run, "%s%s%s", j->path, *j->variant ? " " : "", j->variant);
    buf_init(&lines, 1u << 20);
    if (j->result.judgement)
        (void)ci_annotate(run, j->result.judgement, &lines);
    else if (j->result.error.code)
        (void)ci_annotate_error(run, j->result.error.text, &lines);
    (void)fputs(buf_text(&lines), stdout);
    (void)fflush(stdout);
    buf_fini(&lines);
}

static void show_result(void *owner, struct job *j)
{
    struct watcher *w = owner;
    struct buf text;

    end_line(w);
    if (j->result.error.code)
        show_error(j);
    if (j->result.log && !w->matrix && !w->quiet)
        show_log(j->result.log);
    if (!j->result.judgement && !w->matrix)
        tell_github(j);
    if (!j->result.judgement)
        return;
    if (w->matrix) {
        if (!w->quiet)
            (void)fprintf(stderr, "%s: %s\n", j->variant,
                          verdict_name(j->result.judgement->verdict));
        return;
    }
    buf_init(&text, 16u << 20);
    if (judgement_text(j->result.judgement, &text, w->color))
        (void)fputs(buf_text(&text), stdout);
    (void)printf("run folder: %s\n\n", j->result.dir);
    (void)fflush(stdout);
    buf_fini(&text);
    tell_github(j);
}

/* Variants of one profile, side by side, in short. */
static void compare_variants(const struct campaign *c, const char *path, bool color)
{
    struct compared *all = arena_new(c->arena, struct compared, COMPARED_MAX);
    struct comparison *done = NULL;
    struct err e = {0};
    struct buf text;
    uint32_t n = 0;

    for (uint32_t i = 0; all && i < c->count && n < COMPARED_MAX; i++)
        if (strcmp(c->jobs[i].path, path) == 0 && c->jobs[i].result.judgement &&
            compared_read(&all[n], c->arena, c->jobs[i].result.dir, NULL))
            n++;
    if (n > 1)
        done = comparison_make(c->arena, all, n, true, &e);
    buf_init(&text, 16u << 20);
    if (done && compare_text(done, false, &text, color))
        (void)printf("%s\n", buf_text(&text));
    if (e.code)
        (void)fprintf(stderr, "postmuster: %s\n", e.text);
    buf_fini(&text);
}

/* Beside the folders of its runs; of several matrices each by its name. */
static void write_matrix(const struct campaign *c, const char *path, bool alone)
{
    struct err e = {0};
    char file[CMD_PATH_BYTES];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    if (c->run_dir)
        return;
    (void)snprintf(file, sizeof file, "%s/matrix%s%s.html", c->runs_dir, alone ? "" : "-",
                   alone ? "" : name);
    if (matrix_write_page(c, path, file, c->arena, &e))
        (void)printf("page: %s\n", file);
    else
        (void)fprintf(stderr, "postmuster: %s\n", e.text);
}

static int show_matrix(const struct campaign *c, const char *path, bool alone)
{
    uint32_t counts[CELL_NO_VERDICT + 1];
    const char *file = github_summary();
    struct err e = {0};
    struct buf text;

    buf_init(&text, 16u << 20);
    if (matrix_print(c, path, &text, counts)) {
        (void)printf("%s\n%u cells as expected, %u not reproduced, %u with an unexpected class, "
                     "%u without a verdict\n",
                     buf_text(&text), counts[CELL_AS_EXPECTED], counts[CELL_NOT_REPRODUCED],
                     counts[CELL_UNEXPECTED], counts[CELL_NO_VERDICT]);
        if (file && !ci_summarize_text("postmuster matrix", buf_slice(&text), file, &e))
            (void)fprintf(stderr, "postmuster: %s\n", e.text);
    }
    buf_fini(&text);
    write_matrix(c, path, alone);
    if (counts[CELL_UNEXPECTED])
        return EX_FAIL;
    return counts[CELL_NOT_REPRODUCED] + counts[CELL_NO_VERDICT] ? EX_INCONCLUSIVE : EX_PASS;
}

/* Whoever signals a process and its group (timeout does) means it once. */
static bool is_echo(struct watcher *w)
{
    uint64_t now = clock_mono_ns(), last = w->signal_ns;

    w->signal_ns = now;
    return last && now - last < ECHO_MS * NS_PER_MS;
}

/* nohup has it ignored, and means that. */
static bool is_heard(int sig)
{
    struct sigaction now;

    return sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_IGN;
}

static void walk(struct campaign *c, struct watcher *w)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGTERM);
    if (is_heard(SIGHUP))
        (void)sigaddset(&wanted, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    while (campaign_step(c, show_result, w)) {
        show_progress(w, c);
        int got = sigtimedwait(&wanted, NULL, &step);

        if (got < 0 || is_echo(w))
            continue;
        w->terminated |= got != SIGINT && c->interrupts == 0;
        end_line(w);
        campaign_interrupt(c);
        (void)fprintf(stderr, c->interrupts == 1
                                  ? "interrupted: draining and judging; once more stops at once\n"
                                  : "stopping\n");
    }
    end_line(w);
}

/* Before any run starts: a port that is taken, or an address that a profile does not allow, is a word to the caller. */
static bool serve_metrics(struct watcher *w, const struct campaign *c, struct err *e)
{
    struct net_addr at;
    char text[NET_TEXT];

    if (!c->metrics.family)
        return true;
    w->metrics = metrics_serve(&c->metrics, e);
    if (!w->metrics)
        return false;
    at = metrics_addr(w->metrics);
    if (!w->quiet)
        (void)fprintf(stderr, "metrics on http://%s/metrics\n", net_print(&at, text));
    return true;
}

static int run_all(struct campaign *c, struct watcher *w, char *const *paths, int count,
                   const char *variant)
{
    struct err e = {0};
    int worst = EX_PASS;

    for (int i = 0; i < count; i++)
        if (!campaign_add(c, paths[i], variant, &e))
            return cmd_fail(&e);
    if (c->run_dir && c->count != 1) {
        (void)err_set(&e, EX_BAD_USAGE,
                      "--dir takes one run, these are %u; --variant \"\" picks the plain one",
                      c->count);
        return cmd_fail(&e);
    }
    if (!serve_metrics(w, c, &e))
        return cmd_fail(&e);
    for (uint32_t i = 0; i < c->count; i++)
        w->matrix |= strchr(c->jobs[i].variant, '/') != NULL;
    walk(c, w);
    for (int i = 0; i < count; i++) {
        if (w->matrix) {
            int code = show_matrix(c, paths[i], count == 1);

            worst = code > worst ? code : worst;
        } else
            compare_variants(c, paths[i], w->color);
    }
    (void)fflush(stdout);
    /* Of a matrix, the cells' own verdicts are what it shows; only their failures to run count. */
    int code = campaign_exit_code(c);

    if (code == EX_INTERRUPTED && w->terminated)
        return EX_TERMINATED;
    return w->matrix && code <= EX_INCONCLUSIVE ? worst : code;
}

static bool has_color(void)
{
    const char *no = getenv("NO_COLOR");

    return !(no && *no);
}

static int run_watched(struct campaign *c, struct watcher *w, char *const *paths, int count,
                       const char *variant, enum live_mode mode)
{
    struct err e = {0};

    w->live = live_create(w->quiet ? LIVE_NONE : mode, &e);
    int code = w->live ? run_all(c, w, paths, count, variant) : cmd_fail(&e);

    metrics_end(w->metrics);
    live_destroy(w->live);
    return code;
}

/* The profile that a run which died left is run again, as that run; PROFILE instead where it has passwords in it. */
static int resume(struct campaign *c, struct watcher *w, const char *run, const char *given,
                  enum live_mode mode)
{
    static char dir[CMD_PATH_BYTES];
    const char *path, *variant;
    struct err e = {0};

    c->resume = cmd_run_dir(c->runs_dir, run, dir);
    if (!resume_profile(c->arena, c->resume, given, &path, &variant, &e))
        return cmd_fail(&e);
    char *paths[] = {arena_format(c->arena, "%s", path)};
    int code = paths[0] ? run_watched(c, w, paths, 1, variant, mode) : EX_IO;

    if (code == EX_BAD_PROFILE && !given)
        (void)fprintf(stderr,
                      "postmuster: if the profile has passwords in it, which a run does not "
                      "keep, add it: run --resume RUN PROFILE\n");
    return code;
}

static bool operands_fit(int first, int argc, const char *resumed, const char *dir, bool simulate)
{
    if (first < 0)
        return false;
    if (resumed)
        return argc - first <= 1 && !dir && !simulate;
    return first < argc && argc - first <= PROFILES_MAX;
}

int cmd_run(const struct cmd *self, int argc, char **argv)
{
    struct cmd_list sets = {0}, owned = {0};
    const char *variant = NULL, *runs = "results/runs", *parallel = NULL, *dir = NULL;
    const char *live = "auto", *metrics = NULL, *resumed = NULL;
    bool simulate = false, quiet = false;
    const struct cmd_option options[] = {
        {.name = "variant", .text = &variant},   {.name = "set", .list = &sets},
        {.name = "runs", .text = &runs},         {.name = "dir", .text = &dir},
        {.name = "parallel", .text = &parallel}, {.name = "simulate", .flag = &simulate},
        {.name = "live", .text = &live},         {.name = "metrics", .text = &metrics},
        {.name = "quiet", .flag = &quiet},       {.name = "yes-i-own", .list = &owned},
        {.name = "resume", .text = &resumed},    {0},
    };
    int first = cmd_parse(options, argc, argv);
    uint64_t at_once = 0;
    enum live_mode mode;
    struct err e = {0};

    if (!operands_fit(first, argc, resumed, dir, simulate) || (resumed && variant) ||
        !live_mode_named(live, terminal_can_redraw(STDERR_FILENO), !has_color(), &mode) ||
        (parallel &&
         (!text_u64(slice_of(parallel), &at_once, NULL) || at_once == 0 || at_once > PARALLEL_MAX)))
        return cmd_usage(self);
    struct campaign c = {.arena = arena_create(1ull << 30),
                         .parallel = parallel ? (uint32_t)at_once : (uint32_t)(argc - first),
                         .parallel_given = parallel != NULL,
                         .sets = sets.items,
                         .set_count = sets.count,
                         .owned = owned.items,
                         .owned_count = owned.count,
                         .runs_dir = runs,
                         .run_dir = dir,
                         .simulate = simulate,
                         .watched = metrics || (mode != LIVE_NONE && !quiet)};
    struct watcher w = {.quiet = quiet, .color = cmd_color(), .live_color = has_color()};

    if (metrics && !net_parse(&c.metrics, metrics, METRICS_PORT, &e)) {
        (void)err_wrap(&e, "--metrics");
        arena_destroy(c.arena);
        e.code = EX_BAD_USAGE;
        return cmd_fail(&e);
    }
    int code = EX_IO;

    if (!c.arena)
        (void)err_set(&e, EX_IO, "out of memory");
    if (!c.arena || !tls_ready(&e)) {
        arena_destroy(c.arena);
        return cmd_fail(&e);
    }
    if (resumed)
        code = resume(&c, &w, resumed, first < argc ? argv[first] : NULL, mode);
    else
        code = run_watched(&c, &w, argv + first, argc - first, variant, mode);

    campaign_fini(&c);
    arena_destroy(c.arena);
    return code;
}
