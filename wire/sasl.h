/* sasl.h - AUTH exchanges of senders, through libgsasl: picks a mechanism and answers challenges.
 *
 * Strongest first: SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, DIGEST-MD5, NTLM, PLAIN, LOGIN. All texts are base64 as they
 * stand on the line. Whether a secret may be said at all (TLS, loopback) is the caller's decision. One thread at a time.
 */
#ifndef WIRE_SASL_H
#define WIRE_SASL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

struct sasl;

struct sasl_login { /* borrowed as long as the exchange lasts */
    const char *user, *password;
    const char *service, *host; /* "smtp", and whom we talk to: DIGEST-MD5 names both */
};

/* offered: names with blanks between. NULL with e (EX_TARGET): none of them is known here. */
struct sasl *sasl_create(struct slice offered, const struct sasl_login *login, struct err *e);
void sasl_destroy(struct sasl *s); /* NULL is fine */
const char *sasl_name(const struct sasl *s);
/* What may go along with the AUTH command: appended to out; false when the server has to speak first. */
bool sasl_initial(struct sasl *s, struct buf *out);
/* The answer to a challenge, appended to out (it may be empty). false: the exchange failed, the caller cancels it. */
bool sasl_answer(struct sasl *s, struct slice challenge, struct buf *out, struct err *e);
/* Whether success may be believed now: SCRAM must have seen the server's proof before. */
bool sasl_is_complete(const struct sasl *s);

#endif
