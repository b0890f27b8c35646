/* draft.h - a profile being put together: what the files of profiles/ hand one another. Not for other folders. */
#ifndef PROFILES_DRAFT_H
#define PROFILES_DRAFT_H

#include "profiles/option.h"
#include "profiles/profile.h"
#include "profiles/workload.h"

#define ALL_NAMES_MAX 4096u

struct draft {
    struct arena *arena;
    struct err *err;
    struct profile *p;
    struct node *root;
    struct filling filling;
};

/* variant.c: what the request changes in the tree; the variants on offer; what a cell should show. */
bool variant_apply(struct draft *d, const struct profile_request *rq);
bool variant_list(struct draft *d);

/* x400.c: the server that is our own MTA, section x400, and what follows from them; in this order, the last after the loads. */
bool x400_add_ours(struct draft *d, const struct node *mailboxes);
bool x400_fill(struct draft *d, const struct node *map);
bool x400_loads(struct draft *d);

/* check.c: what no single key shows. */
bool draft_check(struct draft *d);

bool draft_is_here(const char *host_port); /* a literal loopback address; NULL is none */
/* A secret written out where it must not be; `at` is the section or its entry. */
bool draft_check_secret(const struct draft *d, const struct node *at, const char *path,
                        const char *key, bool here);
/* Complains at the key if it was written, else at the entry's name; returns false. */
bool draft_complain(const struct draft *d, enum section s, const char *name, const char *key,
                    const char *why);

/* check_x400.c: the same for X.400. The load's in its turn, all else at once; and what is no error and yet a mistake. */
bool x400_check(const struct draft *d);
bool x400_check_load(const struct draft *d, const struct load_profile *l);
bool x400_lint(const struct profile *p, struct buf *out);

/* check_safety.c: whom a flood may be aimed at, and how large it may be (EX_GUARD). */
bool safety_check_names(const struct draft *d); /* hosts of end points, domains of safety itself */
bool safety_check_mailbox(const struct draft *d, const struct mailbox *m);
bool safety_check_caps(const struct draft *d, const struct workload *w);

/* The node of an entry, for complaints. */
const struct node *draft_entry(const struct draft *d, enum section s, const char *name);
bool draft_no_memory(const struct draft *d);

#endif
