/* p1_rig.c - both ends of the site's X.400. */
#include "tests/lab/p1_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

bool rig_open_with(struct rig *r, void (*change)(struct lab_p1_config *p1),
                   struct sim_meddler *meddler)
{
    *r = (struct rig){.arena = arena_create(64u << 20)};
    (void)snprintf(r->truth, sizeof r->truth, "%s/truth.tsv", scratch_dir("lab_p1"));
    if (!fronts_simulate_p1(&r->f, 7, r->truth, change, meddler))
        return false;
    peer_init(&r->out, &r->f);
    peer_init(&r->in, &r->f);
    return true;
}

bool rig_open(struct rig *r)
{
    return rig_open_with(r, NULL, NULL) && peer_listen(&r->in) && peer_call(&r->out, 0);
}

void rig_close(struct rig *r)
{
    peer_fini(&r->out);
    peer_fini(&r->in);
    fronts_fini(&r->f);
    for (unsigned i = 0; i < r->apdus; i++)
        buf_fini(&r->apdu[i]);
    arena_destroy(r->arena);
}

void rig_send(struct rig *r, const struct peer_message *m)
{
    peer_send(&r->out, peer_make(m, &r->apdu[r->apdus++]));
}

void rig_run(struct rig *r, uint64_t ms)
{
    fronts_run(&r->f, ms * NS_PER_MS);
}

unsigned rig_truths(struct rig *r, const char *word, const char *part)
{
    char *text = scratch_read(r->truth, NULL), key[64], *next = NULL;
    unsigned n = 0;

    (void)snprintf(key, sizeof key, "\t%s\t", word);
    for (char *line = text; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        n += strstr(line, key) && strstr(line, part);
    }
    free(text);
    return n;
}

void rig_end_site(struct rig *r)
{
    lab_site_destroy(r->f.site);
    r->f.site = NULL;
}

uint32_t rig_items(struct rig *r, int server, uint32_t mailbox)
{
    return lab_item_count(lab_site_core(r->f.site), server, mailbox);
}

const char *rig_text(struct rig *r, int server, uint32_t mailbox)
{
    struct lab_item it;

    if (!CHECK(lab_item_at(lab_site_core(r->f.site), server, mailbox, 0, &it)))
        return "";
    return arena_text(r->arena, (const char *)it.content.p, it.content.n);
}

const struct p1_report *rig_report(struct rig *r, unsigned n)
{
    static const struct p1_report nothing;
    struct p1_apdu *apdu = arena_bytes(r->arena, sizeof *apdu);

    if (!peer_read(&r->in, n, r->arena, apdu) || !CHECK_U64(apdu->kind, P1_REPORT))
        return &nothing;
    return &apdu->report;
}

const char *rig_slice(struct rig *r, struct slice s)
{
    return arena_text(r->arena, (const char *)s.p, s.n);
}

const char *rig_name(struct rig *r, const struct oraddr *o)
{
    struct buf b;

    buf_init(&b, 4096);
    (void)oraddr_print(o, &b);
    const char *text = rig_slice(r, buf_slice(&b));

    buf_fini(&b);
    return text;
}

void rig_set(struct rig *r, const char *server, const char *component, bool up)
{
    int status = 0;
    json_t *body =
        json_pack("{s:s, s:s, s:b}", "server", server, "component", component, "up", (int)up);
    json_t *said = lab_site_control(r->f.site, "POST", "/v1/component", body, &status);

    if (status != 200) {
        char *text = said ? json_dumps(said, 0) : NULL;

        check_true(false, text ? text : "no answer", __FILE__, __LINE__);
        free(text);
    }
    json_decref(said);
    json_decref(body);
}
