/* presentation.h - the presentation layer (X.226) in normal mode, and the outer SET that is left of it in X.410 mode.
 *
 * Normal mode: CP, CPA, CPR, ARU, ARP and fully-encoded P-DATA with one PDV list; three contexts (ACSE, RTSE with bind, the
 * MTS-APDUs) in BER. Context identifiers are the initiator's choice and are taken from its CP.
 * X.410 mode: CN, AC, RF and user ABORT carry `31 {..}`; everything else passes bare.
 */
#ifndef WIRE_X400_PRESENTATION_H
#define WIRE_X400_PRESENTATION_H

#include "wire/x400/stack.h"

#define PRESENTATION_CONTEXTS 16u /* of one CP */

struct presentation {
    struct layer l;

    /* Of the CP: what was proposed, in its order, and how it is answered. */
    struct {
        uint8_t answer; /* 0 accepted, 1 user-reject, 2 provider-reject */
        uint8_t reason; /* of 2 */
    } proposed[PRESENTATION_CONTEXTS];

    unsigned proposals;
};

void presentation_init(struct presentation *p, struct stack *s);
void presentation_begin(struct presentation *p);
const char *presentation_refusal(int provider_reason);
const char *presentation_abort(int reason);

/* An EXTERNAL: what of `indirect` is in it, or false. The value is the encoded element itself. */
bool external_read(struct slice in, int64_t *context, struct slice *value);
void external_put_head(struct ber_out *o, uint8_t context, size_t mark);

extern const struct layer_ops presentation_ops;

#endif
