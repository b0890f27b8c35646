/* compare_page.c - see compare_page.h. */
#include "results/compare_page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "results/page/files.h"

#define PATH_BYTES 1200

static void put(struct html *h, struct slice s)
{
    h->ok = h->ok && buf_add(h->out, s.p, s.n);
}

void compare_page_open(struct html *h, const char *title, const char *nav)
{
    html_mix(
        h,
        "<!doctype html>\n<html lang=\"en\" data-ready=\"0\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src "
        "data:; base-uri 'none'; form-action 'none'; style-src",
        NULL);
    html_policy_hash(h, page_css);
    html_policy_hash(h, compare_css);
    html_mix(h,
             "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
             title, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>", NULL);
    put(h, page_css);
    html_mix(h, "</style>\n<style>", NULL);
    put(h, compare_css);
    html_mix(h,
             "</style>\n</head>\n<body>\n<header class=\"top\">\n<a class=\"name\" href=\"#top\">"
             "postmuster</a>\n<nav aria-label=\"Sections\">\n",
             NULL);
    html_mix(h, nav, "", "</nav>\n</header>\n<main id=\"top\">\n", NULL);
}

void compare_page_close(struct html *h)
{
    html_mix(h,
             "</main>\n<footer>Made by postmuster from the accounts of the runs. One file: it "
             "fetches nothing and sends nothing.</footer>\n</body>\n</html>\n",
             NULL);
}

bool compare_page_write(const struct buf *text, const char *path, struct err *e)
{
    char part[PATH_BYTES];

    if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
        return err_set(e, EX_IO, "%s: the name is too long", path);
    FILE *f = fopen(part, "we");

    if (!f)
        return err_set(e, EX_IO, "%s: %s", part, strerrordesc_np(errno));
    bool ok = fwrite(text->p, 1, text->n, f) == text->n;

    ok = fclose(f) == 0 && ok && rename(part, path) == 0;
    if (ok)
        return true;
    (void)err_set(e, EX_IO, "%s: %s", path, strerrordesc_np(errno));
    (void)unlink(part);
    return false;
}

const char *class_fill(enum outcome c)
{
    if (class_responsibility(c) == AXIS_INVALID)
        return "invalid";
    if (class_responsibility(c) == AXIS_OPEN)
        return "open";
    if (class_responsibility(c) == AXIS_VIOLATION)
        return "violation";
    if (c == CLASS_NOT_OWED || c == CLASS_NOT_SENT)
        return "none";
    return class_transparency(c) == AXIS_OK ? "ok" : "warning";
}

uint64_t mix_owed(const uint64_t counts[CLASS_COUNT])
{
    uint64_t all = 0;

    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        all += c == CLASS_NOT_OWED ? 0 : counts[c];
    return all;
}

void part_mix(struct html *h, const uint64_t counts[CLASS_COUNT])
{
    uint64_t all = mix_owed(counts), before = 0;
    char rect[120];

    html_mix(h,
             "<svg class=\"mixbar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
             "aria-hidden=\"true\">",
             NULL);
    for (enum outcome c = CLASS_COUNT; all && c-- > 0;) { /* what was delivered ends the bar */
        if (counts[c] == 0 || c == CLASS_NOT_OWED)
            continue;
        (void)snprintf(rect, sizeof rect,
                       "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"10\" class=\"fill-%s\"/>",
                       1000.0 * (double)before / (double)all,
                       1000.0 * (double)counts[c] / (double)all, class_fill(c));
        html_mix(h, rect, NULL);
        before += counts[c];
    }
    html_mix(h, "</svg>", NULL);
}

void part_mix_words(struct html *h, const uint64_t counts[CLASS_COUNT])
{
    bool any = false;

    for (enum outcome c = 0; c < CLASS_COUNT; c++) {
        if (counts[c] == 0 || c == CLASS_NOT_OWED)
            continue;
        html_mix(h, any ? ", " : "", class_name(c), " ", word_count(counts[c]).t, NULL);
        any = true;
    }
    if (!any)
        html_mix(h, "nothing", NULL);
}

void part_mix_keys(struct html *h)
{
    static const struct {
        const char *fill, *words;
    } keys[] = {{"ok", "delivered, and whatever harms nobody"},
                {"warning", "noticed: reported, delayed or doubled, as it must be told"},
                {"violation", "taken, and neither delivered nor reported as it must"},
                {"open", "unknown"},
                {"none", "not sent"}};

    html_mix(h, "<ul class=\"keys\">\n", NULL);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        html_mix(h,
                 "<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect width=\"10\" "
                 "height=\"10\" class=\"fill-",
                 keys[i].fill, "\"/></svg>", keys[i].words, "</li>\n", NULL);
    html_mix(h, "</ul>\n", NULL);
}
