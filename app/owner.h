/* owner.h - proof that who floods a public target owns it: records that only its owner can make.
 *
 * _postmuster.DOMAIN has a TXT record "v=pm1; key=FINGERPRINT; net=NETWORK[,NETWORK...]; max=RATE; until=YYYY-MM-DD" for every domain that
 * mail is sent from or to (but reserved ones), with the fingerprint of the profile's safety.owner_key; and the address itself
 * has a name (PTR), made by whom the address belongs to, at or below such a domain. All of it is asked at arm and hourly.
 */
#ifndef APP_OWNER_H
#define APP_OWNER_H

#include "base/arena.h"
#include "profiles/profile.h"

#define OWNER_FINGERPRINT 33 /* 32 hexadecimal digits of SHA-256 */
#define OWNER_NETS        8
#define OWNER_RATE        10.0 /* per second, where the record has no max= */

struct owner_record {
    struct guard_net nets[OWNER_NETS];
    size_t count;
    double max_rate;
    uint64_t until_s; /* Unix time at which it ends */
};

/* Reads one TXT record; false with e (EX_GUARD, rule unproven): it is none of ours, not for this key, or over. Pure. */
bool owner_read(struct owner_record *r, const char *txt, const char *fingerprint, uint64_t now_s,
                struct err *e);
void owner_fingerprint(const char *key, char out[OWNER_FINGERPRINT]);

/* Asks for the records of all listed domains; what they hold is then proven in the profile's guard. Nothing is asked where no
 * public network is listed. */
bool owner_prove(struct profile *p, struct arena *a, struct err *e);
/* This address will be connected to: if it is public, it has a name below a listed domain, and is noted. */
bool owner_confirm(const struct profile *p, const struct net_addr *at, struct err *e);
/* All are confirmed: from now on nothing else that is public is proven, whatever the records hold. */
void owner_narrow(struct profile *p);
/* Records and names again: does the owner still say so, of every confirmed address and for this rate? Blocks; any thread. */
bool owner_still(const struct profile *p, double rate, struct err *e);

#endif
