/* main.c - arguments to subcommand to exit code. The table is the list of what postmuster can do. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "app/cmd.h"
#include "app/sink_vice.h"

static int cmd_version(const struct cmd *self, int argc, char **argv);
static int cmd_help(const struct cmd *self, int argc, char **argv);

// clang-format off
static const struct cmd commands[] = {
    {"run", "PROFILE... [--variant NAME,...] [--set section.key=value] [--runs DIR | --dir DIR] [--parallel N] [--simulate] [--live MODE] [--metrics ADDRESS] [--quiet]",
     "run profiles, all variants side by side, and judge", cmd_run,
     "  --variant NAME,...         these variants only; \"\" is the plain profile\n"
     "  --set section.key=value    over the profile and its variant; as often as you like\n"
     "  --runs DIR                 where run folders go (results/runs)\n"
     "  --dir DIR                  this very folder, for one run\n"
     "  --parallel N               so many variants at a time\n"
     "  --simulate                 a lab profile on simulated time: same seed, same bytes\n"
     "  --live MODE                what stderr shows meanwhile: auto, tty (a view that redraws itself), plain (lines), none\n"
     "  --metrics ADDRESS          serve metrics for Prometheus meanwhile, at http://ADDRESS/metrics (port 9464; 0: any)\n"
     "  --quiet                    no progress on stderr\n"},
    {"check", "PROFILE [--variant NAME] [--set section.key=value] [--print]",
     "parse and lint a profile, say what it would do", cmd_check,
     "  --variant NAME             as this variant\n"
     "  --set section.key=value    over the profile and its variant; as often as you like\n"
     "  --print                    the profile with all defaults and overrides, secrets left out\n"},
    {"profiles", "", "list the shipped profiles", cmd_profiles, NULL},
    {"lab", "PROFILE [--variant NAME] [--set section.key=value] [--dir DIR]",
     "serve the profile's embedded site alone, until interrupted", cmd_lab,
     "  --variant NAME             as this variant\n"
     "  --set section.key=value    over the profile and its variant; as often as you like\n"
     "  --dir DIR                  where truth.tsv goes\n"},
    {"judge", "RUN [--runs DIR]", "recompute the verdict of a run from its journal", cmd_judge, NULL},
    {"report", "RUN [-f|--format FORM] [-o|--output FILE] [--runs DIR]", "show a run again, in a form for people or machines", cmd_report,
     "  -f, --format FORM          text, json, html, markdown, junit, sarif, csv, hdr, hdr-accept, hdr-deliver, hdr-end-to-end,\n"
     "                             hdr-ndr or hdr-lateness (postmuster(1))\n"
     "  -o, --output FILE          there instead of stdout; FILE appears when it is whole\n"
     "  --runs DIR                 where RUN's name is looked for (results/runs)\n"},
    {"list", "RUN [--class CLASS] [--move N] [--json] [--runs DIR]", "one line a copy", cmd_list,
     "  --class CLASS              only copies of this class or flag: silent-loss, ndr, late, ...\n"
     "  --move N                   only copies accepted near this move\n"
     "  --json                     one JSON object a line\n"
     "  --runs DIR                 where RUN's name is looked for (results/runs)\n"},
    {"trace", "RUN TOKEN|NUMBER|MAILBOX|move:N [--log FILE]... [--runs DIR]", "the story of one message, mailbox or move", cmd_trace,
     "  --log FILE                 what a mail system's log claims about the message, between our own events\n"
     "  --runs DIR                 where RUN's name is looked for (results/runs)\n"},
    {"compare", "RUN RUN... [--json] [--runs DIR]", "class tables side by side", cmd_compare, NULL},
    {"export", "RUN --sqlite FILE [--events] [--runs DIR]", "a run as an SQLite file, for questions in SQL", cmd_export,
     "  --sqlite FILE              it appears when it is whole\n"
     "  --events                   every event of the journal too, in words\n"
     "  --runs DIR                 where RUN's name is looked for (results/runs)\n"},
    {"ndr", "FILE...", "read bounces and other reports, one JSON line a mail", cmd_ndr, NULL},
    {"p1", "FILE...", "show octets of X.400 (an APDU, or captured packets; binary or hex) as text", cmd_p1, NULL},
    {"sink", "--smtp|--lmtp|--p1 ADDRESS [OPTION]...",
     "an MTA that takes messages and forgets them, or misbehaves as told; loopback only", cmd_sink,
     "all:     --log FILE  --count N  --seconds N|DURATION (--duration)  --seed N\n"
     "SMTP:    --name NAME  --threads N  --connections N  --size-max SIZE  --without EXTENSION,...  --json\n"
     "         --tls CERT,KEY|self  --tls-cert-out FILE  --implicit-tls\n"
#define X(id, act, name, value, stages, help) "         --" name " " value "\n             " help "\n"
     SINK_VICE_ROWS(X)
#undef X
     "X.400:   --mode any|normal|x410|1984  --mta NAME  --password SECRET  --peer-mta NAME  --peer-password SECRET\n"
     "         --tsel S  --ssel S  --psel S  --checkpoint KB  --window N\n"
     "         --refuse busy|validation[,PERCENT]  --except temporary|permanent[,PERCENT]\n"
     "         --abort PERCENT  --hang-up PERCENT  --silent PERCENT\n"
     "         --report delivered|failed:REASON[/DIAGNOSTIC][,PERCENT]  --report-to ADDRESS\n"
     "         --report-tsel S  --report-ssel S  --report-psel S\n"
     "A STAGE is connect, ehlo, mail, rcpt, data or end; a SHARE 10, 0.5 (percent) or 300ppm; a CODE 4xx or 5xx.\n"
     "A SECRET is env:NAME, file:PATH or the word itself; a selector S is text, or 0x and hex digits.\n"},
    {"version", "", "print the version", cmd_version, NULL},
    {"help", "[COMMAND]", "print this, or how a command is called", cmd_help, NULL},
    {0, 0, 0, 0, 0},
};

// clang-format on

static int cmd_version(const struct cmd *self, int argc, char **argv)
{
    (void)self;
    (void)argc;
    (void)argv;
    return puts("postmuster " PM_VERSION) < 0 ? EX_IO : EX_PASS;
}

static const struct cmd *find_command(const char *name)
{
    for (const struct cmd *c = commands; c->name; c++)
        if (strcmp(name, c->name) == 0)
            return c;
    (void)fprintf(stderr, "postmuster: there is no command \"%s\"; try: postmuster help\n", name);
    return NULL;
}

static int print_help(const struct cmd *c)
{
    bool ok = printf("usage: postmuster %s %s\n%s\n", c->name, c->usage, c->help) >= 0;

    if (c->options)
        ok = printf("\n%s", c->options) >= 0 && ok;
    return ok ? EX_PASS : EX_IO;
}

static int cmd_help(const struct cmd *self, int argc, char **argv)
{
    (void)self;
    if (argc > 1) {
        const struct cmd *c = find_command(argv[1]);

        return c ? print_help(c) : EX_BAD_USAGE;
    }
    (void)puts(
        "postmuster proves that mail survives mailbox moves.\n\nusage: postmuster COMMAND ...\n");
    for (const struct cmd *c = commands; c->name; c++)
        (void)printf("  %-9s %s\n            %s\n", c->name, c->usage, c->help);
    (void)puts(
        "\nRUN is a run's folder, or a name below results/runs (or --runs DIR) such as `latest`.\n"
        "Exit: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 64 usage, 65 bad profile or journal, 69 target\n"
        "unavailable, 70 the account does not balance, 74 I/O, 75 folder locked, 77 a guard "
        "refused,\n"
        "130, 143 interrupted. `postmuster help COMMAND` tells its options; see postmuster(1).");
    return EX_PASS;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int cmd_usage(const struct cmd *self)
{
    (void)fprintf(stderr, "usage: postmuster %s %s\n", self->name, self->usage);
    return EX_BAD_USAGE;
}

int cmd_fail(const struct err *e)
{
    (void)fprintf(stderr, "postmuster: %s\n", e->text);
    return e->code ? e->code : EX_INTERNAL;
}

bool cmd_color(void)
{
    const char *no = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) && !(no && *no);
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
    const struct cmd *c = find_command(name);

    if (!c)
        return EX_BAD_USAGE;
    bool help = argc > 2 && asks_for_help(argc - 2, argv + 2);

    return said_all(help ? print_help(c) : c->run(c, argc - 1, argv + 1));
}
