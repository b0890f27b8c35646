/* fake_exec.h - a struct exec that a test scripts: each child says its lines at their times and ends.
 *
 * A script is an array of steps; a step with `line` says it (`error`: on stderr), one without ends the child with `status`.
 * A script whose last step has a line never ends by itself. The log has one line a start, its arguments in [brackets].
 */
#ifndef TESTS_SUPPORT_FAKE_EXEC_H
#define TESTS_SUPPORT_FAKE_EXEC_H

#include "base/exec.h"

struct fake_step {
    uint64_t after_ns; /* since the step before */
    const char *line;
    bool error;
    int status;
};

struct fake_exec {
    struct exec exec;
    struct loop *loop;
    /* The script of the child that is being started; NULL: it cannot be started. */
    const struct fake_step *(*script)(struct fake_exec *x, const char *const *argv, size_t *steps);
    void *owner;
    struct child *children;
    unsigned starts, kills;
    struct buf log;
};

void fake_exec_init(struct fake_exec *x, struct loop *l);
void fake_exec_fini(struct fake_exec *x);
const char *fake_exec_log(struct fake_exec *x);

#endif
