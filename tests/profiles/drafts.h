/* drafts.h - profiles written down in a test, and what comes of reading them. */
#ifndef TESTS_PROFILES_DRAFTS_H
#define TESTS_PROFILES_DRAFTS_H

#include "profiles/profile.h"

/* A lab with s1 and s2, groups joanne (4 on s1) and joe (2 on s2); sections of a test follow it. */
extern const char plain_lab[];

struct reading_of { /* one reading; reading_end() when done */
    struct arena *arena;
    const struct profile *profile; /* NULL: refused, and err says why */
    struct err err;
};

/* Reads head + tail as the file scratch/profiles/p.yaml, with one --set and one variant (NULL: none). */
struct reading_of read_draft(const char *head, const char *tail);
struct reading_of read_changed(const char *head, const char *tail, const char *set,
                               const char *variant);
struct reading_of read_named(const char *name, const char *variant);
void reading_end(struct reading_of *r);

/* Refused with a text that has this part, and as a bad profile. */
void check_refused(const char *head, const char *tail, const char *part);

#endif
