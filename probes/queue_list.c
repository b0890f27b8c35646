/* queue_list.c - one listing of queues: JSON, or a command's lines, to entries and counters per server. */
#include "probes/queue_list.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

#define FIELDS  7
#define IDS_MAX (64u << 20)

bool queue_list_init(struct queue_list *q, const struct site *site, const struct token_key *key)
{
    *q = (struct queue_list){.site = site, .key = key};
    buf_init(&q->ids, IDS_MAX);
    q->servers = calloc(site->server_count + 1u, sizeof *q->servers);
    return q->servers;
}

void queue_list_fini(struct queue_list *q)
{
    free(q->servers);
    free(q->entries);
    buf_fini(&q->ids);
    *q = (struct queue_list){.site = q->site};
}

void queue_list_clear(struct queue_list *q)
{
    memset(q->servers, 0, q->site->server_count * sizeof *q->servers);
    q->count = 0;
    buf_clear(&q->ids);
    q->ended = q->bad = false;
    q->names_ours = q->names_others = false;
}

/* Entries. */

struct raw_entry {
    struct slice id, sender, recipient, message_id, envid;
    const char
        *mailbox; /* whose copy it is, where that differs from the recipient; NULL: not said */
    uint32_t server, tries;
    bool due, report;
};

static bool find_token(const struct token_key *key, struct slice text, uint64_t *message)
{
    size_t at = 0;

    return key && text.n > 0 &&
           (token_find(key, text, &at, message) ||
            (text.n == TOKEN_CHARS && token_read(key, text, message)));
}

static struct queue_entry *next_entry(struct queue_list *q, struct err *e)
{
    if (q->count == q->room) {
        uint32_t room = q->room ? q->room * 2 : 256;
        struct queue_entry *p =
            room <= QUEUE_ENTRIES_MAX ? realloc(q->entries, room * sizeof *p) : NULL;

        if (!p) {
            (void)err_set(e, EX_WIRE, "more than %u queue entries", q->room);
            return NULL;
        }
        q->entries = p;
        q->room = room;
    }
    return &q->entries[q->count++];
}

static void count_entry(struct queue_list *q, const struct queue_entry *entry)
{
    struct queue_server *s = &q->servers[entry->server];

    s->entries++;
    s->due += entry->due;
    s->standing ^= entry->fingerprint;
}

static bool add_entry(struct queue_list *q, const struct raw_entry *raw, struct err *e)
{
    struct slice recipient = raw->recipient;
    uint64_t print[4] = {raw->server, raw->tries, hash_fast(raw->id.p, raw->id.n),
                         hash_fast(recipient.p, recipient.n)};
    struct queue_entry *entry = next_entry(q, e);

    if (!entry)
        return false;
    *entry = (struct queue_entry){.server = raw->server,
                                  .due = raw->due,
                                  .report = raw->report,
                                  .tries = raw->tries,
                                  .fingerprint = hash_fast(print, sizeof print)};
    entry->ours = find_token(q->key, raw->message_id, &entry->message) ||
                  find_token(q->key, raw->envid, &entry->message) ||
                  find_token(q->key, raw->sender, &entry->message);
    entry->mailbox = raw->mailbox ? site_mailbox(q->site, raw->mailbox) : SITE_NONE;
    if (entry->mailbox == SITE_NONE)
        entry->mailbox = site_address(q->site, recipient.p, recipient.n);
    count_entry(q, entry);
    return true;
}

void queue_list_resolve(struct queue_list *q, struct queue_entry *entry, enum queue_owner whose)
{
    bool reports = entry->null_sender && entry->mailbox != SITE_NONE;

    entry->pending = false;
    if (whose == QUEUE_FOREIGN && !reports)
        return;
    entry->ours = whose == QUEUE_OURS;
    entry->due |= whose != QUEUE_OURS;
    count_entry(q, entry);
}

bool queue_list_item(struct queue_list *q, uint32_t server, const struct queue_item *item,
                     struct err *e)
{
    struct queue_entry *entry = next_entry(q, e);
    uint64_t print[5] = {server, item->tries, hash_fast(item->id.p, item->id.n),
                         hash_fast(item->recipient.p, item->recipient.n), item->state};

    if (!entry)
        return false;
    *entry = (struct queue_entry){.server = server,
                                  .due = item->due,
                                  .tries = item->tries,
                                  .null_sender = item->null_sender,
                                  .pending = true,
                                  .key = hash_fast(item->show_id.p, item->show_id.n),
                                  .show_at = (uint32_t)q->ids.n,
                                  .show_size = (uint32_t)item->show_id.n,
                                  .fingerprint = hash_fast(print, sizeof print)};
    entry->mailbox = site_address(q->site, item->recipient.p, item->recipient.n);
    if (!buf_add(&q->ids, item->show_id.p, item->show_id.n))
        return err_set(e, EX_WIRE, "the ids of %u queue entries are too long", q->count);
    if (find_token(q->key, item->message_id, &entry->message) ||
        find_token(q->key, item->sender, &entry->message))
        queue_list_resolve(q, entry, QUEUE_OURS);
    else if (item->message_id.n > 0)
        queue_list_resolve(q, entry, QUEUE_FOREIGN);
    return true;
}

/* JSON. */

/* A text field; missing and null are the empty slice, integers become digits in `digits`. */
static struct slice field(const json_t *in, const char *key, char digits[24])
{
    const json_t *v = json_object_get(in, key);

    if (json_is_string(v))
        return slice_from(json_string_value(v), json_string_length(v));
    if (!json_is_integer(v))
        return slice_of(NULL);
    (void)snprintf(digits, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return slice_of(digits);
}

static bool number(const json_t *in, const char *key, uint64_t *n)
{
    const json_t *v = json_object_get(in, key);

    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *n = (uint64_t)json_integer_value(v);
    return true;
}

static bool read_entry(struct queue_list *q, uint32_t server, const json_t *in, struct err *e)
{
    char digits[5][24];
    uint64_t tries = 0;
    struct raw_entry raw = {.id = field(in, "id", digits[0]),
                            .sender = field(in, "sender", digits[1]),
                            .recipient = field(in, "recipient", digits[2]),
                            .message_id = field(in, "message_id", digits[3]),
                            .envid = field(in, "envid", digits[4]),
                            .mailbox = json_string_value(json_object_get(in, "mailbox")),
                            .server = server,
                            .report = json_is_true(json_object_get(in, "is_report"))};
    const json_t *next = json_object_get(in, "next_try_ns");

    raw.due = next && !json_is_null(next);
    if (raw.id.n == 0)
        return err_set(e, EX_WIRE, "a queue entry without an id");
    if (json_object_get(in, "tries") && !number(in, "tries", &tries))
        return err_set(e, EX_WIRE, "queue entry %.*s: tries is no number",
                       raw.id.n > 60 ? 60 : (int)raw.id.n, (const char *)raw.id.p);
    raw.tries = tries < UINT16_MAX ? (uint32_t)tries : UINT16_MAX;
    return add_entry(q, &raw, e);
}

static bool read_server(struct queue_list *q, const json_t *in, struct err *e)
{
    const json_t *name = json_object_get(in, "server");
    const json_t *entries = json_object_get(in, "entries");

    if (!json_is_string(name) || !json_is_array(entries))
        return err_set(e, EX_WIRE, "expected {\"server\": name, \"entries\": [...]}");
    uint32_t server = site_server(q->site, json_string_value(name));
    if (server == SITE_NONE)
        return true; /* not one that we look at */
    struct queue_server *s = &q->servers[server];
    if (s->listed)
        return err_set(e, EX_WIRE, "server %s is listed twice", json_string_value(name));
    s->listed = true;
    s->counted = number(in, "in", &s->in) && number(in, "out", &s->out);
    for (size_t i = 0; i < json_array_size(entries); i++)
        if (!read_entry(q, server, json_array_get(entries, i), e))
            return false;
    return true;
}

bool queue_list_json(struct queue_list *q, struct slice text, struct err *e)
{
    json_error_t bad;
    json_t *all = json_loadb((const char *)text.p, text.n, 0, &bad);
    const json_t *servers = json_object_get(all, "servers");
    bool ok = json_is_array(servers);

    if (!all)
        (void)err_set(e, EX_WIRE, "no JSON: %s", bad.text);
    else if (!ok)
        (void)err_set(e, EX_WIRE, "JSON without \"servers\": [...]");
    for (size_t i = 0; ok && i < json_array_size(servers); i++)
        ok = read_server(q, json_array_get(servers, i), e);
    json_decref(all);
    q->ended = ok;
    return ok;
}

/* Lines. */

static bool next_word(struct slice *rest, struct slice *word)
{
    *rest = slice_trim(*rest);
    size_t n = 0;

    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    *word = slice_from(rest->p, n);
    *rest = slice_skip(*rest, n);
    return n > 0;
}

static bool server_named(struct queue_list *q, struct slice name, uint32_t *server)
{
    for (*server = 0; *server < q->site->server_count; ++*server) {
        if (slice_is(name, q->site->servers[*server].name)) {
            q->names_ours = true;
            return true;
        }
    }
    q->names_others = true;
    return false;
}

bool queue_list_number(struct slice text, uint64_t *n, struct err *e)
{
    bool ok = text_u64(text, n, e);

    if (!ok && e)
        e->code = EX_WIRE; /* and no fault of a profile */
    return ok;
}

static bool read_counters(struct queue_list *q, const struct slice *w, struct err *e)
{
    uint32_t server;

    if (!server_named(q, w[1], &server))
        return true;
    struct queue_server *s = &q->servers[server];

    s->counted = true;
    return queue_list_number(w[2], &s->in, e) && queue_list_number(w[3], &s->out, e);
}

static bool read_words(struct queue_list *q, const struct slice *w, struct err *e)
{
    uint64_t tries;
    uint32_t server;

    if (!server_named(q, w[0], &server))
        return true;
    if (!queue_list_number(w[4], &tries, e))
        return false;
    struct slice sender = slice_is(w[2], "-") || slice_is(w[2], "<>") ? slice_of(NULL) : w[2];
    struct raw_entry raw = {.id = w[1],
                            .sender = sender,
                            .recipient = w[3],
                            .message_id = w[6],
                            .server = server,
                            .tries = tries < UINT16_MAX ? (uint32_t)tries : UINT16_MAX,
                            .due = !slice_is(w[5], "NONE"),
                            .report = sender.n == 0};

    return add_entry(q, &raw, e);
}

bool queue_list_line(struct queue_list *q, struct slice line, struct err *e)
{
    struct slice rest = line, w[FIELDS];
    size_t n = 0;
    char shown[100];
    bool ok = true;

    if (slice_trim(line).n == 0 || q->bad)
        return !q->bad;
    while (n < FIELDS && next_word(&rest, &w[n]))
        n++;
    bool more = slice_trim(rest).n > 0;
    if (q->ended || more)
        ok = err_set(e, EX_WIRE, q->ended ? "lines behind \"end\"" : "too many words");
    else if (n == 1 && slice_is(w[0], "end"))
        q->ended = true;
    else if (n == 4 && slice_is(w[0], "counters"))
        ok = read_counters(q, w, e);
    else if (n == FIELDS)
        ok = read_words(q, w, e);
    else
        ok = err_set(e, EX_WIRE, "expected 7 words");
    q->bad = !ok;
    return ok || err_wrap(e, "queue line \"%s\"", text_clean(shown, sizeof shown, line));
}

bool queue_list_end(struct queue_list *q, struct err *e)
{
    if (q->bad)
        return false;
    if (!q->ended)
        return err_set(e, EX_WIRE, "the listing has no \"end\"");
    if (q->names_others &&
        !q->names_ours) /* other queues than ours: their silence proves nothing */
        return err_set(e, EX_WIRE, "the listing names servers, but none of the profile's");
    for (uint32_t i = 0; i < q->site->server_count; i++)
        q->servers[i].listed = true;
    return true;
}
