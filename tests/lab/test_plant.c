/* test_plant.c - faults are planted as often as asked for, stand in the truth, follow from the seed, and do what they say. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab/plant.h"
#include "lab/plant_text.h"
#include "tests/lab/scene.h"
#include "tests/support/check.h"
#include "wire/smtp_text.h"

#define MESSAGES   24
#define ALL_COPIES 72 /* R, its alternate, and Q */

static const struct scene_mailbox boxes[] = {{"R", S, "A", true, 0},
                                             {"A", T, NULL, false, 0},
                                             {"Q", S, NULL, false, 9.5},
                                             {"joe", T, NULL, false, 0}};

static char truth[1 << 20];

/* MESSAGES to R and to Q, a second apart, while Q moves to D; then the truth as it stands. */
static void play(struct scene *s, const char *plant, int count, uint64_t seed)
{
    static const struct lab_knob knobs[] = {{"ds_read_cache_latency", "0s"},
                                            {"create_to_flag", "0s"},
                                            {"ndr_format", "dsn"},
                                            {NULL, NULL}};
    char body[100], id[20];

    scene_open(s, &(struct scene_plan){.version = "modern",
                                       .mailboxes = boxes,
                                       .mailbox_count = 4,
                                       .knobs = knobs,
                                       .seed = seed});
    (void)snprintf(body, sizeof body, "{'name':'%s','count':%d}", plant, count);
    scene_post(s, "/v1/plant", body);
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(id, sizeof id, "r%d", i);
        (void)scene_send(s, T, "joe", "R", id);
        (void)snprintf(id, sizeof id, "q%d", i);
        (void)scene_send(s, T, "joe", "Q", id);
        if (i == 17)
            scene_move(s, "Q", "S", "D");
        scene_run(s, i + 1.0);
    }
    scene_run(s, 400);
}

/* Lines of the truth with this word and, unless NULL, this text. */
static unsigned lines(struct scene *s, const char *word, const char *text)
{
    char wanted[60];
    unsigned n = 0;
    int status = 200;

    json_decref(lab_control(s->lab, "POST", "/v1/truth", NULL, &status));
    ssize_t size = pread(s->truth_fd, truth, sizeof truth - 1, 0);

    truth[size > 0 ? size : 0] = '\0';
    (void)snprintf(wanted, sizeof wanted, "\t%s\t", word);
    for (const char *p = truth; *p;) {
        size_t len = strcspn(p, "\n");
        char line[1000];

        (void)snprintf(line, sizeof line, "%.*s", (int)len, p);
        n += strstr(line, wanted) && (!text || strstr(line, text));
        p += len + (p[len] == '\n');
    }
    return n;
}

static void every_kind_is_planted_as_often_as_asked_for_and_said_in_the_truth(void)
{
    char fault[60];

    for (unsigned p = 0; plant_name(p); p++) {
        bool one = strncmp(plant_name(p), "move-", 5) == 0;
        struct scene s;

        play(&s, plant_name(p), one ? 1 : 2, 11);
        (void)snprintf(fault, sizeof fault, "fault=%s", plant_name(p));
        if (!CHECK_U64(lines(&s, "planted", fault), one ? 1 : 2))
            (void)printf("  it was %s\n", plant_name(p));
        CHECK_U64(lines(&s, "planted", NULL), one ? 1 : 2);
        scene_close(&s);
    }
}

static void a_delay_notice_has_the_status_in_the_truth_that_its_text_has(void)
{
    struct scene s;

    play(&s, "delay-deliver", 2, 11);
    CHECK_U64(lines(&s, "report", "kind=delayed status=4.4.7 "), 2);
    CHECK_U64(lines(&s, "report", "kind=delayed"), 2);
    scene_close(&s);
}

static void what_is_hit_follows_from_the_seed(void)
{
    char first[200] = "", again[200] = "", other[200] = "";
    char *const into[] = {first, again, other};
    static const uint64_t seeds[] = {5, 5, 6};

    for (int i = 0; i < 3; i++) {
        struct scene s;

        play(&s, "drop", 3, seeds[i]);
        (void)lines(&s, "planted", NULL);
        for (const char *p = truth; (p = strstr(p, "\tplanted\t")) != NULL; p += 9)
            (void)snprintf(into[i] + strlen(into[i]), 200 - strlen(into[i]), "%.*s ",
                           (int)strcspn(p + 9, "@"), p + 9);
        scene_close(&s);
    }
    CHECK_STR(first, again);
    CHECK(strcmp(first, other) != 0);
}

static void nothing_is_planted_unasked_and_nonsense_is_refused(void)
{
    struct scene s;

    play(&s, "drop", 0, 3);
    CHECK_U64(lines(&s, "copy", NULL), ALL_COPIES);
    CHECK_U64(lines(&s, "planted", NULL), 0);
    CHECK_I64(scene_post_status(&s, "/v1/plant", "{'name':'dorp','count':1}"), 400);
    CHECK_I64(scene_post_status(&s, "/v1/plant", "{'name':'drop','count':-1}"), 400);
    CHECK_I64(scene_post_status(&s, "/v1/plant", "{'name':'drop'}"), 400);
    scene_close(&s);
}

static void plants_are_listed_with_what_is_left_of_them(void)
{
    struct scene s;

    play(&s, "twice", 100, 3);
    json_t *answer = scene_get(&s, "/v1/plants");
    const json_t *twice = json_array_get(json_object_get(answer, "plants"), PLANT_TWICE);
    int64_t planted = json_integer_value(json_object_get(twice, "planted"));

    CHECK_STR(json_string_value(json_object_get(twice, "name")), "twice");
    CHECK(planted > 5 && planted < ALL_COPIES);
    CHECK_I64(json_integer_value(json_object_get(twice, "left")), 100 - planted);
    CHECK_U64(lines(&s, "copy", NULL), ALL_COPIES + (unsigned)planted);
    json_decref(answer);
    scene_close(&s);
}

static void a_hidden_entry_is_counted_and_not_listed(void)
{
    struct scene s;

    play(&s, "queue-hides", 2, 3);
    json_t *answer = scene_get(&s, "/v1/queues");
    const json_t *server = json_array_get(json_object_get(answer, "servers"), S);
    int64_t in = json_integer_value(json_object_get(server, "in"));

    CHECK_I64(in - json_integer_value(json_object_get(server, "out")), 2);
    CHECK_U64(json_array_size(json_object_get(server, "entries")), 0);
    json_decref(answer);
    scene_close(&s);
}

/* --- texts ------------------------------------------------------------------------------------------------------- */

static struct mail *sent(const struct smtp_corpus *c, const struct token_key *key, uint32_t bytes)
{
    const struct slice to = slice_of("r@lab.test");
    struct smtp_text text;
    unsigned char raw[16384];

    PM_ASSERT(smtp_text_compose(&text, c,
                                &(struct smtp_text_order){.number = 7,
                                                          .key = key,
                                                          .from = slice_of("joe@lab.test"),
                                                          .to = &to,
                                                          .recipients = 1,
                                                          .subject = slice_of("one of a flood"),
                                                          .body_bytes = bytes,
                                                          .date_s = 891504000}));
    PM_ASSERT(smtp_text_bytes(&text, false) < sizeof raw);
    smtp_text_copy(&text, false, raw);
    struct mail_recipient r = {.address = to};

    return mail_create(&(struct mail_source){.from = slice_of("joe@lab.test"),
                                             .trace = slice_of("Received: from a by b\r\n"),
                                             .content = {raw, smtp_text_bytes(&text, false)},
                                             .recipients = &r,
                                             .count = 1});
}

static void rewriting_is_legal_and_damage_is_damage(void)
{
    static const struct {
        enum plant how;
        enum smtp_text_state state;
    } rows[] = {{PLANT_LINE_ENDS, SMTP_TEXT_INTACT},      {PLANT_FOLDING, SMTP_TEXT_INTACT},
                {PLANT_BASE64, SMTP_TEXT_REWRITTEN},      {PLANT_QUOTED, SMTP_TEXT_REWRITTEN},
                {PLANT_CORRUPT_START, SMTP_TEXT_CORRUPT}, {PLANT_CORRUPT_4095, SMTP_TEXT_CORRUPT},
                {PLANT_CORRUPT_END, SMTP_TEXT_CORRUPT},   {PLANT_DROP, SMTP_TEXT_INTACT}};

    struct token_key key = token_key_make(1, 2);
    struct smtp_corpus *c = smtp_corpus_create(3);

    for (uint32_t bytes = 1000; bytes < 12000; bytes += 701) {
        struct mail *m = sent(c, &key, bytes);

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct mail *n = plant_rewrite(m, rows[i].how);

            if (!CHECK_U64(smtp_text_check(c, &key, 7, bytes, n->content), rows[i].state))
                (void)printf("  %s of %u octets\n", plant_name(rows[i].how), bytes);
            CHECK(n->message_id.n == m->message_id.n && n->refs == 1);
            CHECK_U64(n->body_at, m->body_at);
            mail_release(n);
        }
        mail_release(m);
    }
    smtp_corpus_destroy(c);
}

static void a_byte_is_changed_where_it_was_asked_for(void)
{
    struct token_key key = token_key_make(1, 2);
    struct smtp_corpus *c = smtp_corpus_create(3);
    struct mail *m = sent(c, &key, 8000), *n = plant_rewrite(m, PLANT_CORRUPT_4095);
    size_t body = 0, differ = 0, where = 0;

    CHECK(slice_find(m->content, slice_of("\r\n\r\n"), &body));
    CHECK_U64(n->content.n, m->content.n);
    for (size_t i = 0; i < m->content.n; i++)
        if (m->content.p[i] != n->content.p[i]) {
            differ++;
            where = i - body - 4;
        }
    CHECK_U64(differ, 1);
    CHECK(where <= 4095 && where >= 4090); /* or just before, where a line ends there */
    mail_release(m);
    mail_release(n);
    smtp_corpus_destroy(c);
}

static void an_id_is_spoilt_wherever_it_stands(void)
{
    struct buf b;

    buf_init(&b, 1000);
    (void)buf_add_text(&b, "x <m.aaa@h> [m.aaa] m.aa m.aaa");
    plant_spoil_id(&b, slice_of("<m.aaa@h>"));
    CHECK_STR(buf_text(&b), "x <m.aab@h> [m.aab] m.aa m.aab");
    plant_spoil_id(&b, slice_of(""));
    CHECK_STR(buf_text(&b), "x <m.aab@h> [m.aab] m.aa m.aab");
    buf_fini(&b);
}

static const struct test tests[] = {
    TEST(every_kind_is_planted_as_often_as_asked_for_and_said_in_the_truth),
    TEST(a_delay_notice_has_the_status_in_the_truth_that_its_text_has),
    TEST(what_is_hit_follows_from_the_seed),
    TEST(nothing_is_planted_unasked_and_nonsense_is_refused),
    TEST(plants_are_listed_with_what_is_left_of_them),
    TEST(a_hidden_entry_is_counted_and_not_listed),
    TEST(rewriting_is_legal_and_damage_is_damage),
    TEST(a_byte_is_changed_where_it_was_asked_for),
    TEST(an_id_is_spoilt_wherever_it_stands),
    TEST_END,
};

const struct suite plant_suite = {"plant", tests};
