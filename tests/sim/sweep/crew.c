/* crew.c - a socket a process: down goes a seed, up comes what became of it. */
#include "tests/sim/sweep/crew.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "tests/sim/case.h"
#include "tests/support/scratch.h"

#define JOBS_MOST  64u
#define SEED_S     180u /* of the clock on the wall, for one seed */
#define CASE_BYTES (1u << 20)

struct hand {
    pid_t pid; /* 0: none */
    int socket;
    uint64_t seed;
};

#define LIVES "lives" /* the rule that a case breaks whose process dies */

static void say_death(struct held *h, int status)
{
    *h = (struct held){.number = NEVER_NS};
    (void)snprintf(h->rule, sizeof h->rule, LIVES);
    if (WIFSIGNALED(status))
        (void)snprintf(h->wrong, sizeof h->wrong, "ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(h->wrong, sizeof h->wrong, "ended with exit status %d",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    (void)snprintf(h->sign, sizeof h->sign, "%s: %.140s", h->rule, h->wrong);
}

bool crew_died(const char *sign)
{
    return strncmp(sign, LIVES ":", sizeof LIVES) == 0;
}

static bool read_all(int socket, void *p, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t more = read(socket, (char *)p + got, n - got);

        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return false;
        got += (size_t)more;
    }
    return true;
}

static bool write_all(int socket, const void *p, size_t n)
{
    for (size_t put = 0; put < n;) {
        ssize_t more = send(socket, (const char *)p + put, n - put, MSG_NOSIGNAL);

        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return false;
        put += (size_t)more;
    }
    return true;
}

_Noreturn static void work(int socket)
{
    static struct held h;
    uint64_t seed;
    struct buf text;

    while (read_all(socket, &seed, sizeof seed)) {
        (void)alarm(SEED_S);
        buf_init(&text, CASE_BYTES);
        case_draw(seed, &text);
        (void)hold_case(buf_text(&text), "sweep", &h);
        buf_fini(&text);
        (void)alarm(0);
        if (!write_all(socket, &h, sizeof h))
            break;
    }
    (void)rmdir(scratch_dir("sweep"));
    _exit(0);
}

static bool hire(struct hand *hands, unsigned jobs, struct hand *at)
{
    int pair[2];

    *at = (struct hand){0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < jobs; i++)
            if (hands[i].pid)
                (void)close(hands[i].socket);
        (void)close(pair[0]);
        work(pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return false;
    }
    *at = (struct hand){.pid = pid, .socket = pair[0]};
    return true;
}

static void dismiss(struct hand *at, int *status)
{
    (void)close(at->socket);
    while (waitpid(at->pid, status, 0) < 0 && errno == EINTR)
        ;
    at->pid = 0;
}

struct sweep {
    const struct crew *c;
    struct hand hands[JOBS_MOST];
    struct pollfd polls[JOBS_MOST];
    unsigned jobs;
    uint64_t given, busy;
};

static void give(struct sweep *s, struct hand *at)
{
    if (s->given == s->c->count)
        return;
    at->seed = s->c->first + s->given++;
    s->busy += write_all(at->socket, &at->seed, sizeof at->seed);
}

/* false: its place stays empty. */
static bool hear(struct sweep *s, struct hand *at)
{
    static struct held h;
    bool lives = read_all(at->socket, &h, sizeof h), again = true;
    uint64_t seed = at->seed;

    if (!lives) {
        int status = 0;

        dismiss(at, &status);
        say_death(&h, status);
        again = hire(s->hands, s->jobs, at);
    }
    s->busy--;
    s->c->done(s->c->owner, seed, &h);
    if (again)
        give(s, at);
    return again;
}

bool crew_sweep(const struct crew *c)
{
    static struct sweep s;
    bool ok = true;

    s = (struct sweep){.c = c, .jobs = c->jobs < JOBS_MOST ? c->jobs : JOBS_MOST};
    for (unsigned i = 0; ok && i < s.jobs; i++) {
        ok = hire(s.hands, s.jobs, &s.hands[i]);
        if (ok)
            give(&s, &s.hands[i]);
    }
    while (ok && s.busy > 0) {
        for (unsigned i = 0; i < s.jobs; i++)
            s.polls[i] =
                (struct pollfd){.fd = s.hands[i].pid ? s.hands[i].socket : -1, .events = POLLIN};
        if (poll(s.polls, s.jobs, -1) < 0 && errno != EINTR)
            ok = false;
        for (unsigned i = 0; ok && i < s.jobs; i++)
            if (s.polls[i].revents)
                ok = hear(&s, &s.hands[i]);
    }
    for (unsigned i = 0; i < s.jobs; i++)
        if (s.hands[i].pid) {
            int status;

            dismiss(&s.hands[i], &status);
        }
    return ok;
}

bool crew_hold(const char *text, const char *name, struct held *h)
{
    int pair[2], status = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)alarm(SEED_S);
        (void)hold_case(text, name, h);
        (void)rmdir(scratch_dir(name));
        _exit(write_all(pair[1], h, sizeof *h) ? 0 : 1);
    }
    (void)close(pair[1]);
    bool heard = pid > 0 && read_all(pair[0], h, sizeof *h);
    (void)close(pair[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!heard)
        say_death(h, status);
    return heard && !*h->rule;
}
