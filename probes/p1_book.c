/* p1_book.c - an open-addressed table from folded addresses to mailboxes; the texts live in one arena. */
#include "probes/p1_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SCRATCH_BYTES 65536u
#define ADDRESS_MAX   512u

struct entry {
    const char *folded; /* NULL: free */
    uint32_t mailbox;
};

struct p1_book {
    const struct site *site;
    struct arena *texts;
    struct entry *entries;
    uint32_t mask;
};

static struct entry *entry_of(const struct p1_book *b, const char *folded)
{
    uint32_t at = (uint32_t)hash_fast(folded, strlen(folded)) & b->mask;

    while (b->entries[at].folded && strcmp(b->entries[at].folded, folded) != 0)
        at = (at + 1) & b->mask;
    return &b->entries[at];
}

static bool fold(const struct profile *p, uint32_t mailbox, char out[ORADDR_FOLD_MAX],
                 struct err *e)
{
    const struct mailbox *box = &p->site.mailboxes[mailbox];
    struct arena *scratch = arena_create(SCRATCH_BYTES);
    struct oraddr o;

    if (!scratch)
        return err_set(e, EX_IO, "out of memory for O/R addresses");
    bool ok = oraddr_from_smtp(profile_x400_template(p, mailbox), slice_of(box->address), scratch,
                               &o, e) &&
              (oraddr_fold(&o, out) ||
               err_set(e, EX_BAD_PROFILE, "its O/R address is longer than can be compared"));

    arena_destroy(scratch);
    return ok || err_wrap(e, "mailbox %s", box->name);
}

static bool add(struct p1_book *b, const struct profile *p, uint32_t mailbox, struct err *e)
{
    char folded[ORADDR_FOLD_MAX];
    struct entry *at;

    if (!profile_x400_template(p, mailbox))
        return true;
    if (!fold(p, mailbox, folded, e))
        return false;
    at = entry_of(b, folded);
    if (at->folded)
        return err_set(e, EX_BAD_PROFILE, "mailboxes %s and %s have the same O/R address",
                       p->site.mailboxes[at->mailbox].name, p->site.mailboxes[mailbox].name);
    at->folded = arena_text(b->texts, folded, strlen(folded));
    at->mailbox = mailbox;
    return at->folded || err_set(e, EX_IO, "out of memory for O/R addresses");
}

struct p1_book *p1_book_create(const struct profile *p, struct err *e)
{
    struct p1_book *b = calloc(1, sizeof *b);
    uint32_t room = 16;

    while (room < p->site.mailbox_count * 2u)
        room *= 2;
    if (b) {
        b->site = &p->site;
        b->mask = room - 1;
        b->entries = calloc(room, sizeof *b->entries);
        b->texts = arena_create(((size_t)p->site.mailbox_count + 1) * ORADDR_FOLD_MAX);
    }
    if (!b || !b->entries || !b->texts) {
        (void)err_set(e, EX_IO, "out of memory for O/R addresses");
        p1_book_destroy(b);
        return NULL;
    }
    for (uint32_t i = 0; i < p->site.mailbox_count; i++)
        if (!add(b, p, i, e)) {
            p1_book_destroy(b);
            return NULL;
        }
    return b;
}

void p1_book_destroy(struct p1_book *b)
{
    if (!b)
        return;
    arena_destroy(b->texts);
    free(b->entries);
    free(b);
}

/* An address of a gateway: "..;dda:RFC-822=joe(a)lab.test". */
static uint32_t find_mail_address(const struct p1_book *b, const struct oraddr *o)
{
    uint32_t found = SITE_NONE;
    struct buf text;
    struct err e;

    for (unsigned i = 0;; i++) {
        if (i == o->dda_count)
            return SITE_NONE;
        if (slice_is_nocase(o->ddas[i].type, "RFC-822"))
            break;
    }
    buf_init(&text, ADDRESS_MAX);
    if (oraddr_to_smtp("s={local}", o, b->site->domain, &text, &e))
        found = site_address(b->site, text.p, text.n);
    buf_fini(&text);
    return found;
}

uint32_t p1_book_find(const struct p1_book *b, const struct oraddr *o)
{
    char folded[ORADDR_FOLD_MAX];
    const struct entry *at = oraddr_fold(o, folded) ? entry_of(b, folded) : NULL;

    return at && at->folded ? at->mailbox : find_mail_address(b, o);
}
