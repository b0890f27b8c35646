/* test_completion.c - the table of commands is what is parsed, helped with and completed (tests/package asks the shells). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cmd_words.h"
#include "app/completion.h"
#include "tests/app/program.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static char *say(int code, bool errors, const char *const *words)
{
    return program_say(scratch_dir("completion"), code, errors, words);
}

/* Parsing asserts that names of rows and of what they fill are the same: a difference would be no 64. */
static void every_command_with_options_refuses_one_that_it_has_not(void)
{
    for (const struct cmd *c = cmd_table; c->name; c++) {
        if (cmd_word_is_last(c->options))
            continue;
        char *said = say(EX_BAD_USAGE, true, (const char *const[]){c->name, "--no-such", NULL});

        CHECK_HAS(said, "--no-such");
        CHECK_HAS(said, "usage: postmuster ");
        free(said);
    }
}

static void help_of_a_command_has_all_its_options(void)
{
    for (const struct cmd *c = cmd_table; c->name; c++) {
        char *said = say(EX_PASS, false, (const char *const[]){"help", c->name, NULL});

        CHECK_HAS(said, c->help);
        for (const struct cmd_word *w = c->options; !cmd_word_is_last(w); w++) {
            char option[200];

            if (!w->name)
                continue;
            (void)snprintf(option, sizeof option, "--%s%s%s", w->name, w->value ? " " : "",
                           w->value ? w->value : "");
            CHECK_HAS(said, option);
        }
        free(said);
    }
}

struct around { /* what stands before and behind a name */
    const char *before, *behind;
};

static void check_word(struct buf *text, const struct around *at, const char *name)
{
    char word[200];

    (void)snprintf(word, sizeof word, "%s%s%s", at->before, name, at->behind);
    CHECK_HAS(buf_text(text), word);
}

static void check_script(bool (*print)(struct buf *out), struct around command,
                         struct around option)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    CHECK(print(&text));
    for (const struct cmd *c = cmd_table; c->name; c++) {
        check_word(&text, &command, c->name);
        for (const struct cmd_word *w = c->options; !cmd_word_is_last(w); w++)
            if (w->name)
                check_word(&text, &option, w->name);
    }
    buf_fini(&text);
}

static void every_script_has_every_command_and_option(void)
{
    check_script(completion_bash, (struct around){"    ", ") what='words --help"},
                 (struct around){":--", ") what="});
    check_script(completion_zsh, (struct around){"    ", ")\n        _arguments"},
                 (struct around){"--", ""});
    check_script(completion_fish, (struct around){" -a ", " -d '"}, (struct around){" -l ", " -"});
}

static void scripts_are_printed_for_known_shells_only(void)
{
    free(say(EX_BAD_USAGE, true, (const char *const[]){"completion", "csh", NULL}));
    free(say(EX_BAD_USAGE, true, (const char *const[]){"completion", NULL}));
    char *said = say(EX_PASS, false, (const char *const[]){"completion", "bash", NULL});

    CHECK_HAS(said, "complete -F _postmuster postmuster\n");
    free(said);
}

static void words_of_synopses_say_what_stands_for_them(void)
{
    struct slice word;
    struct buf text;

    CHECK_U64(cmd_fill_of(slice_of("PROFILE...")), FILL_PROFILE);
    CHECK_U64(cmd_fill_of(slice_of("[COMMAND]")), FILL_WORDS);
    CHECK_U64(cmd_fill_of(slice_of("NAME,...")), FILL_ANY);
    CHECK_U64(cmd_fill_of(slice_of("busy|validation[,PERCENT]")), FILL_ANY);
    CHECK_U64(cmd_fill_of(slice_of("N|DURATION")), FILL_ANY);
    CHECK_U64(cmd_fill_of(slice_of("")), FILL_ANY);
    buf_init(&text, 1000);
    CHECK(cmd_fill_words(&text, slice_of("bash|zsh|fish"), ", "));
    CHECK_STR(buf_text(&text), "bash, zsh, fish");
    buf_fini(&text);
    const struct cmd *compare = cmd_named("compare"), *trace = cmd_named("trace");

    CHECK(compare && cmd_operand(compare, 7, &word) && slice_is(word, "RUN..."));
    CHECK(compare && !cmd_operand_repeats(compare, 0) && cmd_operand_repeats(compare, 1));
    CHECK(trace && cmd_operand(trace, 0, &word) && slice_is(word, "RUN"));
    CHECK(trace && !cmd_operand(trace, 2, &word));
    CHECK(!cmd_operand(cmd_named("sink"), 0, &word));
    CHECK(!cmd_operand(cmd_named("version"), 0, &word));
}

static const struct test tests[] = {
    TEST(every_command_with_options_refuses_one_that_it_has_not),
    TEST(help_of_a_command_has_all_its_options),
    TEST(every_script_has_every_command_and_option),
    TEST(scripts_are_printed_for_known_shells_only),
    TEST(words_of_synopses_say_what_stands_for_them),
    TEST_END,
};

const struct suite completion_suite = {"completion", tests};
