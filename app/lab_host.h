/* lab_host.h - runs the embedded lab that a profile asks for, on a thread of its own or on the caller's loop, and fills in
 * the profile's end points. What is known here about the lab ends here: all others see a site with addresses.
 */
#ifndef APP_LAB_HOST_H
#define APP_LAB_HOST_H

#include "base/http.h"
#include "base/loop.h"
#include "profiles/profile.h"

struct lab_host;

/* Builds the site and listens; the profile's servers get their end points and control URLs. shared: the loop to live on
 * (simulated runs), or NULL for a loop and thread of its own. dir: where truth.tsv and the certificate go. */
struct lab_host *lab_host_create(struct profile *p, struct arena *a, struct loop *shared,
                                 const char *dir, struct err *e);
/* Says what lab_host_create() would complain about (version, knobs, servers), and wrong knobs of actions; leaves nothing. */
bool lab_host_check(const struct profile *p, struct arena *a, struct err *e);
bool lab_host_begin(struct lab_host *h, struct err *e);
/* Somebody else's profile of the same site: its servers get the same end points. It has no lab.tls: the
 * certificate is ours. */
bool lab_host_join(struct lab_host *h, struct profile *p, struct arena *a, struct err *e);
void lab_host_end(struct lab_host *h); /* stops its thread; the truth file is complete after this */
void lab_host_destroy(struct lab_host *h); /* NULL is fine */
/* The control API without a network, on a shared loop only; belongs to the host. */
struct http *lab_host_http(struct lab_host *h);

#endif
