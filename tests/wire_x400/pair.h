/* pair.h - two associations that talk to each other in memory, and one that talks to octets of a test. */
#ifndef TESTS_WIRE_X400_PAIR_H
#define TESTS_WIRE_X400_PAIR_H

#include <stdbool.h>

#include "wire/x400/association.h"

#define NEWS_MAX 64u

struct heard { /* what an association told, in order */
    struct assoc_event ev[NEWS_MAX];
    size_t n;
    size_t received, received_octets;
};

struct side {
    struct association_config config;
    struct association *a;
    struct heard heard;
    struct buf got;       /* the last APDU received */
    bool accept, confirm; /* answer by itself */
    struct slice result;  /* of the bind, when it accepts */
    size_t chunk;         /* octets handed over at once; 0: all there is */
    size_t stop_after;    /* octets it may still say; SIZE_MAX: no end */
};

struct side side_initiator(enum stack_mode mode);
struct side side_responder(void);
void side_begin(struct side *s);
void side_fini(struct side *s);

void side_hear(struct side *s, struct slice in); /* until there is nothing more to tell */
void side_forget(struct side *s);                /* its news so far */
/* What it says now is exactly this (and is taken). */
bool side_says(struct side *s, struct slice want, const char *what);
bool side_says_nothing(struct side *s);
const struct assoc_event *side_last(const struct side *s);
bool side_told(const struct side *s, enum assoc_news news); /* among its news */

/* Carries octets both ways until neither has any; what was said by each is counted. */
void pair_talk(struct side *a, struct side *b);
/* Both begun, bound. */
bool pair_bind(struct side *a, struct side *b);

#endif
