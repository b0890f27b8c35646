/* cmd.h - the subcommands: one row each in cmd_table.c, one function each in a cmd_*.c, which print and answer an exit code.
 *
 * Words of operands and values mean something to the completion of shells: PROFILE, RUN, FILE, DIR, COMMAND, CLASS (or flag),
 * FORM (of report), section.key=value; words of small letters between bars (bash|zsh|fish) are themselves. Others are anything.
 */
#ifndef APP_CMD_H
#define APP_CMD_H

#include <stdbool.h>

#include "base/err.h"
#include "profiles/profile.h"

enum cmd_times {
    CMD_ONCE,
    CMD_MANY,
    CMD_MUST
}; /* may be given; as often as you like; must be given */

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which rows are read
struct cmd_word {      /* a row an option; no name: a heading over those that follow */
    char letter;       /* short form; 0: none */
    const char *name;  /* --name */
    const char *value; /* what follows it; NULL: nothing */
    enum cmd_times times;
    const char *help; /* NULL: no further row */
};

struct cmd {
    const char *name, *operands, *help; /* operands: what follows the name, without options */
    int (*run)(const struct cmd *self, int argc, char **argv); /* argv[0] is the command's name */
    const struct cmd_word
        *options; /* help and synopses leave them out where operands say [OPTION] */
};

extern const struct cmd cmd_table[]; /* ends with a NULL name */

const struct cmd *cmd_named(const char *name); /* NULL: there is none */
const struct cmd_word *cmd_word_named(const struct cmd *c, const char *name); /* NULL: none */
bool cmd_word_is_last(const struct cmd_word *w); /* past the end of a command's options */

int cmd_run(const struct cmd *self, int argc, char **argv);
int cmd_check(const struct cmd *self, int argc, char **argv);
int cmd_profiles(const struct cmd *self, int argc, char **argv);
int cmd_lab(const struct cmd *self, int argc, char **argv);
int cmd_judge(const struct cmd *self, int argc, char **argv);
int cmd_report(const struct cmd *self, int argc, char **argv);
int cmd_list(const struct cmd *self, int argc, char **argv);
int cmd_trace(const struct cmd *self, int argc, char **argv);
int cmd_compare(const struct cmd *self, int argc, char **argv);
int cmd_export(const struct cmd *self, int argc, char **argv);
int cmd_window(const struct cmd *self, int argc, char **argv);
int cmd_plan(const struct cmd *self, int argc, char **argv);
int cmd_ndr(const struct cmd *self, int argc, char **argv);
int cmd_p1(const struct cmd *self, int argc, char **argv);
int cmd_sink(const struct cmd *self, int argc, char **argv);
int cmd_selftest(const struct cmd *self, int argc, char **argv);
int cmd_completion(const struct cmd *self, int argc, char **argv);
int cmd_version(const struct cmd *self, int argc, char **argv);
int cmd_help(const struct cmd *self, int argc, char **argv);

/* Where each option of a command's rows goes: --x=y or --x y, and -x y where it has a letter. Ends with a NULL name. */
#define CMD_LIST_MAX 64

struct cmd_list {
    const char *items[CMD_LIST_MAX];
    uint32_t count;
};

struct cmd_option {
    const char *name;
    const char **text;     /* takes a value: the last one given */
    struct cmd_list *list; /* takes a value: all that were given (rows with CMD_MANY) */
    bool *flag;            /* takes none */
};

/* argv[0] names the command; its rows and `options` have the same names (asserted).
 * The index of the first operand in argv (options may stand anywhere before or between operands, which it sorts behind
 * them), or -1 after a complaint on stderr. */
int cmd_parse(const struct cmd_option *options, int argc, char **argv);

/* Options and the one operand of commands that take a profile (--variant, --set, and those of `more`); false after a
 * complaint. rq borrows from argv and sets. */
bool cmd_profile_request(const struct cmd_option *more, int argc, char **argv,
                         struct cmd_list *sets, struct profile_request *rq);

#define CMD_PATH_BYTES 1024

/* RUN as an operand: a folder as given, or a name below runs_dir. */
const char *cmd_run_dir(const char *runs_dir, const char *name, char out[CMD_PATH_BYTES]);
/* For those who read what they find: says so on stderr where the run still goes on and has not said its last word. */
const char *cmd_readable_dir(const char *runs_dir, const char *name, char out[CMD_PATH_BYTES]);

const struct cmd *cmd_known(const char *name); /* complains on stderr where there is none */
int cmd_print_help(const struct cmd *self);
int cmd_usage(const struct cmd *self); /* says how it is called; EX_BAD_USAGE */
int cmd_fail(const struct err *e);     /* prints "postmuster: text" to stderr; its code */
bool cmd_color(void);                  /* stdout is a terminal, and NO_COLOR is not set */

#endif
