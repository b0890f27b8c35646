/* print.c - the effective profile: every key with its value, defaults filled in, secrets never.
 *
 * What comes out is itself a profile that says the same. References to secrets (env:, file:) are no secrets and stay.
 */
#include <string.h>

#include "profiles/option.h"

static bool is_plain_word(const char *text)
{
    static const char fine[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+@";

    return text[0] && text[0] != '-' && strspn(text, fine) == strlen(text) &&
           strcmp(text, "null") != 0;
}

static bool print_text(struct buf *out, const char *text, bool plain)
{
    if (plain && is_plain_word(text))
        return buf_add_text(out, text);
    bool ok = buf_add_text(out, "\"");
    for (const unsigned char *p = (const unsigned char *)text; ok && *p; p++) {
        if (*p == '"' || *p == '\\')
            ok = buf_add_format(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            ok = buf_add_format(out, "\\x%02x", *p);
        else
            ok = buf_add(out, p, 1);
    }
    return ok && buf_add_text(out, "\"");
}

static bool print_value(struct buf *out, const struct node *n)
{
    bool ok = true;

    if (n->kind == NODE_TEXT)
        return print_text(out, n->text, n->plain);
    ok = buf_add_text(out, n->kind == NODE_MAP ? "{" : "[");
    for (const struct node *c = n->first; ok && c; c = c->next)
        ok = (c == n->first || buf_add_text(out, ", ")) &&
             (n->kind != NODE_MAP || (print_text(out, c->key, true) && buf_add_text(out, ": "))) &&
             print_value(out, c);
    return ok && buf_add_text(out, n->kind == NODE_MAP ? "}" : "]");
}

static bool is_secret(const struct option *o, const struct node *n)
{
    return o->type == OPT_SECRET && n->kind == NODE_TEXT && strncmp(n->text, "env:", 4) != 0 &&
           strncmp(n->text, "file:", 5) != 0;
}

static bool is_given(const struct node *map, const char *key)
{
    const struct node *n = node_find(map, key);

    return n && !node_is_null(n);
}

static bool print_key(struct buf *out, const struct option *o, const struct node *map, int indent)
{
    const struct node *n = node_find(map, o->key);
    bool given = is_given(map, o->key);

    if (!given && (!o->preset || !o->preset[0]))
        return true;
    if (!buf_add_format(out, "%*s%s: ", indent, "", o->key))
        return false;
    bool ok = true;
    if (!given)
        ok = print_text(out, o->preset, true);
    else if (is_secret(o, n))
        ok = buf_add_text(out, "\"env:REDACTED\"");
    else
        ok = print_value(out, n);
    return ok && buf_add_text(out, "\n");
}

static bool print_keys(struct buf *out, enum section s, const struct node *map, int indent)
{
    bool ok = true;

    for (int i = 0; ok && option_at(i); i++)
        if (option_at(i)->section == s)
            ok = print_key(out, option_at(i), map, indent);
    return ok;
}

static bool print_free(struct buf *out, const struct node *map)
{
    bool ok = true, any = false;

    for (const struct node *c = map->first; ok && c; c = c->next) {
        if (node_is_null(c))
            continue;
        any = true;
        ok =
            buf_add_format(out, "  %s: ", c->key) && print_value(out, c) && buf_add_text(out, "\n");
    }
    return ok && (any || buf_add_text(out, "  {}\n")); /* none, rather than the usual ones */
}

static bool print_entries(struct buf *out, enum section s, const struct node *map)
{
    bool ok = true;

    for (const struct node *c = map->first; ok && c; c = c->next)
        ok = buf_add_format(out, "  %s:\n", c->key) && print_keys(out, s, c, 4);
    return ok;
}

static bool print_section(struct buf *out, enum section s, const struct node *root,
                          const struct profile *p)
{
    const struct section_row *row = &option_sections[s];
    const struct node *map = node_find(root, row->name);
    bool always = s == SEC_RUN || s == SEC_SETTLE || s == SEC_SAFETY || (s == SEC_LAB && p->lab.on);
    /* Left out they would be the usual ones again: that there are none has to be said. */
    bool usual = s == SEC_GATES || (p->lab.on && (s == SEC_PROBES || s == SEC_HOME_LOOKUP));

    if (s == SEC_VARIANTS || s == SEC_MATRIX)
        return true; /* a variant is one by now */
    if (usual && (!map || map->count == 0))
        return buf_add_format(out, "%s:\n  {}\n", row->name);
    if (!always && (!map || map->kind != NODE_MAP))
        return true;
    if (!buf_add_format(out, "%s:\n", row->name))
        return false;
    switch (row->shape) {
    case SHAPE_KEYS:
        return (s != SEC_RUN || is_given(map, "name") ||
                (buf_add_text(out, "  name: ") && print_text(out, p->name, true) &&
                 buf_add_text(out, "\n"))) &&
               print_keys(out, s, map, 2);
    case SHAPE_ENTRIES:
        return print_entries(out, s, map);
    case SHAPE_FREE:
        return print_free(out, map);
    }
    return false;
}

bool profile_print(const struct profile *p, struct buf *out)
{
    bool ok = buf_add_text(out, "schema: 1\n");

    for (int s = SEC_RUN; ok && s < SEC_COUNT; s++)
        ok = print_section(out, (enum section)s, p->tree, p);
    return ok;
}
