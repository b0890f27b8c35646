/* mail.h - one message as the site holds it: content once, shared by all copies, items and reports through a count.
 *
 * The stored content begins with the site's own trace lines (Return-Path, Received); `body_at` is where the content as
 * it was handed in begins. All text lies in the same block of memory as the struct.
 */
#ifndef LAB_MAIL_H
#define LAB_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define LAB_EPOCH_S    891504000u /* Unix time of target time 0: 2 April 1998, 08:00 UTC */
#define MAIL_MTS_BYTES 64
#define MAIL_MTS_ROOM  128 /* of a whole identifier */
#define MAIL_DATE_ROOM 48

enum mail_role { ROLE_PRIMARY, ROLE_ALTERNATE, ROLE_REPORT };

enum mail_priority { PRIORITY_URGENT, PRIORITY_NORMAL, PRIORITY_NON_URGENT };

enum mts_shape { MTS_SMTP, MTS_STORE };

struct mail_recipient {
    struct slice address, orcpt;
    uint32_t number;  /* X.400: index in the APDU's list */
    uint32_t mailbox; /* NO_MAILBOX: nobody here */
    bool never, success;
};

struct mail {
    uint64_t refs, id, submitted_ns, expires_ns;
    uint64_t deferred_ns; /* not before; 0: not asked for */
    int server;           /* where it entered */
    uint32_t from_mailbox, recipients;
    struct slice content; /* trace lines and all */
    size_t body_at;
    struct slice from, envid, message_id, subject; /* subject may be folded */
    struct slice apdu, x400_id; /* as it came by X.400, and its whole identifier; empty: by SMTP */
    enum mail_priority priority;
    bool ret_hdrs, is_private;
    char mts_id[MAIL_MTS_BYTES]; /* local part */
    /* A report: what it is about. */
    struct mail *about; /* NULL: not a report; holds a reference */
    uint32_t about_recipient;
    uint32_t about_mailbox; /* named as the one that failed, or has it; NO_MAILBOX: nobody */
    enum mail_role about_role;
    bool about_delivered;
    int about_reason, about_diag;
    struct mail_recipient recipient[];
};

struct mail_source {
    struct slice from, envid, content, apdu, x400_id;
    struct slice trace; /* goes before the content */
    const struct mail_recipient *recipients;
    uint32_t count;
};

struct mail *
mail_create(const struct mail_source *s); /* one reference; its numbers are yours to set */
struct mail *mail_keep(struct mail *m);
void mail_release(struct mail *m); /* NULL is fine */

const char *mail_role_name(enum mail_role role);
/* RFC 5322 date of a target time, in UTC; returns out (MAIL_DATE_ROOM). */
const char *mail_date(char *out, uint64_t at_ns);
/* Exchange's "4/2/98 8:09 AM". */
const char *mail_date_short(char *out, uint64_t at_ns);
/* Local identifier, of at most 32 characters, in the shape of mail that the SMTP service took: SERVERyyMMddHHmmss, two letters,
 * six digits; or of the store and the MTA itself: SERVER-yyMMddHHmmssZ-number. Mail that came by X.400 keeps its own. */
void mail_make_mts_id(struct mail *m, const char *server_name, uint64_t at_ns,
                      enum mts_shape shape);
/* The whole one: "c=US;a= ;p=LAB;l=" and the local part, or as it came. Returns out. */
const char *mail_print_mts_id(const struct mail *m, char out[MAIL_MTS_ROOM]);

#endif
