/* exec.h - child processes as a seam: argv without a shell, lines of stdout as they come, the exit status at the end.
 *
 * exec_real() forks; a test or a simulated run hands in a scripted one. Lines are cut at 64 KiB. stderr comes as lines
 * with `is_error`. Exactly one ended() per started child, after its last line; none after exec_kill().
 */
#ifndef BASE_EXEC_H
#define BASE_EXEC_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/loop.h"

struct child;

struct child_handler {
    void (*line)(void *owner, struct slice line, bool is_error);
    void (*ended)(void *owner, int status,
                  const char *why); /* status: exit code, or 128 + signal; why: in words */
};

struct exec {
    struct child *(*start)(struct exec *x, const char *const *argv, const struct child_handler *h,
                           void *owner, struct err *e);
    void (*kill)(struct exec *x,
                 struct child *c); /* SIGKILL to its process group, reaped; NULL is fine */
};

struct exec *exec_real(struct loop *l, struct err *e); /* on that loop's thread */
void exec_real_destroy(struct exec *x);

#endif
