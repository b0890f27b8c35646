/* action.c - changes of the site while the run goes on: alternates, knobs, restarts, components, commands.
 *
 * An action is a number of steps: a mailbox of the group each, or a server each. Up to CALLS steps of an action are under
 * way at once. The control API that is asked is the named server's; where none is named, or the named one has none, the
 * first that has one (the lab answers for all). The request's answer, or its failure, ends a step.
 */
#include "loadgen/action.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define CALLS          8
#define ARGUMENTS_MAX  64
#define WHY_MAX        256
#define COMMAND_MAX_NS (600 * NS_PER_S) /* real time that a command may take */

struct action;

struct call {
    struct action *action;
    uint32_t step;
    bool busy;
};

struct action {
    struct actions *all;
    const struct action_profile *how;
    uint32_t index, steps, next, under_way;
    struct call calls[CALLS];
    struct child *child;
    struct timer timer; /* when it begins; then when its command is given up */
    bool begun, over;
    char why[WHY_MAX];
};

struct actions {
    const struct moves_context *context;
    struct action *action;
    uint32_t count, left;
    void (*over)(void *owner);
    void *owner;
};

static const struct profile *profile_of(const struct actions *as)
{
    return as->context->work->profile;
}

static uint64_t target_now(const struct actions *as)
{
    return clock_target(as->context->clock, loop_now(as->context->loop));
}

static bool per_server(enum action_kind kind)
{
    return kind == ACT_RESTART || kind == ACT_DOWN || kind == ACT_UP || kind == ACT_UPDATE_NOW;
}

/* The server that a step is about; SITE_NONE: none in particular. */
static uint32_t step_server(const struct action *a, uint32_t step)
{
    return per_server(a->how->kind) && a->how->server == SITE_NONE ? step : a->how->server;
}

static uint32_t step_mailbox(const struct action *a, uint32_t step)
{
    const struct site *site = &profile_of(a->all)->site;

    return a->how->kind == ACT_ALTERNATE ? site->groups[a->how->group].first + step : SITE_NONE;
}

static uint32_t step_alternate(const struct action *a, uint32_t step)
{
    const struct site *site = &profile_of(a->all)->site;

    if (a->how->alternate == SITE_NONE || site->groups[a->how->alternate].count == 0)
        return SITE_NONE;
    const struct group *g = &site->groups[a->how->alternate];

    return g->first + step % g->count;
}

static uint32_t control_of(const struct action *a, uint32_t step)
{
    const struct site *site = &profile_of(a->all)->site;
    uint32_t server = step_server(a, step);

    if (server != SITE_NONE && site->servers[server].control)
        return server;
    for (uint32_t i = 0; i < site->server_count; i++)
        if (site->servers[i].control)
            return i;
    return SITE_NONE;
}

/* The end of steps and actions. */

static void finding(struct action *a, uint32_t step, uint32_t detail, const char *why)
{
    uint32_t server = a->how->kind == ACT_EXEC ? a->how->server : control_of(a, step);

    (void)text_clean(a->why, sizeof a->why, slice_of(why));
    (void)journal_add(a->all->context->journal,
                      &(struct event){.t_ns = target_now(a->all),
                                      .kind = EV_FINDING,
                                      .place = (uint16_t)(server == SITE_NONE ? 0 : server),
                                      .code = FIND_ACTION_FAILED,
                                      .a = a->index,
                                      .b = detail});
}

static void action_end(struct action *a)
{
    struct actions *as = a->all;

    timer_disarm(as->context->loop, &a->timer);
    a->over = true;
    if (--as->left == 0 && as->over)
        as->over(as->owner);
}

static void took_effect(struct action *a, uint32_t step)
{
    if (a->how->kind != ACT_ALTERNATE)
        return;
    uint32_t alternate = step_alternate(a, step);

    (void)journal_add(a->all->context->journal,
                      &(struct event){.t_ns = target_now(a->all),
                                      .kind = EV_ALTERNATE,
                                      .code = alternate != SITE_NONE && a->how->both,
                                      .a = step_mailbox(a, step),
                                      .b = alternate == SITE_NONE ? NO_INDEX : alternate});
}

/* Requests. */

static const char *path_of(enum action_kind kind)
{
    switch (kind) {
    case ACT_ALTERNATE:
        return "/v1/alternate";
    case ACT_KNOB:
        return "/v1/knob";
    case ACT_RESTART:
        return "/v1/restart";
    case ACT_DOWN:
    case ACT_UP:
        return "/v1/component";
    case ACT_UPDATE_NOW:
        return "/v1/directory/update-now";
    case ACT_EXEC:
        break;
    }
    return NULL;
}

static void set_text(json_t *body, const char *key, const char *value)
{
    PM_ASSERT(json_object_set_new(body, key, value ? json_string(value) : json_null()) == 0);
}

static json_t *body_of(const struct action *a, uint32_t step)
{
    const struct site *site = &profile_of(a->all)->site;
    uint32_t server = step_server(a, step);
    json_t *body = json_object();

    if (a->how->kind == ACT_ALTERNATE) {
        uint32_t to = step_alternate(a, step);

        set_text(body, "mailbox", site->mailboxes[step_mailbox(a, step)].name);
        set_text(body, "alternate", to == SITE_NONE ? NULL : site->mailboxes[to].name);
        PM_ASSERT(json_object_set_new(body, "both", json_boolean(a->how->both)) == 0);
    } else if (a->how->kind == ACT_KNOB) {
        set_text(body, "name", a->how->knob);
        set_text(body, "value", a->how->value);
    } else if (server != SITE_NONE) {
        set_text(body, "server", site->servers[server].name);
        if (a->how->component && *a->how->component)
            set_text(body, "component", a->how->component);
        if (a->how->kind == ACT_DOWN || a->how->kind == ACT_UP)
            PM_ASSERT(json_object_set_new(body, "up", json_boolean(a->how->kind == ACT_UP)) == 0);
    }
    return body;
}

static void ask_more(struct action *a);

static void on_answer(void *owner, const struct http_answer *answer)
{
    struct call *call = owner;
    struct action *a = call->action;
    char why[WHY_MAX], said[160];

    call->busy = false;
    a->under_way--;
    if (answer->status / 100 == 2) {
        took_effect(a, call->step);
    } else {
        (void)text_clean(said, sizeof said,
                         answer->status ? answer->body : slice_of(answer->error));
        (void)snprintf(why, sizeof why, "HTTP %d: %s", answer->status, said);
        finding(a, call->step, (uint32_t)answer->status, answer->status ? why : said);
    }
    ask_more(a);
}

static void ask(struct call *call, uint32_t step)
{
    struct action *a = call->action;
    const struct moves_context *c = a->all->context;
    const struct server *server = &c->work->profile->site.servers[control_of(a, step)];
    json_t *body = body_of(a, step);
    char *text = json_dumps(body, JSON_COMPACT);
    struct buf url;

    PM_ASSERT(text); /* names come from a profile that was read as UTF-8 */
    call->busy = true;
    call->step = step;
    a->under_way++;
    buf_init(&url, strlen(server->control) + 256); /* room for any path of ours */
    PM_ASSERT(buf_add_text(&url, server->control) && buf_add_text(&url, path_of(a->how->kind)));
    c->http->request(
        c->http,
        &(struct http_request){
            .method = "POST", .url = buf_text(&url), .body = text, .ca_file = server->ca_file},
        on_answer, call);
    buf_fini(&url);
    free(text);
    json_decref(body);
}

static void ask_more(struct action *a)
{
    for (unsigned i = 0; i < CALLS && a->next < a->steps; i++)
        if (!a->calls[i].busy)
            ask(&a->calls[i], a->next++);
    if (a->under_way == 0)
        action_end(a);
}

/* Commands. */

static void on_line(void *owner, struct slice line, bool is_error)
{
    struct action *a = owner;

    if (is_error && slice_trim(line).n > 0)
        (void)text_clean(a->why, sizeof a->why, line); /* kept if it fails */
}

static void on_exit_status(void *owner, int status, const char *words)
{
    struct action *a = owner;
    char why[WHY_MAX];

    a->child = NULL;
    if (status != 0) {
        (void)snprintf(why, sizeof why, "%.80s%s%.160s", words, *a->why ? ": " : "", a->why);
        finding(a, 0, (uint32_t)status, why);
    } else {
        a->why[0] = '\0';
    }
    action_end(a);
}

static const struct child_handler handler = {.line = on_line, .ended = on_exit_status};

static bool fill_arguments(const struct action *a, struct buf *all, const char **argv,
                           struct err *e)
{
    const struct site *site = &profile_of(a->all)->site;
    const struct server *server =
        a->how->server == SITE_NONE ? NULL : &site->servers[a->how->server];
    const struct template_word words[] = {
        {"server", server ? server->name : NULL, false},
        {"control", server ? server->control : NULL, true},
        {NULL, NULL, false},
    };
    size_t at[ARGUMENTS_MAX], count = 0;

    for (const char *const *from = a->how->argv; from && from[count]; count++) {
        if (count == ARGUMENTS_MAX)
            return err_set(e, EX_BAD_PROFILE, "argv: more than %d arguments", ARGUMENTS_MAX);
        at[count] = all->n;
        if (!template_fill(from[count], words, TEMPLATE_PLAIN, all, e))
            return false;
        if (!buf_add(all, "", 1))
            return err_set(e, EX_BAD_PROFILE, "argv: arguments grew too long");
    }
    for (size_t i = 0; i < count; i++)
        argv[i] = (const char *)all->p + at[i];
    return count > 0 || err_set(e, EX_BAD_PROFILE, "argv: expected a command");
}

static void run_command(struct action *a)
{
    const struct moves_context *c = a->all->context;
    const char *argv[ARGUMENTS_MAX + 1] = {0};
    struct err e = {0};
    struct buf all;

    buf_init(&all, 65536);
    if (fill_arguments(a, &all, argv, &e))
        a->child = c->exec->start(c->exec, argv, &handler, a, &e);
    buf_fini(&all);
    if (a->child) {
        timer_arm(c->loop, &a->timer, loop_now(c->loop) + COMMAND_MAX_NS);
        return;
    }
    finding(a, 0, 0, e.text);
    action_end(a);
}

static void on_timer(struct timer *t)
{
    struct action *a = t->owner;
    struct exec *x = a->all->context->exec;

    if (a->child) {
        x->kill(x, a->child);
        a->child = NULL;
        finding(a, 0, 0, "the command took too long");
        action_end(a);
        return;
    }
    a->begun = true;
    if (a->how->kind == ACT_EXEC)
        run_command(a);
    else
        ask_more(a);
}

/* Life. */

static uint32_t step_count(const struct profile *p, const struct action_profile *how)
{
    if (how->kind == ACT_ALTERNATE)
        return p->site.groups[how->group].count;
    return per_server(how->kind) && how->server == SITE_NONE ? p->site.server_count : 1;
}

static bool action_init(struct actions *as, uint32_t index, struct err *e)
{
    const struct profile *p = profile_of(as);
    struct action *a = &as->action[index];
    const char *argv[ARGUMENTS_MAX + 1];
    struct buf all;

    a->all = as;
    a->how = &p->actions[index];
    a->index = index;
    a->steps = step_count(p, a->how);
    timer_init(&a->timer, on_timer, a);
    for (unsigned i = 0; i < CALLS; i++)
        a->calls[i].action = a;
    if (a->how->kind != ACT_EXEC)
        return control_of(a, 0) != SITE_NONE ||
               err_set(e, EX_BAD_PROFILE, "no server has a control URL");
    if (!as->context->exec)
        return err_set(e, EX_BAD_PROFILE, "commands cannot be run here");
    buf_init(&all, 65536);
    bool ok = fill_arguments(a, &all, argv, e);
    buf_fini(&all);
    return ok;
}

struct actions *actions_create(const struct moves_context *c, void (*over)(void *owner),
                               void *owner, struct err *e)
{
    const struct profile *p = c->work->profile;
    struct actions *as = calloc(1, sizeof *as);

    if (as)
        as->action = calloc(p->action_count + 1u, sizeof *as->action);
    if (!as || !as->action) {
        free(as);
        (void)err_set(e, EX_IO, "out of memory for %u actions", p->action_count);
        return NULL;
    }
    as->context = c;
    as->over = over;
    as->owner = owner;
    as->count = as->left = p->action_count;
    for (uint32_t i = 0; i < as->count; i++)
        if (!action_init(as, i, e)) {
            (void)err_wrap(e, "actions.%s", p->actions[i].name);
            actions_destroy(as);
            return NULL;
        }
    return as;
}

void actions_destroy(struct actions *as)
{
    if (!as)
        return;
    const struct moves_context *c = as->context;

    for (uint32_t i = 0; i < as->count; i++) {
        struct action *a = &as->action[i];

        timer_disarm(c->loop, &a->timer);
        if (a->child)
            c->exec->kill(c->exec, a->child);
        for (unsigned k = 0; k < CALLS; k++)
            if (a->calls[k].busy)
                c->http->forget(c->http, &a->calls[k]);
    }
    free(as->action);
    free(as);
}

void actions_start(struct actions *as)
{
    for (uint32_t i = 0; i < as->count; i++)
        timer_arm(as->context->loop, &as->action[i].timer,
                  clock_loop(as->context->clock, as->action[i].how->at_ns));
}

/* It puts up what the run has taken down itself. */
static bool is_owed_up(const struct actions *as, const struct action_profile *up)
{
    for (uint32_t i = 0; up->kind == ACT_UP && i < as->count; i++) {
        const struct action_profile *down = as->action[i].how;

        if (down->kind == ACT_DOWN && as->action[i].begun && down->server == up->server &&
            strcmp(down->component ? down->component : "", up->component ? up->component : "") == 0)
            return true;
    }
    return false;
}

void actions_stop(struct actions *as)
{
    for (uint32_t i = 0; i < as->count; i++) {
        struct action *a = &as->action[i];

        if (a->begun || a->over)
            continue;
        if (is_owed_up(as, a->how)) {
            timer_arm(as->context->loop, &a->timer, loop_now(as->context->loop));
            continue;
        }
        timer_disarm(as->context->loop, &a->timer);
        a->over = true;
        as->left--;
    }
}

bool actions_are_over(const struct actions *as)
{
    return as->left == 0;
}

const char *actions_error(const struct actions *as, uint32_t action)
{
    PM_ASSERT(action < as->count);
    return as->action[action].why;
}
