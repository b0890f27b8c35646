/* abroad.c - see abroad.h. */
#include "tests/lab/abroad.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define BOXES ((uint32_t)(sizeof boxes / sizeof *boxes))

/* ext, ext2, both-ext: behind the connector. */
static const struct scene_mailbox boxes[] = {{"R", S, NULL, false, 0},
                                             {"joe", T, NULL, false, 0},
                                             {"ext", LAB_FOREIGN, NULL, false, 0},
                                             {"ext2", LAB_FOREIGN, NULL, false, 0},
                                             {"both", S, "ext", true, 0},
                                             {"redirected", S, "ext", false, 0},
                                             {"both-ext", LAB_FOREIGN, "joe", true, 0},
                                             {"alt", T, NULL, false, 0},
                                             {"to-alt", S, "alt", true, 0},
                                             {"O", S, NULL, false, 400}};

void abroad_open(struct scene *s, const char *version, const struct lab_knob *knobs)
{
    scene_open(s,
               &(struct scene_plan){
                   .version = version, .mailboxes = boxes, .mailbox_count = BOXES, .knobs = knobs});
}

void abroad_post(struct scene *s, const char *id, struct letter x)
{
    char content[256];
    struct lab_recipient r = {.address = slice_of(x.to ? x.to : "R@lab.test"),
                              .number = x.number,
                              .never = x.never,
                              .success = x.success};
    struct err e = {0};

    (void)snprintf(content, sizeof content,
                   "Message-ID: <%s@test>\r\nSubject: about %s\r\n\r\nHi.\r\n", id, id);
    CHECK(
        lab_submit(s->lab, x.at_s ? S : T,
                   &(struct lab_submission){.from = slice_of(x.from ? x.from : "ext@ours.lab.test"),
                                            .recipients = &r,
                                            .count = 1,
                                            .content = slice_of(content),
                                            .apdu = slice_of(ABROAD_APDU),
                                            .mts_id = slice_of(x.mts_id ? x.mts_id : ABROAD_MTS),
                                            .priority = x.priority,
                                            .deferred_ns = SEC(x.deferred_s),
                                            .latest_ns = SEC(x.latest_s),
                                            .no_reassignment = x.no_reassignment},
                   &e) > 0);
}

void abroad_check_slice(struct slice got, const char *want)
{
    CHECK_MEM(got.p, got.n, want, strlen(want));
}

void abroad_check_outcome(const struct scene *s, const char *id, enum outcome want)
{
    CHECK_STR(outcome_name(scene_outcome(scene_tale(s, id, false))), outcome_name(want));
}

bool abroad_next(struct scene *s, int server, struct lab_outgoing *o)
{
    *o = (struct lab_outgoing){0};
    return lab_outgoing_next(s->lab, server, o);
}

uint32_t abroad_take_all(struct scene *s, int server)
{
    struct lab_outgoing o;
    uint32_t n = 0;

    for (; abroad_next(s, server, &o); n++)
        lab_outgoing_ended(s->lab, server, o.id, true);
    return n;
}

struct queue abroad_queue(struct scene *s, int server)
{
    json_t *all = scene_get(s, "/v1/queues");
    json_t *j = json_array_get(json_object_get(all, "servers"), (size_t)server);
    json_t *entries = json_object_get(j, "entries"), *e = json_array_get(entries, 0);
    json_t *due = json_object_get(e, "next_try_ns");
    const char *name = json_string_value(json_object_get(e, "queue"));
    const char *state = json_string_value(json_object_get(e, "state"));
    struct queue q = {.in = (uint64_t)json_integer_value(json_object_get(j, "in")),
                      .out = (uint64_t)json_integer_value(json_object_get(j, "out")),
                      .entries = json_array_size(entries),
                      .tries = (uint64_t)json_integer_value(json_object_get(e, "tries")),
                      .next_try_ns = json_is_integer(due) ? json_integer_value(due) : -1};

    (void)snprintf(q.name, sizeof q.name, "%s", name ? name : "");
    (void)snprintf(q.state, sizeof q.state, "%s", state ? state : "");
    json_decref(all);
    CHECK_U64(q.in, q.out + q.entries);
    return q;
}

void abroad_check_entry(struct scene *s, int server, const char *state, uint64_t tries,
                        double next_try_s)
{
    struct queue q = abroad_queue(s, server);

    CHECK_U64(q.entries, 1);
    CHECK_STR(q.state, state);
    CHECK_U64(q.tries, tries);
    CHECK_I64(q.next_try_ns, next_try_s < 0 ? -1 : (int64_t)SEC(next_try_s));
}

const char *abroad_last_item(const struct scene *s, int server, const char *name)
{
    static char text[4096];
    struct lab_item item;
    uint32_t m = 0;

    while (strcmp(lab_mailbox_name(s->lab, m), name) != 0)
        m++;
    uint32_t n = lab_item_count(s->lab, server, m);

    text[0] = '\0';
    if (n > 0 && lab_item_at(s->lab, server, m, n - 1, &item))
        (void)snprintf(text, sizeof text, "%.*s", (int)item.content.n,
                       (const char *)item.content.p);
    return text;
}

void abroad_check_line(const struct scene *s, const char *line)
{
    char *text = scratch_read(s->truth, NULL);

    CHECK_HAS(text, line);
    free(text);
}
