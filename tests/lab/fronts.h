/* fronts.h - a small site with its fronts, on simulated time or on sockets with a thread of its own.
 *
 * Two servers s1 and s2, domain lab.test; joe and ann live on s1, bob on s2; every password is "pw". Scale 1.
 */
#ifndef TESTS_LAB_FRONTS_H
#define TESTS_LAB_FRONTS_H

#include "base/bytes.h"
#include "base/loop.h"
#include "base/loop_sim.h"
#include "base/thread.h"
#include "lab/lab_site.h"

struct fronts {
    struct loop *loop;
    struct lab_site *site;
    struct thread *thread;
    struct hook end;
    char cert[300];
};

/* On simulated time, with a network drawn from the seed. */
bool fronts_simulate(struct fronts *f, uint64_t seed, const char *truth_path);
/* The same, with X.400: the site's MTAs are S1 and S2 with password "site", their peer is PEER with "secret". ann redirects to
 * bob, carl (on s1) delivers to both himself and bob, dora (on s1) redirects to flora; flora and flood are behind the
 * connector. `p1` may be changed by `change` before the site begins; NULL: as it is. A meddler may cut connections. */
bool fronts_simulate_p1(struct fronts *f, uint64_t seed, const char *truth_path,
                        void (*change)(struct lab_p1_config *p1), struct sim_meddler *meddler);
/* On sockets; the loop runs in a thread until fronts_join(). tls: STARTTLS is offered, f->cert is to be trusted. */
bool fronts_serve(struct fronts *f, bool tls, const char *truth_path);
void fronts_join(struct fronts *f);   /* from now on the core may be looked at */
bool fronts_resume(struct fronts *f); /* the thread goes on */
void fronts_fini(struct fronts *f);

/* A simulated client: says its script when connected, and keeps what it hears. */
struct caller {
    struct fronts *f;
    struct stream *s;
    struct buf say, heard;
    bool ended, broken, paused;
};

bool caller_connect(struct caller *c, struct fronts *f, const struct net_addr *to);
void caller_say(struct caller *c, const char *text);
void caller_say_bytes(struct caller *c, const void *p, size_t n);
const char *caller_heard(struct caller *c); /* all so far, as text */
void caller_forget(struct caller *c);       /* what was heard */
void caller_fini(struct caller *c);
void fronts_run(struct fronts *f, uint64_t for_ns); /* simulated time passes */

/* Hands a message in at once. */
uint64_t fronts_mail(struct fronts *f, const char *to, const char *content);

#endif
