/* child.c - fork, exec, wait. */
#include "tests/support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#define WORDS_MAX 32u

pid_t child_start(const char *const *argv)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int quiet = open("/dev/null", O_RDWR);
    if (quiet < 0 || dup2(quiet, 0) < 0 || dup2(quiet, 1) < 0 || dup2(quiet, 2) < 0)
        _exit(126);
    char *args[WORDS_MAX] = {0};
    for (unsigned i = 0; i + 1 < WORDS_MAX && argv[i]; i++)
        args[i] = (char *)argv[i];
    if (args[0])
        (void)execvp(args[0], args);
    _exit(127);
}

void child_end(pid_t child)
{
    if (child <= 0)
        return;
    (void)kill(child, SIGTERM);
    (void)waitpid(child, NULL, 0);
}

bool child_run(const char *const *argv)
{
    int status = 0;
    pid_t child = child_start(argv);

    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}
