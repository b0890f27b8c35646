/* lab_imap_mailbox.c - the commands on the INBOX: open, look, search, mark, remove, wait.
 *
 * The answer to a FETCH is made in pieces of OUT_AT_ONCE; between two of them the mailbox may change, and what is gone by
 * then is left out (RFC 2180 4.1.2).
 */
#include <inttypes.h>
#include <string.h>

#include "lab/lab_imap_args.h"
#include "lab/lab_imap_session.h"

#define OUT_AT_ONCE (256u << 10)
#define SEARCH_KEYS 8

static void view_clear(struct imap_talk *t)
{
    imap_view_fini(&t->view);
    t->state = SESSION_IN;
}

static bool is_inbox(struct slice *args)
{
    struct slice name;

    return imap_args_string(args, &name) && slice_is_nocase(name, "INBOX");
}

static enum talk_after open_inbox(struct imap_talk *t, struct slice args, bool read_only)
{
    if (t->state == SESSION_SELECTED)
        view_clear(t); /* even if this fails: RFC 3501 6.3.1 */
    if (!is_inbox(&args))
        return session_no(t, "[NONEXISTENT] INBOX is the only mailbox");
    t->view.uid_next = 1;
    (void)session_grow(t);
    t->state = SESSION_SELECTED;
    t->read_only = read_only;
    (void)session_put(t, "* FLAGS (\\Deleted)\r\n* %" PRIu32 " EXISTS\r\n* 0 RECENT\r\n",
                      t->view.n);
    (void)session_put(t, "* OK [UIDVALIDITY %" PRIu32 "] this mailbox\r\n", t->validity);
    (void)session_put(t, "* OK [UIDNEXT %" PRIu32 "] the next\r\n", t->view.uid_next);
    (void)session_put(t, "* OK [PERMANENTFLAGS (%s)] kept\r\n", read_only ? "" : "\\Deleted");
    return session_put(t, "%s OK [%s] opened\r\n", t->tag, read_only ? "READ-ONLY" : "READ-WRITE");
}

enum talk_after mailbox_select(struct imap_talk *t, struct slice args)
{
    return open_inbox(t, args, false);
}

enum talk_after mailbox_examine(struct imap_talk *t, struct slice args)
{
    return open_inbox(t, args, true);
}

static enum talk_after put_status(struct imap_talk *t, struct slice items)
{
    const uint32_t count = lab_item_count(t->lab, t->host->server, t->mailbox);

    const struct {
        const char *name;
        uint32_t value;
    } known[] = {{"MESSAGES", count},
                 {"RECENT", 0},
                 {"UNSEEN", count},
                 {"UIDNEXT", lab_uid_next(t->lab, t->host->server, t->mailbox)},
                 {"UIDVALIDITY", t->validity}};

    const char *blank = "";
    struct slice word;

    (void)session_put(t, "* STATUS INBOX (");
    while (items.n > 0) {
        (void)slice_cut(&items, ' ', &word);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (!slice_is_nocase(word, known[i].name))
                continue;
            (void)session_put(t, "%s%s %" PRIu32, blank, known[i].name, known[i].value);
            blank = " ";
        }
    }
    return session_put(t, ")\r\n");
}

enum talk_after mailbox_status(struct imap_talk *t, struct slice args)
{
    if (!is_inbox(&args))
        return session_no(t, "[NONEXISTENT] INBOX is the only mailbox");
    args = slice_trim(args);
    if (args.n < 3 || args.p[0] != '(' || args.p[args.n - 1] != ')')
        return session_bad(t, "STATUS takes a list of items");
    (void)put_status(t, slice_from(args.p + 1, args.n - 2));
    return session_done(t, "STATUS completed");
}

enum talk_after mailbox_list(struct imap_talk *t, struct slice args)
{
    struct slice reference, pattern;

    if (!imap_args_string(&args, &reference) || !imap_args_string(&args, &pattern))
        return session_bad(t, "LIST takes a reference and a pattern");
    if (pattern.n == 0)
        (void)session_put(t, "* LIST (\\Noselect) \"/\" \"\"\r\n");
    else if (slice_is(pattern, "*") || slice_is(pattern, "%") || slice_is_nocase(pattern, "INBOX"))
        (void)session_put(t, "* LIST (\\NoInferiors) \"/\" INBOX\r\n");
    return session_done(t, "LIST completed");
}

enum talk_after mailbox_append(struct imap_talk *t, struct slice args)
{
    (void)args;
    return session_no(t, "[CANNOT] mail comes in over SMTP");
}

enum talk_after mailbox_idle(struct imap_talk *t, struct slice args)
{
    (void)args;
    t->waits = WAIT_IDLE;
    (void)session_put(t, "+ idling\r\n");
    return session_tell(t, true);
}

/* Selected. */

enum talk_after mailbox_close(struct imap_talk *t, struct slice args)
{
    (void)args;
    if (!t->read_only && lab_expunge_deleted(t->lab, t->host->server, t->mailbox) > 0)
        lab_site_touch(t->host->site);
    view_clear(t);
    return session_done(t, "closed");
}

enum talk_after mailbox_unselect(struct imap_talk *t, struct slice args)
{
    (void)args;
    view_clear(t);
    return session_done(t, "closed");
}

enum talk_after mailbox_expunge(struct imap_talk *t, struct slice args)
{
    (void)args;
    if (t->read_only)
        return session_no(t, "[READ-ONLY] opened by EXAMINE");
    if (lab_expunge_deleted(t->lab, t->host->server, t->mailbox) > 0)
        lab_site_touch(t->host->site);
    return session_done(t, "EXPUNGE completed");
}

/* What * stands for. */
static uint32_t star(const struct imap_talk *t, bool uid)
{
    return uid && t->view.n > 0 ? t->view.uid[t->view.n - 1] : t->view.n;
}

static bool take_set(struct imap_talk *t, struct slice *args, bool uid, struct imap_set *set)
{
    struct slice word;

    (void)slice_cut(args, ' ', &word);
    return imap_set_parse(set, word, star(t, uid));
}

/* The first message of the view that the set can hold. */
static uint32_t first_of(const struct imap_talk *t, const struct imap_set *set, bool uid)
{
    uint32_t low = 0, high = t->view.n;

    if (!uid)
        return set->range[0].low > 0 ? set->range[0].low - 1 : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->view.uid[middle] < set->range[0].low)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum talk_after fetch_ends(struct imap_talk *t)
{
    bool expunges = t->job.by_uid; /* not while sequence numbers are being used: RFC 3501 7.4.1 */

    t->job.active = false;
    if (session_tell(t, expunges) != TALK_GO_ON)
        return TALK_CLOSE;
    return session_put(t, "%s OK FETCH completed\r\n", t->tag);
}

/* As much of the answer as is good to have in memory at once. */
enum talk_after mailbox_fetch_on(struct imap_talk *t)
{
    struct fetch_job *j = &t->job;
    uint32_t last = j->set.range[j->set.n - 1].high, at;
    struct lab_item item;

    if (!session_stands(t))
        return session_gone(t);
    for (; j->at < t->view.n; j->at++) {
        uint32_t number = j->by_uid ? t->view.uid[j->at] : j->at + 1;

        if (number > last)
            break;
        if (t->talk.out.n >= OUT_AT_ONCE)
            return TALK_MORE;
        if (!imap_set_has(&j->set, number) ||
            !imap_view_item(&t->view, j->at, t->lab, t->host->server, t->mailbox, &item, &at) ||
            item.hidden)
            continue;
        if (!imap_plan_write(&j->plan, &t->talk.out, j->at + 1, &item))
            return TALK_CLOSE;
    }
    return fetch_ends(t);
}

static enum talk_after fetch(struct imap_talk *t, struct slice args, bool uid)
{
    struct fetch_job *j = &t->job;

    if (!take_set(t, &args, uid, &j->set))
        return session_bad(t, "FETCH takes a set of messages");
    buf_clear(&t->words);
    if (!buf_add(&t->words, args.p, args.n))
        return TALK_CLOSE;
    j->plan = (struct imap_plan){.uid = uid};
    if (!imap_plan_parse(&j->plan, buf_slice(&t->words)))
        return session_bad(t, "FETCH offers UID FLAGS INTERNALDATE RFC822.SIZE RFC822 BODY[...]");
    j->by_uid = uid;
    j->active = true;
    j->at = first_of(t, &j->set, uid);
    return mailbox_fetch_on(t);
}

enum talk_after mailbox_fetch(struct imap_talk *t, struct slice args)
{
    return fetch(t, args, false);
}

/* Keys of SEARCH; all must hold. */
struct search_key {
    enum { KEY_NONE, KEY_SET, KEY_UID, KEY_DELETED, KEY_UNDELETED } kind;
    struct imap_set set;
};

static bool parse_key(struct imap_talk *t, struct slice *args, struct search_key *k)
{
    struct slice word, rest = *args;

    (void)slice_cut(&rest, ' ', &word);
    if (slice_is_nocase(word, "UID")) {
        *args = rest;
        k->kind = KEY_UID;
        return take_set(t, args, true, &k->set);
    }
    if (word.n > 0 && (word.p[0] == '*' || (word.p[0] >= '0' && word.p[0] <= '9'))) {
        k->kind = KEY_SET;
        return take_set(t, args, false, &k->set);
    }
    *args = rest;
    if (slice_is_nocase(word, "DELETED"))
        k->kind = KEY_DELETED;
    else if (slice_is_nocase(word, "UNDELETED"))
        k->kind = KEY_UNDELETED;
    else if (slice_is_nocase(word, "SEEN") || slice_is_nocase(word, "RECENT"))
        k->kind = KEY_NONE;
    else
        return false;
    return true;
}

static bool key_holds(const struct search_key *k, uint32_t number, const struct lab_item *item)
{
    switch (k->kind) {
    case KEY_NONE:
        return false;
    case KEY_SET:
        return imap_set_has(&k->set, number);
    case KEY_UID:
        return imap_set_has(&k->set, item->uid);
    case KEY_DELETED:
        return item->deleted;
    case KEY_UNDELETED:
        return !item->deleted;
    }
    return false;
}

static bool is_everything(struct slice word)
{
    return slice_is_nocase(word, "ALL") || slice_is_nocase(word, "UNSEEN") ||
           slice_is_nocase(word, "OLD");
}

static bool parse_keys(struct imap_talk *t, struct slice args, struct search_key *keys, unsigned *n)
{
    args = slice_trim(args);
    if (args.n == 0)
        return false;
    while (args.n > 0) {
        struct slice rest = args, word;

        (void)slice_cut(&rest, ' ', &word);
        if (is_everything(word))
            args = rest;
        else if (*n == SEARCH_KEYS || !parse_key(t, &args, &keys[(*n)++]))
            return false;
        args = slice_trim(args);
    }
    return true;
}

static enum talk_after search(struct imap_talk *t, struct slice args, bool uid)
{
    struct search_key keys[SEARCH_KEYS] = {0};
    unsigned n = 0;
    bool ok = parse_keys(t, args, keys, &n);
    enum talk_after after =
        ok ? session_put(t, "* SEARCH") : session_bad(t, "SEARCH offers ALL, sets, UID, DELETED");

    for (uint32_t i = 0; ok && i < t->view.n && after == TALK_GO_ON; i++) {
        struct lab_item item;
        uint32_t at;
        bool holds = imap_view_item(&t->view, i, t->lab, t->host->server, t->mailbox, &item, &at);

        holds = holds && !item.hidden;
        for (unsigned k = 0; holds && k < n; k++)
            holds = key_holds(&keys[k], i + 1, &item);
        if (holds && !buf_add_format(&t->talk.out, " %" PRIu32, uid ? item.uid : i + 1))
            after = TALK_CLOSE;
    }
    for (unsigned k = 0; k < SEARCH_KEYS; k++)
        imap_set_fini(&keys[k].set);
    if (!ok || after != TALK_GO_ON)
        return after;
    (void)session_put(t, "\r\n");
    if (session_tell(t, uid) != TALK_GO_ON)
        return TALK_CLOSE;
    return session_put(t, "%s OK SEARCH completed\r\n", t->tag);
}

enum talk_after mailbox_search(struct imap_talk *t, struct slice args)
{
    return search(t, args, false);
}

/* "+FLAGS.SILENT (\Deleted)": other flags are not kept, and the answer says so. */
struct store_order {
    bool add, remove, silent, deleted;
};

static bool parse_store(struct slice args, struct store_order *o)
{
    struct slice word;

    (void)slice_cut(&args, ' ', &word);
    o->add = slice_starts(word, "+");
    o->remove = slice_starts(word, "-");
    word = slice_skip(word, o->add || o->remove);
    o->silent = slice_is_nocase(word, "FLAGS.SILENT");
    if (!o->silent && !slice_is_nocase(word, "FLAGS"))
        return false;
    args = slice_trim(args);
    if (args.n >= 2 && args.p[0] == '(' && args.p[args.n - 1] == ')')
        args = slice_from(args.p + 1, args.n - 2);
    while (args.n > 0) {
        (void)slice_cut(&args, ' ', &word);
        if (slice_is_nocase(word, "\\Deleted"))
            o->deleted = true;
    }
    return true;
}

static enum talk_after store_one(struct imap_talk *t, const struct store_order *o, uint32_t index,
                                 bool uid)
{
    struct imap_plan plan = {.uid = uid, .flags = true};
    struct lab_item item;
    uint32_t at;

    if (!imap_view_item(&t->view, index, t->lab, t->host->server, t->mailbox, &item, &at))
        return TALK_GO_ON;
    bool deleted = o->add      ? item.deleted || o->deleted
                   : o->remove ? item.deleted && !o->deleted
                               : o->deleted;
    lab_item_set_deleted(t->lab, t->host->server, t->mailbox, at, deleted);
    item.deleted = deleted;
    if (o->silent || imap_plan_write(&plan, &t->talk.out, index + 1, &item))
        return TALK_GO_ON;
    return TALK_CLOSE;
}

static enum talk_after store(struct imap_talk *t, struct slice args, bool uid)
{
    enum talk_after after = TALK_GO_ON;
    struct store_order o = {0};
    struct imap_set set = {0};

    if (t->read_only)
        return session_no(t, "[READ-ONLY] opened by EXAMINE");
    if (!take_set(t, &args, uid, &set) || !parse_store(args, &o)) {
        imap_set_fini(&set);
        return session_bad(t, "STORE takes a set and FLAGS, +FLAGS or -FLAGS");
    }
    for (uint32_t i = first_of(t, &set, uid); i < t->view.n && after == TALK_GO_ON; i++)
        if (imap_set_has(&set, uid ? t->view.uid[i] : i + 1))
            after = store_one(t, &o, i, uid);
    imap_set_fini(&set);
    if (after != TALK_GO_ON || session_tell(t, uid) != TALK_GO_ON)
        return TALK_CLOSE;
    return session_put(t, "%s OK STORE completed\r\n", t->tag);
}

enum talk_after mailbox_store(struct imap_talk *t, struct slice args)
{
    return store(t, args, false);
}

enum talk_after mailbox_uid(struct imap_talk *t, struct slice args)
{
    struct slice word;

    (void)slice_cut(&args, ' ', &word);
    if (slice_is_nocase(word, "FETCH"))
        return fetch(t, args, true);
    if (slice_is_nocase(word, "SEARCH"))
        return search(t, args, true);
    if (slice_is_nocase(word, "STORE"))
        return store(t, args, true);
    return session_bad(t, "UID goes with FETCH, SEARCH and STORE");
}
