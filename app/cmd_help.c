/* cmd_help.c - `postmuster help` and `version`, and what all subcommands say to the user in the same way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cmd.h"
#include "app/cmd_words.h"

#define COLUMNS     118
#define HELP_COLUMN 29

int cmd_version(const struct cmd *self, int argc, char **argv)
{
    (void)self;
    (void)argc;
    (void)argv;
    return puts("postmuster " PM_VERSION) < 0 ? EX_IO : EX_PASS;
}

const struct cmd *cmd_known(const char *name)
{
    const struct cmd *c = cmd_named(name);

    if (!c)
        (void)fprintf(stderr, "postmuster: there is no command \"%s\"; try: postmuster help\n",
                      name);
    return c;
}

/* Words, in lines that begin at `indent` (the first of them is there already). */
static bool add_wrapped(struct buf *out, const char *text, int indent)
{
    bool ok = true;
    int at = indent;

    while (ok && *text) {
        int n = (int)strcspn(text, " ");

        if (at > indent && at + n + 1 > COLUMNS) {
            ok = buf_add_format(out, "\n%*s", indent, "");
            at = indent;
        }
        ok = ok && buf_add_format(out, "%s%.*s", at > indent ? " " : "", n, text);
        at += n + (at > indent);
        text += n + (text[n] == ' ');
    }
    return ok && buf_add_text(out, "\n");
}

static bool add_option(struct buf *out, const struct cmd_word *w)
{
    struct buf left, right;

    if (!w->name)
        return buf_add_text(out, "\n") && add_wrapped(out, w->help, 0);
    buf_init(&left, 1000);
    buf_init(&right, 10000);
    bool ok =
        buf_add_text(&left, "  ") && (!w->letter || buf_add_format(&left, "-%c, ", w->letter)) &&
        buf_add_format(&left, "--%s%s%s", w->name, w->value ? " " : "", w->value ? w->value : "") &&
        cmd_word_help(&right, w);

    if (ok && left.n + 2 > HELP_COLUMN)
        ok = buf_add_format(out, "%s\n%*s", buf_text(&left), HELP_COLUMN, "");
    else
        ok = ok && buf_add_format(out, "%-*s", HELP_COLUMN, buf_text(&left));
    ok = ok && add_wrapped(out, buf_text(&right), HELP_COLUMN);
    buf_fini(&left);
    buf_fini(&right);
    return ok;
}

static bool add_help(struct buf *out, const struct cmd *c)
{
    bool ok = buf_add_text(out, "usage: postmuster ") && cmd_usage_text(out, c) &&
              buf_add_format(out, "\n%s\n", c->help);

    if (ok && !cmd_word_is_last(c->options))
        ok = buf_add_text(out, "\n");
    for (const struct cmd_word *w = c->options; ok && !cmd_word_is_last(w); w++)
        ok = add_option(out, w);
    return ok;
}

static bool add_list(struct buf *out)
{
    bool ok = buf_add_text(
        out,
        "postmuster proves that mail survives mailbox moves.\n\nusage: postmuster COMMAND ...\n\n");

    for (const struct cmd *c = cmd_table; ok && c->name; c++) {
        struct buf usage;

        buf_init(&usage, 10000);
        ok = cmd_usage_text(&usage, c) && buf_add_format(out, "  %-11s", c->name) &&
             add_wrapped(out, buf_text(&usage) + strlen(c->name) + (usage.n > strlen(c->name)),
                         13) &&
             buf_add_format(out, "             %s\n", c->help);
        buf_fini(&usage);
    }
    return ok &&
           buf_add_text(
               out,
               "\nRUN is a run's folder, or a name below results/runs (or --runs DIR) such as "
               "`latest`.\n"
               "Exit: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 64 usage, 65 bad profile or journal, 69 "
               "target\n"
               "unavailable, 70 the account does not balance, 74 I/O, 75 folder locked, 77 a guard "
               "refused,\n"
               "130, 143 interrupted. `postmuster help COMMAND` tells its options; see "
               "postmuster(1).\n");
}

static int print(struct buf *text, bool ok)
{
    ok = ok && fwrite(text->p, 1, text->n, stdout) == text->n;
    buf_fini(text);
    return ok ? EX_PASS : EX_IO;
}

int cmd_print_help(const struct cmd *self)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    return print(&text, add_help(&text, self));
}

int cmd_help(const struct cmd *self, int argc, char **argv)
{
    struct buf text;

    (void)self;
    if (argc > 1) {
        const struct cmd *c = cmd_known(argv[1]);

        return c ? cmd_print_help(c) : EX_BAD_USAGE;
    }
    buf_init(&text, 1u << 20);
    return print(&text, add_list(&text));
}

int cmd_usage(const struct cmd *self)
{
    struct buf text;

    buf_init(&text, 10000);
    (void)cmd_usage_text(&text, self);
    (void)fprintf(stderr, "usage: postmuster %s\n", buf_text(&text));
    buf_fini(&text);
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
