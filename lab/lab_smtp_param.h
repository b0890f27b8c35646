/* lab_smtp_param.h - paths and parameters of MAIL and RCPT: RFC 5321 4.1.2, SIZE, 8BITMIME, DSN (RFC 3461).
 *
 * Pure. Complaints are whole replies. xtext is decoded here and must give printable ASCII: it ends up in headers.
 * Private to lab/.
 */
#ifndef LAB_LAB_SMTP_PARAM_H
#define LAB_LAB_SMTP_PARAM_H

#include "base/bytes.h"

#define SMTP_ENVID_MAX 100 /* RFC 3461 4.4 */
#define SMTP_ORCPT_MAX 500 /* RFC 3461 4.2 */

struct smtp_param_mail {
    size_t room; /* asked for SIZE= */
    bool ret_hdrs;
    size_t envid_bytes;
    char envid[SMTP_ENVID_MAX];
};

struct smtp_param_rcpt {
    bool never;          /* no report of failure */
    bool success, delay; /* reports wanted */
    size_t orcpt_bytes;
    char orcpt[SMTP_ORCPT_MAX]; /* "rfc822;joe@lab.test" */
};

/* Takes "<address>" off *rest, without a source route; false: it is none. "<>" is the empty path. */
bool smtp_param_path(struct slice *rest, struct slice *path);
/* The parameters behind the path: NULL, or the reply that refuses them. */
const char *smtp_param_mail(struct slice words, struct smtp_param_mail *p);
const char *smtp_param_rcpt(struct slice words, struct smtp_param_rcpt *p);

#endif
