/* net.c - addresses, and the guard that refuses targets outside the allow-list.
 *
 * An IPv4-mapped IPv6 address (::ffff:10.0.0.1) is connected to over IPv4, so every question asked here treats it as the
 * IPv4 address inside. Everything that is not clearly loopback or private counts as public: the unspecified address,
 * multicast, NAT64 and 6to4 ranges included.
 */
#include "base/net.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/text.h"

#define HOST_MAX 256

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

static bool parse_literal(struct net_addr *a, char *host)
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
    if (!parse_literal(a, host))
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

/* The address a connection would really go to. */
static struct net_addr unmapped(const struct net_addr *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct net_addr v4 = {.family = 4, .port = a->port};

    if (a->family != 6 || memcmp(a->ip, mapped, sizeof mapped) != 0)
        return *a;
    memcpy(v4.ip, a->ip + 12, 4);
    return v4;
}

static bool prefix_holds(const uint8_t *net, unsigned bits, const uint8_t *ip)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(net, ip, whole) != 0)
        return false;
    return rest == 0 || (net[whole] ^ ip[whole]) >> (8 - rest) == 0;
}

static bool holds(const struct guard_net *n, const struct net_addr *real)
{
    return n->net.family == real->family && prefix_holds(n->net.ip, n->bits, real->ip);
}

static bool any_holds(const struct guard_net *nets, size_t count, const struct net_addr *real)
{
    for (size_t i = 0; i < count; i++)
        if (holds(&nets[i], real))
            return true;
    return false;
}

bool net_is_loopback(const struct net_addr *a)
{
    static const struct guard_net nets[] = {
        {{.family = 4, .ip = {127}}, 8},
        {{.family = 6, .ip = {[15] = 1}}, 128},
    };
    struct net_addr real = unmapped(a);

    return any_holds(nets, sizeof nets / sizeof nets[0], &real);
}

bool net_is_private(const struct net_addr *a)
{
    static const struct guard_net nets[] = {
        {{.family = 4, .ip = {10}}, 8},          {{.family = 4, .ip = {172, 16}}, 12},
        {{.family = 4, .ip = {192, 168}}, 16},   {{.family = 4, .ip = {169, 254}}, 16},
        {{.family = 6, .ip = {0xfc}}, 7}, /* RFC 4193 */
        {{.family = 6, .ip = {0xfe, 0x80}}, 10},
    };
    struct net_addr real = unmapped(a);

    return any_holds(nets, sizeof nets / sizeof nets[0], &real);
}

static void from_sockaddr(struct net_addr *a, const struct sockaddr *sa, uint16_t port)
{
    *a = (struct net_addr){.family = sa->sa_family == AF_INET ? 4 : 6, .port = port};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        memcpy(a->ip, &in.sin_addr, 4);
    } else {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        memcpy(a->ip, &in6.sin6_addr, 16);
        a->zone = in6.sin6_scope_id;
    }
}

bool net_resolve(struct net_addr *a, const char *host_port, uint16_t default_port, struct err *e)
{
    struct addrinfo wish = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char host[HOST_MAX];
    uint16_t port = default_port;

    if (net_parse(a, host_port, default_port, NULL))
        return true;
    if (!split_host(host_port, host, &port, e))
        return false;
    int failed = getaddrinfo(host, NULL, &wish, &found);
    if (failed)
        return err_set(e, EX_TARGET, "cannot resolve %s: %s", host,
                       failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
    const struct addrinfo *ai = found;
    while (ai && ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
        ai = ai->ai_next;
    if (ai)
        from_sockaddr(a, ai->ai_addr, port);
    freeaddrinfo(found);
    return ai || err_set(e, EX_TARGET, "cannot resolve %s: it has no IP address", host);
}

bool guard_net_parse(struct guard_net *n, const char *cidr, struct err *e)
{
    const char *slash = strchr(cidr, '/');
    size_t length = slash ? (size_t)(slash - cidr) : strlen(cidr);
    char host[HOST_MAX];
    uint64_t bits = 0;

    if (length == 0 || length >= sizeof host)
        return err_set(e, EX_BAD_PROFILE, "\"%.80s\" is not a network such as 10.1.0.0/16", cidr);
    memcpy(host, cidr, length);
    host[length] = '\0';
    *n = (struct guard_net){0};
    if (strchr(host, '%') || !parse_literal(&n->net, host))
        return err_set(e, EX_BAD_PROFILE, "\"%.80s\" is not a network such as 10.1.0.0/16", cidr);
    unsigned most = n->net.family == 4 ? 32 : 128;
    if (slash && (!text_u64(slice_of(slash + 1), &bits, NULL) || bits > most))
        return err_set(e, EX_BAD_PROFILE, "\"%.80s\": the prefix is a number up to %u", cidr, most);
    n->bits = (uint8_t)(slash ? bits : most);
    for (unsigned i = n->bits; i < most; i++)
        if (n->net.ip[i / 8] >> (7 - i % 8) & 1)
            return err_set(e, EX_BAD_PROFILE, "\"%.80s\" has bits set behind its prefix", cidr);
    return true;
}

bool guard_check(const struct guard *g, const struct net_addr *to, struct err *e)
{
    struct net_addr real = unmapped(to);
    char text[NET_TEXT];

    if (net_is_loopback(&real))
        return true;
    (void)net_print(to, text);
    if (!net_is_private(&real))
        return err_set(
            e, EX_GUARD,
            "%s: not loopback and not private; a public address is refused until a proof "
            "of ownership can be checked",
            text);
    if (g && any_holds(g->nets, g->count, &real))
        return true;
    return err_set(e, EX_GUARD,
                   "%s: a private address is refused unless a network in the profile's safety "
                   "section holds it",
                   text);
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
