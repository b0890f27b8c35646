/* lab_p1_in.h - an APDU from outside as the core wants it: a submission, or what can be done about it at once.
 *
 * The content becomes RFC 5322 text as RFC 2156 has it: the local part of the IPM's identifier is that of the Message-ID, the
 * envelope's identifier stands in X-X400-MTS-Identifier, IA5 text is the body as it is. Only recipients whose responsibility
 * is ours are in the submission. Times in the APDU count from its last trace element, since its sender's clock need not be
 * the lab's. Borrows the APDU. Private to lab/.
 */
#ifndef LAB_LAB_P1_IN_H
#define LAB_LAB_P1_IN_H

#include "lab/lab_p1_names.h"

enum p1_taken {
    P1_IN_BAD,    /* no APDU: words in the error */
    P1_IN_MAIL,   /* submission */
    P1_IN_FAILED, /* a message that nobody here can be given: reason and diagnostic say why */
    P1_IN_PROBE,
    P1_IN_REPORT,
};

struct p1_in {
    struct arena *arena;
    struct p1_apdu apdu;
    struct lab_submission submission;
    struct lab_recipient *recipients;
    struct buf text; /* content, addresses, identifier */
    int reason, diag;
};

void p1_in_init(struct p1_in *in);
void p1_in_fini(struct p1_in *in);
void p1_in_forget(struct p1_in *in); /* what was read, and large buffers */
/* `client` names the sender, for Received: lines; borrowed. */
enum p1_taken p1_in_read(struct p1_in *in, const struct p1_terms *t, struct slice apdu,
                         const char *client, struct err *e);
/* Of a probe, whom the site would deliver to. */
bool p1_in_is_known(const struct p1_terms *t, const struct oraddr *name);

#endif
