/* mover_http.c - moves through an admin API: one request asks, others ask how it goes, until the answer says done or failed.
 *
 * Requests and answers are the profile's: "POST {control}/v1/move" with a JSON body, then "GET {control}/v1/move?id={id}"
 * every period; fields of the JSON answers by name ("result.state" looks inside). Without a poll, the first answer is the
 * last. What goes wrong is one line for people: no answer, refused (4xx), server error (5xx), or nonsense. While polling,
 * up to ten bad answers in a row are borne: a server that is busy moving may miss a few.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blind.h"
#include "base/text.h"
#include "loadgen/move.h"

#define FAILURES_MAX    10
#define REQUEST_MAX     65536u
#define ID_MAX          128u
#define ANSWER_MAX      1048576u
#define WHY_MAX         300
#define ASK_TIMEOUT_NS  (30 * NS_PER_S)
#define POLL_TIMEOUT_NS (10 * NS_PER_S)

struct http_move {
    struct mover_job *job;
    struct timer again;
    char id[ID_MAX];
    bool asked; /* the answer to the request itself has come */
    bool copying;
    unsigned failures; /* in a row */
};

enum progress { GOES_ON, SAYS_DONE, SAYS_FAILED, SAYS_NOTHING };

static bool is_text(const char *text)
{
    return text && *text;
}

/* Requests. */

/* The length of the method that a request template begins with: "POST http://..."; 0: none. */
static size_t method_length(const char *template_text)
{
    size_t n = strspn(template_text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return n > 0 && n < 16 && template_text[n] == ' ' ? n : 0;
}

/* The schedule's options are laid over the body, which must be a JSON object then. */
static bool add_options(struct buf *body, const char *options, struct err *e)
{
    json_error_t bad;
    json_t *object = json_loadb((const char *)body->p, body->n, JSON_REJECT_DUPLICATES, &bad);
    json_t *over = json_loads(options, JSON_REJECT_DUPLICATES, &bad);
    bool ok = json_is_object(object) && json_is_object(over);

    if (ok)
        ok = json_object_update(object, over) == 0;
    else
        (void)err_set(e, EX_BAD_PROFILE, "options and body of a move must both be JSON objects");
    char *text = ok ? json_dumps(object, JSON_COMPACT) : NULL;
    if (text) {
        buf_clear(body);
        ok = buf_add_text(body, text) || err_set(e, EX_BAD_PROFILE, "the body grew too long");
    }
    free(text);
    json_decref(over);
    json_decref(object);
    return ok;
}

static bool fill_body(const struct moves_context *c, const struct mover_profile *mover,
                      uint32_t move, struct buf *out, struct err *e)
{
    const struct move_plan *plan = &c->work->moves[move];
    const char *options = c->work->profile->moves[plan->schedule].options;

    if (is_text(mover->body) &&
        !move_template(c->work, move, NULL, mover->body, TEMPLATE_JSON, out, e))
        return false;
    return !is_text(options) || add_options(out, options, e);
}

static bool fill_url(const struct moves_context *c, uint32_t move, const char *id,
                     const char *template_text, struct buf *out, struct err *e)
{
    size_t method = method_length(template_text);

    if (method == 0)
        return err_set(e, EX_BAD_PROFILE,
                       "expected a method and a URL (\"POST {control}/v1/move\"), got \"%.100s\"",
                       template_text);
    return move_template(c->work, move, id, template_text + method + 1, TEMPLATE_URL, out, e);
}

static void on_answer(void *owner, const struct http_answer *a);

static bool request(struct http_move *h, const char *template_text, bool with_body, struct err *e)
{
    const struct moves_context *c = h->job->context;
    const struct move_plan *plan = &c->work->moves[h->job->move];
    struct buf url, body;
    char method[16];

    buf_init(&url, REQUEST_MAX);
    buf_init(&body, REQUEST_MAX);
    bool ok = fill_url(c, h->job->move, h->asked ? h->id : NULL, template_text, &url, e) &&
              (!with_body || fill_body(c, h->job->mover, h->job->move, &body, e));
    if (ok) {
        (void)snprintf(method, sizeof method, "%.*s", (int)method_length(template_text),
                       template_text);
        c->http->request(
            c->http,
            &(struct http_request){.method = method,
                                   .url = buf_text(&url),
                                   .body = body.n > 0 ? buf_text(&body) : NULL,
                                   .ca_file = c->work->profile->site.servers[plan->from].ca_file,
                                   .timeout_ns = h->asked ? POLL_TIMEOUT_NS : ASK_TIMEOUT_NS},
            on_answer, h);
    }
    buf_fini(&body);
    buf_fini(&url);
    return ok;
}

/* Answers. */

static const json_t *find_field(const json_t *in, const char *path)
{
    while (in && is_text(path)) {
        size_t n = strcspn(path, ".");

        in = json_is_object(in) ? json_object_getn(in, path, n) : NULL;
        path += n + (path[n] == '.');
    }
    return in;
}

/* A field's value as text: strings, integers, true and false; "" for anything else. */
static const char *field_text(const json_t *in, const char *path, char *out, size_t room)
{
    const json_t *v = is_text(path) ? find_field(in, path) : NULL;

    out[0] = '\0';
    if (json_is_string(v))
        return text_clean(out, room, slice_of(json_string_value(v)));
    if (json_is_integer(v))
        (void)snprintf(out, room, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_boolean(v))
        (void)snprintf(out, room, "%s", json_is_true(v) ? "true" : "false");
    return out;
}

static enum progress read_state(struct http_move *h, const json_t *answer, char *why, size_t room)
{
    const struct mover_profile *how = h->job->mover;
    char state[ID_MAX];

    (void)field_text(answer, how->state_field, state, sizeof state);
    if (!*state)
        return SAYS_NOTHING;
    if (is_text(how->copy_value) && strcmp(state, how->copy_value) == 0 && !h->copying) {
        h->copying = true;
        h->job->events->copying(h->job);
    }
    if (is_text(how->done_value) && strcmp(state, how->done_value) == 0)
        return SAYS_DONE;
    if (!is_text(how->failed_value) || strcmp(state, how->failed_value) != 0)
        return GOES_ON;
    if (!*field_text(answer, how->error_field, why, room))
        (void)snprintf(why, room, "the mover says \"%s\"", state);
    return SAYS_FAILED;
}

/* What is wrong with an answer before anybody reads its fields: in words, or NULL. */
static const char *complaint(struct http_move *h, const struct http_answer *a, const json_t *json,
                             char *out, size_t room)
{
    char said[160];

    if (a->status == 0) {
        (void)snprintf(out, room, "no answer: %s",
                       text_clean(said, sizeof said, slice_of(a->error)));
        return out;
    }
    if (a->status / 100 == 2 && json)
        return NULL;
    if (!*field_text(json, h->job->mover->error_field, said, sizeof said))
        (void)text_clean(said, sizeof said, a->body);
    const char *kind = a->status / 100 == 2   ? "nonsense, no JSON"
                       : a->status / 100 == 4 ? "refused"
                       : a->status / 100 == 5 ? "server error"
                                              : "unexpected";
    (void)snprintf(out, room, "%s: HTTP %d%s%s", kind, a->status, *said ? ": " : "", said);
    return out;
}

static void release(struct mover_job *j)
{
    struct http_move *h = j->state;

    if (!h)
        return;
    timer_disarm(j->context->loop, &h->again);
    j->context->http->forget(j->context->http, h);
    free(h);
    j->state = NULL;
}

static void finish(struct http_move *h, bool done, const char *why)
{
    struct mover_job *j = h->job;

    release(j);
    j->events->ended(j, done, why);
}

static void poll_later(struct http_move *h)
{
    struct loop *l = h->job->context->loop;
    uint64_t period_ns = h->job->mover->period_real_ns;

    timer_arm(l, &h->again, loop_now(l) + (period_ns > 0 ? period_ns : NS_PER_MS));
}

static void bad_poll(struct http_move *h, const char *why)
{
    char all[WHY_MAX];

    if (++h->failures < FAILURES_MAX) {
        poll_later(h);
        return;
    }
    (void)snprintf(all, sizeof all, "gave up after %d bad answers: %.200s", FAILURES_MAX, why);
    finish(h, false, all);
}

static void go_on(struct http_move *h, enum progress p, const char *why)
{
    if (p == SAYS_DONE || p == SAYS_FAILED) {
        finish(h, p == SAYS_DONE || !CHECK_ON(MOVE_FAILED), why);
    } else if (p == SAYS_NOTHING) {
        bad_poll(h, "nonsense: no state in the answer");
    } else {
        h->failures = 0;
        poll_later(h);
    }
}

/* The answer to the request itself. */
static void first_answer(struct http_move *h, const struct http_answer *a, const json_t *json)
{
    const struct mover_profile *how = h->job->mover;
    bool polls = is_text(how->poll), has_body = slice_trim(a->body).n > 0;
    char why[WHY_MAX] = "";

    if (complaint(h, a, json, why, sizeof why) &&
        (a->status / 100 != 2 || has_body || (polls && is_text(how->id_field)))) {
        finish(h, false, why);
        return;
    }
    h->asked = true;
    (void)field_text(json, how->id_field, h->id, sizeof h->id);
    enum progress p = read_state(h, json, why, sizeof why);
    if (p == SAYS_DONE || p == SAYS_FAILED || (!polls && p == SAYS_NOTHING))
        finish(h, p != SAYS_FAILED, why);
    else if (!polls)
        finish(h, false, "neither done nor failed, and no poll to ask again");
    else if (is_text(how->id_field) && !*h->id)
        finish(h, false, "nonsense: no id in the answer");
    else
        poll_later(h);
}

static void on_answer(void *owner, const struct http_answer *a)
{
    struct http_move *h = owner;
    char why[WHY_MAX] = "";
    json_error_t bad;
    json_t *json = a->status != 0 && a->body.n <= ANSWER_MAX
                       ? json_loadb((const char *)a->body.p, a->body.n, 0, &bad)
                       : NULL;

    if (!h->asked)
        first_answer(h, a, json);
    else if (complaint(h, a, json, why, sizeof why))
        bad_poll(h, why);
    else
        go_on(h, read_state(h, json, why, sizeof why), why);
    json_decref(json);
}

static void poll_now(struct timer *t)
{
    struct http_move *h = t->owner;
    struct err e = {0};

    if (!request(h, h->job->mover->poll, false, &e))
        finish(h, false, e.text);
}

/* The driver. */

static bool http_check(const struct moves_context *c, const struct mover_profile *mover,
                       uint32_t move, struct err *e)
{
    struct buf out;

    if (!is_text(mover->start))
        return err_set(e, EX_BAD_PROFILE, "no start: expected \"POST {control}/v1/move\"");
    buf_init(&out, REQUEST_MAX);
    bool ok = fill_url(c, move, NULL, mover->start, &out, e);
    buf_clear(&out);
    ok = ok && fill_body(c, mover, move, &out, e);
    buf_clear(&out);
    ok = ok && (!is_text(mover->poll) || fill_url(c, move, "0", mover->poll, &out, e));
    buf_fini(&out);
    return ok;
}

static bool http_start(struct mover_job *j, struct err *e)
{
    struct http_move *h = calloc(1, sizeof *h);

    if (!h)
        return err_set(e, EX_IO, "out of memory for a move");
    h->job = j;
    timer_init(&h->again, poll_now, h);
    j->state = h;
    if (request(h, j->mover->start, true, e))
        return true;
    release(j);
    return false;
}

const struct mover_ops mover_http = {
    .name = "http",
    .help = "asks an admin API over HTTP for each move, and polls it until it says done or failed",
    .check = http_check,
    .start = http_start,
    .close = release,
};
