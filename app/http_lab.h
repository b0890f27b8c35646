/* http_lab.h - HTTP without a network: a call, after a delay, into the control function of a lab on the same loop. What
 * simulated runs use for struct http. */
#ifndef APP_HTTP_LAB_H
#define APP_HTTP_LAB_H

#include "base/http.h"
#include "lab/lab_site.h"

struct http *http_lab_create(struct loop *l, struct lab_site *site, uint64_t delay_ns,
                             struct err *e);
void http_lab_destroy(struct http *h); /* unanswered requests are forgotten; NULL is fine */

#endif
