/* apdus.h - the APDUs that talk sends: made by the product's own writers from values stated in apdus.c and normal.expect. */
#ifndef TESTS_TSHARK_APDUS_H
#define TESTS_TSHARK_APDUS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "wire/x400/oraddr.h"

#define APDUS(X)                                                                                   \
    X(APDU_MESSAGE, "message")   /* one recipient, 300 octets of body */                           \
    X(APDU_PROBE, "probe")       /* about one recipient */                                         \
    X(APDU_SEVERAL, "several")   /* three recipients, urgent, every option of the sender's */      \
    X(APDU_LONG, "long")         /* 200,000 octets of body */                                      \
    X(APDU_FAILED, "failed")     /* report: message was not delivered */                           \
    X(APDU_REPORTED, "reported") /* report: two of the several delivered, one redirected, failed */

enum apdu {

#define X(id, name) id,
    APDUS(X)
#undef X
        APDU_COUNT
};

struct apdus {
    struct slice of[APDU_COUNT];
};

const char *apdu_name(enum apdu which);
/* Everything lives in the arena. false: it did not fit, or a writer of ours could not. */
bool apdus_make(struct apdus *out, enum x400_year year, struct arena *a);

#endif
