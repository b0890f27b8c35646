/* targets.h - everything that a run would connect to, held against the guard before anything is connected.
 *
 * A name is looked up here; a host that only a template of a mover names is checked when it is connected to, like all others a
 * second time. EX_GUARD.
 */
#ifndef APP_TARGETS_H
#define APP_TARGETS_H

#include "profiles/workload.h"

/* Literal addresses only: nobody is asked what names mean. */
bool targets_check_literals(const struct profile *p, struct err *e);
/* Names are looked up, and servers' end points get their addresses. With a lab they stand already. */
bool targets_resolve(struct profile *p, struct err *e);
/* Domains that are neither reserved nor the lab's were typed by whom runs it (--yes-i-own), unless all is on this machine. */
bool targets_consent(const struct profile *p, const char *const *typed, uint32_t count,
                     struct err *e);
/* What no profile can ask of a target that is not loopback; and `auto` of safety is decided. */
bool targets_limit(struct profile *p, const struct workload *w, struct err *e);

#endif
