/* cmd_table.c - what postmuster can do: a row a command, and a row an option of each. The parser, help, the manual page and the
 * completion of shells read these rows and nothing else; cmd.h says what their words mean. Constant; any thread.
 */
#include <string.h>

#include "app/cmd.h"
#include "app/sink_vice.h"

#define ONCE CMD_ONCE
#define MANY CMD_MANY
#define MUST CMD_MUST

#define END_ROW                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

// clang-format off
#define HEADING(text) {0, NULL, NULL, ONCE, text}
#define ROW_RUNS      {0, "runs", "DIR", ONCE, "where RUN's name is looked for (results/runs)"}
#define ROW_SET       {0, "set", "section.key=value", MANY, "over the profile and its variant; as often as you like"}
#define ROW_VARIANT   {0, "variant", "NAME", ONCE, "as this variant"}

static const struct cmd_word run_words[] = {
    {0, "variant", "NAME,...", ONCE, "these variants only; \"\" is the plain profile"},
    ROW_SET,
    {0, "runs", "DIR", ONCE, "where run folders go (results/runs)"},
    {0, "dir", "DIR", ONCE, "this very folder, for one run"},
    {0, "resume", "RUN", ONCE, "instead of a new one: settle and judge RUN, which died; nothing is sent or moved again"},
    {0, "parallel", "N", ONCE, "so many variants at a time"},
    {0, "simulate", NULL, ONCE, "a lab profile on simulated time: same seed, same bytes"},
    {0, "live", "auto|tty|plain|none", ONCE, "what stderr shows meanwhile: tty is a view that redraws itself, plain lines"},
    {0, "metrics", "ADDRESS", ONCE, "serve metrics for Prometheus meanwhile, at http://ADDRESS/metrics (port 9464; 0: any)"},
    {0, "quiet", NULL, ONCE, "no progress on stderr"},
    {0, "yes-i-own", "DOMAIN", CMD_MANY, "mail of this domain may leave this machine; typed, since safety.domains may be somebody else's"},
    END_ROW,
};

static const struct cmd_word check_words[] = {
    ROW_VARIANT,
    ROW_SET,
    {0, "print", NULL, ONCE, "the profile with all defaults and overrides, secrets left out"},
    END_ROW,
};

static const struct cmd_word lab_words[] = {
    ROW_VARIANT,
    ROW_SET,
    {0, "dir", "DIR", ONCE, "where truth.tsv goes"},
    END_ROW,
};

static const struct cmd_word runs_words[] = {ROW_RUNS, END_ROW};

static const struct cmd_word report_words[] = {
    {'f', "format", "FORM", ONCE, "the form (text, if not given):"},
    {'o', "output", "FILE", ONCE, "there instead of stdout; FILE appears when it is whole"},
    ROW_RUNS,
    END_ROW,
};

static const struct cmd_word list_words[] = {
    {0, "class", "CLASS", ONCE, "only copies of this class or flag:"},
    {0, "move", "N", ONCE, "only copies accepted near this move"},
    {0, "json", NULL, ONCE, "one JSON object a line"},
    ROW_RUNS,
    END_ROW,
};

static const struct cmd_word trace_words[] = {
    {0, "log", "FILE", MANY, "what a mail system's log claims about the message, between our own events; as often as you like"},
    ROW_RUNS,
    END_ROW,
};

static const struct cmd_word compare_words[] = {
    {'f', "format", "text|json|html", ONCE, "the form (text, if not given)"},
    {'o', "output", "FILE", ONCE, "there instead of stdout; FILE appears when it is whole"},
    {0, "json", NULL, ONCE, "the same as --format json"},
    {0, "force", NULL, ONCE, "also runs of different plans, with a warning"},
    ROW_RUNS,
    END_ROW,
};

static const struct cmd_word window_words[] = {
    {0, "class", "CLASS,...", ONCE, "what counts as lost; the classes of the run's gates if not given"},
    {0, "json", NULL, ONCE, "one JSON object"},
    ROW_RUNS,
    END_ROW,
};

static const struct cmd_word plan_words[] = {
    ROW_VARIANT,
    ROW_SET,
    {0, "rate", "SHARE", ONCE, "moves and messages that prove that fewer are lost, such as 1% or 50ppm"},
    {0, "losses", "N", ONCE, "so many may be lost on the way (0)"},
    {0, "icc", "SHARE", ONCE, "how far messages of one move share their fate, 0 to 1; several if not given"},
    {0, "per-move", "N", ONCE, "messages near a move (100)"},
    {0, "window", "DURATION", ONCE, "moves that see a window as long as this"},
    {0, "span", "DURATION", ONCE, "which part of a move it may be in (60s)"},
    {0, "rates", "LOW..HIGH", ONCE, "moves that tell a build that loses so often from one that loses more often"},
    {0, "alpha", "SHARE", ONCE, "rates: the chance to be wrong that is taken (5%)"},
    {0, "power", "SHARE", ONCE, "rates: the chance to see the difference (80%)"},
    {0, "moves", "N", ONCE, "rates: the power that so many moves of each have"},
    {0, "confidence", "SHARE", ONCE, "of rate, window and PROFILE (95%)"},
    {0, "json", NULL, ONCE, "one JSON object"},
    END_ROW,
};

static const struct cmd_word export_words[] = {
    {0, "sqlite", "FILE", MUST, "it appears when it is whole"},
    {0, "events", NULL, ONCE, "every event of the journal too, in words"},
    ROW_RUNS,
    END_ROW,
};

static const struct cmd_word sink_words[] = {
    {0, "smtp", "ADDRESS", ONCE, "listens there for SMTP; a loopback address, port 0: any"},
    {0, "lmtp", "ADDRESS", ONCE, "for LMTP"},
    {0, "p1", "ADDRESS", ONCE, "for X.400 P1"},
    HEADING("All:"),
    {0, "log", "FILE", ONCE, "the truth about every message, fields between tabs; the first line names them"},
    {0, "count", "N", ONCE, "ends after so many messages (APDUs)"},
    {0, "seconds", "N|DURATION", ONCE, "ends after so long"},
    {0, "duration", "N|DURATION", ONCE, "the same"},
    {0, "seed", "N", ONCE, "draws otherwise who is hit"},
    HEADING("SMTP and LMTP:"),
    {0, "name", "NAME", ONCE, "what it calls itself (sink.invalid)"},
    {0, "threads", "N", ONCE, "so many threads (1)"},
    {0, "connections", "N", ONCE, "of a thread at most (10,000)"},
    {0, "size-max", "SIZE", ONCE, "the largest message (64 MiB)"},
    {0, "without", "EXTENSION,...", ONCE, "is not announced"},
    {0, "json", NULL, ONCE, "the last line is an object for machines"},
    {0, "tls", "CERT,KEY|self", ONCE, "STARTTLS, with files of PEM or a certificate made for NAME"},
    {0, "tls-cert-out", "FILE", ONCE, "that certificate goes there, for clients to trust"},
    {0, "implicit-tls", NULL, ONCE, "TLS from the first octet"},
#define X(id, act, name, value, stages, help) {0, name, value, MANY, help},
    SINK_VICE_ROWS(X)
#undef X
    HEADING("X.400 (its --refuse is busy|validation[,PERCENT]):"),
    {0, "mode", "any|normal|x410|1984", ONCE, "what callers may speak (any)"},
    {0, "mta", "NAME", ONCE, "who it says it is (nobody)"},
    {0, "password", "SECRET", ONCE, "what it says with that"},
    {0, "peer-mta", "NAME", ONCE, "who may call (anybody)"},
    {0, "peer-password", "SECRET", ONCE, "what he has to say"},
    {0, "tsel", "S", ONCE, "its transport selector; none: any is taken"},
    {0, "ssel", "S", ONCE, "its session selector"},
    {0, "psel", "S", ONCE, "its presentation selector"},
    {0, "checkpoint", "KB", ONCE, "the most it agrees to; 0, no checkpoints, if not given"},
    {0, "window", "N", ONCE, "the most it agrees to"},
    {0, "except", "temporary|permanent[,PERCENT]", MANY, "does not take messages: for now, or for good"},
    {0, "abort", "PERCENT", ONCE, "aborts the association instead of answering"},
    {0, "hang-up", "PERCENT", ONCE, "ends the connection without a word"},
    {0, "silent", "PERCENT", ONCE, "never answers"},
    {0, "report", "delivered|failed:REASON[/DIAGNOSTIC][,PERCENT]", MANY, "reports on messages that it took, with X.411's numbers; as often as you like"},
    {0, "report-to", "ADDRESS", ONCE, "calls there with reports; else they go out on the turn of a caller that offers two-way alternate"},
    {0, "report-tsel", "S", ONCE, "the transport selector that is called there"},
    {0, "report-ssel", "S", ONCE, "the session selector"},
    {0, "report-psel", "S", ONCE, "the presentation selector"},
    HEADING("A STAGE is connect, ehlo, mail, rcpt, data or end; a SHARE 10, 0.5 (percent) or 300ppm; a CODE 4xx or 5xx. "
            "A SECRET is env:NAME, file:PATH or the word itself; a selector S is text, or 0x and hex digits."),
    END_ROW,
};

static const struct cmd_word selftest_words[] = {
    {0, "only", "FAULT", MANY, "only this fault; as often as you like"},
    {0, "list", NULL, ONCE, "the faults, and what each has to be found as"},
    {0, "simulate", NULL, ONCE, "on simulated time instead of over sockets"},
    {0, "seed", "N", ONCE, "draws otherwise what is hit"},
    {0, "parallel", "N", ONCE, "so many runs at a time (8)"},
    {0, "runs", "DIR", ONCE, "where run folders go (results/selftest)"},
    {0, "json", NULL, ONCE, "one JSON object"},
    END_ROW,
};

static const struct cmd_word no_words[] = {END_ROW};

const struct cmd cmd_table[] = {
    {"run", "PROFILE...", "run profiles, all variants side by side, and judge", cmd_run, run_words},
    {"check", "PROFILE", "parse and lint a profile, say what it would do", cmd_check, check_words},
    {"profiles", "", "list the shipped profiles", cmd_profiles, no_words},
    {"lab", "PROFILE", "serve the profile's embedded site alone, until interrupted", cmd_lab, lab_words},
    {"judge", "RUN", "recompute the verdict of a run from its journal", cmd_judge, runs_words},
    {"report", "RUN", "show a run again, in a form for people or machines", cmd_report, report_words},
    {"list", "RUN", "one line a copy", cmd_list, list_words},
    {"trace", "RUN TOKEN|NUMBER|MAILBOX|move:N", "the story of one message, mailbox or move", cmd_trace, trace_words},
    {"compare", "RUN RUN...", "what differs between runs of one plan, and what is shown by it", cmd_compare, compare_words},
    {"window", "RUN", "where in a move the losses lie, and where to aim next", cmd_window, window_words},
    {"plan", "[PROFILE]", "how many moves and messages prove a rate, or see a window; what a profile can prove at best", cmd_plan, plan_words},
    {"export", "RUN", "a run as an SQLite file, for questions in SQL", cmd_export, export_words},
    {"ndr", "FILE...", "read bounces and other reports, one JSON line a mail", cmd_ndr, no_words},
    {"p1", "FILE...", "show octets of X.400 (an APDU, or captured packets; binary or hex) as text", cmd_p1, no_words},
    {"sink", "--smtp|--lmtp|--p1 ADDRESS [OPTION]...",
     "an MTA that takes messages and forgets them, or misbehaves as told; loopback only", cmd_sink, sink_words},
    {"selftest", "", "plant faults into a small site and show that each is found as what it is", cmd_selftest, selftest_words},
    {"completion", "bash|zsh|fish", "print a script that completes commands, options and names in a shell", cmd_completion, no_words},
    {"version", "", "print the version", cmd_version, no_words},
    {"help", "[COMMAND]", "print this, or how a command is called", cmd_help, no_words},
    {0},
};

// clang-format on

const struct cmd *cmd_named(const char *name)
{
    for (const struct cmd *c = cmd_table; c->name; c++)
        if (strcmp(name, c->name) == 0)
            return c;
    return NULL;
}

bool cmd_word_is_last(const struct cmd_word *w)
{
    return !w->help;
}

const struct cmd_word *cmd_word_named(const struct cmd *c, const char *name)
{
    for (const struct cmd_word *w = c->options; !cmd_word_is_last(w); w++)
        if (w->name && strcmp(w->name, name) == 0)
            return w;
    return NULL;
}
