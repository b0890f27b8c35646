/* smtp_scene.c - questions are noted in words, so that a test compares two texts. */
#include "tests/wire/smtp_scene.h"

#include "tests/support/check.h"

void scene_begin(struct scene *s)
{
    s->c.name = "us.test";
    s->c.size_max = s->c.size_max ? s->c.size_max : 100000;
    s->s = smtp_server_create(&s->c);
    buf_init(&s->said, 16u << 20);
    buf_init(&s->heard, 16u << 20);
    smtp_server_begin(s->s, NULL);
}

void scene_end(struct scene *s)
{
    smtp_server_destroy(s->s);
    buf_fini(&s->said);
    buf_fini(&s->heard);
}

static void take_out(struct scene *s)
{
    struct slice out = smtp_server_output(s->s);

    (void)buf_add(&s->said, out.p, out.n);
    smtp_server_gave(s->s, out.n);
}

static void add(struct scene *s, const char *what, struct slice text)
{
    (void)buf_add_format(&s->heard, "%s <%.*s>\n", what, (int)text.n, (const char *)text.p);
}

static void note_message(struct scene *s)
{
    add(s, "message from", smtp_server_sender(s->s));
    for (uint32_t i = 0; i < smtp_server_recipients(s->s); i++)
        add(s, "to", smtp_server_recipient(s->s, i).address);
    add(s, smtp_server_has_bare_lf(s->s) ? "bare" : "text", smtp_server_content(s->s));
}

void scene_feed(struct scene *s, struct slice in)
{
    for (;;) {
        switch (smtp_server_hear(s->s, &in)) {
        case SMTP_ASK_SENDER:
            add(s, "sender", smtp_server_sender(s->s));
            smtp_server_answer(s->s, s->sender);
            break;
        case SMTP_ASK_RECIPIENT: {
            bool no = s->refused && slice_is(smtp_server_asked(s->s), s->refused);

            add(s, "recipient", smtp_server_asked(s->s));
            smtp_server_answer(s->s, no || !s->refused ? s->recipient : NULL);
            break;
        }
        case SMTP_ASK_MESSAGE:
            note_message(s);
            while (smtp_server_answers(s->s) > 0)
                smtp_server_answer(s->s, s->message);
            break;
        case SMTP_ASK_HELLO:
            smtp_server_answer(s->s, s->hello);
            break;
        case SMTP_ASK_DATA:
            smtp_server_cut(s->s, s->cut);
            smtp_server_answer(s->s, s->data);
            break;
        case SMTP_ASK_TLS:
            add(s, "tls", slice_of(""));
            smtp_server_secured(s->s);
            break;
        case SMTP_ASK_CUT:
            (void)buf_add_format(&s->heard, "cut at %llu\n",
                                 (unsigned long long)smtp_server_text_octets(s->s));
            s->over = true;
            take_out(s);
            return;
        case SMTP_ASK_END:
            s->over = true;
            take_out(s);
            return;
        case SMTP_ASK_MORE:
            take_out(s);
            return;
        }
    }
}

void scene_feed_in(struct scene *s, struct slice in, size_t piece)
{
    while (in.n > 0 && !s->over) {
        size_t n = in.n < piece ? in.n : piece;

        scene_feed(s, slice_from(in.p, n));
        in = slice_skip(in, n);
    }
}

void scene_check(const struct scene *like, struct slice in, const char *said, const char *heard)
{
    for (size_t piece = 1; piece <= in.n + 1; piece = piece < 40 ? piece + 1 : in.n + 1 + piece) {
        struct scene s = *like;

        scene_begin(&s);
        scene_feed_in(&s, in, piece);
        CHECK_STR(buf_text(&s.said), said);
        CHECK_STR(buf_text(&s.heard), heard);
        scene_end(&s);
    }
}
