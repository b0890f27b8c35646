/* lab_p1_write.h - what a server hands over, as octets: mail relayed, mail that came by SMTP, and reports.
 *
 * A relayed message is the one that came, with our element of trace, responsibility for one recipient only, and its
 * redirection. A report is made from the message it is about. Pure but for the names; the octets are the caller's. Private
 * to lab/.
 */
#ifndef LAB_LAB_P1_WRITE_H
#define LAB_LAB_P1_WRITE_H

#include "lab/lab_p1_names.h"

#define P1_NO_DIAG 255 /* "Omit any diagnostic code" */

/* false: it cannot be made, in words. */
bool p1_write_outgoing(const struct p1_terms *t, const struct lab_outgoing *out,
                       enum x400_year year, struct p1_octets *octets, struct err *e);

/* The report about recipients of a message or probe that never got into the core; reason and diag of those not delivered. */
struct p1_answer {
    const struct p1_message *about;
    const bool *delivered; /* per recipient; NULL: none is */
    int reason, diag;
    uint64_t number; /* of the report: in its identifier */
};

/* octets->p NULL: nobody wants to hear of it. */
bool p1_write_answer(const struct p1_terms *t, const struct p1_answer *answer, enum x400_year year,
                     struct p1_octets *octets, struct err *e);

#endif
