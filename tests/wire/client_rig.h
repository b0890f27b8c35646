/* client_rig.h - a sending side and its messages, for tests that play the server as a script.
 *
 * rig_hear() feeds the server's octets and collects the news in words ("up; ", "0.1 accepted DOT 250 last; "); rig_said() is
 * what went out since the last look, the texts of messages shown as "<text>". One client at a time, in `rig`.
 */
#ifndef TESTS_WIRE_CLIENT_RIG_H
#define TESTS_WIRE_CLIENT_RIG_H

#include "wire/smtp_client.h"

struct client_rig {
    struct smtp_client *client;
    struct smtp_client_config config;
    struct smtp_corpus *corpus;
    struct smtp_text text[2]; /* with DATA: of the tags 0 and 1 */
    struct token_key key;
    struct slice to[SMTP_RECIPIENTS_MAX];
    uint32_t window; /* 0: 1 */
    char said[1 << 20], news[16384];
};

extern struct client_rig rig;

void rig_open(bool pipelining); /* waits for the greeting; rig.config stands before */
void rig_close(void);           /* and forgets everything */
void rig_up(bool pipelining, const char *ehlo);

/* The news of these octets; valid until the next. */
const char *rig_hear(const char *octets);
enum smtp_news rig_listen(struct slice in); /* the last; words are appended to rig.news */
const char *rig_lose(void);
const char *rig_take(size_t limit); /* at most so many octets of what is to be written */
const char *rig_said(void);

/* Sends message `tag` to so many recipients r0@lab.test, r1@lab.test, ... from joe@lab.test; only the line with the token in
 * its body, or so many octets. With chunks what was borrowed is spoilt at once. */
void rig_send(unsigned tag, uint32_t recipients);
void rig_send_sized(unsigned tag, uint32_t recipients, uint32_t body_bytes);

#endif
