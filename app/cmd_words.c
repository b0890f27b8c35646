/* cmd_words.c - synopses, help and lists out of the table of commands. */
#include "app/cmd_words.h"

#include <string.h>

#include "base/roff.h"
#include "profiles/option.h"
#include "results/classify.h"
#include "results/report.h"

/* ---------------------------------------------------------------------------------------- what may stand for a word */

/* "[COMMAND]", "NAME,...", "PROFILE...": the word itself. */
static struct slice bare(struct slice word)
{
    if (slice_starts(word, "["))
        word = slice_skip(word, 1);
    while (word.n > 0 && strchr(".,]", (char)word.p[word.n - 1]))
        word.n--;
    return word;
}

static bool is_words(struct slice word)
{
    bool bar = false;

    for (size_t i = 0; i < word.n; i++) {
        bar |= word.p[i] == '|';
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-|", (char)word.p[i]))
            return false;
    }
    return bar && word.p[0] != '-';
}

enum cmd_fill cmd_fill_of(struct slice word)
{
    static const struct {
        const char *word;
        enum cmd_fill fill;
    } rows[] = {{"PROFILE", FILL_PROFILE}, {"RUN", FILL_RUN},
                {"FILE", FILL_FILE},       {"DIR", FILL_DIR},
                {"COMMAND", FILL_WORDS},   {"CLASS", FILL_WORDS},
                {"FORM", FILL_WORDS},      {"section.key=value", FILL_KEY}};
    struct slice w = bare(word);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_is(w, rows[i].word))
            return rows[i].fill;
    return is_words(w) ? FILL_WORDS : FILL_ANY;
}

struct list {
    struct buf *out;
    const char *before;
    size_t begun; /* of out, when it was empty */
};

static bool add_word(const struct list *l, const char *a, const char *b)
{
    return buf_add_format(l->out, "%s%s%s", l->out->n > l->begun ? l->before : "", a, b);
}

static bool add_keys(const struct list *l)
{
    bool ok = true;

    for (int i = 0; ok && option_at(i); i++) {
        const struct option *o = option_at(i);
        const struct section_row *s = &option_sections[o->section];

        if (s->shape != SHAPE_KEYS || !s->name[0])
            continue;
        ok = add_word(l, s->name, ".") && buf_add_format(l->out, "%s=", o->key);
    }
    return ok;
}

static bool add_classes(const struct list *l)
{
    bool ok = true;

    for (unsigned i = 0; ok && i < CLASS_COUNT; i++)
        ok = add_word(l, class_name((enum outcome)i), "");
    for (unsigned i = 0; ok && i < FLAG_COUNT; i++)
        ok = add_word(l, flag_name((enum flag)i), "");
    return ok;
}

static bool add_alternatives(const struct list *l, struct slice words)
{
    struct slice word = {0};
    bool ok = true, more = true;

    while (ok && more) {
        more = slice_cut(&words, '|', &word);
        ok = add_word(l, "", "") && buf_add(l->out, word.p, word.n);
    }
    return ok;
}

bool cmd_fill_words(struct buf *out, struct slice word, const char *before)
{
    const struct list l = {.out = out, .before = before, .begun = out->n};
    struct slice w = bare(word);
    bool ok = true;

    if (cmd_fill_of(word) == FILL_KEY)
        return add_keys(&l);
    if (slice_is(w, "CLASS"))
        return add_classes(&l);
    if (!slice_is(w, "COMMAND") && !slice_is(w, "FORM"))
        return add_alternatives(&l, w);
    if (slice_is(w, "COMMAND"))
        for (const struct cmd *c = cmd_table; ok && c->name; c++)
            ok = add_word(&l, c->name, "");
    else
        for (size_t i = 0; ok && report_forms[i]; i++)
            ok = add_word(&l, report_forms[i]->name, "");
    return ok;
}

bool cmd_operand(const struct cmd *c, unsigned at, struct slice *word)
{
    struct slice rest = slice_of(c->operands), one = {0};
    bool more = rest.n > 0;

    *word = (struct slice){0};
    if (slice_starts(rest, "-")) /* options that look like operands */
        return false;
    for (unsigned i = 0; more; i++) {
        more = slice_cut(&rest, ' ', &one);
        *word = one;
        if (i == at)
            return true;
    }
    return word->n > 3 && memcmp(word->p + word->n - 3, "...", 3) == 0;
}

bool cmd_operand_repeats(const struct cmd *c, unsigned at)
{
    struct slice this, next;

    return cmd_operand(c, at, &this) && cmd_operand(c, at + 1, &next) && this.p == next.p;
}

/* ----------------------------------------------------------------------------------------------------- synopsis and help */

static bool lists_options(const struct cmd *c)
{
    return !strstr(c->operands, "[OPTION]");
}

static const char *opening(const struct cmd_word *w)
{
    return w->times == CMD_MUST ? "" : "[";
}

static const char *closing(const struct cmd_word *w)
{
    return w->times == CMD_MUST ? "" : w->times == CMD_MANY ? "]..." : "]";
}

bool cmd_usage_text(struct buf *out, const struct cmd *c)
{
    bool ok = buf_add_format(out, "%s%s%s", c->name, c->operands[0] ? " " : "", c->operands);

    for (const struct cmd_word *w = c->options; ok && lists_options(c) && !cmd_word_is_last(w); w++)
        if (w->name)
            ok = buf_add_format(out, " %s", opening(w)) &&
                 (!w->letter || buf_add_format(out, "-%c|", w->letter)) &&
                 buf_add_format(out, "--%s%s%s%s", w->name, w->value ? " " : "",
                                w->value ? w->value : "", closing(w));
    return ok;
}

bool cmd_word_help(struct buf *out, const struct cmd_word *w)
{
    size_t n = strlen(w->help);

    if (!buf_add_text(out, w->help))
        return false;
    if (n > 0 && w->help[n - 1] == ':' && w->value)
        return buf_add_text(out, " ") && cmd_fill_words(out, slice_of(w->value), ", ");
    return true;
}

/* ---------------------------------------------------------------------------------------------------- the manual page */

static bool roff_line(struct buf *out, const char *request, const char *text)
{
    return buf_add_format(out, ".%s ", request) && roff_text(out, text) && buf_add_text(out, "\n");
}

static bool roff_option(struct buf *out, const struct cmd_word *w)
{
    bool ok = buf_add_format(out, ".RB \"%s\" ", opening(w)) &&
              (!w->letter || buf_add_format(out, "\\-%c | ", w->letter)) && roff_text(out, "--") &&
              roff_text(out, w->name);

    if (w->value)
        ok = ok && buf_add_text(out, "\n.IR ") && roff_text(out, w->value);
    return ok && buf_add_format(out, " \"%s\"\n", closing(w));
}

bool cmd_roff_synopsis(struct buf *out)
{
    bool ok = true;

    for (const struct cmd *c = cmd_table; ok && c->name; c++) {
        ok = (c == cmd_table || buf_add_text(out, ".br\n")) &&
             buf_add_format(out, ".B postmuster %s\n", c->name) &&
             (!c->operands[0] || roff_line(out, "I", c->operands));
        for (const struct cmd_word *w = c->options; ok && lists_options(c) && !cmd_word_is_last(w);
             w++)
            ok = !w->name || roff_option(out, w);
    }
    return ok;
}

static bool roff_row(struct buf *out, const struct cmd_word *w)
{
    struct buf help;

    if (!w->name)
        return buf_add_text(out, ".PP\n") && roff_text(out, w->help) && buf_add_text(out, "\n");
    buf_init(&help, 10000);
    bool ok = buf_add_text(out, ".TP\n") &&
              (w->letter ? buf_add_format(out, ".BR \\-%c \", \" \\-\\-", w->letter)
                         : buf_add_text(out, ".BR \\-\\-")) &&
              roff_text(out, w->name);

    if (ok && w->value)
        ok = buf_add_text(out, " \" \\fI") && roff_text(out, w->value) &&
             buf_add_text(out, "\\fR\"");
    ok = ok && buf_add_text(out, "\n") && cmd_word_help(&help, w) &&
         roff_text(out, buf_text(&help)) && buf_add_text(out, ".\n");
    buf_fini(&help);
    return ok;
}

bool cmd_roff_options(struct buf *out)
{
    size_t from = out->n;
    bool ok = true;

    for (const struct cmd *c = cmd_table; ok && c->name; c++) {
        if (cmd_word_is_last(c->options))
            continue;
        ok = buf_add_format(out, ".SS postmuster %s\n", c->name);
        for (const struct cmd_word *w = c->options; ok && !cmd_word_is_last(w); w++)
            ok = roff_row(out, w);
    }
    roff_fold(out, from);
    return ok;
}
