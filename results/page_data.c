/* page_data.c - a walk over the copies, one pass over the journal, and the parts put together. */
#include "results/page_data.h"

#include <stdio.h>
#include <stdlib.h>

#include "results/journal.h"
#include "results/json_file.h"
#include "results/page_private.h"

#define SUMMARY_MAX (256u << 20)

struct page {
    struct page_run r;
    struct page_accounts *accounts;
    struct page_timeline *timeline;
    struct page_phase *phase;
    struct page_moves *moves;
    struct page_stories *stories;
    struct page_method *method;
};

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct page *g = owner;

    for (uint32_t i = 0; i < n; i++) {
        page_accounts_add(g->accounts, &copies[i]);
        page_timeline_add(g->timeline, &copies[i]);
        page_phase_add(g->phase, &copies[i]);
        page_moves_add(g->moves, &copies[i]);
        page_stories_add(g->stories, &copies[i]);
        page_method_add(g->method, &copies[i]);
    }
    return true;
}

static bool on_message_again(void *owner, const struct copy *copies, uint32_t n)
{
    struct page *g = owner;

    for (uint32_t i = 0; i < n; i++)
        page_phase_add_again(g->phase, &copies[i]);
    return true;
}

static void on_block(void *owner, const struct event *events, uint32_t count)
{
    struct page *g = owner;

    for (uint32_t i = 0; i < count; i++) {
        page_stories_event(g->stories, &events[i]);
        page_method_event(g->method, &events[i]);
    }
}

static bool create_parts(struct page *g, struct err *e)
{
    g->accounts = page_accounts_create(&g->r, e);
    g->timeline = g->accounts ? page_timeline_create(&g->r, e) : NULL;
    g->phase = g->timeline ? page_phase_create(&g->r, e) : NULL;
    g->moves = g->phase ? page_moves_create(&g->r, e) : NULL;
    g->stories = g->moves ? page_stories_create(&g->r, e) : NULL;
    g->method = g->stories ? page_method_create(&g->r, e) : NULL;
    return g->method != NULL;
}

static void destroy_parts(struct page *g)
{
    page_accounts_destroy(g->accounts);
    page_timeline_destroy(g->timeline);
    page_phase_destroy(g->phase);
    page_moves_destroy(g->moves);
    page_stories_destroy(g->stories);
    page_method_destroy(g->method);
    copies_destroy(g->r.copies);
}

static bool read_all(struct page *g, struct err *e)
{
    char path[1024];
    uint32_t torn;

    (void)copies_each(g->r.copies, on_message, g);
    if (page_phase_looks_again(g->phase))
        (void)copies_each(g->r.copies, on_message_again, g);
    if (!page_stories_choose(g->stories, e))
        return false;
    (void)snprintf(path, sizeof path, "%s/journal", g->r.source->run_dir);
    return journal_read(path, g->r.m->run_id, on_block, g, &torn, e);
}

/* The very object of summary.json. */
static json_t *summary_json(const struct judgement *j, struct err *e)
{
    struct buf text;

    buf_init(&text, SUMMARY_MAX);
    json_t *o = judgement_print_summary(j, &text, e)
                    ? json_loadb((const char *)text.p, text.n, 0, NULL)
                    : NULL;

    buf_fini(&text);
    return o;
}

/* What a shell takes as one word, in quotes where it has to be. */
static void add_word(struct buf *out, const char *word)
{
    bool plain = *word != '\0';

    for (const char *p = word; *p; p++)
        plain &= (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                 *p == '-' || *p == '_' || *p == '.' || *p == '/';
    (void)buf_add_text(out, plain ? " " : " '");
    for (const char *p = word; *p; p++)
        (void)(*p == '\'' ? buf_add_text(out, "'\\''") : buf_add(out, p, 1));
    if (!plain)
        (void)buf_add_text(out, "'");
}

static json_t *rerun_json(const struct manifest *m)
{
    struct buf out;

    buf_init(&out, 4096);
    (void)buf_add_text(&out, "postmuster run");
    add_word(&out, m->name);
    if (m->variant[0]) {
        (void)buf_add_text(&out, " --variant");
        add_word(&out, m->variant);
    }
    buf_add_format(&out, " --set run.seed=%llu", (unsigned long long)m->seed);
    json_t *words = page_words(buf_text(&out));

    buf_fini(&out);
    return words;
}

static json_t *whole(struct page *g, json_t *summary)
{
    const struct manifest *m = g->r.m;
    json_t *o = json_object();

    page_put(o, "schema", json_integer(PAGE_SCHEMA));
    page_put(o, "title",
             page_format("%s%s%s on %s", m->name, m->variant[0] ? " " : "", m->variant, m->target));
    page_put(o, "rerun", rerun_json(m));
    page_put(o, "banner", page_banner_json(&g->r));
    page_put(o, "classes", page_classes_json(g->accounts, g->stories));
    page_put(o, "identities", json_deep_copy(json_object_get(summary, "identities")));
    page_put(o, "flow", page_flow_json(g->accounts));
    page_put(o, "timeline", page_timeline_json(g->timeline));
    page_put(o, "phase", page_phase_json(g->phase));
    page_put(o, "latency", page_latency_json(g->accounts));
    page_put(o, "moves", page_moves_json(g->moves));
    page_put(o, "moves_left_out", json_u64(page_moves_left_out(g->moves)));
    page_put(o, "stories", page_stories_json(g->stories));
    page_put(o, "stories_left_out", json_u64(page_stories_left_out(g->stories)));
    page_put(o, "method", page_method_json(g->method));
    page_put(o, "summary", summary);
    return o;
}

json_t *page_data(const struct report_source *s, struct err *e)
{
    const struct run_record *run = s->run;
    struct page g = {.r = {.source = s,
                           .m = run->manifest,
                           .l = run->ledger,
                           .j = run->judgement,
                           .t = &run->judgement->tally}};
    json_t *o = NULL, *summary = summary_json(run->judgement, e);

    g.r.copies = summary ? copies_create(run->ledger, e) : NULL;
    if (g.r.copies && create_parts(&g, e) && read_all(&g, e)) {
        o = whole(&g, summary);
        summary = NULL;
    }
    json_decref(summary);
    destroy_parts(&g);
    if (!o && !e->code)
        (void)err_set(e, EX_IO, "out of memory for the page");
    return o;
}
