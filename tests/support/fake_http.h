/* fake_http.h - a struct http that a test scripts: every request is logged and answered by a function after a delay.
 *
 * The log has one line a request, "METHOD URL BODY\n". A handler that returns 0 answers with no answer at all (status 0,
 * its text is the error); one that returns -1 never answers.
 */
#ifndef TESTS_SUPPORT_FAKE_HTTP_H
#define TESTS_SUPPORT_FAKE_HTTP_H

#include "base/http.h"
#include "base/loop.h"

struct fake_http {
    struct http http;
    struct loop *loop;
    uint64_t delay_ns;
    int (*answer)(struct fake_http *f, const char *method, const char *url, const char *body,
                  struct buf *out);
    void *owner;
    struct fake_request *pending;
    unsigned requests, under_way, most_under_way;
    struct buf log;
};

void fake_http_init(struct fake_http *f, struct loop *l);
void fake_http_fini(struct fake_http *f);
const char *fake_http_log(struct fake_http *f);

#endif
