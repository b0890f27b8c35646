/* arena.c - memory that dies together.
 *
 * A list of zeroed blocks. Small wishes are cut from the newest block; a wish larger than a quarter of a block gets one of
 * its own, behind the newest, so that the rest of that one is not wasted. The ceiling counts what was handed out.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN       16u
#define BLOCK_BYTES 65536u

struct block {
    struct block *next;
    size_t used, room;
    _Alignas(ALIGN) unsigned char data[];
};

struct arena {
    struct block *newest;
    size_t used, ceiling;
};

struct arena *arena_create(size_t ceiling_bytes)
{
    struct arena *a = calloc(1, sizeof *a);

    if (a)
        a->ceiling = ceiling_bytes;
    return a;
}

void arena_destroy(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->newest; b;) {
        struct block *next = b->next;

        free(b);
        b = next;
    }
    free(a);
}

static struct block *add_block(struct arena *a, size_t room, bool behind)
{
    struct block *b = room <= SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + room) : NULL;

    if (!b)
        return NULL;
    b->room = room;
    if (behind && a->newest) {
        b->next = a->newest->next;
        a->newest->next = b;
    } else {
        b->next = a->newest;
        a->newest = b;
    }
    return b;
}

void *arena_bytes(struct arena *a, size_t n)
{
    struct block *b = a->newest;

    if (n > a->ceiling - a->used || n > SIZE_MAX - ALIGN)
        return NULL;
    size_t rounded = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (rounded > a->ceiling - a->used)
        return NULL;
    if (!b || rounded > b->room - b->used) {
        bool large = rounded > BLOCK_BYTES / 4;

        b = add_block(a, large ? rounded : BLOCK_BYTES, large);
    }
    if (!b)
        return NULL;
    void *p = b->data + b->used;
    b->used += rounded;
    a->used += rounded;
    return p;
}

void *arena_array(struct arena *a, size_t size, size_t count)
{
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    return arena_bytes(a, size * count);
}

char *arena_text(struct arena *a, const char *text, size_t n)
{
    char *p = n < SIZE_MAX ? arena_bytes(a, n + 1) : NULL;

    if (p && n > 0)
        memcpy(p, text, n);
    return p;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n >= 0 ? arena_bytes(a, (size_t)n + 1) : NULL;
    if (p)
        (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
