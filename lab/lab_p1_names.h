/* lab_p1_names.h - who a server is in X.400, and its site's and its neighbour's addresses in both forms.
 *
 * A mailbox of the site is named by one template, one behind the connector by another (lab_p1_config); both are called
 * <mailbox>@<domain> within the lab. An O/R address that fits neither, or fits the one of the other side, keeps its text:
 * nobody is found by it. Everything on the site's loop. Private to lab/.
 */
#ifndef LAB_LAB_P1_NAMES_H
#define LAB_LAB_P1_NAMES_H

#include "lab/lab_service.h"
#include "wire/x400/oraddr.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_make.h"

#define P1_NAME_ROOM 33u /* X.411: an MTA's name has at most 32 characters */

struct p1_octets { /* malloc'ed */
    unsigned char *p;
    size_t n;
};

struct p1_terms {
    struct lab_site *site;
    int server;
    struct lab_p1_config c; /* its texts are borrowed */
    char name[P1_NAME_ROOM];
    struct p1_mta us;
    struct arena *arena; /* of `us` */
};

bool p1_terms_init(struct p1_terms *t, struct lab_site *s, int server,
                   const struct lab_p1_config *c, struct err *e);
void p1_terms_fini(struct p1_terms *t);

/* Appends the address that the lab knows it by; false: no room. */
bool p1_terms_address(const struct p1_terms *t, const struct oraddr *o, struct buf *out);
/* The other way: by the template of the side where the mailbox lives. */
bool p1_terms_oraddr(const struct p1_terms *t, struct slice address, struct arena *a,
                     struct oraddr *out, struct err *e);

int64_t p1_terms_unix_s(uint64_t lab_ns); /* the date in the lab */
void p1_terms_time(uint64_t lab_ns, char out[P1_TIME_CHARS]);

/* A line of the truth about this server's X.400, in words; what a peer said in it is made harmless. */
void p1_terms_note(const struct p1_terms *t, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
