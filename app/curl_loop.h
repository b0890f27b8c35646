/* curl_loop.h - libcurl's multi interface driven by a loop of ours: sockets are watches, its timeout is a timer.
 *
 * One per loop; http_curl and dial_curl share it. A transfer's done() comes from the loop, never from inside an add; the
 * easy handle may be removed and cleaned up in it.
 */
#ifndef APP_CURL_LOOP_H
#define APP_CURL_LOOP_H

#include <curl/curl.h>

#include "base/loop.h"

struct curl_loop;

struct curl_transfer {
    CURL *easy;
    const struct guard *guard; /* asked with the address that is really connected to */
    void (*done)(struct curl_transfer *t, CURLcode code);
    struct curl_transfer *next; /* in its list; else unused */
    void *asker;
    struct err refusal;  /* the guard's words, or ours, if it was refused: code 0 if not */
    struct timer refuse; /* curl_loop's: done() comes from the loop also then */
};

/* The open calls of one that uses the loop: each begins with its transfer, whose easy handle is the list's. */
struct curl_calls {
    struct curl_loop *curl;
    const struct guard *guard;
    struct curl_transfer *open;
    void (*release)(struct curl_transfer *t); /* frees the call; its handle is gone */
};

/* Into the list, with a handle of its own; `asker` may forget it. */
void curl_calls_open(struct curl_calls *c, struct curl_transfer *t,
                     void (*done)(struct curl_transfer *t, CURLcode code), void *asker);
void curl_calls_drop(struct curl_calls *c, struct curl_transfer *t);
void curl_calls_forget(struct curl_calls *c, void *asker);
void curl_calls_fini(struct curl_calls *c); /* drops them all */

struct curl_loop *curl_loop_create(struct loop *l, struct err *e);
void curl_loop_destroy(struct curl_loop *c); /* after its transfers; NULL is fine */
struct loop *curl_loop_of(const struct curl_loop *c);
/* Sets what every transfer of ours has in common (guard, no proxy, no redirect, no signals) and adds it; done() follows. */
void curl_loop_add(struct curl_loop *c, struct curl_transfer *t);
/* Instead of adding it: done() follows with t->refusal, which the caller has filled. */
void curl_loop_refuse(struct curl_loop *c, struct curl_transfer *t);
void curl_loop_remove(struct curl_loop *c,
                      struct curl_transfer *t); /* also one that is done; no done() follows */

#endif
