/* owner.c - proof that who floods a public target owns it. */
#include "app/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/dns.h"
#include "base/text.h"

#define RULE "refused by rule unproven: "

/* --- the record -------------------------------------------------------------------------------------------------- */

void owner_fingerprint(const char *key, char out[OWNER_FINGERPRINT])
{
    static const char head[] = "postmuster owner\n";
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    PM_ASSERT(c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(c, head, sizeof head - 1) && EVP_DigestUpdate(c, key, strlen(key)) &&
              EVP_DigestFinal_ex(c, digest, NULL));
    EVP_MD_CTX_free(c);
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The end of that day, UTC. */
static bool read_day(struct slice text, uint64_t *out)
{
    struct tm day = {0};
    char copy[16];

    if (text.n != 10)
        return false;
    (void)snprintf(copy, sizeof copy, "%.*s", (int)text.n, (const char *)text.p);
    const char *end = strptime(copy, "%Y-%m-%d", &day);
    if (!end || *end || day.tm_year < 100)
        return false;
    *out = (uint64_t)timegm(&day) + 24ull * 3600;
    return true;
}

static bool read_nets(struct slice text, struct owner_record *r)
{
    struct slice word;
    bool more = true;

    while (more) {
        char net[64];

        more = slice_cut(&text, ',', &word);
        word = slice_trim(word);
        if (word.n == 0 || word.n >= sizeof net || r->count == OWNER_NETS)
            return false;
        (void)snprintf(net, sizeof net, "%.*s", (int)word.n, (const char *)word.p);
        if (!guard_net_parse(&r->nets[r->count], net, NULL) ||
            guard_net_is_wide(&r->nets[r->count]))
            return false;
        r->count++;
    }
    return true;
}

struct parts {
    bool version, key, until, nets, sound;
};

static void read_part(struct owner_record *r, struct slice part, const char *fingerprint,
                      struct parts *seen)
{
    struct slice name;

    part = slice_trim(part);
    if (part.n == 0)
        return;
    if (!slice_cut(&part, '=', &name))
        seen->sound = false;
    else if (slice_is(name, "v"))
        seen->version = slice_is(part, "pm1");
    else if (slice_is(name, "key"))
        seen->key = slice_is_nocase(part, fingerprint);
    else if (slice_is(name, "net"))
        seen->sound &= seen->nets = read_nets(part, r);
    else if (slice_is(name, "max"))
        seen->sound &= text_rate(part, &r->max_rate, NULL);
    else if (slice_is(name, "until"))
        seen->sound &= seen->until = read_day(part, &r->until_s);
}

bool owner_read(struct owner_record *r, const char *txt, const char *fingerprint, uint64_t now_s,
                struct err *e)
{
    struct slice rest = slice_of(txt), part;
    struct parts seen = {.sound = true};
    bool more = true;

    *r = (struct owner_record){.max_rate = OWNER_RATE};
    while (more) {
        more = slice_cut(&rest, ';', &part);
        read_part(r, part, fingerprint, &seen);
    }
    if (!seen.version)
        return err_set(e, EX_GUARD, RULE "no record of version pm1");
    if (!seen.sound)
        return err_set(e, EX_GUARD, RULE "the record makes no sense");
    if (!seen.key)
        return err_set(e, EX_GUARD, RULE "the record is not for this profile's owner_key (key=%s)",
                       fingerprint);
    if (!seen.until || !seen.nets)
        return err_set(e, EX_GUARD, RULE "the record has no %s=", seen.until ? "net" : "until");
    if (now_s >= r->until_s)
        return err_set(e, EX_GUARD, RULE "the record's time is over");
    return true;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static bool ask_domain(const char *domain, const char *fingerprint, struct owner_record *r,
                       struct err *e)
{
    char name[DNS_NAME], records[DNS_RECORDS][DNS_TEXT];
    struct err why = {0};

    if (snprintf(name, sizeof name, "_postmuster.%s", domain) >= (int)sizeof name)
        return err_set(e, EX_GUARD, RULE "%.100s is no domain", domain);
    size_t n = dns_txt(name, records, &why);

    for (size_t i = 0; i < n; i++)
        if (owner_read(r, records[i], fingerprint, clock_wall_ns() / NS_PER_S, &why))
            return true;
    return err_set(e, EX_GUARD, "%s%s: %s", n == 0 ? RULE : "", name, why.text);
}

static bool lists_public(const struct profile *p)
{
    const struct guard *g = &p->safety.guard;

    for (size_t i = 0; i < g->count; i++)
        if (guard_is_public(&g->nets[i].net))
            return true;
    return false;
}

/* Every listed domain's record; all of their networks go to `nets` (OWNER_NETS for each). The smallest rate counts. */
static bool ask_all(const struct profile *p, struct guard_net *nets, size_t *count, double *rate,
                    struct err *e)
{
    char fingerprint[OWNER_FINGERPRINT];
    const struct safety_profile *s = &p->safety;
    struct owner_record r = {0};

    *rate = 1e9;
    *count = 0;
    if (!s->owner_key)
        return err_set(e, EX_GUARD,
                       RULE "safety.networks lists a public one, and there is no "
                            "safety.owner_key");
    if (s->domain_count == 0)
        return err_set(e, EX_GUARD,
                       RULE "safety.networks lists a public one, and safety.domains "
                            "no domain whose owner could be asked");
    owner_fingerprint(s->owner_key, fingerprint);
    for (uint32_t i = 0; i < s->domain_count; i++) {
        if (!ask_domain(s->domains[i], fingerprint, &r, e))
            return false;
        for (size_t k = 0; k < r.count; k++)
            nets[(*count)++] = r.nets[k];
        if (r.max_rate < *rate)
            *rate = r.max_rate;
    }
    return true;
}

/* Servers' end points, and hosts of URLs: control, the two of a mover, a probe's, the look-up's. */
static size_t targets_at_most(const struct profile *p)
{
    return 6ul * p->site.server_count + 2ul * p->mover_count + p->probe_count + 1;
}

bool owner_prove(struct profile *p, struct arena *a, struct err *e)
{
    struct safety_profile *s = &p->safety;
    size_t room = targets_at_most(p);

    s->owner_rate = 1e9;
    if (p->lab.on || !lists_public(p))
        return true;
    struct guard_net *nets = arena_new(a, struct guard_net, s->domain_count * OWNER_NETS + 1);

    s->word = arena_bytes(a, sizeof *s->word + room * sizeof *s->word->at);
    if (!nets || !s->word)
        return err_set(e, EX_IO, "out of memory for the owner's networks");
    s->word->room = room;
    if (!ask_all(p, nets, &s->guard.proven_count, &s->owner_rate, e))
        return false;
    s->guard.proven = nets;
    return true;
}

static bool check_name(const struct profile *p, const struct net_addr *at, struct err *e)
{
    char name[DNS_NAME], text[NET_TEXT];
    struct err why = {0};

    if (!dns_name_of(at, name, &why))
        return err_set(e, EX_GUARD, RULE "%s", why.text);
    for (uint32_t i = 0; i < p->safety.domain_count; i++)
        if (profile_domain_below(name, p->safety.domains[i]))
            return true;
    return err_set(e, EX_GUARD,
                   RULE "%s is called %.100s by its owner, which is in none of "
                        "safety.domains",
                   net_print(at, text), name);
}

bool owner_confirm(const struct profile *p, const struct net_addr *at, struct err *e)
{
    struct owner_word *w = p->safety.word;

    if (!w || !guard_is_public(at))
        return true;
    if (guard_nets_hold(w->at, w->count, at))
        return true;
    if (!check_name(p, at, e))
        return false;
    PM_ASSERT(w->count < w->room);
    w->at[w->count++] = guard_net_of(at);
    return true;
}

void owner_narrow(struct profile *p)
{
    struct safety_profile *s = &p->safety;

    if (!s->word)
        return;
    s->guard.proven = s->word->at;
    s->guard.proven_count = s->word->count;
}

static bool still(const struct profile *p, struct guard_net *nets, double rate, struct err *e)
{
    const struct owner_word *w = p->safety.word;
    char text[NET_TEXT];
    double most;
    size_t count;

    if (!ask_all(p, nets, &count, &most, e))
        return false;
    if (rate > most)
        return err_set(e, EX_GUARD, RULE "the owner's record allows %g/s now", most);
    for (size_t i = 0; i < w->count; i++) {
        const struct net_addr *at = &w->at[i].net;

        if (!guard_nets_hold(nets, count, at))
            return err_set(e, EX_GUARD, RULE "no owner's record holds %s any more",
                           net_print(at, text));
        if (!check_name(p, at, e))
            return false;
    }
    return true;
}

bool owner_still(const struct profile *p, double rate, struct err *e)
{
    if (!p->safety.word)
        return true;
    struct guard_net *nets = calloc(p->safety.domain_count * OWNER_NETS + 1, sizeof *nets);
    bool ok = nets ? still(p, nets, rate, e)
                   : err_set(e, EX_IO, "out of memory for the owner's networks");

    free(nets);
    return ok;
}
