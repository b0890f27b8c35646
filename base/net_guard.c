/* net_guard.c - what may be connected to: a table of networks with the rule that refuses each, and rules for names.
 *
 * An IPv4-mapped IPv6 address (::ffff:10.0.0.1) is connected to over IPv4, so every question asked here treats it as the
 * IPv4 address inside. Addresses that other machines translate (NAT64, 6to4, Teredo, IPv4-compatible) are refused whatever
 * is listed: where a connection would end is not to be seen from here.
 */
#include "base/net_guard.h"

#include <string.h>
#include <strings.h>

#include "base/net.h"
#include "base/text.h"

#define NAME_MAX_CHARS 253
#define COUNT(a)       (sizeof(a) / sizeof((a)[0]))

struct rule {
    struct guard_net n;
    const char *name, *why;
};

// clang-format off
/* Nobody receives mail there, or somebody else than it seems. The first that holds the address says why. */
static const struct rule never[] = {
    {{{.family = 4, .ip = {0}}, 8}, "unspecified", "it stands for any address, or for none"},
    {{{.family = 6, .ip = {0}}, 128}, "unspecified", "it stands for any address, or for none"},
    {{{.family = 4, .ip = {255, 255, 255, 255}}, 32}, "broadcast", "it is everybody's"},
    {{{.family = 4, .ip = {224}}, 4}, "multicast", "it is a group's, not a host's"},
    {{{.family = 6, .ip = {0xff}}, 8}, "multicast", "it is a group's, not a host's"},
    {{{.family = 4, .ip = {240}}, 4}, "reserved", "nobody may use it yet"},
    {{{.family = 4, .ip = {169, 254, 169, 254}}, 32}, "metadata", "it serves the secrets of a cloud's machines"},
    {{{.family = 4, .ip = {169, 254, 170, 2}}, 32}, "metadata", "it serves the secrets of a cloud's machines"},
    {{{.family = 4, .ip = {168, 63, 129, 16}}, 32}, "metadata", "it serves the secrets of a cloud's machines"},
    {{{.family = 4, .ip = {100, 100, 100, 200}}, 32}, "metadata", "it serves the secrets of a cloud's machines"},
    {{{.family = 6, .ip = {0xfd, 0, 0x0e, 0xc2, [14] = 0x02, 0x54}}, 128}, "metadata", "it serves the secrets of a cloud's machines"},
    {{{.family = 4, .ip = {192, 0, 2}}, 24}, "documentation", "it is for examples (RFC 5737)"},
    {{{.family = 4, .ip = {198, 51, 100}}, 24}, "documentation", "it is for examples (RFC 5737)"},
    {{{.family = 4, .ip = {203, 0, 113}}, 24}, "documentation", "it is for examples (RFC 5737)"},
    {{{.family = 6, .ip = {0x20, 0x01, 0x0d, 0xb8}}, 32}, "documentation", "it is for examples (RFC 3849)"},
    {{{.family = 6, .ip = {0x3f, 0xff}}, 20}, "documentation", "it is for examples (RFC 9637)"},
    {{{.family = 4, .ip = {198, 18}}, 15}, "benchmark", "it is for measuring routers (RFC 2544)"},
    {{{.family = 4, .ip = {192, 0, 0}}, 24}, "protocol", "it is for protocols, not for hosts (RFC 6890)"},
    {{{.family = 4, .ip = {192, 88, 99}}, 24}, "6to4", "it is translated by whoever is nearest (RFC 3068)"},
    {{{.family = 6, .ip = {0x20, 0x02}}, 16}, "6to4", "an IPv4 address is hidden in it (RFC 3056)"},
    {{{.family = 6, .ip = {0, 0x64, 0xff, 0x9b}}, 96}, "nat64", "an IPv4 address is hidden in it (RFC 6052)"},
    {{{.family = 6, .ip = {0, 0x64, 0xff, 0x9b, 0, 1}}, 48}, "nat64", "an IPv4 address is hidden in it (RFC 8215)"},
    {{{.family = 6, .ip = {0x20, 0x01}}, 32}, "teredo", "an IPv4 address is hidden in it (RFC 4380)"},
    {{{.family = 6, .ip = {[8] = 0xff, 0xff}}, 96}, "ipv4-translated", "an IPv4 address is hidden in it (RFC 2765)"},
    {{{.family = 6, .ip = {0}}, 96}, "ipv4-compatible", "an IPv4 address is hidden in it (RFC 4291)"},
    {{{.family = 6, .ip = {0xfe, 0xc0}}, 10}, "site-local", "nobody may use it any more (RFC 3879)"},
    {{{.family = 6, .ip = {0x20, 0x01, 0, 0x10}}, 28}, "protocol", "it is no address but an identifier (RFC 4843)"},
    {{{.family = 6, .ip = {0x20, 0x01, 0, 0x20}}, 28}, "protocol", "it is no address but an identifier (RFC 7343)"},
};

static const struct guard_net loopback[] = {
    {{.family = 4, .ip = {127}}, 8},
    {{.family = 6, .ip = {[15] = 1}}, 128},
};

static const struct guard_net private[] = {
    {{.family = 4, .ip = {10}}, 8},          {{.family = 4, .ip = {172, 16}}, 12},
    {{.family = 4, .ip = {192, 168}}, 16},   {{.family = 6, .ip = {0xfc}}, 7}, /* RFC 4193 */
    {{.family = 4, .ip = {169, 254}}, 16},   {{.family = 6, .ip = {0xfe, 0x80}}, 10},
};
// clang-format on

static const struct guard_net link_local6 = {{.family = 6, .ip = {0xfe, 0x80}}, 10};
static const struct guard_net shared4 = {{.family = 4, .ip = {100, 64}}, 10}; /* RFC 6598 */
static const struct guard_net global6 = {{.family = 6, .ip = {0x20}}, 3};

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

bool guard_nets_hold(const struct guard_net *nets, size_t count, const struct net_addr *a)
{
    struct net_addr real = unmapped(a);

    return any_holds(nets, count, &real);
}

bool net_is_loopback(const struct net_addr *a)
{
    struct net_addr real = unmapped(a);

    return any_holds(loopback, COUNT(loopback), &real);
}

bool net_is_private(const struct net_addr *a)
{
    struct net_addr real = unmapped(a);

    return any_holds(private, COUNT(private), &real);
}

bool guard_net_parse(struct guard_net *n, const char *cidr, struct err *e)
{
    const char *slash = strchr(cidr, '/');
    size_t length = slash ? (size_t)(slash - cidr) : strlen(cidr);
    char host[NAME_MAX_CHARS + 1];
    uint64_t bits = 0;

    if (length == 0 || length >= sizeof host)
        return err_set(e, EX_BAD_PROFILE, "\"%.80s\" is not a network such as 10.1.0.0/16", cidr);
    memcpy(host, cidr, length);
    host[length] = '\0';
    *n = (struct guard_net){0};
    if (strchr(host, '%') || !net_literal(&n->net, host))
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

struct guard_net guard_net_of(const struct net_addr *a)
{
    struct net_addr real = unmapped(a);

    real.port = 0;
    return (struct guard_net){real, real.family == 4 ? 32 : 128};
}

bool guard_net_is_wide(const struct guard_net *n)
{
    return n->bits < (n->net.family == 4 ? 8 : n->net.ip[0] >> 1 == 0xfc >> 1 ? 7 : 16);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

static bool refuse(const struct net_addr *to, const char *rule, const char *why, struct err *e)
{
    char text[NET_TEXT];

    return err_set(e, EX_GUARD, "%s: refused by rule %s: %s", net_print(to, text), rule, why);
}

/* The rule that refuses it whatever is listed; NULL: none. */
static const struct rule *never_rule(const struct net_addr *real)
{
    static const struct rule zone = {.name = "zone",
                                     .why = "only link-local addresses have a zone"};
    static const struct rule reserved = {.name = "reserved", .why = "nobody may use it yet"};

    if (real->zone && !holds(&link_local6, real))
        return &zone;
    if (any_holds(loopback, COUNT(loopback), real))
        return NULL;
    for (size_t i = 0; i < COUNT(never); i++)
        if (holds(&never[i].n, real))
            return &never[i];
    if (real->family == 6 && !holds(&global6, real) && !any_holds(private, COUNT(private), real))
        return &reserved;
    return NULL;
}

bool guard_is_public(const struct net_addr *to)
{
    struct net_addr real = unmapped(to);

    return real.family && !never_rule(&real) && !holds(&shared4, &real) &&
           !any_holds(loopback, COUNT(loopback), &real) &&
           !any_holds(private, COUNT(private), &real);
}

bool guard_check(const struct guard *g, const struct net_addr *to, struct err *e)
{
    struct net_addr real = unmapped(to);
    const struct rule *r = never_rule(&real);
    bool listed = g && any_holds(g->nets, g->count, &real);

    if (r)
        return refuse(to, r->name, r->why, e);
    if (any_holds(loopback, COUNT(loopback), &real))
        return true;
    if (holds(&shared4, &real))
        return listed ||
               refuse(to, "shared", "no network in the profile's safety section holds it", e);
    if (any_holds(private, COUNT(private), &real))
        return listed || refuse(to, "private",
                                "a private address is refused unless a network in the profile's "
                                "safety section holds it",
                                e);
    if (!listed)
        return refuse(to, "public",
                      "it is not loopback and not private, and no network in the profile's safety "
                      "section holds it",
                      e);
    return any_holds(g->proven, g->proven_count, &real) ||
           refuse(to, "unproven",
                  "a public address is refused until its owner has proven that it is his", e);
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static bool refuse_name(const char *host, const char *rule, const char *why, struct err *e)
{
    char clean[84];

    return err_set(e, EX_GUARD, "\"%s\": refused by rule %s: %s",
                   text_clean(clean, sizeof clean, slice_of(host)), rule, why);
}

/* Is the label a number, as inet_aton(3) reads one? No top-level domain is. */
static bool is_number(const char *label)
{
    size_t n = strlen(label);

    if (n > 1 && label[0] == '0' && (label[1] | 0x20) == 'x')
        return strspn(label + 2, "0123456789abcdefABCDEF") == n - 2;
    return n > 0 && strspn(label, "0123456789") == n;
}

static bool is_beyond_ascii(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c >= 0x80)
            return true;
    return false;
}

bool guard_is_idn(const char *name)
{
    for (const char *at = name; at; at = strchr(at, '.')) {
        at += *at == '.';
        if (strncasecmp(at, "xn--", 4) == 0)
            return true;
    }
    return is_beyond_ascii(name);
}

bool guard_name(const char *host, struct err *e)
{
    size_t n = strlen(host);
    const char *last = strrchr(host, '.');

    if (is_beyond_ascii(host))
        return refuse_name(host, "idn", "a name in letters that only look like others", e);
    if (guard_is_idn(host))
        return refuse_name(host, "idn", "a name whose letters may only look like others", e);
    if (strchr(host, '%'))
        return refuse_name(host, "zone", "no such interface, or no link-local address", e);
    if (n > 0 && host[n - 1] == '.')
        return refuse_name(host, "trailing-dot", "write the name without the dot at its end", e);
    if (strchr(host, ':') || is_number(last ? last + 1 : host))
        return refuse_name(host, "odd-literal",
                           "write addresses as 127.0.0.1 or ::1; no octal, hexadecimal or short "
                           "forms",
                           e);
    if (n == 0 || n > NAME_MAX_CHARS || strstr(host, "..") || host[0] == '.' || host[0] == '-' ||
        host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
        return refuse_name(host, "odd-name", "this is no name of a host", e);
    return true;
}
