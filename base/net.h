/* net.h - addresses, and the guard that refuses targets outside the allow-list.
 *
 * The address that is connected to is the one that is checked, on every connect; a name is resolved once, at arm.
 */
#ifndef BASE_NET_H
#define BASE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sockaddr_storage;

struct net_addr {
    uint8_t family; /* 4 or 6; 0: none */
    uint8_t pad;
    uint16_t port;
    uint32_t zone;  /* IPv6 scope */
    uint8_t ip[16]; /* network order; IPv4 in the first four */
};

#define NET_TEXT 64

bool net_parse(struct net_addr *a, const char *text, uint16_t default_port,
               struct err *e); /* "127.0.0.1:25", "[::1]:25"; literals only */
const char *net_print(const struct net_addr *a, char out[NET_TEXT]); /* returns out */
bool net_equal(const struct net_addr *a, const struct net_addr *b);  /* with the port */
/* As the kernel has it; the octets used of *out. And back: family 0 for what is neither IPv4 nor IPv6. */
size_t net_to_sockaddr(const struct net_addr *a, struct sockaddr_storage *out);
struct net_addr net_from_sockaddr(const void *sockaddr, size_t n);
bool net_is_loopback(const struct net_addr *a);
bool net_is_private(const struct net_addr *a); /* RFC 1918, ULA, link local */
/* "host:port", host a literal or a name (getaddrinfo, blocks: at arm only). The first address wins. */
bool net_resolve(struct net_addr *a, const char *host_port, uint16_t default_port, struct err *e);

/* The guard: loopback is always allowed; a private address only when a listed network holds it; a public one only when its
 * ownership was proven besides; what is no place for mail (multicast, documentation, translated addresses...) never. */
struct guard_net {
    struct net_addr net;
    uint8_t bits;
};

struct guard {
    const struct guard_net *nets; /* borrowed */
    size_t count;
    const struct guard_net *proven; /* public networks whose owner was asked; filled at arm */
    size_t proven_count;
};

bool guard_net_parse(struct guard_net *n, const char *cidr, struct err *e);
bool guard_nets_hold(const struct guard_net *nets, size_t count, const struct net_addr *a);
struct guard_net guard_net_of(const struct net_addr *a); /* this address alone */
bool guard_net_is_wide(const struct guard_net *n);       /* wider than what anybody owns */
/* "refused by rule NAME: why" (EX_GUARD); docs/trust.md lists the rules. */
bool guard_check(const struct guard *g, const struct net_addr *to, struct err *e);
bool guard_is_public(
    const struct net_addr *to); /* neither loopback nor private nor refused always */
/* What stands for a host, before anybody is asked what it means: no octal, hexadecimal or short addresses, no trailing dot, no
 * letters but ASCII. Without a port; and with one. */
bool guard_name(const char *host, struct err *e);
bool guard_host(const char *host_port, struct err *e);
bool guard_is_idn(
    const char *name); /* letters that may only look like others: xn-- or beyond ASCII */
/* As net_resolve(), and every address that the name has is checked: one that may not be connected to refuses the name. */
bool guard_resolve(const struct guard *g, struct net_addr *a, const char *host_port,
                   uint16_t default_port, struct err *e);

/* A close-on-exec TCP socket towards `to` for a library that connects by itself, if the guard agrees; -1 with e. */
int net_socket(const struct guard *g, const struct net_addr *to, struct err *e);

#endif
