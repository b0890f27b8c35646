/* page_stories.c - what befell each copy that went wrong, or may have: its events in words, its class and the row that decides.
 *
 * All classes have a share of the stories, so that many copies of one kind do not hide the single one of another.
 */
#include <stdlib.h>
#include <string.h>

#include "results/json_file.h"
#include "results/ledger_private.h"
#include "results/page_private.h"
#include "results/page_rules.h"

#define EVENTS_SHOWN 60u
#define EVENTS_KEPT  96u
#define TABLE_SIZE   1024u
#define WORDS_MAX    1000u

struct told { /* the events of one message, shared by the stories of its copies */
    uint64_t number;
    struct event events[EVENTS_KEPT];
    uint32_t count;
    uint64_t left_out;
};

struct page_stories {
    struct page_run r;
    struct copy *kept[CLASS_COUNT]; /* up to PAGE_STORIES of each class that has stories */
    uint32_t kept_count[CLASS_COUNT];
    uint64_t total;
    struct copy *stories; /* chosen */
    uint32_t count;
    struct told *told;
    uint32_t told_count;
    uint16_t table[TABLE_SIZE]; /* place in `told` plus one, by number */
    struct page_wanted *wanted; /* reports, by number and address */
    uint32_t wanted_count;
    bool out_of_memory;
};

static bool has_story(enum outcome c)
{
    return page_is_bad(c) || page_group(c) == AXIS_OPEN;
}

struct page_stories *page_stories_create(const struct page_run *r, struct err *e)
{
    struct page_stories *s = calloc(1, sizeof *s);

    if (!s) {
        (void)err_set(e, EX_IO, "out of memory for the page");
        return NULL;
    }
    s->r = *r;
    return s;
}

void page_stories_destroy(struct page_stories *s)
{
    if (!s)
        return;
    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        free(s->kept[c]);
    for (uint32_t i = 0; i < s->wanted_count; i++)
        json_decref(s->wanted[i].text);
    free(s->wanted);
    free(s->stories);
    free(s->told);
    free(s);
}

void page_stories_add(struct page_stories *s, const struct copy *p)
{
    enum outcome c = p->outcome;

    if (!has_story(c))
        return;
    s->total++;
    if (s->kept_count[c] == PAGE_STORIES)
        return;
    if (!s->kept[c])
        s->kept[c] = malloc(PAGE_STORIES * sizeof *s->kept[c]);
    if (s->kept[c])
        s->kept[c][s->kept_count[c]++] = *p;
    else
        s->out_of_memory = true;
}

/* ------------------------------------------------------------------------------------------------------------ choice */

/* One more of each class in turn, while there is room. */
static void share_out(const struct page_stories *s, uint32_t share[CLASS_COUNT], bool open,
                      uint32_t *room)
{
    for (bool more = true; more && *room;) {
        more = false;
        for (enum outcome c = 0; c < CLASS_COUNT && *room; c++)
            if (has_story(c) && (page_group(c) == AXIS_OPEN) == open &&
                share[c] < s->kept_count[c]) {
                share[c]++;
                (*room)--;
                more = true;
            }
    }
}

static void take(struct page_stories *s, const uint32_t share[CLASS_COUNT], bool open)
{
    for (enum outcome c = 0; c < CLASS_COUNT; c++)
        for (uint32_t i = 0; (page_group(c) == AXIS_OPEN) == open && i < share[c]; i++)
            s->stories[s->count++] = s->kept[c][i];
}

static uint32_t table_at(uint64_t number)
{
    return (uint32_t)(number * 0x9e3779b97f4a7c15ull >> 54);
}

static struct told *told_of(const struct page_stories *s, uint64_t number)
{
    for (uint32_t at = table_at(number); s->table[at]; at = (at + 1) % TABLE_SIZE)
        if (s->told[s->table[at] - 1].number == number)
            return &s->told[s->table[at] - 1];
    return NULL;
}

static void tell_of(struct page_stories *s, uint64_t number)
{
    uint32_t at = table_at(number);

    if (told_of(s, number))
        return;
    while (s->table[at])
        at = (at + 1) % TABLE_SIZE;
    s->told[s->told_count++].number = number;
    s->table[at] = (uint16_t)s->told_count;
}

static void want_report(struct page_stories *s, const struct copy *p)
{
    struct page_wanted *w = &s->wanted[s->wanted_count];
    const struct line_sink *words = s->r.source->words;

    if (!words || !words->token ||
        !(p->facts.f || p->facts.w || p->flags >> FLAG_DELAYED_REPORT & 1))
        return;
    *w = (struct page_wanted){.number = p->number};
    if (p->mailbox < s->r.m->mailbox_count)
        w->address = s->r.m->mailboxes[p->mailbox].address;
    words->token(words->owner, p->number, w->token);
    s->wanted_count++;
}

bool page_stories_choose(struct page_stories *s, struct err *e)
{
    uint32_t share[CLASS_COUNT] = {0}, room = PAGE_STORIES;

    s->stories = calloc(PAGE_STORIES, sizeof *s->stories);
    s->told = calloc(PAGE_STORIES, sizeof *s->told);
    s->wanted = calloc(PAGE_STORIES, sizeof *s->wanted);
    if (s->out_of_memory || !s->stories || !s->told || !s->wanted)
        return err_set(e, EX_IO, "out of memory for the page");
    share_out(s, share, false, &room);
    share_out(s, share, true, &room);
    take(s, share, false);
    take(s, share, true);
    for (uint32_t i = 0; i < s->count; i++) {
        tell_of(s, s->stories[i].number);
        want_report(s, &s->stories[i]);
    }
    if (s->wanted_count)
        page_reports_read(s->r.source->run_dir, s->wanted, s->wanted_count);
    return true;
}

uint32_t page_stories_find(const struct page_stories *s, uint64_t number, uint32_t recipient,
                           bool alternate)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct copy *p = &s->stories[i];

        if (p->number == number && p->recipient == recipient && p->alternate == alternate)
            return i;
    }
    return NO_INDEX;
}

uint64_t page_stories_left_out(const struct page_stories *s)
{
    return s->total - s->count;
}

/* ------------------------------------------------------------------------------------------------------------ events */

/* An entry of a queue is told twice at most for each number of tries: when it was first and last seen so. */
static bool is_same_entry(const struct event *a, const struct event *b)
{
    return a->kind == EV_QUEUED && b->kind == EV_QUEUED && a->place == b->place && a->a == b->a &&
           a->code == b->code && a->slot == b->slot;
}

static bool join_entry(struct told *d, const struct event *ev)
{
    struct event *first = NULL, *last = NULL;

    for (uint32_t i = 0; i < d->count; i++)
        if (is_same_entry(&d->events[i], ev)) {
            if (!first || d->events[i].t_ns < first->t_ns)
                first = &d->events[i];
            if (!last || d->events[i].t_ns > last->t_ns)
                last = &d->events[i];
        }
    if (!first || first == last)
        return false;
    if (ev->t_ns < first->t_ns)
        *first = *ev;
    if (ev->t_ns > last->t_ns)
        *last = *ev;
    return true;
}

static bool is_told(const struct told *d, const struct event *ev)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (memcmp(&d->events[i], ev, sizeof *ev) == 0)
            return true;
    return false;
}

void page_stories_event(struct page_stories *s, const struct event *ev)
{
    if (ev->kind != EV_SENT && ev->kind != EV_END && ev->kind != EV_SEEN && ev->kind != EV_GONE &&
        ev->kind != EV_QUEUED && ev->kind != EV_REPORT)
        return;
    struct told *d = told_of(s, ev->slot / s->r.m->stride);

    if (!d || is_told(d, ev) || (ev->kind == EV_QUEUED && join_entry(d, ev)))
        return;
    if (d->count < EVENTS_KEPT)
        d->events[d->count++] = *ev;
    else
        d->left_out++;
}

/* What a story is told from: events, and lines that follow from what the ledger knows. */
struct line {
    uint64_t t_ns;
    uint32_t order; /* of lines of one time */
    json_t *words;
};

struct telling {
    const struct page_stories *s;
    const struct copy *p;
    struct line lines[EVENTS_KEPT + 64];
    uint32_t count;
};

static void say(struct telling *t, uint64_t t_ns, json_t *words)
{
    if (t->count < sizeof t->lines / sizeof t->lines[0] && t_ns != NEVER_NS) {
        t->lines[t->count] = (struct line){t_ns, t->count, words};
        t->count++;
    } else {
        json_decref(words);
    }
}

static int lines_in_order(const void *left, const void *right)
{
    const struct line *a = left, *b = right;

    if (a->t_ns != b->t_ns)
        return a->t_ns < b->t_ns ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static int events_in_order(const void *left, const void *right)
{
    const struct event *a = left, *b = right;

    if (a->t_ns != b->t_ns)
        return a->t_ns < b->t_ns ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return memcmp(a, b, sizeof *a);
}

/* A message to several recipients: what was said about another one is not this copy's. */
static bool concerns(const struct telling *t, const struct event *ev)
{
    uint64_t slot = t->p->number * t->s->r.m->stride + 2ull * t->p->recipient;

    return (ev->kind != EV_SENT && ev->kind != EV_END) || ev->slot == slot;
}

static void say_events(struct telling *t)
{
    struct told *d = told_of(t->s, t->p->number);
    struct buf words;

    buf_init(&words, WORDS_MAX);
    if (d->count > 1)
        qsort(d->events, d->count, sizeof d->events[0], events_in_order);
    for (uint32_t i = 0; i < d->count; i++) {
        if (!concerns(t, &d->events[i]))
            continue;
        buf_clear(&words);
        (void)event_words(t->s->r.m, t->s->r.source->words, &d->events[i], &words);
        say(t, d->events[i].t_ns, page_words(buf_text(&words)));
    }
    buf_fini(&words);
}

static void say_move(struct telling *t)
{
    static const char *const marks[] = {"is asked for", "copying begins", "flipped",  "done",
                                        "failed",       "verified",       "disproved"};
    _Static_assert(sizeof marks / sizeof marks[0] == MARK_COUNT, "words per mark");
    const struct page_run *r = &t->s->r;
    uint32_t move = t->p->move.move;

    for (int k = 0; move != NO_INDEX && k < MARK_COUNT; k++) {
        const struct manifest_move *v = &r->m->moves[move];

        say(t, page_mark(r, move, (enum move_mark)k),
            page_format("move %u of %s from %s to %s: %s", move, page_mailbox(r->m, v->mailbox),
                        page_server(r->m, v->from), page_server(r->m, v->to), marks[k]));
    }
}

static void say_scans(struct telling *t, uint32_t mailbox, const char *whose)
{
    const struct page_run *r = &t->s->r;
    const uint32_t *servers;
    uint32_t n = mailbox < r->m->mailbox_count
                     ? history_servers(copies_history(r->copies), mailbox, &servers)
                     : 0;

    for (uint32_t i = 0; i < n && i < 16; i++) {
        uint64_t begun = ledger_place(r->l, servers[i], mailbox)->complete_ns;

        if (begun)
            say(t, begun - 1,
                page_format("%s: the newest complete scan of %s%s begins",
                            page_server(r->m, servers[i]), page_mailbox(r->m, mailbox), whose));
    }
}

static json_t *events_json(const struct page_stories *s, const struct copy *p)
{
    struct telling t = {.s = s, .p = p};
    json_t *all = json_array();

    say_events(&t);
    say_move(&t);
    say_scans(&t, p->mailbox, "");
    if (p->mailbox != p->to)
        say_scans(&t, p->to, "");
    if (p->from != p->mailbox && p->from != p->to)
        say_scans(&t, p->from, ", where reports go,");
    if (s->r.l->quiescent)
        say(&t, s->r.l->quiescent - 1, page_words("all queues are at rest"));
    if (t.count > 1)
        qsort(t.lines, t.count, sizeof t.lines[0], lines_in_order);
    for (uint32_t i = 0; i < t.count; i++) {
        json_t *pair = i < EVENTS_SHOWN ? json_array() : NULL;

        if (pair) {
            page_push(pair, json_u64(t.lines[i].t_ns));
            page_push(pair, t.lines[i].words);
            page_push(all, pair);
        } else {
            json_decref(t.lines[i].words);
        }
    }
    return all;
}

/* ---------------------------------------------------------------------------------------------------------- the object */

static json_t *report_json(const struct page_stories *s, const struct copy *p)
{
    const char *address =
        p->mailbox < s->r.m->mailbox_count ? s->r.m->mailboxes[p->mailbox].address : NULL;
    json_t *text = NULL;

    for (uint32_t i = 0; i < s->wanted_count; i++)
        if (s->wanted[i].number == p->number && s->wanted[i].address == address)
            text = s->wanted[i].text;
    return text ? json_incref(text) : json_null();
}

static json_t *flags_json(const struct copy *p)
{
    json_t *all = json_array();

    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (p->flags >> f & 1)
            page_push(all, page_words(flag_name(f)));
    return all;
}

/* When it was sent, and how long after the flip (or what else there is) of the move that is nearest. */
static void put_when(json_t *o, const struct page_run *r, const struct copy *p)
{
    static const enum move_mark marks[] = {MARK_FLIPPED, MARK_DONE, MARK_ASKED};

    uint64_t at = p->sent_ns != NEVER_NS ? p->sent_ns : page_planned(r, p);

    if (at == NEVER_NS)
        return;
    page_put(o, "at_ns", json_u64(at));
    for (size_t k = 0; p->move.move != NO_INDEX && k < sizeof marks / sizeof marks[0]; k++) {
        uint64_t zero = page_mark(r, p->move.move, marks[k]);

        if (zero == NEVER_NS)
            continue;
        page_put(o, "move", json_u64(p->move.move));
        page_put(o, "mark", page_words(event_mark_name(marks[k])));
        page_put(o, "phase_ns", json_integer((int64_t)at - (int64_t)zero));
        return;
    }
}

static json_t *story_json(const struct page_stories *s, const struct copy *p)
{
    json_t *o = json_object();

    page_put(o, "number", json_u64(p->number));
    page_put(o, "token", page_token(&s->r, p->number));
    page_put(o, "mailbox", page_words(page_mailbox(s->r.m, p->mailbox)));
    page_put(o, "role", page_words(p->alternate ? "alternate" : "primary"));
    page_put(o, "class", page_words(class_name(p->outcome)));
    page_put(o, "flags", flags_json(p));
    put_when(o, &s->r, p);
    page_put(o, "rule", json_integer(page_rule(p->outcome)));
    page_put(o, "rule_holds", page_words(page_rule_words(p->outcome)));
    page_put(o, "why", page_why(&s->r, p));
    page_put(o, "events", events_json(s, p));
    page_put(o, "report", report_json(s, p));
    return o;
}

json_t *page_stories_json(const struct page_stories *s)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < s->count; i++)
        page_push(all, story_json(s, &s->stories[i]));
    return all;
}
