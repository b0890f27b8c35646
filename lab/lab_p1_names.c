/* lab_p1_names.c - templates tried in order, and what comes out of them looked at before it is believed. */
#include "lab/lab_p1_names.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lab/core.h"

#define ADDRESS_MAX  320u
#define TEXT_MAX     2048u
#define PASSWORD_MAX 64u /* X.411 */

bool p1_terms_init(struct p1_terms *t, struct lab_site *s, int server,
                   const struct lab_p1_config *c, struct err *e)
{
    const char *name = lab_server_name(lab_site_core(s), server);
    struct oraddr domain;
    size_t n = 0;

    *t = (struct p1_terms){.site = s, .server = server, .c = *c};
    for (; name[n] && n < P1_NAME_ROOM - 1; n++)
        t->name[n] = (char)toupper((unsigned char)name[n]);
    if (slice_of(c->password).n > PASSWORD_MAX)
        return err_set(e, EX_BAD_PROFILE, "the lab's X.400 password is longer than %u characters",
                       PASSWORD_MAX);
    t->arena = arena_create(4096);
    if (!t->arena)
        return err_set(e, EX_IO, "out of memory");
    if (!oraddr_parse(slice_of(c->domain), t->arena, &domain, e))
        return err_wrap(e, "the lab's X.400 domain");
    t->us = (struct p1_mta){.domain = domain.domain, .name = slice_of(t->name)};
    return true;
}

void p1_terms_fini(struct p1_terms *t)
{
    arena_destroy(t->arena);
    t->arena = NULL;
}

/* Fit to stand in a header: printable, no blanks, no brackets. */
static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("<>()\",;:\\", s.p[i]))
            return false;
    return s.n > 0 && s.n <= ADDRESS_MAX;
}

static bool by_template(const struct p1_terms *t, const char *template, bool foreign,
                        const struct oraddr *o, struct buf *out)
{
    const struct lab *core = lab_site_core(t->site);
    size_t mark = out->n;

    if (template && oraddr_to_smtp(template, o, lab_domain(core), out, NULL)) {
        struct slice address = slice_skip(buf_slice(out), mark);
        bool known = is_clean(address) && lab_find_mailbox(core, address) != NO_MAILBOX;

        if (is_clean(address) && (!known || lab_is_foreign(core, address) == foreign))
            return true;
    }
    out->n = mark;
    return false;
}

bool p1_terms_address(const struct p1_terms *t, const struct oraddr *o, struct buf *out)
{
    size_t mark = out->n;

    if (by_template(t, t->c.address, false, o, out) ||
        by_template(t, t->c.peer_address, true, o, out))
        return true;
    if (!oraddr_print(o, out))
        return false;
    if (out->n - mark > TEXT_MAX)
        out->n = mark + TEXT_MAX;
    return out->n > mark || buf_add_text(out, "no-address");
}

bool p1_terms_oraddr(const struct p1_terms *t, struct slice address, struct arena *a,
                     struct oraddr *out, struct err *e)
{
    bool foreign = lab_is_foreign(lab_site_core(t->site), address);
    const char *template = foreign ? t->c.peer_address : t->c.address;

    if (!template)
        return err_set(e, EX_BAD_PROFILE, "the lab has no template for addresses of that side");
    return oraddr_from_smtp(template, address, a, out, e);
}

int64_t p1_terms_unix_s(uint64_t lab_ns)
{
    return (int64_t)(LAB_EPOCH_S + lab_ns / NS_PER_S);
}

void p1_terms_time(uint64_t lab_ns, char out[P1_TIME_CHARS])
{
    p1_time_write(p1_terms_unix_s(lab_ns), out);
}

void p1_terms_note(const struct p1_terms *t, const char *word, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started in the line before
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    lab_note(lab_site_core(t->site), word, NO_MAILBOX, t->server, text);
}
