/* report_html.c - fills page/page.html in: policy, style, scripts, the parts, and the data of what is drawn. */
#include "results/report_html.h"

#include <stdlib.h>
#include <string.h>

#include "results/page/files.h"
#include "results/page_data.h"
#include "results/report_page.h"

#define PAGE_MAX   (64u << 20)
#define DUMP_FLAGS (JSON_COMPACT | JSON_SORT_KEYS)

static void put_slice(struct html *h, struct slice s)
{
    h->ok = h->ok && buf_add(h->out, s.p, s.n);
}

/* ----------------------------------------------------------------------------------------------------------- policy */

static void put_policy(struct html *h, const json_t *data)
{
    (void)data;
    html_mix(h,
             "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; script-src",
             NULL);
    html_policy_hash(h, page_chart);
    html_policy_hash(h, page_js);
    html_mix(h, "; style-src", NULL);
    html_policy_hash(h, page_css);
}

static void put_style(struct html *h, const json_t *data)
{
    (void)data;
    put_slice(h, page_css);
}

static void put_chart(struct html *h, const json_t *data)
{
    (void)data;
    put_slice(h, page_chart);
}

static void put_script(struct html *h, const json_t *data)
{
    (void)data;
    put_slice(h, page_js);
}

static void put_title(struct html *h, const json_t *data)
{
    const json_t *banner = json_object_get(data, "banner");

    html_mix(h, "", field_text(banner, "verdict"), " \xe2\x80\x93 ", field_text(data, "title"),
             NULL);
}

/* ------------------------------------------------------------------------------------------------------------- data */

/* JSON in which nothing can end its element, begin a tag or an entity, or be a line end of JavaScript's. */
static bool put_inert(struct html *h, const char *text, size_t n)
{
    for (size_t i = 0; i < n && h->ok; i++) {
        size_t plain = i;

        while (plain < n && !strchr("<>&\xe2", text[plain]))
            plain++;
        h->ok = buf_add(h->out, text + i, plain - i);
        i = plain;
        if (i == n)
            break;
        bool line_end = i + 2 < n && ((unsigned char)text[i + 1] == 0x80) &&
                        ((unsigned char)text[i + 2] & 0xfe) == 0xa8;

        if (text[i] != '\xe2')
            h->ok = h->ok && buf_add_format(h->out, "\\u%04x", (unsigned)(unsigned char)text[i]);
        else if (line_end)
            h->ok = h->ok &&
                    buf_add_format(h->out, "\\u20%02x", 0x28u + ((unsigned char)text[i + 2] & 1u));
        else
            h->ok = h->ok && buf_add(h->out, text + i, 1);
        i += line_end ? 2 : 0;
    }
    return h->ok;
}

/* Only what is drawn; of a story its number, so that a mark can lead to it. */
static void put_data(struct html *h, const json_t *data)
{
    static const char *const drawn[] = {"classes", "flow", "timeline", "phase", "latency"};
    json_t *some = json_object(), *stories = json_array();
    json_t *aim = json_object_get(json_object_get(data, "summary"), "aim");
    const json_t *s;
    size_t i;

    for (i = 0; i < sizeof drawn / sizeof drawn[0]; i++)
        (void)json_object_set(some, drawn[i], json_object_get(data, drawn[i]));
    json_array_foreach(json_object_get(data, "stories"), i, s)(void)
        json_array_append(stories, json_object_get(s, "number"));
    (void)json_object_set_new(some, "stories", stories);
    if (json_object_size(aim) > 0)
        (void)json_object_set(some, "aim", aim);
    /* In one piece, so that no character is handed over in two. */
    char *text = some ? json_dumps(some, DUMP_FLAGS) : NULL;

    h->ok = h->ok && text && put_inert(h, text, strlen(text));
    free(text);
    json_decref(some);
}

/* ------------------------------------------------------------------------------------------------------------- page */

static const struct part {
    const char *name;
    void (*put)(struct html *h, const json_t *data);
} parts[] = {
    {"policy", put_policy},
    {"title", put_title},
    {"style", put_style},
    {"banner", part_banner},
    {"classes", part_classes},
    {"identities", part_identities},
    {"gates", part_gates},
    {"flow", part_flow},
    {"timeline_lead", part_timeline_lead},
    {"timeline", part_timeline},
    {"phase_lead", part_phase_lead},
    {"phase", part_phase},
    {"aim", part_aim},
    {"latency_lead", part_latency_lead},
    {"latency", part_latency},
    {"moves", part_moves},
    {"stories", part_stories},
    {"method", part_method},
    {"data", put_data},
    {"chart", put_chart},
    {"script", put_script},
};

static void put_part(struct html *h, struct slice name, const json_t *data)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (slice_is(name, parts[i].name)) {
            parts[i].put(h, data);
            return;
        }
    PM_UNREACHABLE(); /* page.html asks for a part that nobody writes */
}

bool report_html_print(const json_t *data, const struct report_out *out, struct err *e)
{
    struct slice rest = page_html, open = slice_of("{{"), close = slice_of("}}");
    struct buf text;
    size_t at;

    buf_init(&text, PAGE_MAX);
    struct html h = {.out = &text, .ok = true};

    while (slice_find(rest, open, &at)) {
        put_slice(&h, slice_from(rest.p, at));
        rest = slice_skip(rest, at + open.n);
        bool closed = slice_find(rest, close, &at);

        PM_ASSERT(closed);
        put_part(&h, slice_from(rest.p, at), data);
        rest = slice_skip(rest, at + close.n);
    }
    put_slice(&h, rest);
    bool ok = h.ok || err_set(e, EX_IO, "out of memory for the page");

    ok = ok && (report_put(out, &text) || err_set(e, EX_IO, "the report cannot be written"));
    buf_fini(&text);
    return ok;
}

static bool write_html(const struct report_source *s, const struct report_out *out, struct err *e)
{
    json_t *data = page_data(s, e);
    bool ok = data && report_html_print(data, out, e);

    json_decref(data);
    return ok;
}

const struct report_form form_html = {.name = "html",
                                      .file = "report.html",
                                      .help = "one page for people: pictures, tables, stories",
                                      .write = write_html};
