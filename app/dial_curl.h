/* dial_curl.h - struct dial by libcurl: connects, TLS or STARTTLS, SASL; then the session is a stream of the loop. */
#ifndef APP_DIAL_CURL_H
#define APP_DIAL_CURL_H

#include "app/curl_loop.h"
#include "probes/dial.h"

struct dial *dial_curl_create(struct curl_loop *c, const struct guard *g,
                              struct err *e); /* g: borrowed */
/* What it is opening is closed; open streams belong to their owners, who close them before this. NULL is fine. */
void dial_curl_destroy(struct dial *d);

#endif
