/* fake_imap.c - the server half of RFC 3501 that probes use, with a view of the mailbox per session. */
#include "tests/probes/fake_imap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/fields.h"

struct fake_imap_session {
    struct fake_imap *f;
    struct fake_imap_session *next;
    struct stream *stream;
    struct buf in, out;
    uint32_t view[FAKE_IMAP_MESSAGES]; /* the UIDs it has been told of */
    uint32_t seen;
    char idle_tag[32];  /* "" not idling */
    char plain_tag[32]; /* "" no AUTHENTICATE PLAIN is open */
    bool over;
};

static void free_session(struct fake_imap_session *s)
{
    struct fake_imap_session **at = &s->f->sessions;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    stream_close(s->stream);
    buf_fini(&s->in);
    buf_fini(&s->out);
    free(s);
}

/* false: the session is gone. */
static bool flush(struct fake_imap_session *s)
{
    while (s->out.n > 0) {
        long n = stream_write(s->stream, s->out.p, s->out.n);

        if (n == STREAM_AGAIN)
            return true;
        if (n < 0) {
            free_session(s);
            return false;
        }
        buf_drop(&s->out, (size_t)n);
    }
    if (s->over) {
        free_session(s);
        return false;
    }
    return true;
}

static const struct fake_imap_message *message_of(const struct fake_imap *f, uint32_t uid)
{
    uint32_t low = 0, high = f->count; /* they ascend */

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (f->messages[mid].uid < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low < f->count && f->messages[low].uid == uid ? &f->messages[low] : NULL;
}

/* EXPUNGE for what went, EXISTS for what came. */
static void tell_changes(struct fake_imap_session *s)
{
    const struct fake_imap *f = s->f;
    uint32_t before;

    for (uint32_t i = 0; i < s->seen;)
        if (message_of(f, s->view[i])) {
            i++;
        } else {
            memmove(s->view + i, s->view + i + 1, (--s->seen - i) * sizeof *s->view);
            (void)buf_add_format(&s->out, "* %" PRIu32 " EXPUNGE\r\n", i + 1);
        }
    before = s->seen;
    for (uint32_t i = 0; i < f->count; i++)
        if (s->seen == 0 || f->messages[i].uid > s->view[s->seen - 1])
            s->view[s->seen++] = f->messages[i].uid;
    if (s->seen != before)
        (void)buf_add_format(&s->out, "* %" PRIu32 " EXISTS\r\n", s->seen);
}

static void do_examine(struct fake_imap_session *s, const char *tag)
{
    struct fake_imap *f = s->f;

    f->examines++;
    if (f->mute)
        return;
    if (f->no_mailbox) {
        (void)buf_add_format(&s->out, "%s %s\r\n", tag, f->no_mailbox);
        return;
    }
    s->seen = f->count;
    for (uint32_t i = 0; i < f->count; i++)
        s->view[i] = f->messages[i].uid;
    (void)buf_add_format(&s->out,
                         "* %" PRIu32 " EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY %" PRIu32
                         "] ok\r\n* OK [UIDNEXT %" PRIu32 "] ok\r\n%s OK [READ-ONLY] done\r\n",
                         f->count, f->validity, f->uidnext, tag);
}

static void put_literal(struct fake_imap_session *s, const void *p, size_t n)
{
    if (s->f->literal)
        (void)buf_add_text(&s->out, s->f->literal);
    else
        (void)buf_add_format(&s->out, "{%zu}", n);
    (void)buf_add_text(&s->out, "\r\n");
    (void)buf_add(&s->out, p, n);
    (void)buf_add_text(&s->out, ")\r\n");
}

static void put_message(struct fake_imap_session *s, uint32_t place,
                        const struct fake_imap_message *m)
{
    s->f->bodies++;
    (void)buf_add_format(&s->out, "* %" PRIu32 " FETCH (UID %" PRIu32 " RFC822.SIZE %zu BODY[] ",
                         place, m->uid, m->n);
    put_literal(s, m->text, m->n);
}

/* Those that are asked for by name, in parentheses at `names`, of the message's header. */
static void put_fields(struct fake_imap_session *s, uint32_t place,
                       const struct fake_imap_message *m, struct slice names)
{
    struct slice rest = slice_from(m->text, m->n), name;
    struct field f;
    struct buf fields;

    s->f->headers++;
    buf_init(&fields, 1 << 20);
    while (fields_next(&rest, &f))
        for (struct slice left = names; left.n > 0;) {
            (void)slice_cut(&left, ' ', &name);
            if (name.n != f.name.n ||
                strncasecmp((const char *)name.p, (const char *)f.name.p, name.n) != 0)
                continue;
            (void)buf_add(&fields, f.name.p, f.name.n);
            (void)buf_add_text(&fields, ": ");
            (void)buf_add(&fields, f.value.p, f.value.n);
            (void)buf_add_text(&fields, "\r\n");
        }
    if (s->f->trap)
        (void)buf_add_text(&fields, s->f->trap);
    (void)buf_add_text(&fields, "\r\n");
    (void)buf_add_format(&s->out,
                         "* %" PRIu32 " FETCH (UID %" PRIu32 " BODY[HEADER.FIELDS (%.*s)] ", place,
                         m->uid, (int)names.n, names.p);
    put_literal(s, fields.p, fields.n);
    buf_fini(&fields);
}

static void do_list(struct fake_imap_session *s, const char *tag, const char *rest)
{
    const struct fake_imap *f = s->f;

    s->f->lists++;
    if (f->mute)
        return;
    if (f->listed && strstr(rest, f->listed))
        (void)buf_add_format(&s->out, "* LIST (%s) \"/\" %s\r\n",
                             f->list_words ? f->list_words : "\\HasNoChildren", f->listed);
    (void)buf_add_format(&s->out, "%s OK listed\r\n", tag);
}

#define SET_MAX 400

struct set {
    struct {
        uint32_t low, high;
    } range[SET_MAX];

    unsigned count;
    bool whole;
    struct slice names; /* of header fields, where not whole */
};

/* "1:5,7,9:* (UID BODY.PEEK[HEADER.FIELDS (A B)])" */
static void read_set(const struct fake_imap_session *s, char *text, struct set *set)
{
    const char *names = strstr(text, "HEADER.FIELDS (");
    uint32_t top = s->seen > 0 ? s->view[s->seen - 1] : 0;

    *set = (struct set){.whole = !names};
    if (names) {
        names += strlen("HEADER.FIELDS (");
        set->names = slice_from(names, strcspn(names, ")"));
    }
    do {
        uint32_t low = (uint32_t)strtoul(text, &text, 10), high = low;

        if (*text == ':' &&
            text[1] == '*') { /* "7:*" with fewer: the last one (RFC 3501 section 9) */
            text += 2;
            low = low > top ? top : low;
            high = UINT32_MAX;
        } else if (*text == ':') {
            high = (uint32_t)strtoul(text + 1, &text, 10);
        }
        PM_ASSERT(set->count < SET_MAX);
        set->range[set->count].low = low;
        set->range[set->count++].high = high;
    } while (*text++ == ',');
}

static bool is_in(const struct set *set, uint32_t uid)
{
    for (unsigned i = 0; i < set->count; i++)
        if (uid >= set->range[i].low && uid <= set->range[i].high)
            return true;
    return false;
}

/* false: the session is to end here. */
static bool put_one(struct fake_imap_session *s, uint32_t place, const struct fake_imap_message *m,
                    const struct set *set, uint32_t *told)
{
    struct fake_imap *f = s->f;

    if (f->bye_after > 0 && ++*told > f->bye_after) {
        f->bye_after = 0;
        s->over = true;
        (void)buf_add_text(&s->out, "* BYE being moved\r\n");
        return false;
    }
    if (!set->whole) {
        put_fields(s, place, m, set->names);
        return true;
    }
    if (m->uid == f->unreadable) {
        (void)buf_add_format(&s->out, "* %" PRIu32 " FETCH (UID %" PRIu32 " BODY[] NIL)\r\n", place,
                             m->uid);
        return true;
    }
    put_message(s, place, m);
    if (f->cut_after > 0 && ++*told == f->cut_after) {
        f->cut_after = 0;
        s->over = true;
        s->out.n -= m->n / 2;
        return false;
    }
    return true;
}

static bool goes(struct fake_imap *f, const struct set *set, uint32_t uid)
{
    if (uid == 0 || !is_in(set, uid) || !message_of(f, uid))
        return false;
    fake_imap_remove(f, uid);
    return true;
}

static void do_fetch(struct fake_imap_session *s, const char *tag, char *text)
{
    struct fake_imap *f = s->f;
    const char *done = "OK fetched";
    uint32_t told = 0;
    struct set set;

    f->fetches++;
    read_set(s, text, &set);
    if (set.whole && f->bye_at_bodies) {
        f->bye_at_bodies = false;
        s->over = true;
        (void)buf_add_text(&s->out, "* BYE being moved\r\n");
        return;
    }
    if (goes(f, &set, f->expunged) || (set.whole && goes(f, &set, f->expunged_late)))
        done = "NO [EXPUNGEISSUED] some went";
    for (uint32_t i = 0; i < s->seen; i++) {
        const struct fake_imap_message *m = message_of(f, s->view[i]);

        if (m && is_in(&set, m->uid) && !put_one(s, i + 1, m, &set, &told))
            return;
    }
    if (f->renumbers) {
        f->renumbers = false;
        fake_imap_renumber(f);
        (void)buf_add_format(&s->out, "* OK [UIDVALIDITY %" PRIu32 "] new\r\n", f->validity);
    }
    if (f->late.n > 0) {
        fake_imap_add(f, f->late.p, f->late.n);
        f->late.n = 0;
        tell_changes(s);
    }
    (void)buf_add_format(&s->out, "%s %s\r\n", tag, done);
}

static void do_search(struct fake_imap_session *s, const char *tag)
{
    s->f->searches++;
    tell_changes(s);
    (void)buf_add_text(&s->out, "* SEARCH");
    for (uint32_t i = 0; i < s->seen; i++)
        (void)buf_add_format(&s->out, " %" PRIu32, s->view[i]);
    (void)buf_add_format(&s->out, "\r\n%s OK searched\r\n", tag);
}

static void do_login(struct fake_imap_session *s, const char *tag, const char *rest)
{
    struct fake_imap *f = s->f;

    f->log_ons++;
    (void)snprintf(f->last_log_on, sizeof f->last_log_on, "%.250s", rest);
    (void)buf_add_format(&s->out, "%s %s\r\n", tag, f->refusal ? f->refusal : "OK welcome");
}

static void do_noop(struct fake_imap_session *s, const char *tag)
{
    s->f->noops++;
    if (s->f->bad_answer) {
        (void)buf_add_text(&s->out, s->f->bad_answer);
        return;
    }
    tell_changes(s);
    (void)buf_add_format(&s->out, "%s OK noop\r\n", tag);
}

static void do_line(struct fake_imap_session *s, char *line)
{
    char *tag = line, *command = strchr(line, ' ');

    if (strcmp(line, "DONE") == 0) {
        tell_changes(s);
        (void)buf_add_format(&s->out, "%s OK idled\r\n", s->idle_tag);
        s->idle_tag[0] = 0;
        return;
    }
    if (s->plain_tag[0] != 0) {
        char said[1100];

        (void)snprintf(said, sizeof said, "PLAIN %.1000s", line);
        do_login(s, s->plain_tag, said);
        s->plain_tag[0] = 0;
        return;
    }
    if (!command)
        return;
    *command++ = 0;
    if (strncmp(command, "LOGIN ", 6) == 0) {
        do_login(s, tag, command + 6);
    } else if (strcmp(command, "AUTHENTICATE PLAIN") == 0) {
        (void)snprintf(s->plain_tag, sizeof s->plain_tag, "%.31s", tag);
        (void)buf_add_text(&s->out, "+ \r\n");
    } else if (strcmp(command, "CAPABILITY") == 0) {
        (void)buf_add_format(&s->out, "* CAPABILITY IMAP4rev1%s\r\n%s OK\r\n",
                             s->f->idle ? " IDLE" : "", tag);
    } else if (strcmp(command, "EXAMINE INBOX") == 0) {
        do_examine(s, tag);
    } else if (strncmp(command, "LIST ", 5) == 0) {
        do_list(s, tag, command + 5);
    } else if (strcmp(command, "NOOP") == 0) {
        do_noop(s, tag);
    } else if (strncmp(command, "UID FETCH ", 10) == 0) {
        do_fetch(s, tag, command + 10);
    } else if (strcmp(command, "UID SEARCH ALL") == 0) {
        do_search(s, tag);
    } else if (strcmp(command, "IDLE") == 0) {
        s->f->idles++;
        if (s->f->idle_ends) {
            (void)buf_add_format(&s->out, "%s OK idled\r\n", tag);
            return;
        }
        (void)snprintf(s->idle_tag, sizeof s->idle_tag, "%.31s", tag);
        if (s->f->idle_late)
            tell_changes(s);
        (void)buf_add_text(&s->out, "+ idling\r\n");
    } else if (strcmp(command, "LOGOUT") == 0) {
        s->f->logouts++;
        s->over = true;
    } else {
        (void)buf_add_format(&s->out, "%s BAD what?\r\n", tag);
    }
}

static void on_ready(struct stream *stream, unsigned what)
{
    struct fake_imap_session *s = stream->owner;
    char piece[4096];
    long n;

    (void)what;
    while ((n = stream_read(stream, piece, sizeof piece)) > 0)
        (void)buf_add(&s->in, piece, (size_t)n);
    for (;;) {
        const unsigned char *lf = s->in.n ? memchr(s->in.p, '\n', s->in.n) : NULL;
        char line[9000];
        size_t length;

        if (!lf || s->over)
            break;
        length = (size_t)(lf - s->in.p);
        (void)snprintf(line, sizeof line, "%.*s", (int)(length > 0 ? length - 1 : 0), s->in.p);
        buf_drop(&s->in, length + 1);
        do_line(s, line);
    }
    if (n != STREAM_AGAIN)
        free_session(s);
    else
        (void)flush(s);
}

static void on_accept(void *owner, struct stream *stream)
{
    struct fake_imap *f = owner;
    struct fake_imap_session *s = calloc(1, sizeof *s);

    PM_ASSERT(s);
    s->f = f;
    s->next = f->sessions;
    f->sessions = s;
    s->stream = stream;
    stream->ready = on_ready;
    stream->owner = s;
    buf_init(&s->in, 1 << 20);
    buf_init(&s->out, 64 << 20);
    (void)buf_add_text(&s->out, f->greeting ? f->greeting : "* OK fake\r\n");
    (void)flush(s);
}

void fake_imap_start(struct fake_imap *f, struct loop *l, const struct net_addr *at)
{
    struct err e;

    f->loop = l;
    f->validity = f->validity ? f->validity : 1;
    f->uidnext = f->uidnext ? f->uidnext : 1;
    f->listener = loop_listen(l, at, on_accept, f, &e);
    PM_ASSERT(f->listener);
}

void fake_imap_stop(struct fake_imap *f)
{
    while (f->sessions)
        free_session(f->sessions);
    for (uint32_t i = 0; i < f->count; i++)
        free(f->messages[i].text);
    f->count = 0;
    listener_close(f->listener);
    f->listener = NULL;
}

void fake_imap_add(struct fake_imap *f, const void *text, size_t n)
{
    struct fake_imap_message *m = &f->messages[f->count++];

    PM_ASSERT(f->count <= FAKE_IMAP_MESSAGES);
    *m = (struct fake_imap_message){.uid = f->uidnext++, .text = malloc(n + 1), .n = n};
    PM_ASSERT(m->text);
    memcpy(m->text, text, n);
}

void fake_imap_remove(struct fake_imap *f, uint32_t uid)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (f->messages[i].uid == uid) {
            free(f->messages[i].text);
            memmove(f->messages + i, f->messages + i + 1, (--f->count - i) * sizeof *f->messages);
            return;
        }
}

void fake_imap_renumber(struct fake_imap *f)
{
    f->validity++;
    for (uint32_t i = 0; i < f->count; i++)
        f->messages[i].uid = i + 1;
    f->uidnext = f->count + 1;
}

void fake_imap_push(struct fake_imap *f)
{
    struct fake_imap_session *s = f->sessions, *next;

    for (; s; s = next) {
        next = s->next;
        if (s->idle_tag[0] != 0) {
            tell_changes(s);
            (void)flush(s);
        }
    }
}

void fake_imap_bye(struct fake_imap *f, const char *line)
{
    struct fake_imap_session *s = f->sessions, *next;

    for (; s; s = next) {
        next = s->next;
        (void)buf_add_text(&s->out, line);
        s->over = true;
        (void)flush(s);
    }
}
