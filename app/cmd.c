/* cmd.c - what subcommands share: options by table. */
#include "app/cmd.h"

#include <getopt.h>
#include <string.h>

#define OPTIONS_MAX 64
#define FIRST_VALUE 256 /* past every character, so that getopt's '?' is never a row */

static bool take(const struct cmd_option *o, const char *value)
{
    if (o->flag)
        *o->flag = true;
    else if (o->text)
        *o->text = value;
    else {
        PM_ASSERT(o->list);
        if (o->list->count == CMD_LIST_MAX)
            return false;
        o->list->items[o->list->count++] = value;
    }
    return true;
}

/* What is parsed is what help, manual and completion say. */
static bool same_names(const struct cmd *c, const struct cmd_option *options)
{
    int rows = 0, count = 0;

    for (const struct cmd_word *w = c->options; !cmd_word_is_last(w); w++)
        rows += w->name != NULL;
    for (const struct cmd_option *o = options; o->name; o++, count++) {
        const struct cmd_word *w = cmd_word_named(c, o->name);

        if (!w || !w->value != (o->flag != NULL) || (w->times == CMD_MANY) != (o->list != NULL))
            return false;
    }
    return rows == count;
}

int cmd_parse(const struct cmd_option *options, int argc, char **argv)
{
    struct option rows[OPTIONS_MAX + 1] = {0};
    char letters[2 * OPTIONS_MAX + 1] = "", letter_of[OPTIONS_MAX] = "";
    const struct cmd *self = cmd_named(argv[0]);
    int count = 0, c;
    size_t n = 0;

    PM_ASSERT(self && same_names(self, options));
    for (; options[count].name; count++) {
        PM_ASSERT(count < OPTIONS_MAX);
        rows[count] = (struct option){
            .name = options[count].name,
            .has_arg = options[count].flag ? no_argument : required_argument,
            .val = FIRST_VALUE + count,
        };
        letter_of[count] = cmd_word_named(self, options[count].name)->letter;
        if (letter_of[count]) {
            letters[n++] = letter_of[count];
            if (!options[count].flag)
                letters[n++] = ':';
        }
    }
    optind = 1;
    while ((c = getopt_long(argc, argv, letters, rows, NULL)) != -1) {
        int i = c < FIRST_VALUE ? 0 : c - FIRST_VALUE;

        while (c < FIRST_VALUE && i < count && letter_of[i] != c)
            i++;
        if (i >= count || !take(&options[i], optarg))
            return -1;
    }
    return optind;
}

bool cmd_profile_request(const struct cmd_option *more, int argc, char **argv,
                         struct cmd_list *sets, struct profile_request *rq)
{
    struct cmd_option options[OPTIONS_MAX] = {
        {.name = "variant", .text = &rq->variant},
        {.name = "set", .list = sets},
    };
    int count = 2;

    for (; more->name; more++) {
        PM_ASSERT(count + 1 < OPTIONS_MAX);
        options[count++] = *more;
    }
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 1 != argc)
        return false;
    rq->path = argv[first];
    rq->sets = sets->items;
    rq->set_count = sets->count;
    return true;
}
