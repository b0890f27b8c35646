/* fuzz_home.c - libFuzzer's entry for answers to "where does this mailbox live": by HTTP, a command, IMAP, or a directory's value.
 * An answer is one of our servers, or says in one printable line why there is none; and what was said before stays known.
 *
 * The first octet modulo 4 chooses who is asked. For IMAP the rest is the server's script (bed.h).
 */
#include <string.h>

#include "base/err.h"
#include "probes/home_driver.h"
#include "probes/home_lookup.h"
#include "tests/fuzz/bed.h"

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static struct {
    struct bed *bed;
    struct slice text;
    struct fake_step steps[2];
    char line[4096];
    unsigned answers;
} f;

static void on_answered(void *owner, uint32_t mailbox, const struct home_answer *a)
{
    const struct site *s = &f.bed->r->profile.site;

    (void)owner;
    PM_ASSERT(mailbox == 0 && (a->ok ? a->home < s->server_count : a->why && *a->why));
    PM_ASSERT(a->was < s->server_count || a->was == SITE_NONE);
    for (const char *p = a->why; *p; p++)
        PM_ASSERT((unsigned char)*p >= ' ');
    f.answers++;
}

static int answer(struct fake_http *h, const char *method, const char *url, const char *body,
                  struct buf *out)
{
    (void)h;
    (void)method;
    (void)url;
    (void)body;
    PM_ASSERT(buf_add(out, f.text.p, f.text.n));
    return 200;
}

static const struct fake_step *start(struct fake_exec *x, const char *const *argv, size_t *count)
{
    (void)x;
    (void)argv;
    *count = 2;
    return f.steps;
}

static void look(struct bed *b, enum lookup_type type)
{
    static const char *const argv[] = {"where", "{mailbox}", NULL};
    struct lookup_profile *how = &b->r->profile.home_lookup;
    struct err e = {0};

    *how = (struct lookup_profile){.on = true,
                                   .type = type,
                                   .url = "{control}/v1/home?mailbox={mailbox}",
                                   .argv = argv,
                                   .list = type == LOOKUP_IMAP ? "user/{local}" : NULL,
                                   .user = type == LOOKUP_IMAP ? "cyrus" : NULL,
                                   .password = type == LOOKUP_IMAP ? "x" : NULL,
                                   .period_real_ns = 50 * NS_PER_MS};
    b->r->http.answer = answer;
    b->r->exec.script = start;
    struct home_lookup *h = home_lookup_create(&b->c, on_answered, NULL, &e);

    PM_ASSERT(h);
    f.answers = 0;
    home_lookup_ask(h, 0);
    bed_run(b, 40 * NS_PER_S);
    PM_ASSERT(f.answers == 1);
    uint32_t home = home_lookup_home(h, 0);

    PM_ASSERT(home < 3 || home == SITE_NONE);
    home_lookup_destroy(h);
    bed_run(b, NS_PER_S);
}

static void look_by_imap(struct bed *b, struct slice script)
{
    struct scripted *s = scripted_listen(b, &b->r->servers[0].imap.addr, script);

    look(b, LOOKUP_IMAP);
    scripted_close(s);
}

/* A value of a directory. */
static void name(struct bed *b, struct slice value)
{
    static const char *const match[] = {"mail-1.lab.test", "x", NULL};
    struct site *s = &b->r->profile.site;

    s->servers[0].match = match;
    uint32_t home = home_named(s, value);

    PM_ASSERT(home < s->server_count || home == SITE_NONE);
    s->servers[0].match = NULL;
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct bed *b = bed_begin();
    unsigned how = n > 0 ? data[0] % 4 : 0;

    f.bed = b;
    f.text = slice_skip(slice_from(data, n), 1);
    size_t bytes = f.text.n < sizeof f.line - 1 ? f.text.n : sizeof f.line - 1;

    memset(f.line, 0, sizeof f.line);
    memcpy(f.line, f.text.p, bytes);
    f.steps[0] = (struct fake_step){.line = f.line};
    f.steps[1] = (struct fake_step){.status = 0};
    if (how == 0)
        look(b, LOOKUP_HTTP);
    else if (how == 1)
        look(b, LOOKUP_EXEC);
    else if (how == 2)
        look_by_imap(b, f.text);
    else
        name(b, f.text);
    bed_end(b);
    return 0;
}
