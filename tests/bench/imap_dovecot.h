/* imap_dovecot.h - a Dovecot with one Maildir of our messages, none of them seen yet, started in a folder of its own on 127.0.35.1. As root only.
 */
#ifndef TESTS_BENCH_IMAP_DOVECOT_H
#define TESTS_BENCH_IMAP_DOVECOT_H

#include "tests/bench/imap_round.h"

#define IMAP_DOVECOT_USER     "joe"
#define IMAP_DOVECOT_PASSWORD "word"

struct imap_dovecot;

/* NULL: it cannot be had here, and *why says so. */
struct imap_dovecot *imap_dovecot_start(struct imap_bench *b, uint32_t messages, const char **why);
struct net_addr imap_dovecot_at(const struct imap_dovecot *d);
void imap_dovecot_stop(struct imap_dovecot *d); /* its folder, too; NULL is fine */

#endif
