/* directory.c - replicas as one array; each planned notice is a small object that waits in the schedule. */
#include "lab/directory.h"

#include <stdlib.h>

#include "base/err.h"

struct directory {
    int servers;
    uint32_t mailboxes;
    struct schedule *schedule;
    const struct knobs *knobs;
    struct directory_entry *entry; /* [server][mailbox] */
    bool *down;                    /* [server] */
    uint64_t conflicts;
};

struct notice {
    struct due due;
    struct directory *directory;
    int from, to;
    uint32_t mailbox;
};

struct directory *directory_create(int servers, uint32_t mailboxes, struct schedule *s,
                                   const struct knobs *k)
{
    struct directory *d = lab_memory(NULL, 0, sizeof *d);
    size_t n = (size_t)servers * mailboxes;

    d->servers = servers;
    d->mailboxes = mailboxes;
    d->schedule = s;
    d->knobs = k;
    d->entry = lab_memory(NULL, 0, n * sizeof *d->entry);
    d->down = lab_memory(NULL, 0, (size_t)servers * sizeof *d->down);
    return d;
}

void directory_destroy(struct directory *d)
{
    if (!d)
        return;
    free(d->entry);
    free(d->down);
    free(d);
}

static struct directory_entry *entry_of(const struct directory *d, int server, uint32_t mailbox)
{
    PM_ASSERT(server >= 0 && server < d->servers && mailbox < d->mailboxes);
    return &d->entry[(size_t)server * d->mailboxes + mailbox];
}

void directory_seed(struct directory *d, uint32_t mailbox, int home, uint32_t alternate, bool both)
{
    for (int i = 0; i < d->servers; i++)
        *entry_of(d, i, mailbox) = (struct directory_entry){.home = home,
                                                            .alternate = alternate,
                                                            .both = both,
                                                            .version = 1,
                                                            .signature = home >= 0 ? home : 0};
}

const struct directory_entry *directory_read(const struct directory *d, int server,
                                             uint32_t mailbox)
{
    return d->down[server] ? NULL : entry_of(d, server, mailbox);
}

bool directory_merge(struct directory_entry *mine, const struct directory_entry *theirs,
                     bool *conflict)
{
    bool same_writer = mine->signature == theirs->signature;

    *conflict = mine->version == theirs->version && !same_writer;
    bool wins = *conflict ? theirs->when_changed_ns > mine->when_changed_ns
                          : theirs->version > mine->version;

    if (wins)
        *mine = *theirs;
    return wins;
}

static void take_over(struct directory *d, int from, int to, uint32_t mailbox)
{
    bool conflict = false;

    (void)directory_merge(entry_of(d, to, mailbox), entry_of(d, from, mailbox), &conflict);
    d->conflicts += conflict;
}

static void notice_fire(struct due *due, uint64_t now_ns)
{
    struct notice *n = due->owner;
    struct directory *d = n->directory;

    if (d->down[n->from] || d->down[n->to]) {
        schedule_at(d->schedule, due, now_ns + d->knobs->ds_retry_ns, DUE_DIRECTORY);
        return;
    }
    take_over(d, n->from, n->to, n->mailbox);
    free(n);
}

static void notice_drop(struct due *due)
{
    free(due->owner);
}

static void notify(struct directory *d, int from, int to, uint32_t mailbox, uint64_t at_ns)
{
    struct notice *n = lab_memory(NULL, 0, sizeof *n);

    *n = (struct notice){.directory = d, .from = from, .to = to, .mailbox = mailbox};
    n->due = (struct due){.fire = notice_fire, .drop = notice_drop, .owner = n};
    schedule_at(d->schedule, &n->due, at_ns, DUE_DIRECTORY);
}

static void notify_others(struct directory *d, int at, uint32_t mailbox, uint64_t now_ns)
{
    uint64_t when = now_ns + d->knobs->pause_after_modify_ns;

    for (int i = 0; i < d->servers; i++) {
        if (i == at)
            continue;
        notify(d, at, i, mailbox, when);
        when += d->knobs->pause_between_ns;
    }
}

static void stamp(struct directory_entry *e, int writer, uint64_t now_ns)
{
    e->version++;
    e->signature = writer;
    e->when_changed_ns = now_ns;
}

bool directory_set_home(struct directory *d, int at, uint32_t mailbox, int home, uint64_t now_ns)
{
    struct directory_entry *e = entry_of(d, at, mailbox);

    if (d->down[at])
        return false;
    e->home = home;
    stamp(e, at, now_ns);
    notify_others(d, at, mailbox, now_ns);
    return true;
}

bool directory_set_alternate(struct directory *d, int at, uint32_t mailbox, uint32_t alternate,
                             bool both, uint64_t now_ns)
{
    struct directory_entry *e = entry_of(d, at, mailbox);

    if (d->down[at])
        return false;
    e->alternate = alternate;
    e->both = both;
    stamp(e, at, now_ns);
    notify_others(d, at, mailbox, now_ns);
    return true;
}

void directory_set_alternate_everywhere(struct directory *d, uint32_t mailbox, uint32_t alternate,
                                        bool both, uint64_t now_ns)
{
    struct directory_entry newest = *entry_of(d, 0, mailbox);
    bool conflict = false;

    for (int i = 1; i < d->servers; i++)
        (void)directory_merge(&newest, entry_of(d, i, mailbox), &conflict);
    newest.alternate = alternate;
    newest.both = both;
    stamp(&newest, newest.signature, now_ns);
    for (int i = 0; i < d->servers; i++)
        *entry_of(d, i, mailbox) = newest;
}

void directory_sync(struct directory *d, int from, int to, uint32_t mailbox, uint64_t at_ns,
                    uint64_t now_ns)
{
    if (at_ns > now_ns || d->down[to])
        notify(d, from, to, mailbox, at_ns);
    else
        take_over(d, from, to, mailbox);
}

void directory_update_now(struct directory *d, int server)
{
    for (int i = 0; i < d->servers; i++)
        for (uint32_t m = 0; m < d->mailboxes && i != server && !d->down[i]; m++)
            take_over(d, i, server, m);
}

void directory_set_up(struct directory *d, int server, bool up)
{
    bool came_back = up && d->down[server];

    d->down[server] = !up;
    if (came_back)
        directory_update_now(d, server);
}

bool directory_is_up(const struct directory *d, int server)
{
    return !d->down[server];
}

uint64_t directory_conflicts(const struct directory *d)
{
    return d->conflicts;
}
