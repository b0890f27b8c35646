/* event_roff.c - kinds of events and the names in their codes, for postmuster-journal(5). Pure; any thread. */
#include "base/roff.h"
#include "results/event.h"

bool event_roff_kinds(struct buf *out)
{
    size_t from = out->n;
    bool ok = true;

    for (unsigned i = EV_NONE + 1; ok && i < EVENT_KIND_COUNT; i++)
        ok = buf_add_format(out, ".TP\n.BR %s \" (%u)\"\n", event_kind_name(i), i) &&
             roff_text(out, event_kind_help(i)) && buf_add_text(out, "\n");
    roff_fold(out, from);
    return ok;
}

static bool add_names(struct buf *out, const char *what, const char *(*name)(unsigned),
                      unsigned count)
{
    bool ok = buf_add_format(out, ".TP\n.B %s\n", what);

    for (unsigned i = 0; ok && i < count; i++)
        ok = buf_add_format(out, "%s%u ", i ? ", " : "", i) && roff_text(out, name(i));
    return ok && buf_add_text(out, "\n");
}

bool event_roff_names(struct buf *out)
{
    size_t from = out->n;
    bool ok = add_names(out, "enum ending", event_ending_name, END_ACCEPTED + 1) &&
              add_names(out, "enum stage", event_stage_name, STAGE_COUNT) &&
              add_names(out, "enum move_mark", event_mark_name, MARK_COUNT) &&
              add_names(out, "enum finding", event_finding_name, FIND_COUNT) &&
              add_names(out, "enum trial_end", event_trial_name, TRIAL_COUNT);

    roff_fold(out, from);
    return ok;
}
