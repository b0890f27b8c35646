/* mover_exec.c - moves by a command of the user's: argv without a shell, marks as lines on its stdout.
 *
 * Lines: "mark copying", "mark done", "failed TEXT"; others are the command's own business. Exit status 0 without a word
 * means done, any other failed (the last line of stderr says why). After "mark done" or "failed" the command may go on to
 * clean up; it is not waited for, and killed when the run ends. Each argument is a template of its own and stays one
 * argument; names that go into it may hold letters, digits and . _ @ + - only, and not begin with "-".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "loadgen/move.h"

#define ARGUMENTS_MAX 64
#define WHY_MAX       256
#define BYTES_MAX     65536u

struct exec_move {
    struct mover_job *job;
    struct child *child; /* NULL: it has exited */
    bool ended;          /* and said so */
    char last[WHY_MAX];  /* of stderr */
};

static bool exec_check(const struct moves_context *c, const struct mover_profile *mover,
                       uint32_t move, struct err *e)
{
    const struct move_plan *plan = &c->work->moves[move];
    const struct site *site = &c->work->profile->site;
    const struct mailbox *box = &site->mailboxes[plan->mailbox];
    uint32_t count = 0;
    bool ok = true;
    struct buf out;

    if (!c->exec)
        return err_set(e, EX_BAD_PROFILE, "commands cannot be run here");
    if (!template_check_name("mailbox", box->name, e) ||
        !template_check_name("address", box->address, e) ||
        (box->user && !template_check_name("user", box->user, e)) ||
        !template_check_name("server", site->servers[plan->from].name, e) ||
        !template_check_name("server", site->servers[plan->to].name, e))
        return false;
    buf_init(&out, BYTES_MAX);
    while (ok && mover->argv && mover->argv[count])
        ok = move_template(c->work, move, "0", mover->argv[count++], TEMPLATE_PLAIN, &out, e);
    buf_fini(&out);
    if (ok && (count == 0 || count > ARGUMENTS_MAX))
        return err_set(e, EX_BAD_PROFILE, "argv: expected 1 to %d arguments", ARGUMENTS_MAX);
    return ok;
}

static void finish(struct exec_move *x, bool done, const char *why)
{
    if (x->ended)
        return;
    x->ended = true;
    x->job->events->ended(x->job, done, why);
}

static void on_line(void *owner, struct slice line, bool is_error)
{
    struct exec_move *x = owner;
    char why[WHY_MAX];

    line = slice_trim(line);
    if (is_error) {
        if (line.n > 0)
            (void)text_clean(x->last, sizeof x->last, line);
    } else if (slice_is(line, "mark copying")) {
        if (!x->ended)
            x->job->events->copying(x->job);
    } else if (slice_is(line, "mark done")) {
        finish(x, true, "");
    } else if (slice_is(line, "failed") || slice_starts(line, "failed ")) {
        (void)text_clean(why, sizeof why, slice_skip(line, strlen("failed")));
        finish(x, false, *why ? why : "the command says failed");
    }
}

static void on_exit_status(void *owner, int status, const char *words)
{
    struct exec_move *x = owner;
    struct mover_job *j = x->job;
    bool told = x->ended;
    char why[WHY_MAX] = "", said[80];

    if (status != 0)
        (void)snprintf(why, sizeof why, "%s%s%.160s",
                       text_clean(said, sizeof said, slice_of(words)), *x->last ? ": " : "",
                       x->last);
    free(x);
    j->state = NULL;
    if (!told)
        j->events->ended(j, status == 0, why);
}

static const struct child_handler handler = {.line = on_line, .ended = on_exit_status};

static bool run_command(struct exec_move *x, struct err *e)
{
    const struct moves_context *c = x->job->context;
    const char *const *from = x->job->mover->argv;
    const char *argv[ARGUMENTS_MAX + 1] = {0};
    size_t at[ARGUMENTS_MAX], count = 0;
    struct buf all;
    bool ok = true;

    buf_init(&all, BYTES_MAX);
    for (; ok && from[count]; count++) {
        at[count] = all.n;
        ok = move_template(c->work, x->job->move, NULL, from[count], TEMPLATE_PLAIN, &all, e) &&
             (buf_add(&all, "", 1) || err_set(e, EX_BAD_PROFILE, "arguments grew too long"));
    }
    for (size_t i = 0; ok && i < count; i++)
        argv[i] = (const char *)all.p + at[i];
    if (ok)
        x->child = c->exec->start(c->exec, argv, &handler, x, e);
    buf_fini(&all);
    return ok && x->child;
}

static bool exec_start(struct mover_job *j, struct err *e)
{
    struct exec_move *x = calloc(1, sizeof *x);

    if (!x)
        return err_set(e, EX_IO, "out of memory for a move");
    x->job = j;
    if (!run_command(x, e)) {
        free(x);
        return false;
    }
    j->state = x;
    return true;
}

static void exec_close(struct mover_job *j)
{
    struct exec_move *x = j->state;

    if (!x)
        return;
    j->context->exec->kill(j->context->exec, x->child);
    free(x);
    j->state = NULL;
}

const struct mover_ops mover_exec = {
    .name = "exec",
    .help = "runs a command of yours for each move, which tells its marks on stdout",
    .check = exec_check,
    .start = exec_start,
    .close = exec_close,
};
