/* smtp_server_text.c - the text of a message: to its dot behind DATA, or in chunks (RFC 3030), to where it is cut, if it is; and
 * what is said of it when it has ended.
 */
#include "wire/smtp_offer.h"
#include "wire/smtp_path.h"
#include "wire/smtp_server_private.h"

/* Why the text that came cannot be taken; NULL: it can. */
static const char *unfit(const struct smtp_server *s)
{
    if (s->text.too_large)
        return SMTP_SERVER_LARGER;
    return s->text.no_room ? "452 4.3.1 no room for it now" : NULL;
}

/* The whole message is here, or was more than there is room for. */
static enum smtp_ask finish(struct smtp_server *s)
{
    uint32_t answers = s->c->lmtp ? s->count : 1;

    s->ended = true;
    if (!unfit(s))
        return smtp_server_ask(s, SMTP_ASK_MESSAGE, answers);
    s->cut_now = s->cut != SMTP_CUT_NOWHERE;
    if (s->cut_now)
        return SMTP_ASK_MORE;
    for (uint32_t i = 0; i < answers; i++)
        smtp_server_say(s, unfit(s));
    smtp_server_forget(s);
    return SMTP_ASK_MORE;
}

/* ---- behind DATA ---- */

/* A message is cut while its text comes: its first octet is taken unless it may be the first of what ends it. */
static void cut_text(struct smtp_server *s, struct slice *in)
{
    if (in->p[0] != '.' && in->p[0] != '\r') {
        smtp_intake_add(&s->text, slice_from(in->p, 1));
        *in = slice_skip(*in, 1);
    }
    s->cut_now = true;
}

/* Text off the front of *in; true: and its end. */
static bool take_data(struct smtp_server *s, struct slice *in)
{
    uint64_t before = s->text.octets;
    bool ended = false;

    if (s->cut == SMTP_CUT_TEXT)
        cut_text(s, in);
    while (in->n > 0 && !ended && !s->cut_now) {
        if (s->cut == SMTP_CUT_TERMINATOR && smtp_intake_is_ending(&s->text, *in))
            s->cut_now = true;
        else
            ended = smtp_intake_step(&s->text, in);
    }
    s->counts.octets += s->text.octets - before;
    return ended;
}

/* ---- chunks ---- */

static enum smtp_ask chunk_ends(struct smtp_server *s)
{
    s->in_chunk = false;
    if (s->discards) {
        s->discards = false;
        return SMTP_ASK_MORE;
    }
    if (s->chunk_last)
        return finish(s);
    if (unfit(s)) {
        smtp_server_say(s, unfit(s));
        smtp_server_fail(s);
        return SMTP_ASK_MORE;
    }
    smtp_server_say(s, "250 2.0.0 chunk taken");
    return SMTP_ASK_MORE;
}

/* A chunk without a message that could take it: the octets follow whatever is answered, and are read and forgotten. */
static void refuse_chunk(struct smtp_server *s)
{
    s->discards = true;
    if (s->c->lacks & SMTP_LACKS_CHUNKING)
        (void)smtp_server_blame(s, "502 5.5.1 not offered");
    else if (s->turned_away > 0 || s->refused_all)
        smtp_server_say(s, "554 5.5.1 nobody to send it to");
    else if (s->failed)
        smtp_server_say(s, "503 5.5.1 not now");
    else
        (void)smtp_server_blame(s, "503 5.5.1 not now");
    if (s->state != SMTP_SERVER_NEW)
        smtp_server_fail(s);
}

enum smtp_ask smtp_server_bdat(struct smtp_server *s, struct slice args)
{
    if (!smtp_path_bdat(args, &s->chunk_left, &s->chunk_last)) {
        (void)smtp_server_blame(s, "501 5.5.4 BDAT takes a number of octets, and perhaps LAST");
        s->closing = true; /* where its octets end nobody knows */
        return SMTP_ASK_MORE;
    }
    s->in_chunk = true;
    if (s->c->lacks & SMTP_LACKS_CHUNKING || !(s->state & (SMTP_SERVER_RCPT | SMTP_SERVER_BDAT)))
        refuse_chunk(s);
    else if (s->state == SMTP_SERVER_RCPT)
        return smtp_server_ask(s, SMTP_ASK_DATA, 1);
    return SMTP_ASK_MORE;
}

/* How many more octets of this chunk are heard before it is cut; UINT64_MAX: all are, and what follows. */
static uint64_t chunk_to_cut(const struct smtp_server *s)
{
    const uint64_t ends = s->chunk_last ? 1 : 0; /* the last octet is what ends a message */

    if (s->cut == SMTP_CUT_TEXT && s->chunk_left + ends > 0)
        return s->chunk_left > ends ? 1 : 0;
    if (s->cut == SMTP_CUT_TERMINATOR && s->chunk_last)
        return s->chunk_left > 0 ? s->chunk_left - 1 : 0;
    return UINT64_MAX;
}

static enum smtp_ask take_chunk(struct smtp_server *s, struct slice *in)
{
    const uint64_t to_cut = s->discards ? UINT64_MAX : chunk_to_cut(s);
    uint64_t most = s->chunk_left < to_cut ? s->chunk_left : to_cut;
    struct slice part = slice_from(in->p, in->n < most ? in->n : (size_t)most);

    *in = slice_skip(*in, part.n);
    s->chunk_left -= part.n;
    if (!s->discards) {
        smtp_intake_add(&s->text, part);
        s->counts.octets += part.n;
    }
    s->cut_now = part.n == to_cut;
    return s->chunk_left == 0 && !s->cut_now ? chunk_ends(s) : SMTP_ASK_MORE;
}

bool smtp_server_takes_text(const struct smtp_server *s)
{
    return s->in_chunk || s->state == SMTP_SERVER_DATA;
}

enum smtp_ask smtp_server_take_text(struct smtp_server *s, struct slice *in)
{
    if (s->in_chunk)
        return take_chunk(s, in);
    return take_data(s, in) ? finish(s) : SMTP_ASK_MORE;
}

/* ---- answers ---- */

void smtp_server_data_answered(struct smtp_server *s, bool yes, const char *line)
{
    if (!yes) {
        /* On LMTP the last chunk is answered for each recipient, as the dot is (RFC 2033 section 4.2). */
        uint32_t times = s->in_chunk && s->chunk_last && s->c->lmtp ? s->count : 1;

        while (times-- > 0)
            smtp_server_say(s, line);
        s->discards = s->in_chunk;
        smtp_server_fail(s);
        return;
    }
    s->state = s->in_chunk ? SMTP_SERVER_BDAT : SMTP_SERVER_DATA;
    if (!s->in_chunk)
        smtp_server_say(s, line && *line == '3' ? line : "354 end with a dot on a line of its own");
}

void smtp_server_message_answered(struct smtp_server *s, bool yes, const char *line)
{
    if (s->cut == SMTP_CUT_ANSWER) {
        s->cut_now = true;
        return;
    }
    smtp_server_say(s, line ? line : "250 2.0.0 message taken");
    if (yes)
        s->counts.errors = 0;
    s->taken_once = s->taken_once || yes;
    s->counts.messages += s->taken_once && s->answers == 0;
    if (s->answers == 0)
        smtp_server_forget(s);
}
