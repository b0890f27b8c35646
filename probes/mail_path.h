/* mail_path.h - where a mailbox lies as a file or folder: a profile's path template, and what stands there.
 *
 * Words: {server} {mailbox} {user} {address} {local} {domain}. The folder that holds whatever is named after the mailbox must be
 * there: where it is not (nothing mounted, a wrong path), nothing is said about mailboxes.
 */
#ifndef PROBES_MAIL_PATH_H
#define PROBES_MAIL_PATH_H

#include "base/bytes.h"
#include "base/err.h"
#include "profiles/profile.h"

struct stat;

struct mail_path {
    struct buf path, base; /* NUL-terminated */
};

bool mail_path_make(struct mail_path *p, const struct probe_profile *how, const struct site *site,
                    uint32_t mailbox, uint32_t server, struct err *e);
void mail_path_drop(struct mail_path *p);

enum mail_path_answer { MAIL_PATH_THERE, MAIL_PATH_ABSENT, MAIL_PATH_FAILED };

#define MAIL_PATH_WHY 200
enum mail_path_answer mail_path_look(const struct mail_path *p, struct stat *st,
                                     char why[MAIL_PATH_WHY]);

#endif
