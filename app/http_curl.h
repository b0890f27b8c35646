/* http_curl.h - struct http by libcurl, on the caller's loop. */
#ifndef APP_HTTP_CURL_H
#define APP_HTTP_CURL_H

#include "app/curl_loop.h"
#include "base/http.h"

/* The guard is borrowed. Only http and https, no redirects, no proxies, answers of at most 64 MiB. */
struct http *http_curl_create(struct curl_loop *c, const struct guard *g, struct err *e);
void http_curl_destroy(struct http *h); /* open requests are forgotten; NULL is fine */

#endif
