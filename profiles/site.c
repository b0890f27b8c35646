/* site.c - looking up servers, groups and mailboxes by name, and mailboxes by address.
 *
 * Two open-addressed tables of mailbox numbers, at most half full. Addresses arrive from the wire, so that they are
 * bounded before they are hashed. Reading is for any thread.
 */
#include "profiles/site.h"

#include <string.h>
#include <strings.h>

#include "base/hash.h"

#define ADDRESS_MAX 320 /* RFC 5321: 64 of local part, "@", 255 of domain */

static uint64_t hash_lower(const unsigned char *p, size_t n)
{
    unsigned char low[ADDRESS_MAX];

    for (size_t i = 0; i < n; i++)
        low[i] = p[i] >= 'A' && p[i] <= 'Z' ? (unsigned char)(p[i] + 32) : p[i];
    return hash_fast(low, n);
}

static void table_put(uint32_t *table, uint32_t mask, const char *text, uint32_t mailbox)
{
    size_t n = strnlen(text, ADDRESS_MAX);
    uint32_t at = (uint32_t)hash_lower((const unsigned char *)text, n) & mask;

    while (table[at] != 0)
        at = (at + 1) & mask;
    table[at] = mailbox + 1;
}

bool site_index(struct site *s, struct arena *a)
{
    uint32_t size = 16;

    while (size / 2 < s->mailbox_count)
        size *= 2;
    s->by_address = arena_new(a, uint32_t, size);
    s->by_name = arena_new(a, uint32_t, size);
    s->table_mask = size - 1;
    if (!s->by_address || !s->by_name)
        return false;
    for (uint32_t i = 0; i < s->mailbox_count; i++) {
        if (s->mailboxes[i].address)
            table_put(s->by_address, s->table_mask, s->mailboxes[i].address, i);
        table_put(s->by_name, s->table_mask, s->mailboxes[i].name, i);
    }
    return true;
}

uint32_t site_server(const struct site *s, const char *name)
{
    for (uint32_t i = 0; i < s->server_count; i++)
        if (strcmp(s->servers[i].name, name) == 0)
            return i;
    return SITE_NONE;
}

uint32_t site_ours(const struct site *s)
{
    return s->server_count > 0 && s->servers[s->server_count - 1].ours ? s->server_count - 1
                                                                       : SITE_NONE;
}

uint32_t site_group(const struct site *s, const char *name)
{
    for (uint32_t i = 0; i < s->group_count; i++)
        if (strcmp(s->groups[i].name, name) == 0)
            return i;
    return SITE_NONE;
}

static bool same(const char *text, const unsigned char *p, size_t n)
{
    return text && strlen(text) == n && strncasecmp(text, (const char *)p, n) == 0;
}

uint32_t site_mailbox(const struct site *s, const char *name)
{
    size_t n = strlen(name);

    if (n > ADDRESS_MAX)
        return SITE_NONE;
    if (!s->by_name) {
        for (uint32_t i = 0; i < s->mailbox_count; i++)
            if (strcmp(s->mailboxes[i].name, name) == 0)
                return i;
        return SITE_NONE;
    }
    uint32_t at = (uint32_t)hash_lower((const unsigned char *)name, n) & s->table_mask;
    for (; s->by_name[at] != 0; at = (at + 1) & s->table_mask)
        if (strcmp(s->mailboxes[s->by_name[at] - 1].name, name) == 0)
            return s->by_name[at] - 1;
    return SITE_NONE;
}

static uint32_t find_address(const struct site *s, const unsigned char *p, size_t n)
{
    if (!s->by_address) {
        for (uint32_t i = 0; i < s->mailbox_count; i++)
            if (same(s->mailboxes[i].address, p, n))
                return i;
        return SITE_NONE;
    }
    uint32_t at = (uint32_t)hash_lower(p, n) & s->table_mask;
    for (; s->by_address[at] != 0; at = (at + 1) & s->table_mask)
        if (same(s->mailboxes[s->by_address[at] - 1].address, p, n))
            return s->by_address[at] - 1;
    return SITE_NONE;
}

uint32_t site_address(const struct site *s, const unsigned char *address, size_t n)
{
    unsigned char plain[ADDRESS_MAX];

    if (n == 0 || n > ADDRESS_MAX)
        return SITE_NONE;
    uint32_t found = find_address(s, address, n);
    if (found != SITE_NONE)
        return found;
    const unsigned char *plus = memchr(address, '+', n);
    const unsigned char *at = memrchr(address, '@', n);
    if (!plus || !at || plus > at)
        return SITE_NONE;
    size_t local = (size_t)(plus - address), domain = n - (size_t)(at - address);
    memcpy(plain, address, local);
    memcpy(plain + local, at, domain);
    return find_address(s, plain, local + domain);
}
