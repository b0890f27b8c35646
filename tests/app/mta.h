/* mta.h - an MTA that calls, for tests: sends messages one after another over X.400 P1, remembers what became of each, calls
 * again when an association broke, and takes reports on its turn.
 */
#ifndef TESTS_APP_MTA_H
#define TESTS_APP_MTA_H

#include "base/loop.h"
#include "wire/x400/association.h"
#include "wire/x400/p1_bind.h"

#define MTA_MESSAGES 512u

struct mta {
    /* what is wanted */
    struct loop *loop;
    struct net_addr to;
    enum stack_mode mode;
    bool two_way;
    const char *name, *password;
    unsigned messages;  /* so many; without sample or octets numbered from 1 in their identifiers */
    const char *sample; /* of tests/golden/x400; NULL: the message, which asks for all reports */
    struct slice octets;                 /* instead, if any: sent as they are */
    unsigned calls_max;                  /* 0: as many as it takes */
    uint64_t patience_ns, until_reports; /* for an answer; stays for so many reports */
    /* what came of it */
    unsigned sent, calls, binds, refusals, reports;
    enum assoc_fate fates[MTA_MESSAGES];
    int codes[MTA_MESSAGES], refused;
    char
        last_report[64]; /* the subject's local identifier, then what it says: "MP... failed 1/0" */
    bool done;
    /* its own */
    struct stream *stream;
    struct association *a;
    struct timer limit, retry;
    unsigned char bind[P1_BIND_MAX], apdu[4096];
    size_t apdu_n;
    bool begun, gives, over;
};

void mta_start(struct mta *m); /* stops the loop when it is done */
void mta_end(struct mta *m);
/* An APDU in words as in last_report; "?" if it is no report. */
void mta_report_words(struct slice apdu, char out[64]);

#endif
