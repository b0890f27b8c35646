/* drafts.c - see drafts.h. */
#include "tests/profiles/drafts.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/scratch.h"

#define ARENA_BYTES (64u << 20)
#define TEXT_MAX    8192

const char plain_lab[] = "schema: 1\n"
                         "lab: {version: 5.5-sp3, servers: [s1, s2]}\n"
                         "mailboxes:\n"
                         "  joanne: {count: 4, home: s1}\n"
                         "  joe: {count: 2, home: s2}\n";

static struct reading_of load(const struct profile_request *rq)
{
    struct reading_of r = {.arena = arena_create(ARENA_BYTES)};

    r.profile = profile_load(r.arena, rq, &r.err);
    return r;
}

struct reading_of read_changed(const char *head, const char *tail, const char *set,
                               const char *variant)
{
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof text, "%s%s", head, tail);
    return load(&(struct profile_request){
        .path = scratch_file(scratch_dir("profiles"), "p.yaml", text),
        .sets = &set,
        .set_count = set != NULL,
        .variant = variant,
    });
}

struct reading_of read_draft(const char *head, const char *tail)
{
    return read_changed(head, tail, NULL, NULL);
}

struct reading_of read_named(const char *name, const char *variant)
{
    return load(&(struct profile_request){.path = name, .variant = variant});
}

void reading_end(struct reading_of *r)
{
    arena_destroy(r->arena);
    *r = (struct reading_of){0};
}

void check_refused(const char *head, const char *tail, const char *part)
{
    struct reading_of r = read_draft(head, tail);

    CHECK(r.profile == NULL);
    CHECK_U64((uint64_t)r.err.code, EX_BAD_PROFILE);
    CHECK_HAS(r.err.text, part);
    reading_end(&r);
}
