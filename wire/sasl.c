/* sasl.c - AUTH exchanges through libgsasl.
 *
 * LOGIN has no initial response: not every server takes one, and every server asks. gsasl would answer "authorize as" of
 * PLAIN and others by asking us; we leave it empty, which means: as the user.
 */
#include "wire/sasl.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define CHALLENGE_MAX 8192

struct sasl {
    const struct mechanism *mechanism;
    Gsasl *library;
    Gsasl_session *session;
    bool complete;
};

static const struct mechanism {
    const char *name;
    bool we_begin;
} mechanisms[] = {
    {"SCRAM-SHA-256", true}, {"SCRAM-SHA-1", true}, {"CRAM-MD5", false}, {"DIGEST-MD5", false},
    {"NTLM", true},          {"PLAIN", true},       {"LOGIN", false},
};

static bool is_offered(struct slice offered, const char *name)
{
    struct slice word;

    while (offered.n > 0) {
        (void)slice_cut(&offered, ' ', &word);
        if (slice_is_nocase(word, name))
            return true;
    }
    return false;
}

static const struct mechanism *choose(Gsasl *library, struct slice offered)
{
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
        if (is_offered(offered, mechanisms[i].name) &&
            gsasl_client_support_p(library, mechanisms[i].name))
            return &mechanisms[i];
    return NULL;
}

static bool begin(struct sasl *s, struct slice offered, const struct sasl_login *login,
                  struct err *e)
{
    char offers[201];

    if (gsasl_init(&s->library) != GSASL_OK)
        return err_set(e, EX_IO, "libgsasl does not start");
    s->mechanism = choose(s->library, offered);
    if (!s->mechanism)
        return err_set(e, EX_TARGET, "no AUTH mechanism in common; it offers \"%s\"",
                       text_clean(offers, sizeof offers, offered));
    if (gsasl_client_start(s->library, s->mechanism->name, &s->session) != GSASL_OK)
        return err_set(e, EX_TARGET, "AUTH %s does not start", s->mechanism->name);
    if (gsasl_property_set(s->session, GSASL_AUTHID, login->user) != GSASL_OK ||
        gsasl_property_set(s->session, GSASL_PASSWORD, login->password) != GSASL_OK ||
        gsasl_property_set(s->session, GSASL_SERVICE, login->service) != GSASL_OK ||
        gsasl_property_set(s->session, GSASL_HOSTNAME, login->host) != GSASL_OK)
        return err_set(e, EX_IO, "out of memory");
    return true;
}

struct sasl *sasl_create(struct slice offered, const struct sasl_login *login, struct err *e)
{
    struct sasl *s = calloc(1, sizeof *s);

    if (!s) {
        err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    if (begin(s, offered, login, e))
        return s;
    sasl_destroy(s);
    return NULL;
}

void sasl_destroy(struct sasl *s)
{
    if (!s)
        return;
    if (s->session)
        gsasl_finish(s->session);
    if (s->library)
        gsasl_done(s->library);
    free(s);
}

const char *sasl_name(const struct sasl *s)
{
    return s->mechanism->name;
}

static bool step(struct sasl *s, const char *challenge, struct buf *out, struct err *e)
{
    char *answer = NULL;
    int rc = gsasl_step64(s->session, challenge, &answer);
    bool ok = (rc == GSASL_OK || rc == GSASL_NEEDS_MORE) && (!answer || buf_add_text(out, answer));

    if (!ok)
        err_set(e, EX_TARGET, "AUTH %s: %s", s->mechanism->name, gsasl_strerror(rc));
    s->complete = rc == GSASL_OK;
    gsasl_free(answer);
    return ok;
}

bool sasl_initial(struct sasl *s, struct buf *out)
{
    return s->mechanism->we_begin && step(s, "", out, NULL);
}

bool sasl_answer(struct sasl *s, struct slice challenge, struct buf *out, struct err *e)
{
    char text[CHALLENGE_MAX];

    challenge = slice_trim(challenge);
    if (challenge.n >= sizeof text)
        return err_set(e, EX_WIRE, "AUTH %s: a challenge of %zu octets", s->mechanism->name,
                       challenge.n);
    memcpy(text, challenge.p, challenge.n);
    text[challenge.n] = '\0';
    return step(s, text, out, e);
}

bool sasl_is_complete(const struct sasl *s)
{
    return s->complete;
}
