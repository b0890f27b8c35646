/* p1_peer.h - who we are to an MTA that we call, who it has to be, and its refusals in words. Pure. */
#ifndef LOADGEN_P1_PEER_H
#define LOADGEN_P1_PEER_H

#include "profiles/profile.h"
#include "wire/x400/association.h"
#include "wire/x400/p1_bind.h"

#define P1_PEER_WORDS (ASSOC_TEXT + 80)

enum stack_mode p1_peer_mode(const struct x400_profile *x);
/* Ours, as the profile says; `bind`, `utc` and `ref` are the caller's. What it points to is the profile's. */
struct association_config p1_peer_config(const struct x400_profile *x,
                                         const struct p1_end_point *peer);
/* What we say in a bind; empty: it does not fit. */
struct slice p1_peer_bind(const struct x400_profile *x, unsigned char room[P1_BIND_MAX]);
/* The peer's bind result, against what the profile says of it; false with words. */
bool p1_peer_is_expected(const struct p1_end_point *peer, struct slice result,
                         char words[P1_PEER_WORDS]);
/* A refusal (ASSOC_REFUSED) in words; its code as the journal has it. */
uint32_t p1_peer_refused(const struct assoc_event *ev, char words[P1_PEER_WORDS]);
/* event_code() of a layer's code; negative or too large: none. */
uint32_t p1_peer_code(enum stack_layer layer, int code);

#endif
