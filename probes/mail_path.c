/* mail_path.c - filling the template in, with names that cannot leave their folder. */
#include "probes/mail_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "base/template.h"

#define PATH_BYTES 4000

/* A part of a path: no slash, neither "." nor "..", nothing empty or unprintable. */
static bool check_part(const char *what, const char *value, struct err *e)
{
    bool fine = value[0] != 0 && strcmp(value, ".") != 0 && strcmp(value, "..") != 0;

    for (const char *p = value; *p && fine; p++)
        fine = *p != '/' && (unsigned char)*p >= ' ' && *p != 0x7f;
    return fine || err_set(e, EX_BAD_PROFILE, "%s \"%.80s\" cannot be part of a path", what, value);
}

/* What the template has before the part in which the first word about the mailbox stands. */
static size_t base_length(const char *text)
{
    static const char *const words[] = {"{mailbox}", "{user}", "{address}", "{local}", "{domain}"};
    const char *first = NULL;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *at = strstr(text, words[i]);

        if (at && (!first || at < first))
            first = at;
    }
    while (first && first > text && first[-1] != '/')
        first--;
    return first ? (size_t)(first - text) : 0;
}

static bool fill(struct mail_path *p, const char *text, const struct template_word *words,
                 struct err *e)
{
    char base[PATH_BYTES];
    size_t n = base_length(text);

    if (n + 1 > sizeof base)
        return err_set(e, EX_BAD_PROFILE, "the path is too long");
    (void)snprintf(base, sizeof base, "%.*s", (int)n, text);
    if (n == 0)
        (void)snprintf(base, sizeof base, ".");
    return template_fill(text, words, TEMPLATE_PLAIN, &p->path, e) && buf_add(&p->path, "", 1) &&
           template_fill(base, words, TEMPLATE_PLAIN, &p->base, e) && buf_add(&p->base, "", 1);
}

bool mail_path_make(struct mail_path *p, const struct probe_profile *how, const struct site *site,
                    uint32_t mailbox, uint32_t server, struct err *e)
{
    const struct mailbox *m = &site->mailboxes[mailbox];
    const char *at = strrchr(m->address, '@');
    char local[256];
    const struct template_word words[] = {
        {.word = "server", .value = site->servers[server].name},
        {.word = "mailbox", .value = m->name},
        {.word = "user", .value = m->user ? m->user : m->name},
        {.word = "address", .value = m->address},
        {.word = "local", .value = local},
        {.word = "domain", .value = at ? at + 1 : NULL},
        {.word = NULL},
    };

    (void)snprintf(local, sizeof local, "%.*s",
                   (int)(at ? (size_t)(at - m->address) : strlen(m->address)), m->address);
    buf_init(&p->path, PATH_BYTES);
    buf_init(&p->base, PATH_BYTES);
    for (const struct template_word *w = words; w->word; w++)
        if (w->value && !check_part(w->word, w->value, e))
            return false;
    if (!how->path)
        return err_set(e, EX_BAD_PROFILE, "probes.%s: \"path\" is missing", how->name);
    return fill(p, how->path, words, e) || err_wrap(e, "probes.%s.path", how->name);
}

void mail_path_drop(struct mail_path *p)
{
    buf_fini(&p->path);
    buf_fini(&p->base);
}

enum mail_path_answer mail_path_look(const struct mail_path *p, struct stat *st,
                                     char why[MAIL_PATH_WHY])
{
    const char *path = (const char *)p->path.p, *base = (const char *)p->base.p;

    if (stat(path, st) == 0)
        return MAIL_PATH_THERE;
    if (errno != ENOENT) {
        (void)snprintf(why, MAIL_PATH_WHY, "%.120s: %s", path, strerror(errno));
        return MAIL_PATH_FAILED;
    }
    if (stat(base, st) != 0 || !S_ISDIR(st->st_mode)) {
        (void)snprintf(why, MAIL_PATH_WHY, "there is no folder %.120s for mailboxes", base);
        return MAIL_PATH_FAILED;
    }
    (void)snprintf(why, MAIL_PATH_WHY, "there is no %.120s", path);
    return MAIL_PATH_ABSENT;
}
