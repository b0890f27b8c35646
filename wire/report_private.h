/* report_private.h - what the readers of one report share: report.c and report_*.c. */
#ifndef WIRE_REPORT_PRIVATE_H
#define WIRE_REPORT_PRIVATE_H

#include "wire/report.h"

/* A new recipient; NULL when there are too many or the arena is full. */
struct report_recipient *report_add(struct arena *a, struct report *r);
/* NUL-terminated copy with folding undone; never NULL ("" when the arena is full). */
const char *report_copy(struct arena *a, struct slice s);

/* ---- report_text.c: words in prose ---- */

#define REPORT_HAS_ANY(s, words) report_has_any((s), (words), sizeof(words) / sizeof *(words))

bool report_has_any(struct slice s, const char *const *words, size_t count);
struct slice report_line(struct slice *rest); /* takes it off, without its line end */
bool report_after(struct slice text, const char *word, struct slice *after);
bool report_digit(unsigned char c);
bool report_one_of(unsigned char c, const char *set);
/* "rfc822; <joe@x> (comment)" to the bare address; unchanged words where it is none. */
struct slice report_address(struct slice s);
bool report_is_address(struct slice s);
/* "  * <joe@x>: why", "joe@x... User unknown", "RCPT TO:<joe@x>": the address that a line begins with; empty: none. */
struct slice report_leading(struct slice line);
struct slice report_within(struct slice line); /* the first address anywhere in it */
/* The text for people ends where the returned message begins. */
struct slice report_above(struct slice text);
bool report_status(struct slice text, unsigned status[3]); /* the first "5.1.1" in it */
unsigned report_reply(struct slice text);                  /* the first 4yz or 5yz word; 0 none */
unsigned report_success(struct slice text); /* 2yz, where it begins with that; 0 none */
struct slice report_plain(struct arena *a, struct slice html); /* without its tags */

/* ---- the readers ---- */

/* By its header: a mail system wrote it; a person's or program's answer. */
bool report_from_mailer(struct slice mail);
bool report_from_answerer(struct slice mail);
bool report_from_complainer(struct slice mail);
bool report_from_nobody(struct slice mail); /* a null return path */

/* The groups of a message/delivery-status; adds its recipients. */
void report_read_status(struct arena *a, struct slice groups, struct report *r);
/* The fields of a message/feedback-report; adds whom it names. */
void report_read_feedback(struct arena *a, struct slice fields, struct report *r);
/* Exchange 4.0, 5.0 and 5.5 (spec/exchange.md 5): false when the text is not of that shape. */
bool report_read_exchange(struct arena *a, struct slice text, struct report *r);
/* A product's prose by its heading, else anybody's: addresses near words of failure. Sets r->format. */
bool report_read_prose(struct arena *a, struct slice mail, struct report *r);
/* Amazon's notifications in JSON; sets sort and format. */
bool report_read_ses(struct arena *a, struct report *r);
/* Rows of report_products.c only. */
bool report_read_product(struct arena *a, struct slice text, struct report *r);
/* Nobody is named: the only addressee of the returned message, where the report speaks of failure. */
bool report_guess(struct arena *a, struct report *r);

/* ---- report_judge.c ---- */

/* Codes that stand in the text only, and what the report means by what it says. */
void report_judge(struct report *r);

#endif
