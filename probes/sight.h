/* sight.h - what a probe that lists names has seen of its place, and how it says so: for Maildir, mbox and POP3.
 *
 * A message there has a name (of a file, by UIDL, by where it stands) and no number. A name is hashed to 64 bits and gets an id,
 * under which probes/known.h keeps it. Listings are numbered: a name remembers the newest one it stood in, so that two
 * listings can be compared. 24 to 48 octets a message in all. What is journalled, and epochs, are as docs/probe.md says.
 */
#ifndef PROBES_SIGHT_H
#define PROBES_SIGHT_H

#include "probes/correlate.h"
#include "probes/known.h"

#define SIGHT_NAMES_MAX (4u << 20)
#define SIGHT_MESSAGE_MAX                                                                          \
    (64u << 20) /* octets; what is larger is read in part, and is no intact copy */
#define SIGHT_PARTIAL (1u << 20)

struct sight_name {
    uint64_t hash; /* 0: free */
    uint32_t id, listing;
};

struct sight {
    struct probe *probe;
    const struct probe_context *c;
    struct known known;
    struct sight_name *names;
    uint32_t room, count, last_id;
    uint32_t listing; /* the one under way, or the newest; 0: none yet */
    uint32_t listed;  /* different names in it so far */
    uint32_t epoch;
    bool reset;         /* the next complete scan says SCAN_RESET */
    bool absent_told;   /* EV_SCAN said that there is no such mailbox */
    bool changed;       /* since the newest complete scan: something came or went */
    uint64_t wanted_ns; /* loop time; 0: no scan asked for */
    struct timer told;  /* scanned() comes from the loop, where the probe may be closed */
    char why[200];
};

void sight_init(struct sight *s, struct probe *probe, const struct probe_context *c);
void sight_fini(struct sight *s);

/* A scan begins: nothing of what is known was found yet. */
void sight_scan_begin(struct sight *s);
void sight_listing_begin(struct sight *s); /* one of the listings of a scan */

struct sight_found {
    uint32_t id;  /* 0: more names than can be, or out of memory */
    bool known;   /* was read already */
    bool twice;   /* the name stood in this listing before: another message of that name */
    bool in_last; /* stood in the listing before this one */
};

/* A name of the listing. Everything that is found in any listing of a scan counts as there. `other` is a second hash, of what
 * tells messages of one name apart: the whole name of a file, a number. */
struct sight_found sight_name(struct sight *s, uint64_t hash, uint64_t other);
bool sight_lacks(const struct sight *s);   /* something of the listing before is not in this one */
bool sight_is_same(const struct sight *s); /* this listing has exactly what is known */

/* Reads the message `id`. `whole`: raw is all of it. false: out of memory. */
bool sight_read(struct sight *s, uint32_t id, struct slice raw, bool whole);
/* The listings of the scan are complete: what was in none of them is gone. */
void sight_sweep(struct sight *s);
void sight_forget(struct sight *s); /* names mean something else from now on, or nothing */

bool sight_is_asked(const struct sight *s, uint64_t began_ns); /* does it answer whoever asked? */
/* A complete scan, which began then: journalled if asked for, if something changed, or if it is the first. */
void sight_complete(struct sight *s, uint64_t began_ns);
void sight_absent(struct sight *s, uint64_t began_ns, const char *why); /* no such mailbox here */
void sight_failed(struct sight *s, const char *why);                    /* counted as a finding */
void sight_refused(struct sight *s, const char *why);                   /* for now; no finding */
void sight_tell(struct sight *s); /* scanned(), from the loop */

/* A finding of this place: FIND_PROBE_FAILED and the like. */
void sight_find(struct sight *s, enum finding finding);

#endif
