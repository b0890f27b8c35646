/* smtp_street.h - a host of SMTP on a simulated network, and men who call there. */
#ifndef TESTS_PROBES_SMTP_STREET_H
#define TESTS_PROBES_SMTP_STREET_H

#include "base/loop_sim.h"
#include "probes/smtp_host.h"
#include "tests/probes/smtp_man.h"

#define STREET_MEN 20u

struct smtp_street { /* zeroed; window and host's config as the test wants them, before it opens */
    struct loop *loop;
    struct smtp_host_config c;
    struct smtp_host *host;
    struct smtp_man men[STREET_MEN];
    struct timer tick;
    size_t window; /* octets in flight; 0: as it is */
};

void street_open(struct smtp_street *s, void *owner); /* the host's callbacks get this owner */
void street_close(struct smtp_street *s);
void street_call(struct smtp_street *s, unsigned man); /* and waits 100 ms */
void street_wait_ms(struct smtp_street *s, uint64_t ms);

#endif
