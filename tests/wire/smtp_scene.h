/* smtp_scene.h - a conversation with the answering side of SMTP in a test: fed in pieces, answered as the test says, noted.
 */
#ifndef TESTS_WIRE_SMTP_SCENE_H
#define TESTS_WIRE_SMTP_SCENE_H

#include "wire/smtp_server.h"

struct scene {
    struct smtp_server_config c;
    struct smtp_server *s;
    const char *hello, *sender, *recipient, *data, *message; /* answers; NULL: yes */
    const char *refused;    /* a recipient who is refused with `recipient` */
    enum smtp_cut cut;      /* of every message */
    struct buf said, heard; /* replies; what was asked, a line each, with the content of messages */
    bool over;
};

/* The configuration is the scene's, but for what has to be there. */
void scene_begin(struct scene *s);
void scene_end(struct scene *s);
void scene_feed(struct scene *s, struct slice in);
void scene_feed_in(struct scene *s, struct slice in, size_t piece); /* pieces of so many octets */
/* A whole conversation: what is said back, and asked. However it is cut, the same. */
void scene_check(const struct scene *like, struct slice in, const char *said, const char *heard);

#define READY "220 us.test ESMTP ready\r\n"
#define EHLO                                                                                       \
    "250-us.test\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"         \
    "250-DSN\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n"
#define FROM_OK "250 2.1.0 sender taken\r\n"
#define TO_OK   "250 2.1.5 recipient taken\r\n"
#define GO      "354 end with a dot on a line of its own\r\n"
#define TAKEN   "250 2.0.0 message taken\r\n"
#define BYE     "221 2.0.0 good-bye\r\n"

#endif
