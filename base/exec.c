/* exec.c - child processes on an epoll loop.
 *
 * A child leads a process group of its own, has /dev/null as stdin, default signals, and no descriptor of ours. Its end is
 * told by a pidfd, not by the end of its output: a child that closes stdout and lives on blocks nobody, and a grandchild
 * that keeps the pipe open does not put off ended(). What lies in the pipes when the child ends is still told.
 * A killed child is forgotten at once and reaped when its pidfd says so. Loop thread only; not from within a callback:
 * exec_real_destroy().
 */
#include "base/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/pidfd.h>
#include <sys/wait.h>

#define LINE_MAX_BYTES 65536u
#define READ_BYTES     16384u
#define READS_AT_ONCE  4 /* then others get their turn */
#define READS_AT_END                                                                               \
    80 /* more than a pipe holds: a grandchild that writes for ever does not keep us */

struct pipe_end {
    struct watch watch; /* fd -1: closed */
    struct child *child;
    bool is_error, skipping; /* the rest of a line that was too long */
    struct buf line;
};

struct child {
    struct child *next;
    struct exec_real *owner_exec;
    const struct child_handler *handler; /* NULL: killed or ended, nobody listens any more */
    void *owner;
    pid_t pid;
    struct watch end; /* the pidfd */
    struct pipe_end out, err;
};

struct exec_real {
    struct exec exec;
    struct loop *loop;
    struct child *children;
};

/* Output. */

static void close_pipe(struct pipe_end *p)
{
    if (p->watch.fd < 0)
        return;
    loop_unwatch(p->child->owner_exec->loop, &p->watch);
    (void)close(p->watch.fd);
    p->watch.fd = -1;
}

static void tell_line(struct pipe_end *p)
{
    struct slice line = buf_slice(&p->line);

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (!p->skipping && p->child->handler)
        p->child->handler->line(p->child->owner, line, p->is_error);
    p->skipping = false;
    buf_clear(&p->line);
}

static void take_bytes(struct pipe_end *p, struct slice bytes)
{
    while (bytes.n > 0) {
        struct slice part;
        bool whole = slice_cut(&bytes, '\n', &part);
        size_t room = LINE_MAX_BYTES - p->line.n;

        if (part.n > room && !p->skipping) {
            (void)buf_add(&p->line, part.p, room);
            tell_line(p);
            p->skipping = true;
        } else if (!p->skipping && !buf_add(&p->line, part.p, part.n)) {
            p->skipping = true; /* out of memory: the line is lost, not the run */
        }
        if (whole)
            tell_line(p);
    }
}

static void read_pipe(struct pipe_end *p, int reads)
{
    unsigned char bytes[READ_BYTES];

    while (reads-- > 0 && p->watch.fd >= 0) {
        ssize_t n = read(p->watch.fd, bytes, sizeof bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_pipe(p);
            return;
        }
        take_bytes(p, slice_from(bytes, (size_t)n));
    }
}

static void on_output(struct watch *w, unsigned what)
{
    struct pipe_end *p = w->owner;

    (void)what;
    read_pipe(p, READS_AT_ONCE);
}

static void finish_pipe(struct pipe_end *p)
{
    read_pipe(p, READS_AT_END);
    if (p->line.n > 0)
        tell_line(p); /* a last line without its end */
    close_pipe(p);
}

/* The end. */

static void release(struct child *c)
{
    close_pipe(&c->out);
    close_pipe(&c->err);
    if (c->end.fd >= 0) {
        loop_unwatch(c->owner_exec->loop, &c->end);
        (void)close(c->end.fd);
    }
    buf_fini(&c->out.line);
    buf_fini(&c->err.line);
    free(c);
}

static void forget(struct child *c)
{
    struct child **at = &c->owner_exec->children;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    release(c);
}

static int status_words(const siginfo_t *info, char *why, size_t room)
{
    if (info->si_pid == 0) { /* somebody ignores SIGCHLD */
        (void)snprintf(why, room, "ended, its exit status is lost");
        return 255;
    }
    if (info->si_code == CLD_EXITED) {
        (void)snprintf(why, room, "exit status %d", info->si_status);
        return info->si_status;
    }
    const char *name = sigabbrev_np(info->si_status);
    (void)snprintf(why, room, "killed by SIG%s%s", name ? name : "?",
                   info->si_code == CLD_DUMPED ? ", core dumped" : "");
    return 128 + info->si_status;
}

static void on_end(struct watch *w, unsigned what)
{
    struct child *c = w->owner;
    siginfo_t info = {0};
    char why[80] = "";

    (void)what;
    int lost = waitid(P_PIDFD, (id_t)w->fd, &info, WEXITED | WNOHANG);
    if (info.si_pid == 0 && (lost == 0 || errno == EINTR))
        return;
    c->pid = 0; /* may be another process from now on: never signalled again */
    finish_pipe(&c->out);
    finish_pipe(&c->err);
    int status = status_words(&info, why, sizeof why);
    const struct child_handler *h = c->handler;
    c->handler = NULL;
    if (h)
        h->ended(c->owner, status, why);
    forget(c);
}

static void exec_real_kill(struct exec *x, struct child *c)
{
    (void)x;
    if (!c)
        return;
    c->handler = NULL;
    if (c->pid > 0)
        (void)kill(-c->pid, SIGKILL);
}

/* The beginning. */

static bool open_pipe(struct pipe_end *p, int *child_fd, struct err *e)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return err_set(e, EX_IO, "pipe: %s", strerror(errno));
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK); /* our end only */
    p->watch.fd = fds[0];
    *child_fd = fds[1];
    return true;
}

static int spawn(pid_t *pid, const char *const *argv, int out_fd, int err_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attr);
    if (failed) {
        (void)posix_spawn_file_actions_destroy(&files);
        return failed;
    }
    failed = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&files, err_fd, 2);
    failed = failed ? failed : posix_spawn_file_actions_addclosefrom_np(&files, 3);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    (void)posix_spawnattr_setsigmask(&attr, &none); /* our threads block them all */
    (void)posix_spawnattr_setpgroup(&attr, 0);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETSIGMASK);
    failed =
        failed ? failed : posix_spawnp(pid, argv[0], &files, &attr, (char *const *)argv, environ);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return failed;
}

static bool watch_child(struct child *c, struct err *e)
{
    struct loop *l = c->owner_exec->loop;

    c->end.fd = pidfd_open(c->pid, 0);
    if (c->end.fd < 0)
        return err_set(e, EX_IO, "pidfd_open: %s", strerror(errno));
    return loop_watch(l, &c->end, STREAM_READABLE, e) &&
           loop_watch(l, &c->out.watch, STREAM_READABLE, e) &&
           loop_watch(l, &c->err.watch, STREAM_READABLE, e);
}

static bool begin(struct child *c, const char *const *argv, struct err *e)
{
    int out_fd = -1, err_fd = -1;
    bool ok = open_pipe(&c->out, &out_fd, e) && open_pipe(&c->err, &err_fd, e);

    if (ok) {
        int failed = spawn(&c->pid, argv, out_fd, err_fd);

        if (failed) {
            c->pid = 0;
            ok = err_set(e, EX_BAD_PROFILE, "cannot run %s: %s", argv[0], strerror(failed));
        }
    }
    if (out_fd >= 0)
        (void)close(out_fd);
    if (err_fd >= 0)
        (void)close(err_fd);
    return ok && watch_child(c, e);
}

/* No wait is longer than the kernel takes to end a killed process. */
static void kill_and_reap(struct child *c)
{
    if (c->pid <= 0)
        return;
    (void)kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
}

static void pipe_init(struct pipe_end *p, struct child *c, bool is_error)
{
    p->watch = (struct watch){.fd = -1, .ready = on_output, .owner = p};
    p->child = c;
    p->is_error = is_error;
    buf_init(&p->line, LINE_MAX_BYTES);
}

static struct child *exec_real_start(struct exec *x, const char *const *argv,
                                     const struct child_handler *h, void *owner, struct err *e)
{
    struct exec_real *r = (struct exec_real *)x;
    struct child *c = calloc(1, sizeof *c);

    PM_ASSERT(argv[0]);
    if (!c) {
        (void)err_set(e, EX_IO, "out of memory for a child");
        return NULL;
    }
    c->owner_exec = r;
    c->handler = h;
    c->owner = owner;
    c->end = (struct watch){.fd = -1, .ready = on_end, .owner = c};
    pipe_init(&c->out, c, false);
    pipe_init(&c->err, c, true);
    c->next = r->children;
    r->children = c;
    if (begin(c, argv, e))
        return c;
    kill_and_reap(c);
    forget(c);
    return NULL;
}

struct exec *exec_real(struct loop *l, struct err *e)
{
    struct exec_real *r = NULL;

    if (loop_is_simulated(l))
        (void)err_set(e, EX_INTERNAL, "no child processes on a simulated loop");
    else if (!(r = calloc(1, sizeof *r)))
        (void)err_set(e, EX_IO, "out of memory");
    if (!r)
        return NULL;
    r->exec = (struct exec){.start = exec_real_start, .kill = exec_real_kill};
    r->loop = l;
    return &r->exec;
}

void exec_real_destroy(struct exec *x)
{
    struct exec_real *r = (struct exec_real *)x;

    if (!r)
        return;
    for (struct child *c = r->children; c;) {
        struct child *next = c->next;

        kill_and_reap(c);
        release(c);
        c = next;
    }
    free(r);
}
