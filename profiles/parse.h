/* parse.h - a profile's text as a tree of maps, lists and words, each knowing where it stands.
 *
 * YAML's layout without YAML's types: every scalar stays text, the option table types it. Anchors, aliases, tags, directives
 * and second documents are refused; depth, size and number of nodes are bounded. Trees live in the caller's arena.
 */
#ifndef PROFILES_PARSE_H
#define PROFILES_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define PARSE_BYTES_MAX (1u << 20)
#define PARSE_DEPTH_MAX 8
#define PARSE_NODES_MAX 50000u

enum node_kind { NODE_TEXT, NODE_MAP, NODE_LIST };

struct node {
    enum node_kind kind;
    bool plain;      /* text without quotes: null means absent, true and 5 are no strings in JSON */
    const char *key; /* in a map: its key; else NULL */
    const char *text; /* of NODE_TEXT */
    struct node *first, *last, *next;
    uint32_t count;        /* children */
    const char *file;      /* as in complaints; of an override "--set KEY" */
    unsigned line, column; /* of the value, from 1; line 0: no position */
    unsigned key_line, key_column;
};

struct node *parse_file(struct arena *a, const char *path, struct err *e);
struct node *parse_text(struct arena *a, const char *name, const char *text, size_t n,
                        struct err *e);

struct node *node_find(const struct node *map, const char *key); /* NULL: absent, or no map */
bool node_is_null(const struct node *n);                         /* plain null, ~ or nothing */

/* Puts `value` at the dotted path below root, making the maps on the way. A map is merged into a map key by key; anything
 * else replaces; null removes. `value` is copied. */
bool node_set(struct arena *a, struct node *root, const char *path, const struct node *value,
              struct err *e);
/* Copies into `into` what it has not got, map by map, `deep` levels down; what is there stays. */
bool node_fill(struct arena *a, struct node *into, const struct node *from, int deep,
               struct err *e);

/* "FILE:LINE:COLUMN: <format>"; EX_BAD_PROFILE; returns false. node_complain_key points at the key. */
bool node_complain(const struct node *n, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool node_complain_key(const struct node *n, struct err *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
