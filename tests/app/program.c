/* program.c - fork, exec, wait. */
#include "tests/app/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support/check.h"
#include "tests/support/child.h"
#include "tests/support/scratch.h"

#define ARGS_MAX 32

static void redirect(int fd, const char *path)
{
    int f = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (f < 0 || dup2(f, fd) < 0)
        _exit(126);
    (void)close(f);
}

static void become(const struct program *p, const struct program_way *how, char **argv)
{
    struct rlimit limit = {how->file_bytes_max, how->file_bytes_max};
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is killed leaves nothing running */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    redirect(STDOUT_FILENO, p->out);
    redirect(STDERR_FILENO, p->err);
    if (how->file_bytes_max) {
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
    }
    for (size_t i = 0; how->env && how->env[i]; i++)
        (void)putenv((char *)how->env[i]);
    (void)execv(PM_POSTMUSTER, argv);
    _exit(127);
}

bool program_start(struct program *p, const struct program_way *how, const char *const *argv)
{
    static unsigned counter;
    char *all[ARGS_MAX + 2] = {(char *)PM_POSTMUSTER};

    for (size_t i = 0; i < ARGS_MAX && argv[i]; i++)
        all[i + 1] = (char *)argv[i];
    *p = (struct program){.code = -1};
    counter++;
    (void)snprintf(p->out, sizeof p->out, "%s/out.%u", how->dir, counter);
    (void)snprintf(p->err, sizeof p->err, "%s/err.%u", how->dir, counter);
    (void)fflush(NULL);
    p->pid = fork();
    if (p->pid == 0)
        become(p, how, all);
    return p->pid > 0;
}

bool program_is_over(struct program *p)
{
    int status;

    if (p->pid <= 0)
        return true;
    if (waitpid(p->pid, &status, WNOHANG) != p->pid)
        return false;
    p->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    p->pid = 0;
    return true;
}

bool program_wait(struct program *p, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 100; i++) {
        if (program_is_over(p))
            return true;
        program_sleep_ms(10);
    }
    program_signal(p, SIGKILL);
    while (!program_is_over(p))
        program_sleep_ms(10);
    return false;
}

void program_signal(const struct program *p, int signal)
{
    if (p->pid > 0)
        (void)kill(p->pid, signal);
}

int program_run(struct program *p, const struct program_way *how, const char *const *argv)
{
    if (!program_start(p, how, argv) || !program_wait(p, 60))
        return -1;
    return p->code;
}

int program_other(const char *const *argv)
{
    struct program p = {.pid = child_start(argv), .code = -1};

    return p.pid > 0 && program_wait(&p, 60) ? p.code : -1;
}

char *program_said(const struct program *p, bool errors)
{
    char *text = scratch_read(errors ? p->err : p->out, NULL);

    return text ? text : strdup("");
}

char *program_say(const char *dir, int code, bool errors, const char *const *words)
{
    struct program p;

    (void)CHECK_I64(program_run(&p, &(struct program_way){.dir = dir}, words), code);
    return program_said(&p, errors);
}

void program_says(const char *dir, int code, bool errors, const char *what,
                  const char *const *words)
{
    char *said = program_say(dir, code, errors, words);

    (void)CHECK_HAS(said, what);
    free(said);
}

uint16_t program_port(const struct program *p)
{
    static const char words[] = "on 127.0.0.1:";
    unsigned long port = 0;

    for (unsigned i = 0; i < 500 && port == 0; i++) {
        char *said = program_said(p, false);
        const char *where = strstr(said, words);

        if (where && strchr(where, '\n'))
            port = strtoul(where + strlen(words), NULL, 10);
        free(said);
        if (port == 0)
            program_sleep_ms(20);
    }
    return (uint16_t)port;
}

void program_sleep_ms(unsigned ms)
{
    const struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&span, NULL);
}

bool program_file_appears(const char *path, unsigned seconds)
{
    struct stat st;

    for (unsigned i = 0; i < seconds * 200; i++) {
        if (stat(path, &st) == 0)
            return true;
        program_sleep_ms(5);
    }
    return false;
}

const char *program_only_folder(const char *dir)
{
    static char path[600];
    DIR *d = opendir(dir);

    path[0] = '\0';
    for (const struct dirent *f; d && (f = readdir(d)) != NULL;) {
        char one[600];
        struct stat st;

        (void)snprintf(one, sizeof one, "%s/%s", dir, f->d_name);
        if (f->d_name[0] != '.' && lstat(one, &st) == 0 && S_ISDIR(st.st_mode))
            (void)snprintf(path, sizeof path, "%s", one);
    }
    if (d)
        (void)closedir(d);
    return path;
}

static bool is_free(uint16_t port, unsigned host)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(0x7f00000b + host)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

uint16_t program_free_ports(unsigned count)
{
    uint16_t first = (uint16_t)(10000 + getpid() % 10000);

    for (unsigned tries = 0; tries < 1000; tries++, first = (uint16_t)(first + count)) {
        bool free = true;

        for (unsigned i = 0; i < count * 4 && free; i++)
            free = is_free((uint16_t)(first + i / 4), i % 4);
        if (free)
            return first;
    }
    return first;
}
