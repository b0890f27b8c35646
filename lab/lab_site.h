/* lab_site.h - puts a site together: the deterministic core with its fronts (SMTP, IMAP, HTTP control) on one loop.
 *
 * Lab time is loop time since lab_site_start() times time_scale; the core's next event is a timer of the loop. On an epoll
 * loop each server listens on an address of its own (127.x.y.z) and the HTTP front is libmicrohttpd polled by the loop; on a
 * simulated loop there is no HTTP front: lab_site_control() is called instead. Everything on the loop's thread.
 */
#ifndef LAB_LAB_SITE_H
#define LAB_LAB_SITE_H

#include <stdint.h>

#include "base/loop.h"
#include "base/tls.h"
#include "lab/lab.h"
#include "wire/x400/stack.h"

struct lab_site;

struct lab_p1_config { /* how the site's MTAs speak X.400, all of them alike; texts are borrowed */
    bool on;
    unsigned modes;       /* enum stack_mode bits taken when called; 0: all */
    enum stack_mode mode; /* when calling */
    const char *password; /* of the site's MTAs; each is called by its server's name in capitals */
    const char *peer_mta,
        *peer_password;  /* of the only MTA that may call, and is called; NULL: anyone may call */
    const char *domain;  /* of the site: "c=US;a= ;p=LAB" */
    const char *address; /* template of its mailboxes' addresses */
    const char *peer_address; /* template of those behind the connector (LAB_FOREIGN) */
    struct net_addr
        peer; /* where its connectors call; family 0: nowhere, and what is for there waits */
    struct slice peer_tsel, peer_ssel, peer_psel; /* called there; empty: none */
    uint16_t checkpoint_kb;
    uint8_t window;
    bool
        two_way; /* taken when the caller asks for it; what waits then goes out on the caller's turn */
    uint32_t associations; /* of each connector at most; 0: 10 (KB Q194589) */
};

struct lab_site_config {
    struct lab_config lab;
    uint32_t time_scale;                    /* lab ns per loop ns */
    struct net_addr hosts[LAB_SERVERS_MAX]; /* one address a server; the port is ignored */
    uint16_t smtp_port, imap_port, http_port, p1_port; /* 0: any free one */
    struct lab_p1_config p1;
    bool tls; /* offer STARTTLS (SMTP, IMAP) with a certificate made at start */
    const char *
        cert_path; /* tls: where to write the certificate (PEM) for clients to trust; NULL: nowhere */
};

struct lab_front { /* where a server's fronts listen */
    struct net_addr smtp, imap, http,
        p1; /* http.family 0 on a simulated loop; p1's without X.400 */
};

struct lab_site *lab_site_create(struct loop *loop, const struct lab_site_config *c, struct err *e);
void lab_site_destroy(struct lab_site *s); /* NULL is fine */
struct lab_front lab_site_front(const struct lab_site *s, int server);
struct lab *lab_site_core(struct lab_site *s);
uint64_t lab_site_now_ns(struct lab_site *s); /* lab time; runs the core up to it */
/* lab_control() at the present time, with the timer set anew; path may carry a query; url_path as in the request. */
json_t *lab_site_control(struct lab_site *s, const char *method, const char *path,
                         const json_t *body, int *status);

/* The fronts; each accepts connections of one server. Used by lab_site.c only, and by tests of their own. */
struct lab_front_smtp;
struct lab_front_smtp *lab_smtp_listen(struct lab_site *s, int server, const struct net_addr *at,
                                       struct tls_context *tls, struct err *e);
struct net_addr lab_smtp_addr(const struct lab_front_smtp *f);
void lab_smtp_close(struct lab_front_smtp *f);
struct lab_front_imap;
struct lab_front_imap *lab_imap_listen(struct lab_site *s, int server, const struct net_addr *at,
                                       struct tls_context *tls, struct err *e);
struct net_addr lab_imap_addr(const struct lab_front_imap *f);
void lab_imap_close(struct lab_front_imap *f);
struct lab_front_p1; /* both ways: the door, and the connector */
struct lab_front_p1 *lab_p1_listen(struct lab_site *s, int server, const struct net_addr *at,
                                   const struct lab_p1_config *c, struct err *e);
struct net_addr lab_p1_addr(const struct lab_front_p1 *f);
void lab_p1_close(struct lab_front_p1 *f);
struct lab_front_http;
struct lab_front_http *lab_http_listen(struct lab_site *s, int server, const struct net_addr *at,
                                       struct err *e);
struct net_addr lab_http_addr(const struct lab_front_http *f);
void lab_http_close(struct lab_front_http *f);

#endif
