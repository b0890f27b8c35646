/* fingerprint.h - a plan in four numbers, so that two runs can be asked whether they did the same: loads, mailboxes (names, homes,
 * alternates), moves, actions. What may differ between builds stays out: the lab's version and knobs, addresses, and the seed.
 */
#ifndef APP_FINGERPRINT_H
#define APP_FINGERPRINT_H

#include "base/err.h"
#include "profiles/profile.h"
#include "results/manifest.h"

bool fingerprint_make(struct manifest_prints *out, const struct profile *p, struct err *e);

#endif
