/* sink_truth.c - a line of a sink's log. */
#include "app/sink_truth.h"

#include <stdio.h>

#include "base/text.h"
#include "wire/token.h"

#define FIELD 512u /* an address, and what it says of itself */

const char *const sink_ending_names[SINK_ENDINGS] = {
    "mail", "rcpt", "data", "end", "cut-before", "cut-within", "cut-after", "gone"};

const char *const sink_done_names[SINK_DONES] = {"taken", "dropped", "refused", "forgotten"};

static bool add_field(struct buf *out, struct slice s)
{
    char text[FIELD];

    return buf_add_text(out, s.n > 0 ? text_clean(text, sizeof text, s) : "-");
}

static bool add_message(struct buf *out, const struct sink_truth *t)
{
    return buf_add_format(out, "%llu\t%llu\t%llu\t<", (unsigned long long)t->number,
                          (unsigned long long)t->ms, (unsigned long long)t->caller) &&
           (t->from.n == 0 || add_field(out, t->from)) && buf_add_text(out, ">\t") &&
           add_field(out, t->to) &&
           buf_add_format(out, "\t%.*s\t%llu\t", t->token ? TOKEN_CHARS : 1,
                          t->token ? t->token : "-", (unsigned long long)t->octets);
}

static bool add_end(struct buf *out, const struct sink_truth *t)
{
    char code[8] = "-";

    if (t->answered)
        (void)snprintf(code, sizeof code, "%u", t->answered % 1000);
    return buf_add_format(out, "%s\t%s\t%s\t", sink_ending_names[t->stage], code,
                          sink_done_names[t->done]);
}

bool sink_truth_write(struct buf *out, const struct sink_truth *t)
{
    char at[NET_TEXT];
    size_t n = out->n;
    bool ok = add_message(out, t) && add_end(out, t) &&
              buf_add_format(out, "%s\t", net_print(&t->peer, at)) && add_field(out, t->helo) &&
              buf_add_text(out, "\t") && add_field(out, t->envid) && buf_add_text(out, "\n");

    if (!ok)
        out->n = n;
    return ok;
}
