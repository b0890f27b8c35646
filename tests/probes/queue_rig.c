/* queue_rig.c - a queue probe of a known MTA over scripted commands. */
#include "tests/probes/queue_rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probes/queue_format.h"

char *queue_rig_tokens(const struct token_key *key, const char *text)
{
    struct buf out;

    buf_init(&out, 64u << 20);
    for (const char *at; (at = strchr(text, '@'));) {
        char *end, token[TOKEN_CHARS];
        unsigned long n = strtoul(at + 1, &end, 10);
        bool is_token = end > at + 1 && *end == '@' && end - at < 8;

        PM_ASSERT(buf_add(&out, text, (size_t)(at - text)));
        if (is_token) {
            token_write(key, n, token);
            PM_ASSERT(buf_add_text(&out, "pm.") && buf_add(&out, token, sizeof token));
        } else {
            PM_ASSERT(buf_add(&out, "@", 1));
        }
        text = is_token ? end + 1 : at + 1;
    }
    PM_ASSERT(buf_add_text(&out, text));
    char *made = strdup(buf_text(&out));

    buf_fini(&out);
    PM_ASSERT(made);
    return made;
}

static const struct fake_step *script(struct fake_exec *x, const char *const *argv, size_t *count)
{
    struct queue_rig *r = x->owner;
    char joined[4096] = "";
    size_t n = 0;

    for (size_t i = 0; argv[i] && n + strlen(argv[i]) + 2 < sizeof joined; i++) {
        memcpy(joined + n, argv[i], strlen(argv[i]));
        n += strlen(argv[i]);
        joined[n++] = ' ';
        joined[n] = '\0';
    }
    for (unsigned i = 0; i < r->answer_count; i++)
        if (strstr(joined, r->answers[i].command)) {
            *count = r->answers[i].count;
            return r->answers[i].steps;
        }
    return NULL;
}

static void on_scanned(struct probe *p)
{
    struct queue_rig *r = p->owner;

    r->told++;
}

void queue_rig_begin(struct queue_rig *r, const struct probe_profile *how)
{
    *r = (struct queue_rig){.run = fake_run_create("queue_rig"), .key = token_key_make(1, 2)};
    r->run->work.stride = 2;
    r->run->probes[0] = *how;
    r->run->probes[0].period_real_ns = 3600 * NS_PER_S;
    r->run->exec.script = script;
    r->run->exec.owner = r;
    r->context = (struct probe_context){.loop = r->run->loop,
                                        .clock = &r->run->clock,
                                        .work = &r->run->work,
                                        .journal = r->run->journal,
                                        .key = &r->key,
                                        .http = &r->run->http.http,
                                        .exec = &r->run->exec.exec,
                                        .queues = probe_queues_create()};
}

void queue_rig_end(struct queue_rig *r)
{
    if (r->probe)
        r->probe->ops->close(r->probe);
    probe_queues_destroy(r->context.queues);
    queue_rig_forget(r);
    fake_run_destroy(r->run);
}

void queue_rig_forget(struct queue_rig *r)
{
    for (unsigned i = 0; i < r->answer_count; i++) {
        free(r->answers[i].text);
        free(r->answers[i].steps);
    }
    r->answer_count = 0;
}

void queue_rig_answer(struct queue_rig *r, const char *command, const char *text, int status)
{
    struct queue_answer *a = &r->answers[r->answer_count++];
    size_t lines = 0;

    PM_ASSERT(r->answer_count <= QUEUE_ANSWERS);
    *a = (struct queue_answer){.command = command, .text = queue_rig_tokens(&r->key, text)};
    for (const char *p = a->text; *p; p++)
        lines += *p == '\n';
    a->steps = calloc(lines + 1, sizeof *a->steps);
    PM_ASSERT(a->steps);
    for (char *line = a->text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        a->steps[a->count++] =
            (struct fake_step){.line = *line == '!' ? line + 1 : line, .error = *line == '!'};
    }
    a->steps[a->count++] = (struct fake_step){.status = status};
}

bool queue_rig_open(struct queue_rig *r)
{
    const struct probe_profile *how = &r->run->probes[0];

    r->probe = probe_queue_ops(how)->open(&r->context, how, SITE_NONE, 0, &r->e);
    if (r->probe) {
        r->probe->scanned = on_scanned;
        r->probe->owner = r;
    }
    return r->probe;
}

bool queue_rig_list(struct queue_rig *r)
{
    uint64_t before = r->probe->complete_ns;

    r->run->event_count = 0;
    fake_run_until(r->run, loop_now(r->run->loop) + NS_PER_S);
    (void)fake_run_count(r->run, EV_WAVE);
    r->run->event_count = 0;
    (void)probe_queues_wave(r->context.queues);
    r->probe->ops->scan(r->probe);
    fake_run_until(r->run, loop_now(r->run->loop) + NS_PER_S);
    return r->probe->complete_ns > before && !r->probe->refused;
}

bool queue_rig_read(struct queue_rig *r, const char *text)
{
    const struct queue_format *f = queue_format_of(r->run->probes[0].type);
    struct queue_list list;
    struct queue_reader reader = {0};
    struct slice rest, line;
    char *own = queue_rig_tokens(&r->key, text);
    bool ok = queue_list_init(&list, &r->run->profile.site, &r->key);

    PM_ASSERT(ok);
    r->e = (struct err){0};
    queue_reader_begin(&reader, &list, 0);
    for (rest = slice_of(own); ok && rest.n > 0;) {
        (void)slice_cut(&rest, '\n', &line);
        ok = f->line(&reader, line, &r->e);
    }
    ok = ok && f->end(&reader, &r->e);
    queue_reader_fini(&reader);
    queue_list_fini(&list);
    free(own);
    return ok;
}
