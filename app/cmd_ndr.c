/* cmd_ndr.c - `postmuster ndr FILE...`: what each mail reports, as one JSON line a file, in the order given.
 *
 * A mail is looked at as far as wire/report.h does (4 MiB). A file that cannot be read is told on stderr and has no line.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/cmd.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "wire/report.h"

#define PIECE       65536u
#define MAIL_BYTES  (4u << 20)
#define ARENA_BYTES (16u << 20)

static bool load(const char *path, struct buf *mail, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "re");
    size_t n = 0;

    if (!f)
        return err_set(e, EX_IO, "%s: %s", path, strerror(errno));
    bool room = true;

    do {
        size_t most = MAIL_BYTES - mail->n < PIECE ? MAIL_BYTES - mail->n : PIECE;

        room = buf_reserve(mail, most);
        n = room ? fread(mail->p + mail->n, 1, most, f) : 0;
        mail->n += n;
    } while (n > 0);
    bool ok = room ? !ferror(f) || err_set(e, EX_IO, "%s: %s", path, strerror(errno))
                   : err_set(e, EX_INTERNAL, "%s: out of memory", path);

    if (!standard)
        (void)fclose(f);
    return ok;
}

/* ---- text as UTF-8 ---- */

/* How many octets from p on are one character; 0: none, p is of another charset. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    size_t more = p[0] < 0x80                   ? 0
                  : p[0] >= 0xc2 && p[0] < 0xe0 ? 1
                  : p[0] >= 0xe0 && p[0] < 0xf0 ? 2
                  : p[0] >= 0xf0 && p[0] < 0xf5 ? 3
                                                : 4;

    if (more == 4 || more >= n)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
        return 0; /* too long, a surrogate, or past the last character */
    return more + 1;
}

/* Octets of another charset become U+FFFD each: JSON is UTF-8 only. */
static json_t *text_of(struct slice s)
{
    struct buf out;
    json_t *j;

    buf_init(&out, 3 * s.n + 4);
    while (s.n > 0) {
        size_t n = utf8_length(s.p, s.n);

        if (n > 0 ? !buf_add(&out, s.p, n) : !buf_add_text(&out, "\xef\xbf\xbd"))
            break;
        s = slice_skip(s, n > 0 ? n : 1);
    }
    j = json_stringn((const char *)(out.p ? out.p : (const unsigned char *)""), out.n);
    buf_fini(&out);
    return j;
}

static json_t *bare_id(const char *id)
{
    struct slice s = slice_trim(slice_of(id));

    if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
        s = slice_from(s.p + 1, s.n - 2);
    return text_of(s);
}

/* ---- a line ---- */

static json_t *recipient_of(const struct report *r, const struct report_recipient *to)
{
    char status[40] = "", reply[12] = "";
    json_t *o = json_object();

    if (to->status[0])
        (void)snprintf(status, sizeof status, "%u.%u.%u", to->status[0], to->status[1],
                       to->status[2]);
    if (to->reply)
        (void)snprintf(reply, sizeof reply, "%u", to->reply);
    (void)json_object_set_new(o, "address", text_of(slice_of(to->final)));
    (void)json_object_set_new(o, "original", text_of(slice_of(to->original)));
    (void)json_object_set_new(
        o, "kind",
        json_string(r->sort == SORT_FEEDBACK ? report_kind(r) : report_action_name(to->action)));
    (void)json_object_set_new(o, "status", json_string(status));
    (void)json_object_set_new(o, "reply", json_string(reply));
    (void)json_object_set_new(o, "diagnostic", text_of(slice_of(to->diagnostic)));
    if (to->expired)
        (void)json_object_set_new(o, "expired", json_true());
    if (to->judged)
        (void)json_object_set_new(o, "judged", json_true());
    if (to->guessed)
        (void)json_object_set_new(o, "guessed", json_true());
    return o;
}

static json_t *line_of(const char *path, const struct report *r, struct slice mail)
{
    char token[REPORT_TOKEN_CHARS + 1];
    json_t *line = json_object(), *recipients = json_array();

    for (uint32_t i = 0; i < r->count; i++)
        (void)json_array_append_new(recipients, recipient_of(r, &r->recipients[i]));
    (void)report_token(r, mail, token);
    (void)json_object_set_new(line, "file", text_of(slice_of(path)));
    (void)json_object_set_new(line, "kind", json_string(report_kind(r)));
    (void)json_object_set_new(line, "recipients", recipients);
    (void)json_object_set_new(line, "original_message_id", bare_id(r->original_message_id));
    (void)json_object_set_new(line, "envid", text_of(slice_of(r->envid)));
    (void)json_object_set_new(line, "token", json_string(token));
    (void)json_object_set_new(line, "reporting_mta", text_of(slice_of(r->reporting_mta)));
    (void)json_object_set_new(line, "format", json_string(r->format));
    return line;
}

static bool show_mail(const char *path, struct slice mail, struct err *e)
{
    struct arena *a = arena_create(ARENA_BYTES);
    struct report r;
    bool ok = a && report_read(a, mail, &r);

    if (!ok) {
        (void)err_set(e, EX_INTERNAL, "%s: out of memory", path);
    } else {
        json_t *line = line_of(path, &r, mail);

        ok = (json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF) ||
             err_set(e, EX_IO, "stdout: %s", strerror(errno));
        json_decref(line);
    }
    arena_destroy(a);
    return ok;
}

static int show(const char *path)
{
    struct buf mail;
    struct err e = {0};

    buf_init(&mail, MAIL_BYTES);
    bool ok = load(path, &mail, &e) && show_mail(path, buf_slice(&mail), &e);

    buf_fini(&mail);
    return ok ? EX_PASS : cmd_fail(&e);
}

int cmd_ndr(const struct cmd *self, int argc, char **argv)
{
    int code = EX_PASS;

    if (argc < 2)
        return cmd_usage(self);
    for (int i = 1; i < argc; i++) {
        int one = show(argv[i]);

        code = code == EX_PASS ? one : code;
    }
    return code;
}
