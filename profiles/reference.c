/* reference.c - the table of keys as Markdown and as a manual page. */
#include <stdio.h>

#include "base/roff.h"
#include "base/text.h"
#include "profiles/option.h"

static const char *const type_names[OPT_TYPE_COUNT] = {
    [OPT_TEXT] = "text",         [OPT_WORD] = "word",         [OPT_CHOICE] = "word",
    [OPT_EITHER] = "word",       [OPT_BITS] = "words",        [OPT_BOOL] = "yes or no",
    [OPT_U16] = "number",        [OPT_U32] = "number",        [OPT_U64] = "number",
    [OPT_DURATION] = "duration", [OPT_RATE] = "rate",         [OPT_SIZES] = "size",
    [OPT_SHARE] = "share",       [OPT_SHARES] = "shares",     [OPT_PHASE] = "span",
    [OPT_TEXTS] = "list",        [OPT_GROUP] = "group",       [OPT_GROUPS] = "groups",
    [OPT_SERVER] = "server",     [OPT_MOVER] = "mover",       [OPT_END_POINT] = "host:port",
    [OPT_SECRET] = "secret",     [OPT_JSON] = "map",          [OPT_NETWORKS] = "networks",
    [OPT_FREE] = "map",          [OPT_SELECTOR] = "selector",
};

static bool print_type(struct buf *out, const struct option *o)
{
    bool ok = true;

    if (!o->words)
        return buf_add_text(out, type_names[o->type]);
    for (int i = 0; ok && o->words[i]; i++)
        ok = buf_add_format(out, "%s%s", i > 0 ? ", " : "", o->words[i]);
    return ok;
}

static bool markdown_section(struct buf *out, enum section s)
{
    const struct section_row *row = &option_sections[s];
    const char *entry = row->shape == SHAPE_ENTRIES ? ".NAME" : "";
    bool ok = row->name[0] ? buf_add_format(out, "\n## %s%s\n\n%s\n", row->name, entry, row->help)
                           : buf_add_text(out, "\n## At the left margin\n");

    if (ok && row->shape != SHAPE_FREE)
        ok = buf_add_text(out, "\n| key | holds | default | what it does |\n|---|---|---|---|\n");
    for (int i = 0; ok && option_at(i); i++) {
        const struct option *o = option_at(i);

        if (o->section != s)
            continue;
        ok = buf_add_format(out, "| `%s` | ", o->key) && print_type(out, o) &&
             buf_add_format(out, " | %s%s%s | %s |\n", o->preset && o->preset[0] ? "`" : "",
                            o->required ? "required"
                            : o->preset ? o->preset
                                        : "",
                            o->preset && o->preset[0] ? "`" : "", o->help);
    }
    return ok;
}

static bool markdown_gates(struct buf *out)
{
    bool ok = buf_add_text(out, "\n| gate | counts |\n|---|---|\n");

    for (const struct gate_name *g = profile_gates; ok && g->name; g++)
        ok = buf_add_format(out, "| `%s` | %s |\n", g->name, g->help);
    return ok;
}

bool option_markdown(struct buf *out)
{
    bool ok = true;

    for (int s = 0; ok && s < SEC_COUNT; s++)
        ok = markdown_section(out, (enum section)s) && (s != SEC_GATES || markdown_gates(out));
    return ok;
}

static bool roff_key(struct buf *out, const struct option *o)
{
    const struct section_row *row = &option_sections[o->section];
    bool ok = buf_add_text(out, ".TP\n.B ");

    ok = ok && roff_text(out, row->name) &&
         buf_add_text(out, row->shape == SHAPE_ENTRIES ? ".NAME."
                           : row->name[0]              ? "."
                                                       : "") &&
         roff_text(out, o->key) && buf_add_text(out, "\n") && roff_text(out, o->help);
    if (ok && o->words) {
        ok = buf_add_text(out, " One of: ");
        for (int i = 0; ok && o->words[i]; i++)
            ok = (i == 0 || buf_add_text(out, ", ")) && roff_text(out, o->words[i]);
        ok = ok && buf_add_text(out, ".");
    }
    if (ok && o->preset && o->preset[0])
        ok = buf_add_text(out, " Default: ") && roff_text(out, o->preset) && buf_add_text(out, ".");
    return ok && buf_add_text(out, o->required ? " Required.\n" : "\n");
}

static bool roff_gates(struct buf *out)
{
    bool ok = true;

    for (const struct gate_name *g = profile_gates; ok && g->name; g++)
        ok = buf_add_text(out, ".TP\n.B gates.") && roff_text(out, g->name) &&
             buf_add_text(out, "\n") && roff_text(out, g->help) && buf_add_text(out, "\n");
    return ok;
}

bool option_roff(struct buf *out)
{
    size_t from = out->n;
    bool ok = true;

    for (int s = 0; ok && s < SEC_COUNT; s++) {
        const struct section_row *row = &option_sections[s];

        ok = buf_add_format(out, ".SS %s%s\n", row->name[0] ? row->name : "schema",
                            row->shape == SHAPE_ENTRIES ? ".NAME" : "") &&
             roff_text(out, row->help) && buf_add_text(out, "\n");
        for (int i = 0; ok && option_at(i); i++)
            if (option_at(i)->section == (enum section)s)
                ok = roff_key(out, option_at(i));
        ok = ok && (s != SEC_GATES || roff_gates(out));
    }
    roff_fold(out, from);
    return ok;
}
