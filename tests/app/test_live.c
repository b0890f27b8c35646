/* What people see of runs that go on, and what a terminal is left with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/live.h"
#include "base/clock.h"
#include "tests/app/screen.h"
#include "tests/app/scripted.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct scripted script;

static const struct live_room narrow = {40, 30, false}, usual = {80, 24, false},
                              wide = {120, 50, false};

/* tests/golden/live/NAME; PM_GOLDEN=write makes it anew, to be looked at. */
static void check_golden(const char *name, struct buf *got)
{
    char path[500];
    const char *how = getenv("PM_GOLDEN");

    (void)snprintf(path, sizeof path, "%s/tests/golden/live/%s", PM_SOURCE_DIR, name);
    FILE *f = how && strcmp(how, "write") == 0 ? fopen(path, "w") : NULL;

    if (f) {
        (void)fwrite(got->p, 1, got->n, f);
        (void)fclose(f);
    }
    char *want = scratch_read(path, NULL);

    CHECK_STR(buf_text(got), want ? want : "(no golden file)");
    free(want);
}

static void check_widths(struct buf *text, const struct live_room *room)
{
    struct slice rest = buf_slice(text), line;
    unsigned lines = 0;

    while (slice_cut(&rest, '\n', &line)) {
        CHECK(line.n < room->columns); /* ASCII: octets are columns */
        lines++;
    }
    CHECK(lines < room->rows);
}

static void check_screen(const char *name, const struct live_room *room)
{
    struct buf text;

    buf_init(&text, 1u << 20);
    CHECK(live_screen(&script.campaign, room, &text));
    check_widths(&text, room);
    check_golden(name, &text);
    buf_fini(&text);
}

static void one_run_is_shown_whole_in_40_80_and_120_columns(void)
{
    scripted_make(&script, 1);
    check_screen("one-40.txt", &narrow);
    check_screen("one-80.txt", &usual);
    check_screen("one-120.txt", &wide);
}

static void several_runs_are_a_table_that_leaves_out_what_has_no_room(void)
{
    scripted_make(&script, 4);
    script.jobs[2].ended = true;
    script.jobs[3].status.phase = PHASE_SETTLE;
    script.jobs[3].status.verdict_in_ns = 842 * NS_PER_S + 1;
    check_screen("several-40.txt", &narrow);
    check_screen("several-80.txt", &usual);
    check_screen("several-120.txt", &wide);
}

static void settling_says_what_it_waits_for_and_for_how_long_at_most(void)
{
    struct run_status *s = &script.jobs[0].status;

    scripted_make(&script, 1);
    s->phase = PHASE_SETTLE;
    s->under_way = 0;
    s->verdict_in_ns = 90 * NS_PER_S;
    (void)snprintf(s->waiting_for, sizeof s->waiting_for, "12 queue entries, 3 of them due");
    check_screen("settle-80.txt", &usual);
}

static void a_terminal_of_few_rows_shows_the_first_lines(void)
{
    struct live_room low = {80, 5, false};
    struct buf text;

    scripted_make(&script, 1);
    buf_init(&text, 1u << 20);
    CHECK(live_screen(&script.campaign, &low, &text));
    check_widths(&text, &low);
    CHECK_HAS(buf_text(&text), "q172364  load");
    buf_fini(&text);
}

static void colour_is_bold_and_red_and_ends_on_its_line(void)
{
    struct live_room room = usual;
    struct buf text;

    scripted_make(&script, 1);
    room.color = true;
    for (int k = 0; k < 1000; k++)
        spread_add(&script.jobs[0].status.counts.loads[0].late, 150000);
    buf_init(&text, 1u << 20);
    CHECK(live_screen(&script.campaign, &room, &text));
    CHECK_HAS(buf_text(&text), "\033[1mq172364\033[0m");
    CHECK_HAS(buf_text(&text), "\033[31mlate p99 <=200ms\033[0m"); /* more than run.max_lateness */
    CHECK_HAS(buf_text(&text), "\033[31m1 disproved\033[0m");
    buf_fini(&text);
}

static void names_cannot_send_sequences_wrap_or_turn_the_line_around(void)
{
    static const char turn[] = {(char)0xe2, (char)0x80, (char)0xae, '\0'}; /* right to left */
    char name[100];
    struct screen screen;
    struct buf text;

    scripted_make(&script, 1);
    (void)snprintf(name, sizeof name,
                   "\033[2Jbox\r\n\a%sevil \346\274\242\345\255\227\346\274\242\345\255\227"
                   "\346\274\242\345\255\227\346\274\242\345\255\227 \377",
                   turn);
    script.boxes[0][0].name = name;
    script.servers[0][0].name =
        "\033]0;title\a a name that is so long that it takes more than a line "
        "of forty columns, and more";
    buf_init(&text, 1u << 20);
    CHECK(live_screen(&script.campaign, &narrow, &text));
    CHECK(memchr(text.p, 033, text.n) == NULL);
    CHECK(memchr(text.p, '\r', text.n) == NULL);
    CHECK(strstr(buf_text(&text), turn) == NULL);
    screen_init(&screen, 40, 40);
    for (struct slice rest = buf_slice(&text), line; slice_cut(&rest, '\n', &line);) {
        screen_feed(&screen, line);
        screen_feed(&screen, slice_of("\r\n"));
    }
    CHECK_U64(screen.wraps, 0);
    CHECK_U64(screen.unknown, 0);
    buf_fini(&text);
}

/* ------------------------------------------------------------------------------------------------------- the terminal */

struct viewer {
    struct live *live;
    struct screen screen;
    struct live_room room;
    uint64_t now_ns;
    size_t octets; /* of the last drawing */
};

static void begin(struct viewer *v, unsigned columns, unsigned rows)
{
    struct err e;

    *v = (struct viewer){
        .live = live_create(LIVE_TTY, &e), .room = {columns, rows, false}, .now_ns = NS_PER_S};
    screen_init(&v->screen, columns, rows);
    screen_feed(&v->screen, slice_of("$ postmuster run\r\n"));
}

static void draw(struct viewer *v, uint64_t later_ms)
{
    struct buf out;

    v->now_ns += later_ms * NS_PER_MS;
    buf_init(&out, 1u << 20);
    CHECK(live_show(v->live, &script.campaign, v->now_ns, &v->room, &out));
    screen_feed(&v->screen, buf_slice(&out));
    v->octets = out.n;
    buf_fini(&out);
}

static void wipe(struct viewer *v)
{
    struct buf out;

    buf_init(&out, 1u << 20);
    live_wipe(v->live, &out);
    screen_feed(&v->screen, buf_slice(&out));
    buf_fini(&out);
}

/* The terminal shows the prompt and the view as it would be drawn at once. */
static void check_view(const struct viewer *v)
{
    struct buf want;

    buf_init(&want, 1u << 20);
    (void)buf_add_text(&want, "$ postmuster run\n");
    CHECK(live_screen(&script.campaign, &v->room, &want));
    CHECK_STR(screen_text(&v->screen), buf_text(&want));
    CHECK_U64(v->screen.wraps, 0);
    CHECK_U64(v->screen.unknown, 0);
    buf_fini(&want);
}

static void the_view_is_redrawn_in_place_and_only_where_it_changed(void)
{
    struct viewer v;

    scripted_make(&script, 1);
    begin(&v, 80, 24);
    draw(&v, 0);
    check_view(&v);
    size_t whole = v.octets;

    script.jobs[0].status.counts.seen++;
    draw(&v, 100); /* too soon: at most five times a second */
    CHECK_U64(v.octets, 0);
    draw(&v, 100);
    check_view(&v);
    CHECK(v.octets > 0 && v.octets < whole / 3);
    script.jobs[0].status.under_way = 0; /* fewer lines */
    draw(&v, 200);
    check_view(&v);
    script.jobs[0].status.under_way = 2;
    draw(&v, 200);
    check_view(&v);
    screen_feed(&v.screen,
                slice_of("^C, and a word of somebody else")); /* is gone in two seconds */
    draw(&v, 2000);
    check_view(&v);
    wipe(&v);
    CHECK_STR(screen_text(&v.screen), "$ postmuster run\n");
    CHECK_U64(v.screen.y, 1);
    CHECK_U64(v.screen.x, 0);
    live_destroy(v.live);
}

static void a_terminal_that_is_made_narrower_and_wider_again_shows_one_view(void)
{
    static const unsigned widths[] = {80, 40, 120, 30, 80};
    struct viewer v;

    scripted_make(&script, 1);
    begin(&v, 120, 40);
    draw(&v, 0);
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        screen_resize(&v.screen, widths[i]);
        v.room.columns = widths[i];
        draw(&v, 10); /* a new size is drawn at once */
        check_view(&v);
    }
    live_destroy(v.live);
}

static void at_the_foot_of_a_terminal_what_stood_above_scrolls_once(void)
{
    struct viewer v;

    scripted_make(&script, 1);
    begin(&v, 80, 24);
    for (int i = 0; i < 22; i++)
        screen_feed(&v.screen, slice_of("\r\n"));
    draw(&v, 0);
    unsigned scrolled = v.screen.scrolled;

    for (int i = 0; i < 20; i++) {
        script.jobs[0].status.counts.seen++;
        draw(&v, 500);
    }
    CHECK_U64(v.screen.scrolled, scrolled);
    CHECK_HAS(screen_text(&v.screen), "1,210 copies seen");
    live_destroy(v.live);
}

static void a_view_without_runs_is_empty_and_its_end_leaves_nothing(void)
{
    struct viewer v;

    scripted_make(&script, 2);
    begin(&v, 80, 24);
    draw(&v, 0);
    check_view(&v);
    script.jobs[0].ended = script.jobs[1].ended = true;
    draw(&v, 200);
    CHECK_STR(screen_text(&v.screen), "$ postmuster run\n");
    live_destroy(v.live);
}

/* ---------------------------------------------------------------------------------------------------------- plain lines */

static void check_lines(struct live *l, uint64_t now_ns, const char *want)
{
    struct buf out;

    buf_init(&out, 1u << 20);
    CHECK(live_show(l, &script.campaign, now_ns, &usual, &out));
    CHECK_STR(buf_text(&out), want);
    buf_fini(&out);
}

static void plain_lines_come_with_each_phase_and_every_ten_seconds(void)
{
    struct run_status *s = &script.jobs[0].status;
    struct err e;
    struct live *l = live_create(LIVE_PLAIN, &e);

    scripted_make(&script, 1);
    check_lines(l, 5 * NS_PER_S,
                "q172364 load 1m12s: 1244/4800 sent at 10.2/s, 7 in flight, late p99 <=2ms, 1190 "
                "seen, 5 reports, 4 ndr so far, moves 1/5, 12 queued on s1, 2 queued on s3\n");
    check_lines(l, 14 * NS_PER_S, "");
    s->counts.seen = 1200;
    check_lines(l, 15 * NS_PER_S,
                "q172364 load 1m12s: 1244/4800 sent at 10.2/s, 7 in flight, late p99 <=2ms, 1200 "
                "seen, 5 reports, 4 ndr so far, moves 1/5, 12 queued on s1, 2 queued on s3\n");
    s->phase = PHASE_SETTLE;
    s->verdict_in_ns = 61 * NS_PER_S;
    (void)snprintf(s->waiting_for, sizeof s->waiting_for, "3 places");
    check_lines(
        l, 16 * NS_PER_S,
        "q172364 settle 1m12s: 1244/4800 sent, late p99 <=2ms, 1200 seen, 5 reports, 4 ndr so far, "
        "moves "
        "1/5, 12 queued on s1, 2 queued on s3, waits for 3 places, verdict in at most 1m1s\n");
    check_lines(l, 17 * NS_PER_S, "");
    live_destroy(l);
}

static void auto_is_a_view_only_where_the_cursor_moves_and_colour_is_wanted(void)
{
    enum live_mode mode = LIVE_NONE;

    CHECK(live_mode_named("auto", true, false, &mode));
    CHECK_U64(mode, LIVE_TTY);
    CHECK(live_mode_named("auto", false, false, &mode));
    CHECK_U64(mode, LIVE_PLAIN);
    CHECK(live_mode_named("auto", true, true, &mode));
    CHECK_U64(mode, LIVE_PLAIN);
    CHECK(live_mode_named("tty", false, true, &mode));
    CHECK_U64(mode, LIVE_TTY);
    CHECK(live_mode_named("none", true, false, &mode));
    CHECK_U64(mode, LIVE_NONE);
    CHECK(!live_mode_named("", true, false, &mode));
    CHECK(!live_mode_named("curses", true, false, &mode));
}

static const struct test tests[] = {
    TEST(one_run_is_shown_whole_in_40_80_and_120_columns),
    TEST(several_runs_are_a_table_that_leaves_out_what_has_no_room),
    TEST(settling_says_what_it_waits_for_and_for_how_long_at_most),
    TEST(a_terminal_of_few_rows_shows_the_first_lines),
    TEST(colour_is_bold_and_red_and_ends_on_its_line),
    TEST(names_cannot_send_sequences_wrap_or_turn_the_line_around),
    TEST(the_view_is_redrawn_in_place_and_only_where_it_changed),
    TEST(a_terminal_that_is_made_narrower_and_wider_again_shows_one_view),
    TEST(at_the_foot_of_a_terminal_what_stood_above_scrolls_once),
    TEST(a_view_without_runs_is_empty_and_its_end_leaves_nothing),
    TEST(plain_lines_come_with_each_phase_and_every_ten_seconds),
    TEST(auto_is_a_view_only_where_the_cursor_moves_and_colour_is_wanted),
    TEST_END,
};

const struct suite live_suite = {"live", tests};
