/* truth.c - the truth file through stdio's buffer, the tracking ring in memory.
 *
 * Several lines a message: they are put together by hand in one piece of memory, and no number or name goes through a format.
 */
#include "lab/truth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/plain.h"
#include "lab/schedule.h"

#define RING_MAX    32768u
#define NAME_ROOM   64
#define FILE_BUFFER (256u << 10)
#define DETAIL_ROOM 512
#define LINE_PLAIN                                                                                 \
    1024 /* of a line: what is not text of others; names of mailboxes have 64 octets at most */

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
    unsigned char *line;
    size_t line_room;
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
    free(t->line);
    free(t);
    return ok;
}

void truth_flush(struct truth *t)
{
    if (t->file && fflush(t->file) != 0)
        t->failed = true;
}

/* Text of others in one field: no tab, no line end, nothing beyond ASCII. */
static unsigned char *put_text(unsigned char *to, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        *to++ = s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?';
    return to;
}

/* Behind a tab. */
static unsigned char *put_field(unsigned char *to, struct slice s)
{
    *to++ = '\t';
    return put_text(to, s.n > 0 ? s : slice_of("-"));
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

    r->at_ns = now_ns; /* field by field: the rest is text, and large */
    r->bytes = f->mail->content.n;
    r->number = f->number;
    r->priority = f->mail->priority;
    r->recipients = f->mail->recipients;
    copy_name(r->server, slice_of(f->server));
    (void)mail_print_mts_id(about, r->mts_id);
    copy_name(r->originator, f->mail->from);
    copy_name(r->recipient, about->recipient[recipient].address);
}

static unsigned char *line_of(struct truth *t, size_t room)
{
    if (room > t->line_room) {
        t->line = lab_memory(t->line, t->line_room, 2 * room);
        t->line_room = 2 * room;
    }
    return t->line;
}

static void write_line(struct truth *t, uint64_t now_ns, const struct fact *f,
                       const struct mail *about, const char *detail)
{
    bool report = f->mail && f->mail->about;
    uint32_t recipient = report ? f->mail->about_recipient : f->recipient;
    enum mail_role role = report ? f->mail->about_role : f->role;
    struct slice id = about ? about->message_id : slice_of(NULL);
    struct slice address = about ? about->recipient[recipient].address : slice_of(NULL);
    unsigned char *const line = line_of(t, LINE_PLAIN + DETAIL_ROOM + id.n + address.n);
    unsigned char *to = plain_number(line, now_ns);

    *to++ = '\t';
    if (f->number == TRACK_NONE)
        *to++ = '-';
    else
        to = plain_number(to, (uint64_t)f->number);
    to = put_field(to, slice_of(f->word));
    to = put_field(to, id);
    to = put_field(to, address);
    to = put_field(to, slice_of(about ? mail_role_name(role) : NULL));
    to = put_field(to, slice_of(f->mailbox));
    to = put_field(to, slice_of(f->server));
    *to++ = '\t';
    if (f->mail) {
        to = plain_number(plain_text(to, "id="), about->id);
        *to++ = ' ';
    }
    to = put_text(to, slice_of(detail));
    *to++ = '\n';
    if (fwrite_unlocked(line, (size_t)(to - line), 1, t->file) != 1)
        t->failed = true;
}

void truth_note(struct truth *t, uint64_t now_ns, const struct fact *f, const char *format, ...)
{
    const struct mail *about = f->mail && f->mail->about ? f->mail->about : f->mail;
    uint32_t recipient = f->mail && f->mail->about ? f->mail->about_recipient : f->recipient;
    char detail[DETAIL_ROOM];
    va_list args;

    if (about && f->number != TRACK_NONE)
        remember(t, now_ns, f, about, recipient);
    if (!t->file)
        return;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    write_line(t, now_ns, f, about, detail);
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
