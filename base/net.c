/* net.c - addresses as text, what a name resolves to, and sockets. What may be connected to is said in net_guard.c. */
#include "base/net.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/net_guard.h"
#include "base/text.h"

#define HOST_MAX      256
#define ADDRESSES_MAX 32 /* of one name */

/* Splits "host:port", "[host]:port", "host" or a bare IPv6 literal; *port keeps its value when none is given. */
static bool split_host(const char *text, char host[HOST_MAX], uint16_t *port, struct err *e)
{
    const char *end = text + strlen(text), *from = text, *colon = NULL;
    uint64_t n = *port;

    if (*text == '[') {
        from = text + 1;
        end = strchr(from, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return err_set(e, EX_BAD_PROFILE, "\"%.80s\": want [address]:port", text);
        colon = end[1] ? end + 1 : NULL;
    } else if (strchr(text, ':') == strrchr(text, ':') && strchr(text, ':')) {
        end = colon = strchr(text, ':');
    }
    size_t length = (size_t)(end - from);
    if (length == 0 || length >= HOST_MAX)
        return err_set(e, EX_BAD_PROFILE, "\"%.80s\": want host:port", text);
    if (colon && (!text_u64(slice_of(colon + 1), &n, NULL) || n > UINT16_MAX))
        return err_set(e, EX_BAD_PROFILE, "\"%.80s\": the port is a number up to 65535", text);
    memcpy(host, from, length);
    host[length] = '\0';
    *port = (uint16_t)n;
    return true;
}

static bool parse_zone(const char *zone, uint32_t *out)
{
    uint64_t n;

    *out = if_nametoindex(zone);
    if (*out == 0 && text_u64(slice_of(zone), &n, NULL) && n <= UINT32_MAX)
        *out = (uint32_t)n;
    return *out != 0;
}

bool net_literal(struct net_addr *a, char *host)
{
    char *zone = strchr(host, '%');

    *a = (struct net_addr){.family = 4};
    if (!zone && inet_pton(AF_INET, host, a->ip) == 1)
        return true;
    if (zone)
        *zone++ = '\0';
    a->family = 6;
    return inet_pton(AF_INET6, host, a->ip) == 1 && (!zone || parse_zone(zone, &a->zone));
}

bool net_parse(struct net_addr *a, const char *text, uint16_t default_port, struct err *e)
{
    char host[HOST_MAX];
    uint16_t port = default_port;

    if (!split_host(text, host, &port, e))
        return false;
    if (!net_literal(a, host))
        return err_set(e, EX_BAD_PROFILE,
                       "\"%.80s\" is not an address such as 127.0.0.1:25 or [::1]:25", text);
    a->port = port;
    return true;
}

const char *net_print(const struct net_addr *a, char out[NET_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "none", zone[16] = "";

    if (a->family == 4) {
        (void)inet_ntop(AF_INET, a->ip, ip, sizeof ip);
        (void)snprintf(out, NET_TEXT, "%s:%u", ip, a->port);
    } else if (a->family == 6) {
        (void)inet_ntop(AF_INET6, a->ip, ip, sizeof ip);
        if (a->zone)
            (void)snprintf(zone, sizeof zone, "%%%u", a->zone);
        (void)snprintf(out, NET_TEXT, "[%s%s]:%u", ip, zone, a->port);
    } else {
        (void)snprintf(out, NET_TEXT, "%s", ip);
    }
    return out;
}

bool net_equal(const struct net_addr *a, const struct net_addr *b)
{
    size_t n = a->family == 4 ? 4 : sizeof a->ip;

    return a->family == b->family && a->port == b->port &&
           (a->family == 0 || memcmp(a->ip, b->ip, n) == 0) &&
           (a->family != 6 || a->zone == b->zone);
}

size_t net_to_sockaddr(const struct net_addr *a, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (a->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;

        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->ip, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(a->port);
    in6->sin6_scope_id = a->zone;
    memcpy(&in6->sin6_addr, a->ip, 16);
    return sizeof *in6;
}

struct net_addr net_from_sockaddr(const void *sockaddr, size_t n)
{
    struct net_addr a = {0};
    struct sockaddr_storage ss = {0};

    if (n > sizeof(struct sockaddr_in6))
        return a;
    memcpy(&ss, sockaddr, n);
    if (ss.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&ss;

        a.family = 4;
        a.port = ntohs(in->sin_port);
        memcpy(a.ip, &in->sin_addr, 4);
    } else if (ss.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ss;

        a.family = 6;
        a.port = ntohs(in6->sin6_port);
        a.zone = in6->sin6_scope_id;
        memcpy(a.ip, &in6->sin6_addr, 16);
    }
    return a;
}

/* All addresses of a name, at most `room`; 0 with e: there is none. */
static size_t look_up(const char *host, uint16_t port, struct net_addr *all, size_t room,
                      struct err *e)
{
    struct addrinfo wish = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    size_t n = 0;

    int failed = getaddrinfo(host, NULL, &wish, &found);
    if (failed) {
        (void)err_set(e, EX_TARGET, "cannot resolve %s: %s", host,
                      failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
        return 0;
    }
    for (const struct addrinfo *ai = found; ai && n < room; ai = ai->ai_next) {
        all[n] = net_from_sockaddr(ai->ai_addr, ai->ai_addrlen);
        all[n].port = port;
        n += all[n].family != 0;
    }
    freeaddrinfo(found);
    if (n == 0)
        (void)err_set(e, EX_TARGET, "cannot resolve %s: it has no IP address", host);
    return n;
}

bool net_resolve(struct net_addr *a, const char *host_port, uint16_t default_port, struct err *e)
{
    char host[HOST_MAX];
    uint16_t port = default_port;

    if (net_parse(a, host_port, default_port, NULL))
        return true;
    return split_host(host_port, host, &port, e) && guard_name(host, e) &&
           look_up(host, port, a, 1, e) == 1;
}

bool guard_resolve(const struct guard *g, struct net_addr *a, const char *host_port,
                   uint16_t default_port, struct err *e)
{
    struct net_addr all[ADDRESSES_MAX];
    struct err why = {0};
    char host[HOST_MAX];
    uint16_t port = default_port;
    size_t n, good = 0;

    if (net_parse(a, host_port, default_port, NULL))
        return guard_check(g, a, e);
    if (!split_host(host_port, host, &port, e) || !guard_name(host, e))
        return false;
    n = look_up(host, port, all, ADDRESSES_MAX, e);
    for (size_t i = n; i > 0; i--) {
        if (!guard_check(g, &all[i - 1], &why))
            continue;
        *a = all[i - 1];
        good++;
    }
    if (n == 0 || good == n)
        return n > 0;
    if (good == 0)
        return err_set(e, EX_GUARD, "%s is %s", host, why.text);
    return err_set(e, EX_GUARD,
                   "%s: refused by rule mixed-answers: not all addresses of this name may be "
                   "connected to: %s",
                   host, why.text);
}

bool guard_host(const char *host_port, struct err *e)
{
    struct net_addr a;
    char host[HOST_MAX];
    uint16_t port = 0;

    return net_parse(&a, host_port, 0, NULL) ||
           (split_host(host_port, host, &port, e) && guard_name(host, e));
}

int net_socket(const struct guard *g, const struct net_addr *to, struct err *e)
{
    if (!guard_check(g, to, e))
        return -1;
    int fd = socket(to->family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        (void)err_set(e, EX_IO, "no socket: %s", strerrordesc_np(errno));
    return fd;
}
