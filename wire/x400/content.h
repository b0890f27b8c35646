/* content.h - what P1 carries: interpersonal messages of X.420, P2 (1984) and P22 (1988), and notifications about them.
 *
 * Both types are the same octets in what is read and written here. Lists are made in the caller's arena, octets are borrowed
 * (see p1.h). Body parts that are no text keep their octets. Pure; any thread.
 */
#ifndef WIRE_X400_CONTENT_H
#define WIRE_X400_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire/x400/ber.h"
#include "wire/x400/oraddr.h"

#define CONTENT_P2        2
#define CONTENT_P22       22
#define CONTENT_PARTS_MAX 256u
#define CONTENT_NAMES_MAX 32767u

struct ipm_id {
    bool set, named;
    struct oraddr user; /* if named */
    struct slice local; /* the user's own identifier */
};

struct ipm_person { /* an O/R descriptor, and what is asked of a recipient */
    bool named;
    struct oraddr name;
    struct slice free_form, telephone;
    int32_t notify; /* bits of the first octet: 80 receipt, 40 non-receipt, 20 return; -1 absent */
    bool reply;
};

struct ipm_people {
    struct ipm_person *at;
    uint32_t count;
    bool set;
};

struct ipm_part {
    uint32_t tag; /* a0 IA5, a9 a message, 8e bilateral, af extended .. */
    struct slice
        text; /* of IA5, of T61 pages (the first), of extended IA5 and general text; none: not text */
    struct slice raw; /* the whole element */
};

struct ipm {
    struct ipm_id id, replied_to;
    bool from_set;
    struct ipm_person from;
    struct ipm_people to, copy, blind;
    struct slice subject;
    int32_t importance, sensitivity; /* -1 absent */
    bool auto_forwarded;
    struct ipm_part *parts;
    uint32_t part_count;
};

struct ipn {
    struct ipm_id subject;
    bool receipt;      /* else non-receipt, or of another sort */
    bool other;        /* neither */
    struct slice time; /* of receipt */
    int32_t mode;      /* of receipt: 0 manual, 1 automatic; -1 absent */
    int32_t reason;    /* of non-receipt: 0 discarded, 1 auto-forwarded; -1 absent */
    int32_t discard;   /* why it was discarded; -1 absent */
    struct slice comment;
};

struct content {
    bool notification;

    union {
        struct ipm ipm;
        struct ipn ipn;
    };
};

bool content_read(struct slice octets, struct arena *a, struct content *out, struct err *e);
void content_init(struct content *c); /* an empty IPM */
/* An IPM whose parts are text (written as IA5) or raw, or a notification. false: no room. */
bool content_write(struct ber_out *o, const struct content *c, enum x400_year year);

/* The head of an IA5 body part whose text, all that was written since `mark`, stands behind it. */
void content_put_ia5_head(struct ber_out *o, size_t mark);

#endif
