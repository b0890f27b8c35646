/* run_site.c - puts up what a run needs (folder, journal, site, world, senders, moves, muster) and takes it down. */
#include <fcntl.h>
#include <unistd.h>

#include "app/curl_loop.h"
#include "app/dial_curl.h"
#include "app/http_curl.h"
#include "app/lab_host.h"
#include "app/owner.h"
#include "app/run_private.h"
#include "app/targets.h"
#include "results/folder.h"
#include "results/history.h"
#include "wire/smtp_text.h"

/* Before the site: its MTAs have to know where we are called. */
static bool open_listeners(struct run *r, struct err *e)
{
    const struct profile *p = r->profile;

    if (site_ours(&p->site) == SITE_NONE)
        return true;
    if (p->lab.on || p->x400.listen) {
        r->listener = p1_listener_create(r->loop, &r->clock, p, e);
        if (!r->listener)
            return false;
    }
    if (!p->listen.smtp && !p->listen.lmtp)
        return true;
    r->smtp_listener = smtp_listener_create(r->loop, &r->clock, p, e);
    return r->smtp_listener != NULL;
}

static bool open_site(struct run *r, struct err *e)
{
    struct lab_host *others = r->options.world.lab;

    if (others && !lab_host_join(others, r->profile, r->arena, e))
        return false;
    if (r->profile->lab.on && !others) {
        r->lab = lab_host_create(r->profile, r->arena, r->options.world.shared, r->dir, e);
        if (!r->lab || !lab_host_begin(r->lab, e))
            return false;
    }
    return owner_prove(r->profile, r->arena, e) && targets_resolve(r->profile, e) &&
           targets_consent(r->profile, r->options.owned, r->options.owned_count, e) &&
           targets_limit(r->profile, r->plan.work, e);
}

/* A thread's own contexts, one a server that senders speak TLS with: sessions are the thread's. */
static struct tls_context **open_tls(struct run *r, uint32_t thread, struct err *e)
{
    const struct site *s = &r->profile->site;
    struct tls_context **tls = r->tls + (size_t)thread * s->server_count;

    for (uint32_t i = 0; i < s->server_count; i++) {
        const struct server *v = &s->servers[i];

        if (v->smtp.tls == TLS_NONE && (!v->lmtp.text || v->lmtp.tls == TLS_NONE))
            continue;
        tls[i] = tls_client_create(v->ca_file, v->insecure, e);
        if (!tls[i]) {
            (void)err_wrap(e, "servers.%s", v->name);
            return NULL;
        }
        tls_context_tickets(tls[i], v->tickets);
    }
    return tls;
}

static bool open_world(struct run *r, struct err *e)
{
    const struct guard *g = &r->profile->safety.guard;

    if (r->options.world.shared) {
        struct lab_host *lab = r->lab ? r->lab : r->options.world.lab;

        r->http = lab ? lab_host_http(lab) : NULL;
        r->dial = dial_plain_create(r->loop, g, e);
        r->exec = r->options.world.exec;
        return r->dial != NULL;
    }
    r->curl = curl_loop_create(r->loop, e);
    r->http = r->curl ? http_curl_create(r->curl, g, e) : NULL;
    r->dial = r->http ? dial_curl_create(r->curl, g, e) : NULL;
    r->exec = r->dial ? exec_real(r->loop, e) : NULL;
    return r->exec != NULL;
}

static bool open_workers(struct run *r, struct err *e)
{
    r->workers = arena_new(r->arena, struct worker *, r->plan.threads);
    r->tls = arena_new(r->arena, struct tls_context *,
                       (size_t)r->plan.threads * r->profile->site.server_count + 1);
    if (!r->workers || !r->tls)
        return err_set(e, EX_IO, "out of memory for senders");
    for (uint32_t i = 0; i < r->plan.threads; i++) {
        struct worker_config c = {.desk = r->loop,
                                  .threaded = !r->options.world.shared,
                                  .sync = !r->options.world.no_sync,
                                  .journal_dir = r->journal_dir,
                                  .run_id = r->plan.manifest.run_id,
                                  .sink = book_writer(r->book, e),
                                  .work = r->plan.work,
                                  .key = &r->plan.key,
                                  .corpus = r->corpus,
                                  .tls = open_tls(r, i, e),
                                  .index = i,
                                  .count = r->plan.threads,
                                  .news = run_on_worker,
                                  .heard = r->listener ? run_on_heard : NULL,
                                  .owner = r};

        if (!c.sink || !c.tls)
            return false;
        r->workers[i] = worker_create(&c, e);
        if (!r->workers[i])
            return false;
        r->workers_made++;
    }
    return true;
}

static bool open_desk(struct run *r, struct err *e)
{
    struct moves_context moves = {.loop = r->loop,
                                  .clock = &r->clock,
                                  .work = r->plan.work,
                                  .journal = r->journal,
                                  .http = r->http,
                                  .exec = r->exec,
                                  .marked = run_on_marked,
                                  .over = run_on_moves_over,
                                  .owner = r};
    struct muster_context muster = {
        .probe = {.loop = r->loop,
                  .clock = &r->clock,
                  .work = r->plan.work,
                  .journal = r->journal,
                  .key = &r->plan.key,
                  .corpus = r->corpus,
                  .reports_dir = arena_format(r->arena, "%s/reports", r->dir),
                  .dial = r->dial,
                  .http = r->http,
                  .exec = r->exec,
                  .listener = r->listener,
                  .smtp_listener = r->smtp_listener,
                  .epochs_used = r->resume.epochs,
                  .waves_used = r->resume.waves},
        .home_seen = run_on_home,
        .verified = run_on_verified,
        .canary_seen = run_on_canary,
        .owner = r};

    r->moves = moves_create(&moves, e);
    r->muster = r->moves ? muster_create(&muster, e) : NULL;
    return r->muster != NULL;
}

static bool open_aimer(struct run *r, struct err *e)
{
    return aimer_open(&r->aimer,
                      &(struct aimer_config){.work = r->plan.work,
                                             .manifest = &r->plan.manifest,
                                             .book = r->book,
                                             .desk = r->loop,
                                             .clock = &r->clock,
                                             .journal = r->journal,
                                             .aimed = run_on_aimed,
                                             .owner = r},
                      e);
}

static bool open_stop(struct run *r, struct err *e)
{
    return run_stop_open(&r->stop,
                         &(struct run_stop_config){.manifest = &r->plan.manifest,
                                                   .book = r->book,
                                                   .desk = r->loop,
                                                   .threaded = !r->options.world.shared,
                                                   .stops = !r->resume.on,
                                                   .watched = r->options.watched,
                                                   .stop = run_on_stop,
                                                   .owner = r},
                         e);
}

static bool write_text(struct run *r, const char *name, struct buf *text, struct err *e)
{
    const char *path = arena_format(r->arena, "%s/%s", r->dir, name);
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok = f && fwrite(text->p, 1, text->n, f) == text->n;

    if (f ? fclose(f) != 0 : fd >= 0 && close(fd) != 0)
        ok = false;
    return ok ? true : err_set(e, EX_IO, "%s/%s: cannot be written", r->dir, name);
}

static bool open_records(struct run *r, struct err *e)
{
    if (r->resume.on)
        return resume_records(r, e);
    r->folder = r->options.run_dir ? folder_create_at(r->options.run_dir, e)
                                   : folder_create(r->options.runs_dir, r->profile->name,
                                                   r->profile->variant, r->plan.manifest.run_id, e);
    if (!r->folder)
        return false;
    r->dir = folder_path(r->folder);
    r->journal_dir = arena_format(r->arena, "%s/journal", r->dir);
    struct buf text;

    buf_init(&text, 16u << 20);
    bool ok = profile_print(r->profile, &text) && write_text(r, "profile.yaml", &text, e);
    buf_fini(&text);
    if (!ok)
        return false;
    r->book = book_create(&r->plan.manifest, !r->options.world.shared, e);
    struct journal_sink *sink = r->book ? book_writer(r->book, e) : NULL;
    if (!sink)
        return false;
    r->journal = journal_create(r->journal_dir, 0, r->plan.manifest.run_id, sink, e);
    return r->journal && (r->options.world.no_sync || book_sync(sink, r->journal, e));
}

bool run_open(struct run *r, struct err *e)
{
    r->canary_seen = arena_new(r->arena, bool, r->profile->load_count + 1);
    r->corpus = smtp_corpus_create(r->profile->seed);
    if (!r->canary_seen || !r->corpus)
        return err_set(e, EX_IO, "out of memory for the run");
    if (r->options.resume && !resume_read(r, e))
        return false;
    if (!plan_make(&r->plan, r->arena, r->profile,
                   r->resume.on ? r->resume.manifest->run_id : r->options.world.run_id, e) ||
        (r->resume.on && !resume_check(r, e)))
        return false;
    if (!run_status_open(r))
        return err_set(e, EX_IO, "out of memory for the run");
    return post_open(&r->interrupt_line, r->loop, run_on_interrupt, r, e) && open_records(r, e) &&
           open_listeners(r, e) && open_site(r, e) && open_world(r, e) &&
           (r->resume.on || open_workers(r, e)) && open_desk(r, e) &&
           (r->resume.on || open_aimer(r, e)) && open_stop(r, e) && book_begin(r->book, e);
}

/* Probes, moves and what they dial with; sockets and children do not outlive the verdict. */
void run_close_desk(struct run *r)
{
    muster_destroy(r->muster);
    p1_listener_destroy(r->listener);
    smtp_listener_destroy(r->smtp_listener);
    moves_destroy(r->moves);
    if (r->options.world.shared)
        dial_plain_destroy(r->dial);
    else {
        dial_curl_destroy(r->dial);
        http_curl_destroy(r->http);
        curl_loop_destroy(r->curl);
        exec_real_destroy(r->exec);
    }
    r->muster = NULL;
    r->listener = NULL;
    r->smtp_listener = NULL;
    r->moves = NULL;
    r->dial = NULL;
    r->http = NULL;
    r->curl = NULL;
    r->exec = NULL;
}

void run_close(struct run *r)
{
    run_close_desk(r);
    for (uint32_t i = 0; i < r->workers_made; i++)
        worker_destroy(r->workers[i]);
    (void)journal_close(r->journal, NULL);
    judgement_destroy(r->judgement);
    book_destroy(r->book);
    run_stop_close(r->stop);
    aimer_close(r->aimer);
    lab_host_destroy(r->lab);
    for (uint32_t i = 0; r->tls && i < r->plan.threads * r->profile->site.server_count; i++)
        tls_context_destroy(r->tls[i]);
    smtp_corpus_destroy(r->corpus);
    post_close(&r->interrupt_line);
    history_destroy(r->resume.history);
    ring_destroy(r->status_ring);
    buf_fini(&r->log);
    folder_destroy(r->folder);
    if (r->loop) {
        run_guard_end(r);
        timer_disarm(r->loop, &r->step);
        timer_disarm(r->loop, &r->flush);
        timer_disarm(r->loop, &r->status);
    }
    if (!r->options.world.shared)
        loop_destroy(r->loop);
}
