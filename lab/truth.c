/* truth.c - the truth file through stdio's buffer, the tracking ring in memory. */
#include "lab/truth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/schedule.h"

#define RING_MAX    32768u
#define NAME_ROOM   64
#define FILE_BUFFER (256u << 10)

struct record {
    uint64_t at_ns, bytes;
    enum tracking number;
    enum mail_priority priority;
    uint32_t recipients;
    char server[NAME_ROOM], mts_id[MAIL_MTS_ROOM], originator[NAME_ROOM], recipient[NAME_ROOM];
};

struct truth {
    FILE *file; /* NULL: none */
    struct record *ring;
    uint32_t room, first, n;
    bool failed;
};

struct truth *truth_create(const char *path, struct err *e)
{
    struct truth *t = lab_memory(NULL, 0, sizeof *t);

    if (!path)
        return t;
    t->file = fopen(path, "we");
    if (!t->file) {
        (void)err_set(e, EX_IO, "%s: %s", path, strerror(errno));
        free(t);
        return NULL;
    }
    (void)setvbuf(t->file, NULL, _IOFBF, FILE_BUFFER);
    return t;
}

bool truth_destroy(struct truth *t)
{
    bool ok = true;

    if (!t)
        return true;
    if (t->file)
        ok = fclose(t->file) == 0 && !t->failed;
    free(t->ring);
    free(t);
    return ok;
}

void truth_flush(struct truth *t)
{
    if (t->file && fflush(t->file) != 0)
        t->failed = true;
}

/* Text of others in one field: no tab, no line end, nothing beyond ASCII. */
static void put_text(FILE *f, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        (void)putc_unlocked(s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?', f);
}

static void put_field(FILE *f, struct slice s)
{
    (void)putc_unlocked('\t', f);
    put_text(f, s.n > 0 ? s : slice_of("-"));
}

static void copy_name(char *to, struct slice s)
{
    size_t n = s.n < NAME_ROOM - 1 ? s.n : NAME_ROOM - 1;

    for (size_t i = 0; i < n; i++)
        to[i] = (char)(s.p[i] > ' ' && s.p[i] < 0x7f ? s.p[i] : '?');
    to[n] = '\0';
}

static struct record *ring_next(struct truth *t)
{
    if (t->n == t->room && t->room < RING_MAX) {
        uint32_t room = t->room ? t->room * 2 : 256;

        t->ring = lab_memory(t->ring, t->room * sizeof *t->ring, room * sizeof *t->ring);
        t->room = room; /* first is 0 until the ring has its full size */
    }
    if (t->n < t->room)
        return &t->ring[t->n++];
    struct record *oldest = &t->ring[t->first];

    t->first = (t->first + 1) % t->room;
    return oldest;
}

static void remember(struct truth *t, uint64_t now_ns, const struct fact *f,
                     const struct mail *about, uint32_t recipient)
{
    struct record *r = ring_next(t);

    *r = (struct record){.at_ns = now_ns,
                         .bytes = f->mail->content.n,
                         .number = f->number,
                         .priority = f->mail->priority,
                         .recipients = f->mail->recipients};
    copy_name(r->server, slice_of(f->server));
    (void)mail_print_mts_id(about, r->mts_id);
    copy_name(r->originator, f->mail->from);
    copy_name(r->recipient, about->recipient[recipient].address);
}

void truth_note(struct truth *t, uint64_t now_ns, const struct fact *f, const char *format, ...)
{
    const struct mail *about = f->mail && f->mail->about ? f->mail->about : f->mail;
    uint32_t recipient = f->mail && f->mail->about ? f->mail->about_recipient : f->recipient;
    enum mail_role role = f->mail && f->mail->about ? f->mail->about_role : f->role;
    char detail[512];
    va_list args;

    if (about && f->number != TRACK_NONE)
        remember(t, now_ns, f, about, recipient);
    if (!t->file)
        return;
    (void)fprintf(t->file, "%" PRIu64 "\t", now_ns);
    if (f->number == TRACK_NONE)
        (void)fprintf(t->file, "-\t%s", f->word);
    else
        (void)fprintf(t->file, "%d\t%s", (int)f->number, f->word);
    put_field(t->file, about ? about->message_id : slice_of(NULL));
    put_field(t->file, about ? about->recipient[recipient].address : slice_of(NULL));
    (void)fprintf(t->file, "\t%s\t%s\t%s\t", about ? mail_role_name(role) : "-",
                  f->mailbox ? f->mailbox : "-", f->server ? f->server : "-");
    if (f->mail)
        (void)fprintf(t->file, "id=%" PRIu64 " ", about->id);
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    put_text(t->file, slice_of(detail));
    if (putc_unlocked('\n', t->file) == EOF)
        t->failed = true;
}

static const char *print_line(char *out, size_t room, const struct record *r)
{
    static const char *const priority[] = {"1", "0", "-1"};
    char date[MAIL_DATE_ROOM];

    (void)snprintf(out, room, "%s\t%d\t%s\t\t\t\t%s\t%s\t%" PRIu64 "\t0\t\t\t%u\t%s\t%d", r->mts_id,
                   (int)r->number, mail_date(date, r->at_ns), r->originator, priority[r->priority],
                   r->bytes, r->recipients, r->recipient, r->number == TRACK_REPORT_MADE);
    return out;
}

void truth_track(const struct truth *t, uint64_t since_ns,
                 void (*line)(void *owner, uint64_t at_ns, const char *text), void *owner)
{
    char text[512];

    for (uint32_t i = 0; i < t->n; i++) {
        const struct record *r = &t->ring[(t->first + i) % t->room];

        if (r->at_ns >= since_ns)
            line(owner, r->at_ns, print_line(text, sizeof text, r));
    }
}
