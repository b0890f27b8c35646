/* lab.c - the site as one object: built from its configuration, moved along by handed-in time, asked by the fronts. */
#include "lab/lab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "lab/core.h"
#include "lab/plain.h"

#define NAME_MAX_BYTES 64
#define REPORT_MAX     (64u << 20)
#define RNG_STREAM_LAB 0x1ab

bool lab_has(const struct lab *l, enum fault_bit bit)
{
    return (fault_bits(l->version, &l->knobs) & bit) != 0;
}

bool lab_chance(struct lab *l, uint64_t percent)
{
    struct rng r = rng_at(l->seed, RNG_STREAM_LAB, l->draws++);

    return rng_below(&r, 100) < percent;
}

/* --- names ------------------------------------------------------------------------------------------------------ */

static uint64_t name_hash(struct slice name, char *lower)
{
    for (size_t i = 0; i < name.n; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + 32 : name.p[i]);
    return hash_fast(lower, name.n);
}

static uint32_t find_name(const struct lab *l, struct slice name, uint64_t *slot)
{
    char lower[NAME_MAX_BYTES];

    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return NO_MAILBOX;
    for (uint64_t at = name_hash(name, lower) & l->name_mask;; at = (at + 1) & l->name_mask) {
        uint32_t found = l->name_index[at];

        if (slot)
            *slot = at;
        if (found == 0)
            return NO_MAILBOX;
        if (slice_is_nocase(name, l->mailbox[found - 1].name))
            return found - 1;
    }
}

static bool split_address(struct slice address, struct slice *name, struct slice *domain)
{
    size_t at = address.n;

    while (at > 0 && address.p[at - 1] != '@')
        at--;
    *name = (struct slice){address.p, at > 0 ? at - 1 : address.n};
    *domain = at > 0 ? slice_skip(address, at) : slice_of("");
    return at > 0;
}

bool lab_is_local(const struct lab *l, struct slice address)
{
    struct slice name, domain;

    return split_address(address, &name, &domain) && slice_is_nocase(domain, l->domain);
}

uint32_t lab_find_mailbox(const struct lab *l, struct slice address)
{
    struct slice name, domain;
    bool elsewhere = split_address(address, &name, &domain) && !slice_is_nocase(domain, l->domain);
    uint32_t m = find_name(l, name, NULL);

    return m != NO_MAILBOX && elsewhere && !l->mailbox[m].is_foreign ? NO_MAILBOX : m;
}

bool lab_is_foreign(const struct lab *l, struct slice address)
{
    uint32_t m = lab_find_mailbox(l, address);

    return m != NO_MAILBOX && l->mailbox[m].is_foreign;
}

int lab_find_server(const struct lab *l, const char *name)
{
    for (int i = 0; i < l->servers; i++)
        if (strcmp(l->server[i].name, name) == 0)
            return i;
    return -1;
}

const char *lab_mailbox_name(const struct lab *l, uint32_t mailbox)
{
    return mailbox < l->mailboxes ? l->mailbox[mailbox].name : NULL;
}

int lab_server_count(const struct lab *l)
{
    return l->servers;
}

const char *lab_server_name(const struct lab *l, int server)
{
    return server >= 0 && server < l->servers ? l->server[server].name : NULL;
}

const char *lab_domain(const struct lab *l)
{
    return l->domain;
}

const char *lab_build(const struct lab *l)
{
    return l->version->build;
}

bool lab_chunking(const struct lab *l)
{
    return l->version->chunking;
}

const char *lab_version_name(int row)
{
    const struct version_row *v = fault_version_at(row);

    return v ? v->name : NULL;
}

/* --- building --------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text)
{
    size_t n = strlen(text ? text : "");
    char *p = lab_memory(NULL, 0, n + 1);

    if (n > 0)
        memcpy(p, text, n);
    return p;
}

static bool good_name(const char *name)
{
    size_t n = name ? strlen(name) : 0;

    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] >= 0x7f || strchr("@<>\"\\,;:()[]", name[i]))
            return false;
    return n > 0 && n <= NAME_MAX_BYTES;
}

static bool add_servers(struct lab *l, const struct lab_config *c, struct err *e)
{
    if (c->servers < 1 || c->servers > LAB_SERVERS_MAX)
        return err_set(e, EX_BAD_PROFILE, "a site has 1 to %d servers, not %d", LAB_SERVERS_MAX,
                       c->servers);
    for (int i = 0; i < c->servers; i++) {
        struct lab_server *s = &l->server[i];

        if (!good_name(c->server_names[i]))
            return err_set(e, EX_BAD_PROFILE, "'%s' cannot name a server", c->server_names[i]);
        if (lab_find_server(l, c->server_names[i]) >= 0)
            return err_set(e, EX_BAD_PROFILE, "two servers are called '%s'", c->server_names[i]);
        *s = (struct lab_server){.name = copy_text(c->server_names[i]),
                                 .mta_up = true,
                                 .store_up = true,
                                 .front_up = {true, true, true, true}};
        s->box = lab_memory(NULL, 0, c->mailbox_count * sizeof *s->box);
        l->servers++;
    }
    return true;
}

static void add_name(struct lab *l, const struct lab_mailbox_config *m, uint64_t slot)
{
    struct mailbox *box = &l->mailbox[l->mailboxes++];
    bool foreign = m->home == LAB_FOREIGN;
    size_t room = strlen(m->name) + strlen(l->domain) + sizeof "@" LAB_FOREIGN_DOMAIN;

    box->name = copy_text(m->name);
    box->password = copy_text(m->password);
    box->address = lab_memory(NULL, 0, room);
    box->is_foreign = foreign;
    (void)snprintf(box->address, room, "%s@%s%s", m->name, foreign ? LAB_FOREIGN_DOMAIN : "",
                   l->domain);
    l->name_index[slot] = l->mailboxes;
}

static bool add_names(struct lab *l, const struct lab_config *c, struct err *e)
{
    uint32_t room = 16;

    while (room / 2 <= c->mailbox_count)
        room *= 2;
    l->name_index = lab_memory(NULL, 0, room * sizeof *l->name_index);
    l->name_mask = room - 1;
    l->mailbox = lab_memory(NULL, 0, c->mailbox_count * sizeof *l->mailbox);
    for (uint32_t i = 0; i < c->mailbox_count; i++) {
        const struct lab_mailbox_config *m = &c->mailboxes[i];
        uint64_t slot = 0;

        if (!good_name(m->name))
            return err_set(e, EX_BAD_PROFILE, "'%s' cannot name a mailbox", m->name);
        if (find_name(l, slice_of(m->name), &slot) != NO_MAILBOX)
            return err_set(e, EX_BAD_PROFILE, "two mailboxes are called '%s'", m->name);
        add_name(l, m, slot);
    }
    return true;
}

static bool place_mailboxes(struct lab *l, const struct lab_config *c, struct err *e)
{
    l->directory = directory_create(l->servers, l->mailboxes, &l->schedule, &l->knobs);
    for (uint32_t i = 0; i < c->mailbox_count; i++) {
        const struct lab_mailbox_config *m = &c->mailboxes[i];
        uint32_t alternate =
            m->alternate ? lab_find_mailbox(l, slice_of(m->alternate)) : NO_MAILBOX;

        if (m->home != LAB_FOREIGN && (m->home < 0 || m->home >= l->servers))
            return err_set(e, EX_BAD_PROFILE, "mailbox '%s': there is no server %d", m->name,
                           m->home);
        if (m->alternate && (alternate == NO_MAILBOX || alternate == i))
            return err_set(e, EX_BAD_PROFILE, "mailbox '%s': '%s' cannot be its alternate", m->name,
                           m->alternate);
        directory_seed(l->directory, i, m->home, alternate, m->both);
        if (m->home == LAB_FOREIGN)
            continue;
        store_create_box(l, m->home, i, BOX_NORMAL);
        store_box(l, m->home, i)->stock_bytes = m->stock_bytes;
        store_box(l, m->home, i)->stock_items = m->stock_items;
    }
    return true;
}

static bool set_version(struct lab *l, const struct lab_config *c, struct err *e)
{
    l->version = fault_version(c->version);
    if (!l->version)
        return err_set(e, EX_BAD_PROFILE, "there is no version '%s' (4.0-rtm to 5.5-sp4, modern)",
                       c->version);
    fault_defaults(&l->knobs, l->version);
    for (uint32_t i = 0; i < c->knob_count; i++)
        if (!fault_set_knob(&l->knobs, c->knobs[i].name, c->knobs[i].value, e))
            return false;
    for (uint32_t i = 0; i < c->plant_count; i++)
        if (!plant_ask(l, c->plants[i].name, c->plants[i].value, e))
            return false;
    return true;
}

static bool build(struct lab *l, const struct lab_config *c, struct err *e)
{
    l->domain = copy_text(c->domain);
    l->site = copy_text(c->site);
    l->seed = c->seed;
    if (!set_version(l, c, e) || !add_servers(l, c, e) || !add_names(l, c, e) ||
        !place_mailboxes(l, c, e))
        return false;
    for (int i = 0; i < l->servers; i++)
        mta_init(l, i);
    l->truth = truth_create(c->truth_path, e);
    return l->truth != NULL;
}

struct lab *lab_create(const struct lab_config *c, struct err *e)
{
    struct lab *l = lab_memory(NULL, 0, sizeof *l);

    schedule_init(&l->schedule);
    buf_init(&l->scratch, REPORT_MAX);
    if (build(l, c, e))
        return l;
    lab_destroy(l);
    return NULL;
}

void lab_destroy(struct lab *l)
{
    if (!l)
        return;
    if (l->truth)
        lab_write_final(l);
    for (int i = 0; i < l->servers; i++) {
        mta_fini(l, i);
        for (uint32_t m = 0; m < l->mailboxes; m++)
            store_fini_box(&l->server[i].box[m]);
        free(l->server[i].box);
        free(l->server[i].name);
    }
    mta_free_spare(l);
    lab_move_fini(l);
    schedule_fini(&l->schedule);
    directory_destroy(l->directory);
    (void)truth_destroy(l->truth);
    for (uint32_t m = 0; m < l->mailboxes; m++) {
        free(l->mailbox[m].name);
        free(l->mailbox[m].password);
        free(l->mailbox[m].address);
    }
    free(l->mailbox);
    free(l->name_index);
    free(l->domain);
    free(l->site);
    buf_fini(&l->scratch);
    free(l);
}

/* --- time ------------------------------------------------------------------------------------------------------- */

uint64_t lab_next_ns(const struct lab *l)
{
    return schedule_next_ns(&l->schedule);
}

void lab_run_until(struct lab *l, uint64_t now_ns)
{
    uint64_t at_ns = 0;
    struct due *d;

    while ((d = schedule_take(&l->schedule, now_ns, &at_ns)) != NULL) {
        l->now_ns = at_ns;
        d->fire(d, at_ns);
    }
    if (now_ns > l->now_ns && now_ns != NEVER_NS)
        l->now_ns = now_ns;
}

uint64_t lab_now_ns(const struct lab *l)
{
    return l->now_ns;
}

/* --- the truth at the end --------------------------------------------------------------------------------------- */

void lab_note(struct lab *l, const char *word, uint32_t mailbox, int server, const char *detail)
{
    struct fact f = {.number = TRACK_NONE,
                     .word = word,
                     .mailbox = lab_mailbox_name(l, mailbox),
                     .server = lab_server_name(l, server)};

    truth_note(l->truth, l->now_ns, &f, "%s", detail);
}

static void write_box(struct lab *l, int server, uint32_t mailbox)
{
    const struct box *b = store_box(l, server, mailbox);

    for (uint32_t i = 0; i < b->items; i++) {
        const struct item *it = &b->item[i];
        struct fact f = {.number = TRACK_NONE,
                         .word = it->mail->about ? "report-copy" : "copy",
                         .mail = it->mail,
                         .recipient = it->recipient,
                         .role = it->role,
                         .mailbox = l->mailbox[mailbox].name,
                         .server = l->server[server].name};

        truth_note(l->truth, l->now_ns, &f, "uid=%" PRIu32 " validity=%" PRIu32, it->uid,
                   b->uid_validity);
    }
}

void lab_write_final(struct lab *l)
{
    lab_note(l, "final", NO_MAILBOX, -1, "");
    for (int s = 0; s < l->servers; s++) {
        for (uint32_t m = 0; m < l->mailboxes; m++)
            write_box(l, s, m);
        for (const struct copy *c = l->server[s].mta.first; c; c = c->next) {
            struct fact f = {.number = TRACK_NONE,
                             .word = c->mail->about ? "report-entry" : "entry",
                             .mail = c->mail,
                             .recipient = c->recipient,
                             .role = c->role,
                             .mailbox = lab_mailbox_name(l, c->mailbox),
                             .server = l->server[s].name};

            truth_note(l->truth, l->now_ns, &f, "state=%s queue=%s", copy_state_name(c->state),
                       copy_queue_name(l, c));
        }
    }
    truth_flush(l->truth);
}

/* --- components ------------------------------------------------------------------------------------------------- */

static int front_number(const char *component)
{
    static const char *const names[FRONTS] = {"smtp", "imap", "http", "p1"};

    for (int i = 0; i < FRONTS; i++)
        if (strcmp(names[i], component) == 0)
            return i;
    return -1;
}

bool lab_component_up(const struct lab *l, int server, const char *component)
{
    const struct lab_server *s = &l->server[server];

    if (strcmp(component, "directory") == 0)
        return directory_is_up(l->directory, server);
    if (strcmp(component, "mta") == 0)
        return s->mta_up;
    if (strcmp(component, "store") == 0)
        return s->store_up;
    int front = front_number(component);

    return front >= 0 && s->front_up[front];
}

static void set_store(struct lab *l, int server, bool up)
{
    struct lab_server *s = &l->server[server];
    bool was_up = s->store_up;

    s->store_up = up;
    if (!up && was_up)
        lab_move_store_stopped(l, server);
    if (up && !was_up) {
        s->store_hung = false;
        mta_store_back(l, server);
    }
}

bool lab_set_component(struct lab *l, int server, const char *component, bool up, struct err *e)
{
    struct lab_server *s = &l->server[server];
    int front = front_number(component);
    char detail[80];

    if (front >= 0)
        s->front_up[front] = up;
    else if (strcmp(component, "directory") == 0)
        directory_set_up(l->directory, server, up);
    else if (strcmp(component, "store") == 0)
        set_store(l, server, up);
    else if (strcmp(component, "mta") == 0) {
        bool starts = up && !s->mta_up;

        s->mta_up = up;
        if (starts)
            mta_restart(l, server);
    } else
        return err_set(e, EX_BAD_USAGE,
                       "'%s' is not a component (directory, mta, store, smtp, imap, http, p1)",
                       component);
    (void)snprintf(detail, sizeof detail, "%s %s", component, up ? "up" : "down");
    lab_note(l, "component", NO_MAILBOX, server, detail);
    return true;
}

/* --- mail comes in ---------------------------------------------------------------------------------------------- */

/* The site's own clock may have been stepped; it never shows a time before the beginning. */
static struct slice date_now(struct lab *l)
{
    int64_t shown_ns = (int64_t)l->now_ns + l->plants.ahead_ns;
    uint64_t now_ns = shown_ns > 0 ? (uint64_t)shown_ns : 0;

    if (l->dated_s != now_ns / NS_PER_S + 1) {
        l->dated_s = now_ns / NS_PER_S + 1;
        (void)mail_date(l->date, now_ns);
    }
    return slice_of(l->date);
}

/* "Return-Path: <ann@lab.test>", "Received: from client by s1.lab.test with ESMTP (build) id 7;", date */
static struct slice trace_lines(struct lab *l, int server, const struct lab_submission *m)
{
    const struct slice parts[] = {
        slice_of("Return-Path: <"),
        m->from,
        slice_of(">\r\nReceived: from "),
        slice_of(m->client ? m->client : "unknown"),
        slice_of(" by "),
        slice_of(l->server[server].name),
        slice_of("."),
        slice_of(l->domain),
        slice_of(m->apdu.n > 0 ? " with X400 (" : " with ESMTP ("),
        slice_of(l->version->build),
        slice_of(") id "),
    };
    unsigned char number[PLAIN_DIGITS];
    size_t digits = (size_t)(plain_number(number, l->mails) - number);
    struct slice date = date_now(l);
    bool ok = true;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ok = ok && buf_add(&l->scratch, parts[i].p, parts[i].n);
    ok = ok && buf_add(&l->scratch, number, digits) && buf_add_text(&l->scratch, ";\r\n\t") &&
         buf_add(&l->scratch, date.p, date.n) && buf_add_text(&l->scratch, "\r\n");
    PM_ASSERT(ok);
    return buf_slice(&l->scratch);
}

static uint64_t expiry(const struct knobs *k, enum mail_priority p)
{
    switch (p) {
    case PRIORITY_URGENT:
        return k->expiry_urgent_ns;
    case PRIORITY_NON_URGENT:
        return k->expiry_non_urgent_ns;
    case PRIORITY_NORMAL:
        break;
    }
    return k->expiry_normal_ns;
}

/* What the envelope of X.400 asks for, over what the header says. */
static void apply_envelope(struct lab *l, struct mail *m, const struct lab_submission *s)
{
    static const enum mail_priority priorities[] = {[LAB_NORMAL] = PRIORITY_NORMAL,
                                                    [LAB_NON_URGENT] = PRIORITY_NON_URGENT,
                                                    [LAB_URGENT] = PRIORITY_URGENT};

    uint64_t from_ns = s->deferred_ns > l->now_ns ? s->deferred_ns : l->now_ns;

    m->priority = priorities[s->priority];
    m->deferred_ns = s->deferred_ns;
    m->is_private = m->is_private || s->no_reassignment;
    m->expires_ns = from_ns + expiry(&l->knobs, m->priority);
    if (s->latest_ns > 0 && s->latest_ns < m->expires_ns)
        m->expires_ns = s->latest_ns;
}

static struct mail *make_mail(struct lab *l, int server, const struct lab_submission *s,
                              const struct mail_recipient *recipients)
{
    size_t id_n = s->mts_id.n < MAIL_MTS_ROOM ? s->mts_id.n : MAIL_MTS_ROOM - 1;
    struct mail_source source = {.from = s->from,
                                 .envid = s->envid,
                                 .content = s->content,
                                 .apdu = s->apdu,
                                 .x400_id = {s->mts_id.p, id_n},
                                 .recipients = recipients,
                                 .count = s->count};

    l->mails++;
    buf_clear(&l->scratch);
    source.trace = trace_lines(l, server, s);
    struct mail *m = mail_create(&source);

    m->id = l->mails;
    m->server = server;
    m->submitted_ns = l->now_ns;
    m->expires_ns = l->now_ns + expiry(&l->knobs, m->priority);
    m->from_mailbox = lab_find_mailbox(l, m->from);
    m->ret_hdrs = s->ret_hdrs;
    if (s->apdu.n > 0)
        apply_envelope(l, m, s);
    mail_make_mts_id(m, l->server[server].name, l->now_ns, s->apdu.n > 0 ? MTS_STORE : MTS_SMTP);
    return m;
}

uint64_t lab_submit(struct lab *l, int server, const struct lab_submission *m, struct err *e)
{
    PM_ASSERT(server >= 0 && server < l->servers && m->count > 0);
    if (!l->server[server].mta_up) {
        (void)err_set(e, EX_TARGET, "the message transfer agent of %s is not running",
                      l->server[server].name);
        return 0;
    }
    struct mail_recipient few[8] = {0};
    struct mail_recipient *r = m->count <= 8 ? few : lab_memory(NULL, 0, m->count * sizeof *r);

    for (uint32_t i = 0; i < m->count; i++)
        r[i] = (struct mail_recipient){.address = m->recipients[i].address,
                                       .orcpt = m->recipients[i].orcpt,
                                       .number = m->recipients[i].number,
                                       .mailbox = lab_find_mailbox(l, m->recipients[i].address),
                                       .never = m->recipients[i].never,
                                       .success = m->recipients[i].success};
    struct mail *mail = make_mail(l, server, m, r);
    uint64_t id = mail->id;

    for (uint32_t i = 0; i < m->count; i++)
        mta_accept(l, server, mail, i);
    mail_release(mail);
    if (r != few)
        free(r);
    return id;
}

/* --- mailboxes are read ----------------------------------------------------------------------------------------- */

static const struct box *box_of(const struct lab *l, int server, uint32_t mailbox)
{
    PM_ASSERT(server >= 0 && server < l->servers && mailbox < l->mailboxes);
    return &l->server[server].box[mailbox];
}

static bool store_answers(const struct lab *l, int server)
{
    return l->server[server].store_up && !l->server[server].store_hung;
}

enum lab_logon lab_logon(const struct lab *l, int server, struct slice user, struct slice password,
                         uint32_t *mailbox)
{
    uint32_t m = lab_find_mailbox(l, user);

    if (m == NO_MAILBOX || !slice_is(password, l->mailbox[m].password))
        return LAB_LOGON_WRONG;
    if (!store_answers(l, server) || !l->server[server].front_up[FRONT_IMAP])
        return LAB_LOGON_DOWN;
    const struct box *b = box_of(l, server, m);

    *mailbox = m;
    if (b->state == BOX_NORMAL)
        return LAB_LOGON_OK;
    return b->state == BOX_ABSENT && !b->moving ? LAB_LOGON_ABSENT : LAB_LOGON_MOVING;
}

bool lab_logon_stands(const struct lab *l, int server, uint32_t mailbox, uint32_t uid_validity)
{
    const struct box *b = box_of(l, server, mailbox);

    return store_answers(l, server) && l->server[server].front_up[FRONT_IMAP] &&
           b->state == BOX_NORMAL && b->uid_validity == uid_validity;
}

uint32_t lab_uid_validity(const struct lab *l, int server, uint32_t mailbox)
{
    return box_of(l, server, mailbox)->uid_validity;
}

uint32_t lab_uid_next(const struct lab *l, int server, uint32_t mailbox)
{
    return box_of(l, server, mailbox)->uid_next;
}

uint32_t lab_item_count(const struct lab *l, int server, uint32_t mailbox)
{
    return box_of(l, server, mailbox)->items;
}

bool lab_item_at(const struct lab *l, int server, uint32_t mailbox, uint32_t index,
                 struct lab_item *out)
{
    const struct box *b = box_of(l, server, mailbox);

    if (index >= b->items)
        return false;
    const struct item *i = &b->item[index];

    *out = (struct lab_item){.uid = i->uid,
                             .arrived_ns = i->arrived_ns,
                             .content = i->mail->content,
                             .deleted = i->deleted,
                             .hidden = i->planted == PLANT_IMAP_HIDES + 1};
    return true;
}

void lab_item_set_deleted(struct lab *l, int server, uint32_t mailbox, uint32_t index, bool deleted)
{
    struct box *b = store_box(l, server, mailbox);

    if (b->state == BOX_NORMAL && index < b->items)
        b->item[index].deleted = deleted;
}

void lab_expunge(struct lab *l, int server, uint32_t mailbox, uint32_t index)
{
    const struct box *b = store_box(l, server, mailbox);

    if (b->state == BOX_NORMAL && index < b->items)
        store_remove_item(l, server, mailbox, index, "expunged");
}

uint32_t lab_expunge_deleted(struct lab *l, int server, uint32_t mailbox)
{
    if (store_box(l, server, mailbox)->state != BOX_NORMAL)
        return 0;
    return store_remove_deleted(l, server, mailbox);
}
