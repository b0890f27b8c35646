/* queue_format.c - the table of listings that are known, and what their readers share. */
#include "probes/queue_format.h"

#include <stdio.h>
#include <string.h>

#define RECORD_MAX (1u << 20)

static const struct queue_format *const formats[] = {
    &queue_postfix, &queue_exim, &queue_opensmtpd, &queue_sendmail, &queue_exchange,
};

const struct queue_format *queue_format_of(enum probe_type type)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i]->type == type)
            return formats[i];
    return NULL;
}

bool queue_format_show(const struct queue_format *f, const char *const *argv,
                       struct queue_show_argv *out, struct err *e)
{
    size_t n = 0;

    *out = (struct queue_show_argv){0};
    if (!f->show)
        return true;
    const char *program = argv ? argv[0] : f->argv[0], *slash = strrchr(program, '/');
    int directory = slash ? (int)(slash + 1 - program) : 0;

    bool same = strcmp(f->argv[0], f->show[0]) == 0; /* it lists and shows: exim4 is one, too */

    if (strncmp(program + directory, f->argv[0], strlen(f->argv[0])) != 0)
        return err_set(e, EX_BAD_PROFILE,
                       "no show: expected the command that says what a message is, since argv is "
                       "not %s itself",
                       f->argv[0]);
    int n_program = same ? snprintf(out->program, sizeof out->program, "%s", program)
                         : snprintf(out->program, sizeof out->program, "%.*s%s", directory, program,
                                    f->show[0]);
    if (n_program >= (int)sizeof out->program)
        return err_set(e, EX_BAD_PROFILE, "argv: too long a path");
    out->argv[n++] = out->program;
    for (size_t i = 1; argv && f->config && argv[i]; i++)
        if (strcmp(argv[i], f->config) == 0 && argv[i + 1] && n == 1) {
            out->argv[n++] = argv[i];
            out->argv[n++] = argv[i + 1];
        }
    for (size_t i = 1; f->show[i]; i++)
        out->argv[n++] = f->show[i];
    PM_ASSERT(n < sizeof out->argv / sizeof out->argv[0]);
    return true;
}

static bool is_id_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool queue_id_ok(struct slice id)
{
    if (id.n == 0 || id.n >= QUEUE_ID_BYTES || id.p[0] == '-')
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (!is_id_char(id.p[i]))
            return false;
    return true;
}

bool queue_id_copy(char out[QUEUE_ID_BYTES], struct slice id, struct err *e)
{
    if (!queue_id_ok(id))
        return err_set(e, EX_WIRE, "expected the id of a queue entry");
    memcpy(out, id.p, id.n);
    out[id.n] = '\0';
    return true;
}

void queue_reader_begin(struct queue_reader *r, struct queue_list *list, uint32_t server)
{
    struct buf record = r->record;

    if (!record.limit)
        buf_init(&record, RECORD_MAX);
    buf_clear(&record);
    *r = (struct queue_reader){.list = list, .server = server, .record = record};
}

void queue_reader_fini(struct queue_reader *r)
{
    buf_fini(&r->record);
}
