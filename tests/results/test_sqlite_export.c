/* A run as an SQLite file, asked in SQL: counts as the judgement has them, views, hostile names, files that cannot be written. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "results/sqlite_export.h"
#include "tests/results/page_rig.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define HOSTILE "'); DROP TABLE copies; --\"\n<b>\x01\x1b[31m"

static const struct page_spec losing = {.messages = 400, .moves = 2, .reported = 3};

static const char *file_of(const struct page_rig *g)
{
    static char path[400];

    (void)snprintf(path, sizeof path, "%s/run.db", g->dir);
    return path;
}

static sqlite3 *exported(struct page_rig *g, const char *name, const struct page_spec *spec,
                         bool events)
{
    struct sqlite_exported done;
    struct err e = {0};
    sqlite3 *db = NULL;

    page_rig_make(g, name, spec);
    if (!CHECK(sqlite_export(&g->source, file_of(g), events, &done, &e)))
        CHECK_STR(e.text, "");
    CHECK_U64(done.copies, spec->messages);
    CHECK(sqlite3_open_v2(file_of(g), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    return db;
}

/* The first column of the first row, as text; "(none)". */
static const char *asked(sqlite3 *db, const char *sql)
{
    static char out[2000];
    sqlite3_stmt *row = NULL;

    (void)snprintf(out, sizeof out, "(none)");
    if (!CHECK(sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK))
        CHECK_STR(sqlite3_errmsg(db), "");
    if (row && sqlite3_step(row) == SQLITE_ROW && sqlite3_column_text(row, 0))
        (void)snprintf(out, sizeof out, "%s", (const char *)sqlite3_column_text(row, 0));
    (void)sqlite3_finalize(row);
    return out;
}

static uint64_t number(sqlite3 *db, const char *sql)
{
    return strtoull(asked(db, sql), NULL, 10);
}

static void counts_are_those_of_the_judgement(void)
{
    struct page_rig g;
    sqlite3 *db = exported(&g, "sqlite", &losing, false);
    const struct tally *t = &g.run.judgement->tally;

    CHECK_STR(asked(db, "PRAGMA integrity_check"), "ok");
    CHECK_U64(number(db, "SELECT COUNT(*) FROM messages"), 400);
    for (enum outcome o = 0; o < CLASS_COUNT; o++) {
        char sql[120];

        (void)snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM copies WHERE class = '%s'",
                       class_name(o));
        CHECK_U64(number(db, sql), t->classes[o]);
    }
    CHECK_STR(asked(db, "SELECT verdict FROM run"), "FAIL");
    CHECK_U64(number(db, "SELECT SUM(residual) FROM identities"), 0);
    CHECK_U64(number(db, "SELECT COUNT(*) FROM moves WHERE result = 'done'") +
                  number(db, "SELECT COUNT(*) FROM moves WHERE result = 'verified'"),
              2);
    CHECK_U64(number(db, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'events'"), 0);
    CHECK_U64(number(db, "SELECT COUNT(DISTINCT number) FROM reports"), 3);
    (void)sqlite3_close(db);
    page_rig_fini(&g);
}

static void views_answer_what_a_person_asks(void)
{
    struct page_rig g;
    sqlite3 *db = exported(&g, "sqlite-views", &losing, false);
    const struct tally *t = &g.run.judgement->tally;

    CHECK_U64(number(db, "SELECT SUM(copies) FROM bad_by_move WHERE class = 'silent-loss'"),
              t->classes[CLASS_SILENT_LOSS]);
    CHECK_U64(number(db, "SELECT COUNT(*) FROM bad_copies WHERE class = 'ndr'"),
              t->classes[CLASS_NDR]);
    CHECK_U64(number(db, "SELECT SUM(copies) FROM class_mix_by_phase"), 400);
    CHECK_U64(number(db, "SELECT SUM(copies) FROM class_mix_by_load"), 400);
    CHECK_U64(number(db, "SELECT SUM(copies) FROM mailbox_accounts"), 400);
    CHECK_STR(asked(db, "SELECT what FROM mailbox_story WHERE mailbox = 'box1' AND what LIKE "
                        "'move%' ORDER BY t_ns DESC LIMIT 1"),
              "move done");
    CHECK_U64(number(db, "SELECT copies FROM latency_percentiles WHERE latency = 'accept'"), 400);
    /* The exact one against the histogram's, which is 0.1 % wide. */
    uint64_t p99 = number(db, "SELECT p99_us FROM latency_percentiles WHERE latency = 'deliver'");
    uint64_t near = tally_quantile(&t->deliver, 0.99);
    CHECK_BETWEEN((double)p99, (double)near * 0.998, (double)near * 1.002);
    (void)sqlite3_close(db);
    page_rig_fini(&g);
}

static void all_events_come_where_they_are_asked_for(void)
{
    struct page_rig g;
    sqlite3 *db = exported(&g, "sqlite-events", &losing, true);

    CHECK_U64(number(db, "SELECT COUNT(*) FROM events WHERE kind = 'sent'"), 400);
    CHECK_HAS(asked(db, "SELECT words FROM events WHERE kind = 'sent' AND number = 7"),
              "s2: sent to box");
    (void)sqlite3_close(db);
    page_rig_fini(&g);
}

static void names_and_reports_are_data_whatever_they_say(void)
{
    struct page_rig g;
    sqlite3 *db = exported(&g, "sqlite-hostile",
                           &(struct page_spec){.messages = 50,
                                               .moves = 1,
                                               .box = HOSTILE,
                                               .report_name = "00.eml",
                                               .report = "Subject: " HOSTILE "\xff\r\n"},
                           true);

    CHECK_U64(number(db, "SELECT COUNT(*) FROM copies"), 50);
    CHECK_STR(asked(db, "SELECT name FROM mailboxes WHERE mailbox = 0"),
              "'); DROP TABLE copies; --\"\n<b>\xef\xbf\xbd\xef\xbf\xbd[31m");
    CHECK_STR(
        asked(db, "SELECT text FROM report_files WHERE name = '00.eml'"),
        "Subject: '); DROP TABLE copies; --\"\n<b>\xef\xbf\xbd\xef\xbf\xbd[31m\xef\xbf\xbd\r\n");
    (void)sqlite3_close(db);
    page_rig_fini(&g);
}

static void the_same_run_gives_the_same_file(void)
{
    struct page_rig g;
    struct sqlite_exported done;
    struct err e = {0};
    size_t n[2];
    char *bytes[2];

    (void)sqlite3_close(exported(&g, "sqlite-twice", &losing, true));
    bytes[0] = scratch_read(file_of(&g), &n[0]);
    CHECK(sqlite_export(&g.source, file_of(&g), true, &done, &e));
    bytes[1] = scratch_read(file_of(&g), &n[1]);
    CHECK_MEM(bytes[1], n[1], bytes[0], n[0]);
    free(bytes[0]);
    free(bytes[1]);
    page_rig_fini(&g);
}

static void what_cannot_be_written_is_said_and_leaves_nothing(void)
{
    struct page_rig g;
    struct sqlite_exported done;
    struct err e = {0};
    struct stat st;
    char path[400];

    page_rig_make(&g, "sqlite-nowhere", &losing);
    (void)snprintf(path, sizeof path, "%s/no/run.db", g.dir);
    CHECK(!sqlite_export(&g.source, path, false, &done, &e));
    CHECK_U64(e.code, EX_IO);
    CHECK_HAS(e.text, "no/run.db");
    (void)snprintf(path, sizeof path, "%s/journal", g.dir); /* a folder is there */
    CHECK(!sqlite_export(&g.source, path, false, &done, &e));
    (void)snprintf(path, sizeof path, "%s/journal.part", g.dir);
    CHECK(stat(path, &st) < 0);
    page_rig_fini(&g);
}

static const struct test tests[] = {
    TEST(counts_are_those_of_the_judgement),
    TEST(views_answer_what_a_person_asks),
    TEST(all_events_come_where_they_are_asked_for),
    TEST(names_and_reports_are_data_whatever_they_say),
    TEST(the_same_run_gives_the_same_file),
    TEST(what_cannot_be_written_is_said_and_leaves_nothing),
    TEST_END,
};

const struct suite sqlite_export_suite = {"sqlite_export", tests};
