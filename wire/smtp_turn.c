/* smtp_turn.c - the turns of messages: what is said for one, what its replies decide, and its recipients' fates.
 *
 * A message goes out as MAIL, RCPT..., DATA, and after 354 its text and dot; or, with chunks, as MAIL, RCPT..., BDAT LAST and
 * its text at once. Everything is queued when the message comes; in lockstep the output stops at every command that is not
 * answered, and what is pointless after a refusal is cut off again.
 *
 * With chunks several messages are under way. When one of them is refused, a server may keep its MAIL open (RFC 3030 section
 * 2: RSET is needed) and answer the next one's with 503: that is no verdict on the next one. If its chunk is refused as well,
 * it may be sent again.
 */
#include "wire/smtp_client_private.h"
#include "wire/smtp_say.h"

static struct mail *mail_of(const struct smtp_client *c, uint32_t number)
{
    return &c->mails[number & c->mail_mask];
}

bool smtp_client_is_chunking(const struct smtp_client *c)
{
    return c->up && c->config->chunking != SMTP_CHUNKS_OFF && smtp_has(c, SMTP_EXT_CHUNKING);
}

/* --- messages come and go ------------------------------------------------------------------------------------------ */

/* Chunks: up to a window of messages. Else one more may follow when nothing is awaited, or, pipelined, nothing but the
 * reply to one final dot. */
bool smtp_client_can_take(const struct smtp_client *c)
{
    uint32_t under_way = c->newest - c->oldest;

    if (!c->up || c->over || c->leaving || c->trial.on || c->news != SMTP_MORE)
        return false;
    if (smtp_client_is_chunking(c) && smtp_is_pipelined(c))
        return under_way < c->window && smtp_out_has_room(&c->out);
    if (c->first == c->end)
        return under_way < 2 && smtp_out_has_room(&c->out);
    return under_way < 2 && smtp_is_pipelined(c) && c->end - c->first == 1 &&
           c->expects[c->first & c->expect_mask].what == SMTP_DOT;
}

void smtp_say_reset(struct smtp_client *c)
{
    SMTP_SAY(c, "RSET\r\n");
    smtp_expect(c, SMTP_RSET, SMTP_NO_MAIL, 0);
    c->needs_reset = false;
    c->reset_for = c->newest;
}

static void say_chunk(struct smtp_client *c, uint32_t slot, const struct smtp_text *text,
                      struct pen *w)
{
    struct mail *mail = &c->mails[slot];

    smtp_say_bdat(w, smtp_text_bytes(text, false), true);
    smtp_out_wrote(&c->out, *w);
    smtp_expect(c, SMTP_CHUNK, slot, 0);
    smtp_out_text(&c->out, text, false);
    mail->end_at = c->out.queued;
    c->expects[(c->end - 1) & c->expect_mask].end = mail->end_at;
}

void smtp_client_send(struct smtp_client *c, const struct smtp_mail *m)
{
    uint32_t slot = c->newest & c->mail_mask;
    struct mail *mail = &c->mails[slot];

    PM_ASSERT(smtp_client_can_take(c));
    PM_ASSERT(m->recipients >= 1 && m->recipients <= SMTP_RECIPIENTS_MAX);
    if (c->reset_for != c->newest && (c->needs_reset || c->config->chunking == SMTP_CHUNKS_RESET) &&
        smtp_client_is_chunking(c))
        smtp_say_reset(c);
    mail->tag = m->tag;
    mail->begin_at = c->out.queued;
    mail->end_at = 0;
    mail->text = m->text;
    mail->number = c->newest++;
    mail->waiting = 0;
    mail->recipients = (uint8_t)m->recipients;
    mail->live = true;
    mail->doubtful = false;
    mail->taken = mail->answered = mail->held = mail->decided = mail->told = 0;

    struct pen w = smtp_out_pen(&c->out, smtp_say_room(m));
    smtp_say_mail(&w, m, c->extensions);
    smtp_out_wrote(&c->out, w);
    smtp_expect(c, SMTP_MAIL, slot, 0);
    for (uint32_t r = 0; r < m->recipients; r++) {
        smtp_say_rcpt(&w, m, r, c->extensions);
        smtp_out_wrote(&c->out, w);
        smtp_expect(c, SMTP_RCPT, slot, r);
    }
    if (smtp_client_is_chunking(c)) {
        say_chunk(c, slot, m->text, &w);
        return;
    }
    SMTP_SAY(c, "DATA\r\n");
    smtp_expect(c, SMTP_DATA, slot, 0);
}

bool smtp_client_begun(struct smtp_client *c, uint64_t *tag)
{
    if ((int32_t)(c->oldest - c->unbegun) > 0)
        c->unbegun = c->oldest;
    while (c->unbegun != c->newest) {
        struct mail *m = mail_of(c, c->unbegun);

        if (c->out.gone <= m->begin_at)
            return false;
        c->unbegun++;
        if (!m->live)
            continue; /* it has come to its end meanwhile */
        *tag = m->tag;
        return true;
    }
    return false;
}

/* --- fates ---------------------------------------------------------------------------------------------------------- */

static uint16_t all_of(const struct mail *m)
{
    return (uint16_t)((1u << m->recipients) - 1);
}

/* Writes a verdict down without telling it yet. */
static void hold(struct mail *m, uint32_t rcpt, enum smtp_fate fate, enum smtp_state state,
                 struct smtp_reply reply)
{
    m->held |= (uint16_t)(1u << rcpt);
    m->verdict[rcpt] = (struct verdict){(uint8_t)fate, (uint8_t)state, reply};
}

static void decide(struct mail *m, uint32_t rcpt, enum smtp_fate fate, enum smtp_state state,
                   struct smtp_reply reply)
{
    if (m->decided >> rcpt & 1)
        return;
    hold(m, rcpt, fate, state, reply);
    if (!m->doubtful)
        m->decided |= (uint16_t)(1u << rcpt);
}

/* What was held is decided; the others are, in this way. */
static void decide_all(struct mail *m, enum smtp_fate fate, enum smtp_state state,
                       struct smtp_reply reply)
{
    m->doubtful = false;
    m->decided |= m->held;
    for (uint32_t left = all_of(m) & ~m->decided; left > 0; left &= left - 1)
        decide(m, (uint32_t)__builtin_ctz(left), fate, state, reply);
}

static enum smtp_fate refusal(struct smtp_reply reply)
{
    return reply.code / 100 == 4 ? SMTP_REFUSED_TEMP : SMTP_REFUSED_PERM;
}

/* Messages are free in the order of their sending, when all is told and no reply is awaited. */
static void retire(struct smtp_client *c)
{
    while (c->oldest != c->newest) {
        const struct mail *m = mail_of(c, c->oldest);

        if (m->live || m->waiting > 0)
            return;
        c->oldest++;
    }
}

bool smtp_turn_tell(struct smtp_client *c, struct smtp_outcome *out)
{
    while (c->untold != c->newest) {
        struct mail *m = mail_of(c, c->untold);
        uint32_t left = m->decided & ~m->told;

        if (!m->live) {
            c->untold++;
            continue;
        }
        if (left == 0)
            return false; /* those behind it are not decided either: replies come in order */
        uint32_t r = (uint32_t)__builtin_ctz(left);
        const struct verdict *v = &m->verdict[r];
        m->told |= (uint16_t)(1u << r);
        m->live = m->told != all_of(m);
        *out = (struct smtp_outcome){.tag = m->tag,
                                     .recipient = r,
                                     .fate = (enum smtp_fate)v->fate,
                                     .state = (enum smtp_state)v->state,
                                     .reply = v->reply,
                                     .last = !m->live};
        if (!m->live) {
            c->untold++;
            retire(c);
        }
        return true;
    }
    return false;
}

/* --- what a reply means --------------------------------------------------------------------------------------------- */

/* The transaction failed as a whole: the next one that is not queued yet begins with RSET. */
static void failed(struct smtp_client *c, const struct mail *m)
{
    if (smtp_client_is_chunking(c) && (int32_t)(m->number - c->reset_for) >= 0)
        c->needs_reset = true;
}

static void mail_replied(struct smtp_client *c, struct mail *m)
{
    if (c->reply.code / 100 == 2)
        return;
    failed(c, m);
    m->doubtful = c->tainted && c->reply.code == 503 && smtp_is_pipelined(c);
    if (!m->doubtful)
        decide_all(m, refusal(c->reply), SMTP_MAIL, c->reply);
}

static void rcpt_replied(struct smtp_client *c, struct mail *m, uint32_t rcpt)
{
    if (c->reply.code / 100 == 2)
        m->taken |= (uint16_t)(1u << rcpt);
    else
        decide(m, rcpt, refusal(c->reply), SMTP_RCPT, c->reply);
    if (rcpt + 1u == m->recipients && m->taken == 0)
        failed(c, m);
}

static void say_body(struct smtp_client *c, struct mail *m, uint32_t slot)
{
    smtp_out_text(&c->out, m->text, true);
    SMTP_SAY(c, ".\r\n");
    m->end_at = c->out.queued;
    smtp_expect(c, SMTP_DOT, slot, 0);
}

static void data_replied(struct smtp_client *c, struct mail *m, uint32_t slot)
{
    if (c->reply.code == 354) {
        if (m->taken & ~m->decided) {
            say_body(c, m, slot);
        } else if (c->config->lmtp) {
            smtp_broken(c, "354 although nobody was taken"); /* RFC 2033 section 4.2 */
        } else {
            SMTP_SAY(c, ".\r\n"); /* it wants a text although it refused everyone */
            smtp_expect(c, SMTP_LONE_DOT, slot, 0);
        }
    } else if (c->reply.code >= 400) {
        decide_all(m, refusal(c->reply), SMTP_DATA, c->reply);
        smtp_say_reset(c);
    } else {
        smtp_broken(c, "neither 354 nor a refusal");
    }
}

/* What our own window had refused, and surely was not taken: its 503s are no verdicts. */
static void send_again(struct mail *m, enum smtp_state state, struct smtp_reply reply)
{
    m->held = 0;
    decide_all(m, SMTP_AGAIN, state, reply);
}

/* The text was answered for all. */
static void text_over(struct smtp_client *c, struct mail *m, bool taken, enum smtp_state what)
{
    c->tainted = smtp_client_is_chunking(c) && !(taken && m->taken != 0);
    if (c->tainted)
        failed(c, m);
    if (m->doubtful && !taken) {
        send_again(m, what, c->reply);
    } else {
        decide_all(m, taken ? SMTP_ACCEPTED : refusal(c->reply), what, c->reply);
    }
}

/* One reply after the text for every recipient that was taken (RFC 2033 section 4.2), one if there is none; false: more are
 * to come. */
static bool lmtp_replied(struct smtp_client *c, struct mail *m, enum smtp_state what)
{
    bool fine = c->reply.code / 100 == 2;
    uint32_t left = m->taken & ~m->answered;

    if (left > 0) {
        uint32_t r = (uint32_t)__builtin_ctz(left);

        m->answered |= (uint16_t)(1u << r);
        decide(m, r, fine ? SMTP_ACCEPTED : refusal(c->reply), what, c->reply);
        left &= left - 1;
    }
    if (left > 0)
        return false;
    for (uint32_t r = 0; r < m->recipients; r++)
        fine |= m->held >> r & 1 && m->verdict[r].fate == SMTP_ACCEPTED;
    text_over(c, m, fine, what);
    return true;
}

/* Lockstep: what is queued behind a refusal is pointless. */
static void step(struct smtp_client *c, struct mail *m, struct expect x)
{
    bool refused = x.what == SMTP_MAIL && c->reply.code / 100 != 2;

    if (!refused && (x.what != SMTP_RCPT || x.rcpt + 1u < m->recipients || m->taken > 0))
        return;
    smtp_out_cut(&c->out);
    c->first = c->end;
    m->waiting = 0;
    retire(c);
    smtp_say_reset(c);
}

/* The reply to the text; false: it is one of several. */
static bool text_replied(struct smtp_client *c, struct mail *m, enum smtp_state what)
{
    if (c->config->lmtp)
        return lmtp_replied(c, m, what);
    text_over(c, m, c->reply.code / 100 == 2, what);
    return true;
}

void smtp_turn_replied(struct smtp_client *c, struct expect x)
{
    struct mail *m = &c->mails[x.mail];
    bool over = true;

    if (x.what == SMTP_MAIL)
        mail_replied(c, m);
    else if (x.what == SMTP_RCPT)
        rcpt_replied(c, m, x.rcpt);
    else if (x.what == SMTP_DATA)
        data_replied(c, m, x.mail);
    else if (x.what != SMTP_LONE_DOT) /* to which 2yz is no delivery either */
        over = text_replied(c, m, (enum smtp_state)x.what);
    if (!over)
        return;
    c->first++;
    if (--m->waiting == 0)
        retire(c);
    if (!smtp_is_pipelined(c))
        step(c, m, x);
}

void smtp_turn_closing(struct smtp_client *c, struct expect x)
{
    struct mail *m = &c->mails[x.mail];

    if (m->doubtful)
        send_again(m, c->doing, c->reply);
    else if (c->out.gone > m->begin_at)
        decide_all(m, SMTP_REFUSED_TEMP, c->doing, c->reply);
}

void smtp_turn_refused(struct smtp_client *c, struct expect x)
{
    decide_all(&c->mails[x.mail], refusal(c->reply), SMTP_BODY, c->reply);
}

/* What each message was waiting for when the connection went: its oldest expectation. Both queues have the same order. */
void smtp_turn_lost(struct smtp_client *c)
{
    const struct smtp_reply none = {0};
    uint32_t at = c->first;

    for (uint32_t i = c->untold; i != c->newest; i++) {
        struct mail *m = mail_of(c, i);
        enum smtp_fate fate = SMTP_ABORTED;
        enum smtp_state state = SMTP_MAIL;

        while (m->waiting > 0 && at != c->end &&
               c->expects[at & c->expect_mask].mail != (i & c->mail_mask))
            at++;
        if (m->waiting > 0 && at != c->end) {
            const struct expect *x = &c->expects[at & c->expect_mask];
            bool text = x->what == SMTP_DOT || x->what == SMTP_CHUNK;

            state = text && c->out.gone < x->end ? SMTP_BODY : (enum smtp_state)x->what;
        }
        if (c->out.gone <= m->begin_at)
            fate = SMTP_UNTOUCHED;
        else if (m->end_at > 0 && c->out.gone >= m->end_at)
            fate = SMTP_DOUBT;
        if (m->doubtful && (fate == SMTP_ABORTED || (m->taken == 0 && m->held == all_of(m))))
            send_again(m, state, none);
        else
            decide_all(m, fate, state, none);
        m->waiting = 0;
    }
}
