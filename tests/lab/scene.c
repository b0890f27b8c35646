/* scene.c - see scene.h. */
#include "tests/lab/scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "base/hash.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define LATE_NS SEC(30)

void scene_open(struct scene *s, const struct scene_plan *p)
{
    static const char *const names[] = {"S", "D", "T"};
    struct lab_mailbox_config boxes[16] = {0};
    struct lab_knob knobs[16] = {{"copy_rate", SCENE_COPY_RATE}, {"copy_per_item", "0s"}};
    uint32_t n = 2;
    struct err e = {0};

    *s = (struct scene){0};
    for (uint32_t i = 0; i < p->mailbox_count; i++)
        boxes[i] = (struct lab_mailbox_config){.name = p->mailboxes[i].name,
                                               .home = p->mailboxes[i].home,
                                               .alternate = p->mailboxes[i].alternate,
                                               .both = p->mailboxes[i].both,
                                               .password = "secret",
                                               .stock_bytes = STOCK(p->mailboxes[i].stock_s)};
    for (; p->knobs && p->knobs[n - 2].name; n++)
        knobs[n] = p->knobs[n - 2];
    s->truth_fd = memfd_create("truth", MFD_CLOEXEC);
    (void)snprintf(s->truth, sizeof s->truth, "/proc/self/fd/%d", s->truth_fd);
    s->lab = lab_create(&(struct lab_config){.version = p->version ? p->version : "5.5-sp3",
                                             .domain = "lab.test",
                                             .site = "50site",
                                             .server_names = names,
                                             .servers = 3,
                                             .mailboxes = boxes,
                                             .mailbox_count = p->mailbox_count,
                                             .knobs = knobs,
                                             .knob_count = n,
                                             .seed = p->seed,
                                             .truth_path = s->truth},
                        &e);
    if (!s->lab)
        (void)check_str(e.text, "", "lab_create", __FILE__, __LINE__);
}

void scene_close(struct scene *s)
{
    lab_destroy(s->lab);
    free(s->tale);
    free(s->index);
    (void)close(s->truth_fd);
    *s = (struct scene){0};
}

void scene_run(struct scene *s, double until_s)
{
    lab_run_until(s->lab, SEC(until_s));
}

uint64_t scene_send(struct scene *s, int server, const char *from, const char *to, const char *id)
{
    char content[512], sender[80] = "", recipient[80];
    struct lab_recipient r = {0};
    struct err e = {0};

    (void)snprintf(recipient, sizeof recipient, "%s@lab.test", to);
    if (from[0] != '\0')
        (void)snprintf(sender, sizeof sender, "%s@lab.test", from);
    (void)snprintf(content, sizeof content,
                   "Message-ID: <%s@test>\r\nSubject: about %s\r\n\r\nHello.\r\n", id, id);
    r.address = slice_of(recipient);
    return lab_submit(s->lab, server,
                      &(struct lab_submission){.from = slice_of(sender),
                                               .recipients = &r,
                                               .count = 1,
                                               .content = slice_of(content),
                                               .client = "tests"},
                      &e);
}

int scene_post_status(struct scene *s, const char *path, const char *body)
{
    char text[512];
    json_error_t why;
    int status = 0;

    (void)snprintf(text, sizeof text, "%s", body);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *j = json_loads(text, 0, &why);
    json_t *answer = lab_control(s->lab, "POST", path, j, &status);

    json_decref(answer);
    json_decref(j);
    return status;
}

void scene_post(struct scene *s, const char *path, const char *body)
{
    CHECK_I64(scene_post_status(s, path, body), 200);
}

json_t *scene_get(struct scene *s, const char *path)
{
    int status = 0;
    json_t *answer = lab_control(s->lab, "GET", path, NULL, &status);

    CHECK_I64(status, 200);
    return answer;
}

void scene_move(struct scene *s, const char *mailbox, const char *from, const char *to)
{
    char body[200];

    (void)snprintf(body, sizeof body, "{'mailbox':'%s','from':'%s','to':'%s'}", mailbox, from, to);
    scene_post(s, "/v1/move", body);
}

/* --- the truth --------------------------------------------------------------------------------------------------- */

static uint32_t *index_slot(const struct scene *s, const char *id, const char *recipient,
                            bool alternate)
{
    uint32_t mask = s->room * 2 - 1;
    uint64_t hash = hash_fast(id, strlen(id)) ^ hash_fast(recipient, strlen(recipient)) ^ alternate;

    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        const struct tale *t = s->index[at] ? &s->tale[s->index[at] - 1] : NULL;

        if (!t || (t->is_alternate == alternate && strcmp(t->id, id) == 0 &&
                   strcmp(t->recipient, recipient) == 0))
            return &s->index[at];
    }
}

static void grow(struct scene *s)
{
    s->room = s->room ? s->room * 2 : 64;
    s->tale = realloc(s->tale, s->room * sizeof *s->tale);
    free(s->index);
    s->index = calloc((size_t)s->room * 2, sizeof *s->index);
    for (uint32_t i = 0; i < s->tales; i++) {
        const struct tale *t = &s->tale[i];

        *index_slot(s, t->id, t->recipient, t->is_alternate) = i + 1;
    }
}

static struct tale *tale_of(struct scene *s, const char *id, const char *recipient, bool alternate)
{
    if (s->tales == s->room)
        grow(s);
    uint32_t *slot = index_slot(s, id, recipient, alternate);

    if (*slot)
        return &s->tale[*slot - 1];
    struct tale *t = &s->tale[s->tales++];

    *slot = s->tales;
    *t = (struct tale){.is_alternate = alternate};
    (void)snprintf(t->id, sizeof t->id, "%s", id);
    (void)snprintf(t->recipient, sizeof t->recipient, "%s", recipient);
    return t;
}

static void note_detail(const char *detail, const char *name, char *out, size_t room)
{
    const char *p = strstr(detail, name);

    if (!p)
        return;
    p += strlen(name);
    (void)snprintf(out, room, "%.*s", (int)strcspn(p, " \n"), p);
}

static void apply_report(struct tale *t, const char *word, const char *detail)
{
    if (strcmp(word, "report") == 0 && strstr(detail, "kind=failed")) {
        t->reports++;
        note_detail(detail, "status=", t->status, sizeof t->status);
        t->looped = t->looped || strstr(detail, "diag=3 ");
    } else if (strcmp(word, "report") == 0)
        t->success_reports++;
    else if (strcmp(word, "report-delivered") == 0)
        t->reports_delivered++;
}

static void note_copy(struct tale *t, char *const *field)
{
    t->copies++;
    (void)snprintf(t->mailbox, sizeof t->mailbox, "%s", field[6]);
    (void)snprintf(t->server, sizeof t->server, "%s", field[7]);
}

static void apply(struct tale *t, uint64_t at_ns, char *const *field)
{
    const char *word = field[2], *detail = field[8];

    if (strcmp(word, "accepted") == 0 || strcmp(word, "alternate") == 0) {
        t->exists = true;
        t->accepted_ns = at_ns;
    } else if (strcmp(word, "delivered") == 0) {
        t->was_delivered = true;
        t->delivered_ns = at_ns;
        if (strstr(detail, "uid=0 ")) /* over the connector: the lab's last lines do not have it */
            note_copy(t, field);
    } else if (strcmp(word, "returned") == 0)
        t->returned++;
    else if (strcmp(word, "dropped") == 0)
        t->dropped = true;
    else if (strcmp(word, "suppressed") == 0)
        t->suppressed = true;
    else if (strcmp(word, "redirected") == 0)
        t->redirected = true;
    else if (strcmp(word, "copy") == 0)
        note_copy(t, field);
    else if (strcmp(word, "entry") == 0) {
        t->entries++;
        note_detail(detail, "state=", t->state, sizeof t->state);
    } else
        apply_report(t, word, detail);
}

static bool split(char *line, char **field)
{
    int n = 0;

    for (char *p = line; p && n < 9; n++) {
        field[n] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = '\0';
    }
    return n == 9;
}

void scene_end(struct scene *s)
{
    size_t n = 0;

    lab_destroy(s->lab);
    s->lab = NULL;
    char *text = scratch_read(s->truth, &n);

    for (char *line = text, *next; line && *line; line = next) {
        char *field[9] = {0};

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!split(line, field)) {
            CHECK_STR(line, "nine fields");
            break;
        }
        if (strcmp(field[3], "-") == 0)
            continue;
        bool alternate = strcmp(field[5], "alternate") == 0;

        apply(tale_of(s, field[3], field[4], alternate), strtoull(field[0], NULL, 10), field);
    }
    free(text);
}

const struct tale *scene_tale(const struct scene *s, const char *id, bool is_alternate)
{
    char full[80];

    (void)snprintf(full, sizeof full, "<%s@test>", id);
    for (uint32_t i = 0; i < s->tales; i++)
        if (s->tale[i].is_alternate == is_alternate && strcmp(s->tale[i].id, full) == 0)
            return &s->tale[i];
    return NULL;
}

enum outcome scene_outcome(const struct tale *t)
{
    if (!t || !t->exists)
        return OUT_NONE;
    size_t own = strcspn(t->recipient, "@");
    bool is_own = strlen(t->mailbox) == own && strncmp(t->mailbox, t->recipient, own) == 0;

    if (t->copies > 1)
        return OUT_DUP;
    if (t->copies == 1 && !t->is_alternate && !is_own)
        return OUT_MIS;
    if (t->copies == 1 && t->reports_delivered > t->success_reports)
        return OUT_NDR_D;
    if (t->copies == 1)
        return t->delivered_ns - t->accepted_ns > LATE_NS ? OUT_DLY : OUT_D;
    if (t->entries > 0)
        return OUT_STR;
    if (t->reports_delivered > t->success_reports)
        return t->looped ? OUT_LOOP : OUT_FNDR;
    return t->redirected ? OUT_REDIRECTED : OUT_SIL;
}

const char *outcome_name(enum outcome o)
{
    static const char *const names[] = {"none",  "D",   "DLY", "DUP",  "MIS",       "FNDR",
                                        "NDR+D", "STR", "SIL", "LOOP", "redirected"};

    return names[o];
}
