/* lab_control.c - the control API: a row per request; each handler reads the state or asks the parts for something.
 *
 * Times are target ns; what is not yet (or never) is null. Text of others is shown with '?' for what is not ASCII.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "lab/core.h"
#include "lab/lab.h"

#define VALUE_ROOM 256

struct request {
    struct lab *lab;
    const json_t *body; /* NULL: none */
    const char *query;  /* after the question mark, or "" */
    int status;
};

static json_t *refuse(struct request *rq, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static json_t *refuse(struct request *rq, int status, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++)
        if (*p < ' ' || *p >= 0x7f)
            *p = '?';
    rq->status = status;
    return json_pack("{s:s}", "error", text);
}

static json_t *text_of(struct slice s)
{
    char few[VALUE_ROOM] = "";
    char *p = s.n <= sizeof few ? few : lab_memory(NULL, 0, s.n);

    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?');
    json_t *j = json_stringn_nocheck(p, s.n);

    if (p != few)
        free(p);
    return j;
}

static json_t *time_of(uint64_t ns)
{
    return ns == NEVER_NS ? json_null() : json_integer((json_int_t)ns);
}

/* --- parameters ------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int lower = c | 0x20;

    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static void decode(char *out, struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n && n + 1 < VALUE_ROOM; i++) {
        bool coded = s.p[i] == '%' && i + 2 < s.n && hex((char)s.p[i + 1]) >= 0 &&
                     hex((char)s.p[i + 2]) >= 0;

        if (coded) {
            out[n++] = (char)(hex((char)s.p[i + 1]) * 16 + hex((char)s.p[i + 2]));
            i += 2;
        } else
            out[n++] = (char)(s.p[i] == '+' ? ' ' : s.p[i]);
    }
    out[n] = '\0';
}

/* The value of name= in the query; false: not there. */
static bool query_value(const struct request *rq, const char *name, char *out)
{
    struct slice rest = slice_of(rq->query), part, key;

    while (rest.n > 0) {
        (void)slice_cut(&rest, '&', &part);
        if (slice_cut(&part, '=', &key) && slice_is(key, name)) {
            decode(out, part);
            return true;
        }
    }
    return false;
}

static bool find_names(struct request *rq, const char *server, const char *mailbox, int *s,
                       uint32_t *m, json_t **error)
{
    if (server) {
        *s = lab_find_server(rq->lab, server);
        if (*s < 0)
            *error = refuse(rq, 400, "there is no server '%s'", server);
    }
    if (mailbox && !*error) {
        *m = lab_find_mailbox(rq->lab, slice_of(mailbox));
        if (*m == NO_MAILBOX)
            *error = refuse(rq, 400, "there is no mailbox '%s'", mailbox);
    }
    return *error == NULL;
}

/* --- moves ------------------------------------------------------------------------------------------------------ */

static json_t *show_move(const struct lab *l, const struct lab_move *m)
{
    return json_pack("{s:I s:s s:s s:s s:s s:s s:o s:o s:o s:o s:o}", "id", (json_int_t)m->id,
                     "mailbox", l->mailbox[m->mailbox].name, "from", l->server[m->from].name, "to",
                     l->server[m->to].name, "state", lab_move_state(m), "error", m->error,
                     "asked_ns", time_of(m->asked_ns), "begun_ns", time_of(m->begun_ns), "copy_ns",
                     time_of(m->copy_ns), "flip_ns", time_of(m->flip_ns), "done_ns",
                     time_of(m->done_ns));
}

static json_t *get_moves(struct request *rq)
{
    json_t *all = json_array();

    for (uint64_t id = 1; id <= rq->lab->moves.n; id++)
        (void)json_array_append_new(all, show_move(rq->lab, lab_move_find(rq->lab, id)));
    return json_pack("{s:o}", "moves", all);
}

static json_t *get_move(struct request *rq)
{
    char text[VALUE_ROOM];
    uint64_t id = 0;

    if (!query_value(rq, "id", text) || !text_u64(slice_of(text), &id, NULL))
        return refuse(rq, 400, "a move is asked for as ?id=NUMBER");
    const struct lab_move *m = lab_move_find(rq->lab, id);

    return m ? show_move(rq->lab, m) : refuse(rq, 404, "there is no move %" PRIu64, id);
}

static bool find_fault(const char *word, enum move_fault *f)
{
    static const char *const words[] = {"", "bad-item", "size-limit", "av-lock"};

    for (int i = 0; i < 4; i++)
        if (strcmp(words[i], word) == 0) {
            *f = (enum move_fault)i;
            return true;
        }
    return false;
}

static int where_is(const struct lab *l, uint32_t mailbox)
{
    for (int i = 0; i < l->servers; i++)
        if (l->server[i].box[mailbox].state == BOX_NORMAL)
            return i;
    return 0;
}

static json_t *post_move(struct request *rq)
{
    const char *mailbox = NULL, *from = NULL, *to = NULL, *fault = "";
    int dir_first = 0, skip_commit = 0;
    struct move_request ask = {.from = -1};
    json_t *error = NULL;
    json_error_t why;
    struct err e = {0};

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s s?s s:s s?b s?b s?s !}", "mailbox",
                       &mailbox, "from", &from, "to", &to, "dir_first", &dir_first, "skip_commit",
                       &skip_commit, "fail", &fault) != 0)
        return refuse(rq, 400, "move: %s", why.text);
    if (!find_names(rq, to, mailbox, &ask.to, &ask.mailbox, &error) ||
        !find_names(rq, from, NULL, &ask.from, NULL, &error))
        return error;
    if (!find_fault(fault, &ask.fault))
        return refuse(rq, 400, "'%s' is not a failure (bad-item, size-limit, av-lock)", fault);
    if (!from)
        ask.from = where_is(rq->lab, ask.mailbox);
    ask.dir_first = dir_first;
    ask.skip_commit = skip_commit;
    const struct lab_move *m = lab_move_ask(rq->lab, &ask, &e);

    if (!m)
        return refuse(rq, e.code == EX_LOCKED ? 409 : 400, "%s", e.text);
    return json_pack("{s:I}", "id", (json_int_t)m->id);
}

/* --- directory -------------------------------------------------------------------------------------------------- */

static bool read_alternate(struct request *rq, const json_t *j, uint32_t *alternate, json_t **error)
{
    int none = 0;

    *alternate = NO_MAILBOX;
    if (json_is_null(j))
        return true;
    if (!json_is_string(j)) {
        *error = refuse(rq, 400, "alternate: a mailbox, or null for none");
        return false;
    }
    return find_names(rq, NULL, json_string_value(j), &none, alternate, error);
}

static json_t *post_alternate(struct request *rq)
{
    const char *mailbox = NULL;
    json_t *target = NULL, *error = NULL;
    int both = 0, everywhere = 1, none = 0;
    uint32_t m = 0, alternate = 0;
    struct lab *l = rq->lab;
    json_error_t why;
    char detail[VALUE_ROOM];

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s s:o s?b s?b !}", "mailbox", &mailbox,
                       "alternate", &target, "both", &both, "everywhere", &everywhere) != 0)
        return refuse(rq, 400, "alternate: %s", why.text);
    if (!find_names(rq, NULL, mailbox, &none, &m, &error) ||
        !read_alternate(rq, target, &alternate, &error))
        return error;
    if (alternate == m)
        return refuse(rq, 400, "'%s' cannot be its own alternate", mailbox);
    if (everywhere)
        directory_set_alternate_everywhere(l->directory, m, alternate, both, l->now_ns);
    else if (!directory_set_alternate(l->directory, where_is(l, m), m, alternate, both, l->now_ns))
        return refuse(rq, 409, "the directory of the mailbox's server is down");
    (void)snprintf(detail, sizeof detail, "to=%s %s",
                   alternate == NO_MAILBOX ? "none" : lab_mailbox_name(l, alternate),
                   both ? "both" : "redirect");
    lab_note(l, "alternate-set", m, -1, detail);
    return json_pack("{s:b}", "ok", 1);
}

static const char *home_name(const struct lab *l, int home)
{
    return home == LAB_FOREIGN ? CONNECTOR_NAME : l->server[home].name;
}

static json_t *get_home(struct request *rq)
{
    char name[VALUE_ROOM];
    json_t *all, *error = NULL;
    struct lab *l = rq->lab;
    uint32_t m = 0;
    int none = 0;

    if (!query_value(rq, "mailbox", name))
        return refuse(rq, 400, "a home is asked for as ?mailbox=NAME");
    if (!find_names(rq, NULL, name, &none, &m, &error))
        return error;
    all = json_array();
    for (int i = 0; i < l->servers; i++) {
        const struct directory_entry *d = directory_read(l->directory, i, m);

        (void)json_array_append_new(all,
                                    json_pack("{s:s s:s? s:o}", "server", l->server[i].name, "home",
                                              d ? home_name(l, d->home) : NULL, "version",
                                              d ? json_integer(d->version) : json_null()));
    }
    return json_pack("{s:s s:o}", "mailbox", l->mailbox[m].name, "directories", all);
}

static json_t *post_update_now(struct request *rq)
{
    const char *server = NULL;
    json_t *error = NULL;
    json_error_t why;
    int s = 0;

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s !}", "server", &server) != 0)
        return refuse(rq, 400, "directory/update-now: %s", why.text);
    if (!find_names(rq, server, NULL, &s, NULL, &error))
        return error;
    if (!directory_is_up(rq->lab->directory, s))
        return refuse(rq, 409, "the directory of %s is down", server);
    directory_update_now(rq->lab->directory, s);
    return json_pack("{s:b}", "ok", 1);
}

/* --- queues ----------------------------------------------------------------------------------------------------- */

/* Keys and words of our own are ASCII, and text_of() makes text of others so: a flood's queues have thousands of entries. */
static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new_nocheck(o, key, value);
}

static json_t *show_copy(const struct lab *l, const struct copy *c)
{
    const struct mail *m = c->mail;
    const char *mailbox = lab_mailbox_name(l, c->mailbox);
    bool by_itself = c->state != COPY_AWAIT_REPORT && c->state != COPY_IN_TRANSIT;
    json_t *j = json_object();

    put(j, "id", json_integer((json_int_t)c->id));
    put(j, "queue", json_string_nocheck(copy_queue_name(l, c)));
    put(j, "message_id", text_of(m->message_id));
    put(j, "envid", text_of(m->envid));
    put(j, "sender", text_of(m->from));
    put(j, "recipient", text_of(m->recipient[c->recipient].address));
    put(j, "mailbox", mailbox ? json_string_nocheck(mailbox) : json_null());
    put(j, "role", json_string_nocheck(mail_role_name(c->role)));
    put(j, "state", json_string_nocheck(copy_state_name(c->state)));
    put(j, "tries", json_integer(c->tries));
    put(j, "next_try_ns", time_of(by_itself ? c->next_try_ns : NEVER_NS));
    put(j, "size", json_integer((json_int_t)m->content.n));
    put(j, "age_ns", json_integer((json_int_t)(l->now_ns - m->submitted_ns)));
    put(j, "is_report", json_boolean(m->about != NULL));
    return j;
}

static json_t *get_queues(struct request *rq)
{
    json_t *servers = json_array();

    for (int i = 0; i < rq->lab->servers; i++) {
        const struct lab_server *s = &rq->lab->server[i];
        json_t *entries = json_array();

        for (const struct copy *c = s->mta.first; c; c = c->next)
            if (c->planted != PLANT_QUEUE_HIDES + 1)
                (void)json_array_append_new(entries, show_copy(rq->lab, c));
        (void)json_array_append_new(servers,
                                    json_pack("{s:s s:b s:I s:I s:o}", "server", s->name, "up",
                                              s->mta_up, "in", (json_int_t)s->mta.in, "out",
                                              (json_int_t)s->mta.out, "entries", entries));
    }
    return json_pack("{s:o}", "servers", servers);
}

/* --- knobs and components --------------------------------------------------------------------------------------- */

static json_t *get_knobs(struct request *rq)
{
    json_t *all = json_array();
    const struct knob_row *row;

    for (int i = 0; (row = fault_knob_at(i)) != NULL; i++) {
        char value[64];

        (void)json_array_append_new(
            all, json_pack("{s:s s:s s:s s:s}", "name", row->name, "value",
                           fault_print_knob(&rq->lab->knobs, row, value, sizeof value), "default",
                           row->value, "help", row->help));
    }
    return json_pack("{s:o}", "knobs", all);
}

static json_t *post_knob(struct request *rq)
{
    const char *name = NULL, *value = NULL;
    char detail[VALUE_ROOM];
    json_error_t why;
    struct err e = {0};

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s s:s !}", "name", &name, "value",
                       &value) != 0)
        return refuse(rq, 400, "knob: %s", why.text);
    if (!fault_set_knob(&rq->lab->knobs, name, value, &e))
        return refuse(rq, 400, "%s", e.text);
    (void)snprintf(detail, sizeof detail, "%s=%s", name, value);
    lab_note(rq->lab, "knob", NO_MAILBOX, -1, detail);
    return json_pack("{s:b}", "ok", 1);
}

static json_t *get_plants(struct request *rq)
{
    json_t *all = json_array();

    for (unsigned i = 0; plant_name(i); i++)
        (void)json_array_append_new(
            all, json_pack("{s:s s:I s:I s:s}", "name", plant_name(i), "left",
                           (json_int_t)rq->lab->plants.left[i], "planted",
                           (json_int_t)rq->lab->plants.planted[i], "help", plant_help(i)));
    return json_pack("{s:o}", "plants", all);
}

static json_t *post_plant(struct request *rq)
{
    const char *name = NULL;
    char count[24];
    json_int_t n = 0;
    json_error_t why;
    struct err e = {0};

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s s:I !}", "name", &name, "count", &n) != 0)
        return refuse(rq, 400, "plant: %s", why.text);
    (void)snprintf(count, sizeof count, "%" JSON_INTEGER_FORMAT, n);
    if (!plant_ask(rq->lab, name, count, &e))
        return refuse(rq, 400, "%s", e.text);
    return json_pack("{s:b}", "ok", 1);
}

static json_t *post_component(struct request *rq)
{
    const char *server = NULL, *component = NULL;
    json_t *error = NULL;
    json_error_t why;
    struct err e = {0};
    int up = 0, s = 0;

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s s:s s:b !}", "server", &server,
                       "component", &component, "up", &up) != 0)
        return refuse(rq, 400, "component: %s", why.text);
    if (!find_names(rq, server, NULL, &s, NULL, &error))
        return error;
    if (!lab_set_component(rq->lab, s, component, up, &e))
        return refuse(rq, 400, "%s", e.text);
    return json_pack("{s:b}", "ok", 1);
}

static json_t *post_restart(struct request *rq)
{
    const char *server = NULL, *component = NULL;
    json_t *error = NULL;
    json_error_t why;
    int s = 0;

    if (json_unpack_ex((json_t *)rq->body, &why, 0, "{s:s s:s !}", "server", &server, "component",
                       &component) != 0)
        return refuse(rq, 400, "restart: %s", why.text);
    if (!find_names(rq, server, NULL, &s, NULL, &error))
        return error;
    if (strcmp(component, "mta") != 0 && strcmp(component, "store") != 0)
        return refuse(rq, 400, "'%s' cannot be restarted (mta, store)", component);
    (void)lab_set_component(rq->lab, s, component, false, NULL);
    (void)lab_set_component(rq->lab, s, component, true, NULL);
    return json_pack("{s:b}", "ok", 1);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static void add_line(void *owner, uint64_t at_ns, const char *text)
{
    (void)json_array_append_new(owner,
                                json_pack("{s:I s:s}", "time_ns", (json_int_t)at_ns, "line", text));
}

static json_t *get_track(struct request *rq)
{
    char text[VALUE_ROOM];
    uint64_t since = 0;
    json_t *lines;

    if (query_value(rq, "since", text) && !text_u64(slice_of(text), &since, NULL))
        return refuse(rq, 400, "since= takes a time in ns");
    lines = json_array();
    truth_track(rq->lab->truth, since, add_line, lines);
    return json_pack("{s:o}", "lines", lines);
}

static json_t *show_mailbox(const struct lab *l, uint32_t m)
{
    const struct directory_entry *d = NULL;

    for (int i = 0; i < l->servers && !d; i++)
        d = directory_read(l->directory, i, m);
    int at = l->mailbox[m].is_foreign ? LAB_FOREIGN : where_is(l, m);

    return json_pack("{s:s s:s s:s? s:b}", "name", l->mailbox[m].name, "at", home_name(l, at),
                     "alternate", d ? lab_mailbox_name(l, d->alternate) : NULL, "both",
                     d && d->both);
}

static json_t *get_site(struct request *rq)
{
    const struct lab *l = rq->lab;
    json_t *servers = json_array(), *mailboxes = json_array();

    for (int i = 0; i < l->servers; i++)
        (void)json_array_append_new(servers, json_string(l->server[i].name));
    for (uint32_t m = 0; m < l->mailboxes; m++)
        (void)json_array_append_new(mailboxes, show_mailbox(l, m));
    return json_pack("{s:s s:s s:s s:s s:I s:o s:o}", "version", l->version->name, "build",
                     l->version->build, "domain", l->domain, "site", l->site, "now_ns",
                     (json_int_t)l->now_ns, "servers", servers, "mailboxes", mailboxes);
}

static json_t *post_truth(struct request *rq)
{
    lab_write_final(rq->lab);
    return json_pack("{s:b}", "ok", 1);
}

static const struct {
    const char *method, *path;
    json_t *(*answer)(struct request *rq);
} rows[] = {
    {"GET", "/v1/site", get_site},
    {"GET", "/v1/moves", get_moves},
    {"GET", "/v1/move", get_move},
    {"POST", "/v1/move", post_move},
    {"GET", "/v1/home", get_home},
    {"POST", "/v1/alternate", post_alternate},
    {"POST", "/v1/directory/update-now", post_update_now},
    {"GET", "/v1/queues", get_queues},
    {"GET", "/v1/knobs", get_knobs},
    {"POST", "/v1/knob", post_knob},
    {"GET", "/v1/plants", get_plants},
    {"POST", "/v1/plant", post_plant},
    {"POST", "/v1/component", post_component},
    {"POST", "/v1/restart", post_restart},
    {"GET", "/v1/track", get_track},
    {"POST", "/v1/truth", post_truth},
};

json_t *lab_control(struct lab *l, const char *method, const char *path, const json_t *body,
                    int *status)
{
    const char *mark = strchr(path, '?');
    struct slice bare = slice_from(path, mark ? (size_t)(mark - path) : strlen(path));
    struct request rq = {.lab = l, .body = body, .query = mark ? mark + 1 : "", .status = 200};
    bool other_method = false;
    json_t *answer = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof *rows && !answer; i++) {
        if (!slice_is(bare, rows[i].path))
            continue;
        other_method = true;
        if (strcmp(rows[i].method, method) != 0)
            continue;
        if (strcmp(method, "POST") == 0 && rows[i].answer != post_truth && !json_is_object(body))
            answer = refuse(&rq, 400, "%s takes a JSON object", rows[i].path);
        else
            answer = rows[i].answer(&rq);
    }
    if (!answer)
        answer = refuse(&rq, 404, "%s %.*s is not known%s", method, (int)bare.n,
                        (const char *)bare.p, other_method ? " with this method" : "");
    PM_ASSERT(answer != NULL);
    *status = rq.status;
    return answer;
}
