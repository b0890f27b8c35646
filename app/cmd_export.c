/* cmd_export.c - a finished run for other tools: an SQLite file. */
#include <stdio.h>

#include "app/cmd.h"
#include "app/report_voice.h"
#include "base/text.h"
#include "results/judge.h"
#include "results/sqlite_export.h"

int cmd_export(const struct cmd *self, int argc, char **argv)
{
    const char *runs = "results/runs", *file = NULL;
    bool events = false;
    const struct cmd_option options[] = {{.name = "sqlite", .text = &file},
                                         {.name = "events", .flag = &events},
                                         {.name = "runs", .text = &runs},
                                         {0}};
    char path[CMD_PATH_BYTES], copies[32], told[32];
    struct sqlite_exported done = {0};
    struct run_record r = {0};
    struct report_voice voice;
    struct err e = {0};
    int first = cmd_parse(options, argc, argv);

    if (first < 0 || first + 1 != argc || !file)
        return cmd_usage(self);
    const char *dir = cmd_readable_dir(runs, argv[first], path);
    bool ok = judge_folder(&r, dir, &e);

    if (ok) {
        report_voice_init(&voice, r.manifest);
        const struct report_source s = {.run = &r, .run_dir = dir, .words = &voice.words};

        ok = sqlite_export(&s, file, events, &done, &e);
    }
    run_record_fini(&r);
    if (!ok)
        return cmd_fail(&e);
    (void)fprintf(stderr, "%s: %s copies%s%s\n", file,
                  text_print_count(copies, sizeof copies, done.copies), events ? ", events: " : "",
                  events ? text_print_count(told, sizeof told, done.events) : "");
    return EX_PASS;
}
