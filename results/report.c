/* report.c - the table of forms, and the two that are a buffer of text. */
#include "results/report.h"

#include "base/text.h"
#include "results/report_csv.h"
#include "results/report_hdr.h"
#include "results/report_html.h"
#include "results/report_junit.h"
#include "results/report_markdown.h"
#include "results/report_sarif.h"

#define TEXT_MAX  (64u << 20)
#define FORMS_MAX 32

static bool no_memory(struct err *e)
{
    return e->code ? false : err_set(e, EX_IO, "out of memory for the report");
}

bool report_put(const struct report_out *out, struct buf *text)
{
    bool ok = out->put(out->owner, buf_slice(text));

    buf_clear(text);
    return ok;
}

static bool write_text(const struct report_source *s, const struct report_out *out, struct err *e)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    bool ok = judgement_text(s->run->judgement, &text, s->color) || no_memory(e);

    ok = ok && (report_put(out, &text) || err_set(e, EX_IO, "the report cannot be written"));
    buf_fini(&text);
    return ok;
}

static bool write_json(const struct report_source *s, const struct report_out *out, struct err *e)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    bool ok = judgement_print_summary(s->run->judgement, &text, e) || no_memory(e);

    ok = ok && (report_put(out, &text) || err_set(e, EX_IO, "the report cannot be written"));
    buf_fini(&text);
    return ok;
}

static const struct report_form form_text = {
    .name = "text", .help = "what a run says at its end", .write = write_text};
static const struct report_form form_json = {.name = "json",
                                             .file = "summary.json",
                                             .already_there = true,
                                             .help = "the summary: counts, gates, latencies",
                                             .write = write_json};

const struct report_form *const report_forms[] = {
    &form_text,
    &form_json,
    &form_html,
    &form_markdown,
    &form_junit,
    &form_sarif,
    &form_csv,
    &form_hdr,
    &form_hdr_accept,
    &form_hdr_deliver,
    &form_hdr_end_to_end,
    &form_hdr_ndr,
    &form_hdr_lateness,
    NULL,
};

const struct report_form *report_form_named(const char *name, struct err *e)
{
    const char *names[FORMS_MAX + 1] = {0};

    for (size_t i = 0; report_forms[i]; i++) {
        PM_ASSERT(i < FORMS_MAX);
        if (slice_is(slice_of(name), report_forms[i]->name))
            return report_forms[i];
        names[i] = report_forms[i]->name;
    }
    const char *near = text_nearest(slice_of(name), names);

    (void)err_set(e, EX_BAD_USAGE, "there is no form \"%s\"%s%s%s", name,
                  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}
