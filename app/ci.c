/* ci.c - see ci.h. */
#include "app/ci.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "app/report_voice.h"
#include "results/report_markdown.h"

#define ANNOTATIONS_MAX 10u /* GitHub shows no more of one step */

static bool take_piece(void *owner, struct slice piece)
{
    return buf_add(owner, piece.p, piece.n);
}

static bool write_all(int fd, struct slice s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = slice_skip(s, (size_t)n);
    }
    return true;
}

static bool append(struct slice text, const char *file, struct err *e)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct stat st;

    if (fd < 0)
        return err_set(e, EX_IO, "%s: %s", file, strerrordesc_np(errno));
    bool known = fstat(fd, &st) == 0;
    bool fits = known && (uint64_t)st.st_size + text.n <= CI_SUMMARY_MAX;
    bool ok = fits && write_all(fd, text);
    int why = errno;

    ok = close(fd) == 0 && ok;
    if (known && !fits)
        return err_set(e, EX_IO, "%s: with this run it would be too large for GitHub", file);
    return ok || err_set(e, EX_IO, "%s: %s", file, strerrordesc_np(why));
}

bool ci_summarize(const struct run_result *r, const char *file, struct err *e)
{
    struct report_voice voice;
    struct run_record record = {.ledger = r->ledger, .judgement = r->judgement};
    struct manifest m = *r->manifest;
    struct buf text;

    record.manifest = &m;
    report_voice_init(&voice, &m);
    buf_init(&text, CI_SUMMARY_MAX);
    const struct report_source s = {.run = &record, .run_dir = r->dir, .words = &voice.words};
    const struct report_out out = {.put = take_piece, .owner = &text};
    bool ok = form_markdown.write(&s, &out, e) && buf_add_text(&text, "\n") &&
              append(buf_slice(&text), file, e);

    buf_fini(&text);
    return ok;
}

bool ci_summarize_text(const char *title, struct slice text, const char *file, struct err *e)
{
    struct buf page;

    buf_init(&page, CI_SUMMARY_MAX);
    bool ok = buf_add_format(&page, "## %s\n\n~~~~~~~~\n", title) &&
              buf_add(&page, text.p, text.n) && buf_add_text(&page, "\n~~~~~~~~\n\n");

    ok = ok ? append(buf_slice(&page), file, e)
            : err_set(e, EX_IO, "%s: the table is too large for GitHub", file);
    buf_fini(&page);
    return ok;
}

/* Of a workflow command: a property ends at ':' and ',', data at the end of the line. */
static bool add_escaped(struct buf *out, const char *text, bool property)
{
    bool ok = true;

    for (; ok && *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
            ok = buf_add_format(out, "%%%02X", c);
        else
            ok = buf_add(out, text, 1);
    }
    return ok;
}

static bool add_line(struct buf *out, const char *run, const char *verdict, const char *text)
{
    return buf_add_text(out, "::error title=postmuster ") && add_escaped(out, run, true) &&
           buf_add_format(out, "%%3A %s::", verdict) && add_escaped(out, text, false) &&
           buf_add_text(out, "\n");
}

bool ci_annotate(const char *run, const struct judgement *j, struct buf *out)
{
    bool ok = true;

    if (j->verdict == VERDICT_PASS)
        return true;
    for (uint32_t i = 0; ok && i < j->reason_count && i < ANNOTATIONS_MAX; i++)
        ok = add_line(out, run, verdict_name(j->verdict), j->reasons[i]);
    return ok;
}

bool ci_annotate_error(const char *run, const char *text, struct buf *out)
{
    return add_line(out, run, "no verdict", text);
}
