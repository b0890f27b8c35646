/* smtp_path.h - what stands behind MAIL, RCPT and BDAT: paths and parameters, as the answering side reads them.
 *
 * RFC 5321 (paths, SIZE), 3461 (RET, ENVID, NOTIFY, ORCPT), 6152 (BODY), 6531 (SMTPUTF8). Octets come from anybody: what is
 * not understood is refused with the reply that says so, and nothing is guessed. Pure; any thread.
 */
#ifndef WIRE_SMTP_PATH_H
#define WIRE_SMTP_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define SMTP_PATH_MAX  320 /* RFC 5321 4.5.3.1: local part 64, "@", domain 255 */
#define SMTP_ENVID_MAX 100 /* RFC 3461 4.4, as sent and decoded */
#define SMTP_ORCPT_MAX 500

enum smtp_lacks { /* an extension that is not announced, nor taken when it is used */
                  SMTP_LACKS_PIPELINING = 1,
                  SMTP_LACKS_CHUNKING = 2,
                  SMTP_LACKS_SIZE = 4,
                  SMTP_LACKS_8BITMIME = 8,
                  SMTP_LACKS_SMTPUTF8 = 16,
                  SMTP_LACKS_DSN = 32,
                  SMTP_LACKS_ENHANCEDSTATUSCODES = 64, /* nor are such codes in any reply */
};

struct smtp_mail_words {
    struct slice path; /* borrowed; empty: the null sender */
    uint64_t size;     /* 0: not said */
    bool eight_bit, utf8;
    char ret;                   /* 'F'ull, 'H'eaders; 0: not said */
    char envid[SMTP_ENVID_MAX]; /* decoded */
    uint8_t envid_n;
};

enum { SMTP_WANTS_NEVER = 1, SMTP_WANTS_SUCCESS = 2, SMTP_WANTS_FAILURE = 4, SMTP_WANTS_DELAY = 8 };

struct smtp_rcpt_words {
    struct slice path;
    unsigned notify;            /* SMTP_WANTS_ bits; 0: not said */
    char orcpt[SMTP_ORCPT_MAX]; /* "rfc822;joe@example.com", decoded */
    uint16_t orcpt_n;
};

/* "FROM:<path> KEY=value ..." without the verb; lacks: SMTP_LACKS_ bits. NULL, or the reply that refuses it. */
const char *smtp_path_mail(struct slice words, unsigned lacks, struct smtp_mail_words *m);
/* "TO:<path> ...". utf8: MAIL said SMTPUTF8, so that paths may have octets above 127. Of orcpt only orcpt_n octets are set. */
const char *smtp_path_rcpt(struct slice words, unsigned lacks, bool utf8,
                           struct smtp_rcpt_words *r);
/* "N" or "N LAST" behind BDAT (RFC 3030); false: neither. */
bool smtp_path_bdat(struct slice words, uint64_t *octets, bool *last);

#endif
