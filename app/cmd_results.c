/* cmd_results.c - look at finished (or killed) runs again: judge, report, list, trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "app/cmd.h"
#include "app/plan.h"
#include "app/report_voice.h"
#include "app/x400_words.h"
#include "base/text.h"
#include "probes/tracking.h"
#include "results/folder.h"
#include "results/judge.h"
#include "results/lines.h"
#include "results/report.h"
#include "results/report_text.h"

#define RUNS_DIR "results/runs"

const char *cmd_run_dir(const char *runs_dir, const char *name, char out[CMD_PATH_BYTES])
{
    struct stat st;

    (void)snprintf(out, CMD_PATH_BYTES, "%s/manifest.json", name);
    if (stat(out, &st) == 0)
        return name;
    (void)snprintf(out, CMD_PATH_BYTES, "%s/%s/manifest.json", runs_dir, name);
    if (stat(out, &st) == 0) {
        (void)snprintf(out, CMD_PATH_BYTES, "%s/%s", runs_dir, name);
        return out;
    }
    return name;
}

const char *cmd_readable_dir(const char *runs_dir, const char *name, char out[CMD_PATH_BYTES])
{
    const char *dir = cmd_run_dir(runs_dir, name, out);

    if (folder_is_held(dir))
        (void)fprintf(stderr, "postmuster: %s: the run goes on; this is its account so far\n", dir);
    return dir;
}

static bool print_piece(void *owner, struct slice piece)
{
    return fwrite(piece.p, 1, piece.n, owner) == piece.n;
}

/* Octets of what may be said to a terminal as it stands: printable ASCII, ends of lines, our colours. */
static size_t fit_octets(struct slice s)
{
    size_t n = 0;

    for (; n < s.n; n++) {
        size_t digits = 0;

        if ((s.p[n] >= ' ' && s.p[n] < 0x7f) || s.p[n] == '\n' || s.p[n] == '\t')
            continue;
        if (s.p[n] != 0x1b || s.n - n < 3 || s.p[n + 1] != '[')
            break;
        while (n + 2 + digits < s.n && s.p[n + 2 + digits] &&
               strchr("0123456789;", s.p[n + 2 + digits]))
            digits++;
        if (n + 2 + digits == s.n || s.p[n + 2 + digits] != 'm')
            break;
        n += 2 + digits;
    }
    return n;
}

/* For people: names are a folder's, perhaps a stranger's, and do not drive the terminal or turn its text. */
static bool print_shown(void *owner, struct slice text)
{
    bool ok = true;

    while (ok && text.n > 0) {
        size_t took = fit_octets(text);
        struct slice one = slice_from(text.p, took);

        if (took == 0) {
            one = text_shown(text, &took);
            if (*text.p < ' ' || *text.p == 0x7f)
                one = slice_of("?");
        }
        ok = fwrite(one.p, 1, one.n, owner) == one.n;
        text = slice_skip(text, took);
    }
    return ok;
}

static void print_token(void *owner, uint64_t number, char out[27])
{
    token_write(owner, number, out);
    out[TOKEN_CHARS] = '\0';
}

static int show(const struct run_record *r, const char *dir, const struct report_form *form,
                const char *file)
{
    struct report_voice voice;
    const struct report_out out = {.put = form == report_forms[0] ? print_shown : print_piece,
                                   .owner = stdout};
    struct err e = {0};

    report_voice_init(&voice, r->manifest);
    const struct report_source s = {
        .run = r, .run_dir = dir, .words = &voice.words, .color = !file && cmd_color()};

    if (!(file ? report_write_file(&s, form, file, &e) : form->write(&s, &out, &e)))
        return cmd_fail(&e);
    return file || fflush(stdout) == 0 ? EX_PASS : EX_IO;
}

int cmd_judge(const struct cmd *self, int argc, char **argv)
{
    char path[CMD_PATH_BYTES], summary[CMD_PATH_BYTES + 16];
    struct run_record r = {0};
    struct err e = {0};
    const char *runs = RUNS_DIR;
    const struct cmd_option options[] = {{.name = "runs", .text = &runs}, {0}};
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 1 != argc)
        return cmd_usage(self);
    const char *dir = cmd_run_dir(runs, argv[first], path);

    if (folder_is_held(dir)) {
        (void)err_set(&e, EX_LOCKED, "%s: a run is still writing to it", dir);
        return cmd_fail(&e);
    }
    (void)snprintf(summary, sizeof summary, "%s/summary.json", dir);
    bool ok = judge_folder(&r, dir, &e) && judgement_write_summary(r.judgement, summary, &e);
    int code = ok ? show(&r, dir, report_forms[0], NULL) : cmd_fail(&e);

    if (ok && code == EX_PASS)
        code = judgement_exit_code(r.judgement);
    run_record_fini(&r);
    return code;
}

int cmd_report(const struct cmd *self, int argc, char **argv)
{
    const char *name = "text", *runs = RUNS_DIR, *file = NULL;
    const struct cmd_option options[] = {{.name = "format", .text = &name},
                                         {.name = "output", .text = &file},
                                         {.name = "runs", .text = &runs},
                                         {0}};
    char path[CMD_PATH_BYTES];
    struct run_record r = {0};
    struct err e = {0};
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 1 != argc)
        return cmd_usage(self);
    const struct report_form *form = report_form_named(name, &e);

    if (!form)
        return cmd_fail(&e);
    const char *dir = cmd_readable_dir(runs, argv[first], path);
    int code = judge_folder(&r, dir, &e) ? show(&r, dir, form, file) : cmd_fail(&e);

    run_record_fini(&r);
    return code;
}

/* ----------------------------------------------------------------------------------------------------- list and trace */

static bool print_line(void *owner, struct slice text)
{
    (void)owner;
    return print_shown(stdout, text);
}

static bool print_data(void *owner, struct slice text)
{
    (void)owner;
    return print_piece(stdout, text);
}

static int list(const char *dir, struct list_filter *f)
{
    struct run_record r = {0};
    struct err e = {0};
    int code = EX_PASS;

    if (!judge_folder(&r, dir, &e)) {
        run_record_fini(&r);
        return cmd_fail(&e);
    }
    struct token_key key = plan_key(r.manifest);
    struct line_sink sink = {.line = f->json ? print_data : print_line,
                             .token = print_token,
                             .x400 = x400_words,
                             .owner = &key};

    if (f->move != NO_INDEX && f->move >= r.manifest->move_count) {
        (void)err_set(&e, EX_BAD_USAGE, "move %u: this run has %u moves", f->move,
                      r.manifest->move_count);
        code = cmd_fail(&e);
    } else {
        if (!f->json)
            (void)fputs(list_heading(), stdout);
        if (!list_copies(&r, f, &sink, &e))
            code = cmd_fail(&e);
    }
    run_record_fini(&r);
    return fflush(stdout) == 0 ? code : EX_IO;
}

static bool filter_class(struct list_filter *f, const char *name, struct err *e)
{
    const char *names[CLASS_COUNT + FLAG_COUNT + 1] = {0};
    enum flag flag;

    if (class_named(name, &f->outcome))
        return true;
    if (flag_named(name, &flag)) {
        f->flag = flag;
        return true;
    }
    for (unsigned i = 0; i < CLASS_COUNT; i++)
        names[i] = class_name((enum outcome)i);
    for (unsigned i = 0; i < FLAG_COUNT; i++)
        names[CLASS_COUNT + i] = flag_name((enum flag)i);
    const char *near = text_nearest(slice_of(name), names);

    return err_set(e, EX_BAD_USAGE, "there is no class or flag \"%s\"%s%s%s", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

int cmd_list(const struct cmd *self, int argc, char **argv)
{
    struct list_filter f = {.outcome = CLASS_COUNT, .flag = FLAG_COUNT, .move = NO_INDEX};
    const char *class = NULL, *move = NULL, *runs = RUNS_DIR;
    const struct cmd_option options[] = {
        {.name = "class", .text = &class},
        {.name = "move", .text = &move},
        {.name = "json", .flag = &f.json},
        {.name = "runs", .text = &runs},
        {0},
    };
    char path[CMD_PATH_BYTES];
    struct err e = {0};
    uint64_t n;
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 1 != argc)
        return cmd_usage(self);
    if (class && !filter_class(&f, class, &e))
        return cmd_fail(&e);
    if (move && (!text_u64(slice_of(move), &n, &e) || n >= NO_INDEX))
        return cmd_usage(self);
    f.move = move ? (uint32_t)n : NO_INDEX;
    return list(cmd_readable_dir(runs, argv[first], path), &f);
}

static uint32_t mailbox_named(const struct manifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->mailbox_count; i++)
        if (strcmp(m->mailboxes[i].name, name) == 0 || strcmp(m->mailboxes[i].address, name) == 0)
            return i;
    return NO_INDEX;
}

/* What others' logs say, told between our own events; it changes nothing in the verdict. */
struct story {
    struct token_key key;
    struct tracking logs;
    const struct manifest *m;
    const struct cmd_list *names;
    uint32_t told;
};

static void story_token(void *owner, uint64_t number, char out[27])
{
    const struct story *s = owner;

    token_write(&s->key, number, out);
    out[TOKEN_CHARS] = '\0';
}

static uint64_t claim_time(const struct manifest *m, const struct claim *c)
{
    if (m->wall_start_ns == 0 || c->wall_ns <= m->wall_start_ns)
        return 0;
    return (c->wall_ns - m->wall_start_ns) * (m->time_scale ? m->time_scale : 1);
}

static bool story_before(void *owner, uint64_t t_ns)
{
    struct story *s = owner;
    char at[32];

    for (; s->told < s->logs.count; s->told++) {
        const struct claim *c = &s->logs.claims[s->told];
        uint64_t claim_ns = claim_time(s->m, c);
        const char *path = s->names->items[c->log], *slash = strrchr(path, '/');

        if (claim_ns > t_ns)
            break;
        (void)printf("%13s  log %s: %s\n",
                     c->wall_ns ? text_at(at, sizeof at, claim_ns) : "no time",
                     slash ? slash + 1 : path, c->text);
    }
    return true;
}

static bool read_logs(struct story *s, struct err *e)
{
    for (uint32_t i = 0; i < s->names->count; i++)
        if (!tracking_read(&s->logs, s->names->items[i], e))
            return false;
    tracking_sort(&s->logs);
    return true;
}

static void tell_logs(const struct story *s)
{
    if (s->names->count > 0)
        (void)printf("%u lines of %u logs: what the logs claim, which no verdict rests on%s\n",
                     s->logs.count, s->names->count,
                     s->logs.full ? " (only the first are shown)" : "");
}

static bool trace_number(const struct run_record *r, const char *dir, uint64_t number,
                         const struct cmd_list *logs, struct err *e)
{
    struct story s = {.key = plan_key(r->manifest), .m = r->manifest, .names = logs};
    struct line_sink sink = {.line = print_line,
                             .token = story_token,
                             .x400 = x400_words,
                             .before = logs->count ? story_before : NULL,
                             .owner = &s};

    tracking_init(&s.logs, &s.key, number, r->manifest->wall_start_ns);
    bool ok = read_logs(&s, e) && trace_message(r, dir, number, &sink, e);

    if (ok)
        tell_logs(&s);
    tracking_fini(&s.logs);
    return ok;
}

/* TOKEN, NUMBER, MAILBOX or move:N. */
static bool trace(const struct run_record *r, const char *dir, const char *what,
                  const struct cmd_list *logs, struct err *e)
{
    struct token_key key = plan_key(r->manifest);
    struct line_sink sink = {
        .line = print_line, .token = print_token, .x400 = x400_words, .owner = &key};
    struct slice text = slice_of(what);
    uint32_t mailbox = mailbox_named(r->manifest, what);
    bool is_move = slice_starts(text, "move:");
    uint64_t number;
    size_t at = 0; /* a Message-ID or header with the token in it will do */

    if (logs->count > 0 && (is_move || mailbox != NO_INDEX))
        return err_set(e, EX_BAD_USAGE, "--log goes with a message, and %s is none", what);
    if (is_move) {
        if (!text_u64(slice_skip(text, 5), &number, e))
            return false;
        if (number >= r->manifest->move_count)
            return err_set(e, EX_BAD_USAGE, "%s: this run has %u moves", what,
                           r->manifest->move_count);
        return trace_move(r, dir, (uint32_t)number, &sink, e);
    }
    if (mailbox != NO_INDEX)
        return trace_mailbox(r, dir, mailbox, &sink, e);
    if (!token_find(&key, text, &at, &number) && !token_read(&key, text, &number) &&
        !text_u64(text, &number, NULL))
        return err_set(e, EX_BAD_USAGE, "%s: no token, number, mailbox or move of this run", what);
    if (number >= r->manifest->planned_messages + r->manifest->canaries)
        return err_set(e, EX_BAD_USAGE, "%s: this run planned %llu messages", what,
                       (unsigned long long)r->manifest->planned_messages);
    return trace_number(r, dir, number, logs, e);
}

int cmd_trace(const struct cmd *self, int argc, char **argv)
{
    char path[CMD_PATH_BYTES];
    struct run_record r = {0};
    struct err e = {0};
    const char *runs = RUNS_DIR;
    struct cmd_list logs = {0};
    const struct cmd_option options[] = {
        {.name = "runs", .text = &runs}, {.name = "log", .list = &logs}, {0}};
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 2 != argc)
        return cmd_usage(self);
    const char *dir = cmd_readable_dir(runs, argv[first], path);
    bool ok = judge_folder(&r, dir, &e) && trace(&r, dir, argv[first + 1], &logs, &e);

    run_record_fini(&r);
    if (!ok)
        return cmd_fail(&e);
    return fflush(stdout) == 0 ? EX_PASS : EX_IO;
}
