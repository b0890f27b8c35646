/* http.h - HTTP as a seam: what movers, queue probes and home look-ups ask, without knowing who answers.
 *
 * app hands in an implementation: libcurl on the caller's loop, or, in a simulated run, a call with a delay into the lab's
 * control function. done() is called from the loop, exactly once per request, never from inside http_request().
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include <stdint.h>

#include "base/bytes.h"

struct http_request {
    const char *method, *url, *body; /* borrowed during the call; body NULL: none */
    const char *content_type;        /* NULL: application/json */
    const char *user, *password;     /* NULL: none */
    const char *ca_file;             /* NULL: system trust */
    uint64_t timeout_ns;             /* loop time; 0: 30 s */
};

struct http_answer {
    int status;        /* 0: no answer, then `error` says why */
    struct slice body; /* at most 64 MiB; borrowed during the call */
    const char *error; /* "" when answered */
};

struct http {
    void (*request)(struct http *h, const struct http_request *rq,
                    void (*done)(void *owner, const struct http_answer *a), void *owner);
    /* After this no done() of this owner comes any more. */
    void (*forget)(struct http *h, void *owner);
};

#endif
