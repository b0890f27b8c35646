/* cmd_compare.c - runs side by side, on the terminal, as JSON, or as a page. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "app/cmd.h"
#include "base/text.h"
#include "results/compare.h"
#include "results/compare_page.h"

#define RUNS_DIR    "results/runs"
#define ARENA_BYTES (8ull << 30)
#define TEXT_BYTES  (64u << 20)

struct request {
    const char *form, *file, *runs_dir;
    bool force;
};

struct place { /* of a run on disk, whatever it was called */
    dev_t device;
    ino_t number;
};

/* A run beside itself would be said to differ in nothing. */
static bool is_new(struct place *places, uint32_t me, const char *dir, struct err *e)
{
    struct stat st;

    if (stat(dir, &st) != 0)
        return true; /* what is wrong with it is said when it is read */
    places[me] = (struct place){st.st_dev, st.st_ino};
    for (uint32_t i = 0; i < me; i++)
        if (places[i].device == places[me].device && places[i].number == places[me].number)
            return err_set(e, EX_BAD_USAGE, "%s is there twice: a run says nothing about itself",
                           dir);
    return true;
}

static bool read_runs(struct compared *all, struct arena *a, char **names, uint32_t count,
                      const struct request *q, struct err *e)
{
    struct place places[COMPARED_MAX] = {0};
    char path[CMD_PATH_BYTES];

    for (uint32_t i = 0; i < count; i++) {
        const char *dir = cmd_readable_dir(q->runs_dir, names[i], path);

        if (!is_new(places, i, dir, e) || !compared_read(&all[i], a, dir, e) ||
            !compared_find_window(&all[i], a, dir, e))
            return false;
    }
    return true;
}

static bool write_form(const struct comparison *c, const struct request *q, struct buf *out,
                       struct err *e)
{
    if (strcmp(q->form, "json") == 0)
        return compare_json(c, out, e);
    if (strcmp(q->form, "html") == 0)
        return compare_html(c, out, e);
    return compare_text(c, true, out, !q->file && cmd_color()) ||
           err_set(e, EX_IO, "out of memory for the comparison");
}

static bool put(const struct buf *text, const struct request *q, struct err *e)
{
    if (q->file)
        return compare_page_write(text, q->file, e);
    return (fwrite(text->p, 1, text->n, stdout) == text->n && fflush(stdout) == 0) ||
           err_set(e, EX_IO, "stdout: %s", strerrordesc_np(errno));
}

static bool check_form(const char *form, struct err *e)
{
    static const char *const forms[] = {"text", "json", "html", NULL};

    for (size_t i = 0; forms[i]; i++)
        if (strcmp(form, forms[i]) == 0)
            return true;
    return err_set(e, EX_BAD_USAGE, "there is no form \"%s\": text, json or html", form);
}

static bool compare(char **names, uint32_t count, const struct request *q, struct err *e)
{
    struct arena *a = arena_create(ARENA_BYTES);
    struct compared *all = a ? arena_new(a, struct compared, count) : NULL;
    struct comparison *c = NULL;
    struct buf text;

    if (!all)
        (void)err_set(e, EX_IO, "out of memory for the comparison");
    else if (read_runs(all, a, names, count, q, e))
        c = comparison_make(a, all, count, q->force, e);
    buf_init(&text, TEXT_BYTES);
    bool ok = c && write_form(c, q, &text, e) && put(&text, q, e);

    buf_fini(&text);
    arena_destroy(a);
    return ok;
}

int cmd_compare(const struct cmd *self, int argc, char **argv)
{
    struct request q = {.form = "text", .runs_dir = RUNS_DIR};
    bool json = false;
    const struct cmd_option options[] = {
        {.name = "format", .text = &q.form},   {.name = "output", .text = &q.file},
        {.name = "json", .flag = &json},       {.name = "force", .flag = &q.force},
        {.name = "runs", .text = &q.runs_dir}, {0}};
    struct err e = {0};
    int first = cmd_parse(options, argc, argv);
    int count = argc - first;

    if (first < 0 || count < 2)
        return cmd_usage(self);
    if (count > COMPARED_MAX) {
        (void)err_set(&e, EX_BAD_USAGE, "%d runs are too many: at most %d", count, COMPARED_MAX);
        return cmd_fail(&e);
    }
    if (json)
        q.form = "json";
    if (!check_form(q.form, &e) || !compare(argv + first, (uint32_t)count, &q, &e))
        return cmd_fail(&e);
    return EX_PASS;
}
