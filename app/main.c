/* main.c - arguments to subcommand to exit code; what postmuster can do is in cmd_table.c. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "app/cmd.h"

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* What was asked for goes to stdout: when it did not arrive there, no verdict's code may hide that. */
static int said_all(int code)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? code : EX_IO;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";

    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(077); /* profiles and journals name mailboxes: run folders are their owner's */
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    const struct cmd *c = cmd_known(name);

    if (!c)
        return EX_BAD_USAGE;
    bool help = argc > 2 && asks_for_help(argc - 2, argv + 2);

    return said_all(help ? cmd_print_help(c) : c->run(c, argc - 1, argv + 1));
}
