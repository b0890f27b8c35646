/* cmd_window.c - where in a move the losses of a run lie, and where to aim next. */
#include <stdio.h>
#include <string.h>

#include "app/cmd.h"
#include "base/text.h"
#include "results/window_text.h"

#define RUNS_DIR "results/runs"

/* "ndr,silent-loss" to bits. */
static bool read_classes(const char *text, uint32_t *bits, struct err *e)
{
    struct slice rest = slice_of(text), word;
    const char *names[CLASS_COUNT + 1] = {0};
    bool more = true;

    for (unsigned i = 0; i < CLASS_COUNT; i++)
        names[i] = class_name((enum outcome)i);
    while (more) {
        char name[64] = "";
        enum outcome o;

        more = slice_cut(&rest, ',', &word);
        (void)snprintf(name, sizeof name, "%.*s", (int)word.n, (const char *)word.p);
        if (!class_named(name, &o)) {
            const char *near = text_nearest(slice_of(name), names);

            return err_set(e, EX_BAD_USAGE, "there is no class \"%s\"%s%s%s", name,
                           near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        *bits |= 1u << o;
    }
    return true;
}

int cmd_window(const struct cmd *self, int argc, char **argv)
{
    struct window_request q = {.color = cmd_color()};
    const char *runs = RUNS_DIR, *classes = NULL;
    const struct cmd_option options[] = {{.name = "class", .text = &classes},
                                         {.name = "json", .flag = &q.json},
                                         {.name = "runs", .text = &runs},
                                         {0}};
    char path[CMD_PATH_BYTES];
    struct run_record r = {0};
    struct err e = {0};
    struct buf out;
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 1 != argc)
        return cmd_usage(self);
    if (classes && !read_classes(classes, &q.losses, &e))
        return cmd_fail(&e);
    buf_init(&out, 256u << 20);
    bool ok = judge_folder(&r, cmd_readable_dir(runs, argv[first], path), &e) &&
              window_text(&r, &q, &out, &e);

    if (ok)
        (void)fputs(buf_text(&out), stdout);
    buf_fini(&out);
    run_record_fini(&r);
    return ok ? EX_PASS : cmd_fail(&e);
}
