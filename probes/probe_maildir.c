/* probe_maildir.c - one mailbox on one server as a Maildir: every file of new/ and cur/ once, and what went.
 *
 * A file is known by its name up to the colon, so that it may get flags or go from new/ to cur/. A scan lists twice: only when
 * the second listing lacks nothing of the first was nothing renamed under our hands. What stood in neither is gone; what is
 * not known is read then. A file that vanishes before it is read begins the scan anew. Files are read on the loop's thread, a
 * bounded number of names or octets a wakeup.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/hash.h"
#include "probes/mail_path.h"
#include "probes/sight.h"

#define NAMES_A_TURN  1000
#define FILES_A_TURN  32
#define OCTETS_A_TURN (512u << 10)
#define PENDING_MAX   16384u /* names kept between listing and reading; then it is listed again */
#define FOLDERS_MAX   500    /* with their new/ and cur/ */
#define ROUNDS_MAX    16     /* of one scan, while files are renamed */
#define STILL_MANY                                                                                 \
    2000 /* files: a folder of so many is not listed every period if it stood still */
#define STILL_NS  (2 * NS_PER_S)
#define PATH_ROOM 4600
#define NAME_ROOM 260 /* of one name; NAME_MAX is 255 */

enum at { AT_REST, AT_LISTING, AT_READING };

struct pending { /* a file to be read */
    uint32_t id, folder;
    uint32_t name; /* offset in names */
};

struct maildir {
    struct probe p; /* first */
    struct probe_context c;
    const struct probe_profile *how;
    struct sight sight;
    struct mail_path where;
    struct timer timer;
    enum at at;
    uint64_t began_ns;
    unsigned rounds, tries;
    bool asked;           /* the scan answers somebody: it lists twice, come what may */
    bool second;          /* this is the second listing */
    bool unsure;          /* something vanished, or seems to stand there twice */
    bool more;            /* not all names were kept */
    char (*folders)[256]; /* "new", "cur", ".Junk/new", ... */
    uint32_t folder_count, folder;
    DIR *dir;
    struct pending *pending;
    uint32_t pending_count, pending_room, next;
    struct buf names, text;
    uint64_t still, listed_ns; /* stamps before the newest complete scan's last listing; 0: none */
    uint64_t stamps;
};

static uint64_t now_of(const struct maildir *m)
{
    return loop_now(m->c.loop);
}

static uint64_t period_of(const struct maildir *m)
{
    return probe_period_ns(m->how);
}

static const char *root_of(const struct maildir *m)
{
    return (const char *)m->where.path.p;
}

static void soon(struct maildir *m)
{
    timer_arm(m->c.loop, &m->timer, now_of(m));
}

/* ---- the end of a scan ---- */

static void rest(struct maildir *m, uint64_t until_ns)
{
    if (m->dir)
        (void)closedir(m->dir);
    m->dir = NULL;
    m->pending_count = m->next = 0;
    buf_fini(&m->names);
    buf_fini(&m->text);
    m->at = AT_REST;
    timer_arm(m->c.loop, &m->timer, until_ns);
}

static void rest_a_period(struct maildir *m)
{
    uint64_t next = m->began_ns + period_of(m), least = now_of(m) + period_of(m) / 4;

    rest(m, m->sight.wanted_ns != 0 ? m->sight.wanted_ns : next > least ? next : least);
}

static void failed(struct maildir *m, const char *what, int error)
{
    char why[MAIL_PATH_WHY];

    (void)snprintf(why, sizeof why, "%.140s%s%.40s", what, error ? ": " : "",
                   error ? strerror(error) : "");
    sight_failed(&m->sight, why);
    rest(m, now_of(m) + probe_backoff_ns(m->how, m->tries));
    m->tries++;
    m->still = 0;
}

static void complete(struct maildir *m)
{
    m->tries = 0;
    m->still = m->stamps;
    m->listed_ns = now_of(m);
    sight_complete(&m->sight, m->began_ns);
    rest_a_period(m);
}

/* Names did not hold still: neither complete nor a failure. */
static void give_up(struct maildir *m)
{
    m->still = 0;
    sight_tell(&m->sight);
    m->began_ns = now_of(m);
    rest(m, m->began_ns + period_of(m));
}

/* ---- folders ---- */

static bool add_folder(struct maildir *m, const char *of, const char *name)
{
    if (m->folder_count == (m->how->folders ? 2 * FOLDERS_MAX : 2))
        return false;
    (void)snprintf(m->folders[m->folder_count++], sizeof *m->folders, "%.240s%s%s", of,
                   of[0] ? "/" : "", name);
    return true;
}

/* Maildir++: the root's folders whose names begin with a dot. All new/ stand before all cur/: mail goes from new to cur. */
static bool find_folders(struct maildir *m)
{
    static const char *const parts[] = {"new", "cur"};
    bool fine = true;

    m->folder_count = 0;
    for (size_t i = 0; i < 2 && fine; i++) {
        DIR *d = m->how->folders ? opendir(root_of(m)) : NULL;
        const struct dirent *entry;

        fine = add_folder(m, "", parts[i]);
        while (fine && d && (entry = readdir(d)))
            if (entry->d_name[0] == '.' && entry->d_name[1] != '\0' && entry->d_name[1] != '.' &&
                strlen(entry->d_name) < 240 && entry->d_type != DT_REG)
                fine = add_folder(m, entry->d_name, parts[i]);
        if (d)
            (void)closedir(d);
    }
    return fine;
}

/* Of all folders together; it differs when any of them changed (inode, and time of the change). */
static uint64_t stamps_of(const struct maildir *m)
{
    char path[PATH_ROOM];
    uint64_t sum = 1;
    struct stat st;

    for (uint32_t i = 0; i < m->folder_count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root_of(m), m->folders[i]);
        if (stat(path, &st) != 0)
            continue;
        const uint64_t of[] = {st.st_ino, (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec,
                               i};
        sum += hash_fast(of, sizeof of);
    }
    return sum;
}

/* ---- listing ---- */

static void begin_listing(struct maildir *m)
{
    m->folder = 0;
    m->more = false;
    m->pending_count = m->next = 0;
    buf_clear(&m->names);
    if (!find_folders(m)) {
        failed(m, "it has too many folders", 0);
        return;
    }
    m->stamps = stamps_of(m);
    sight_listing_begin(&m->sight);
    m->at = AT_LISTING;
    soon(m);
}

static void begin_scan(struct maildir *m, bool again)
{
    char why[MAIL_PATH_WHY];
    struct stat st;

    m->rounds = again ? m->rounds + 1 : 0;
    if (m->rounds > ROUNDS_MAX) {
        give_up(m);
        return;
    }
    m->began_ns = now_of(m);
    m->asked = sight_is_asked(&m->sight, m->began_ns);
    m->second = m->unsure = false;
    switch (mail_path_look(&m->where, &st, why)) {
    case MAIL_PATH_THERE:
        break;
    case MAIL_PATH_ABSENT:
        m->tries = 0;
        m->still = 0;
        sight_absent(&m->sight, m->began_ns, why);
        rest_a_period(m);
        return;
    case MAIL_PATH_FAILED:
        failed(m, why, 0);
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        failed(m, root_of(m), ENOTDIR);
        return;
    }
    sight_scan_begin(&m->sight);
    begin_listing(m);
}

static bool keep(struct maildir *m, uint32_t id, const char *name)
{
    if (m->pending_count == PENDING_MAX) {
        m->more = true;
        return true;
    }
    if (m->pending_count == m->pending_room) {
        uint32_t room = m->pending_room ? m->pending_room * 2 : 64;
        struct pending *more = realloc(m->pending, room * sizeof *more);

        if (!more)
            return false;
        m->pending = more;
        m->pending_room = room;
    }
    m->pending[m->pending_count++] =
        (struct pending){.id = id, .folder = m->folder, .name = (uint32_t)m->names.n};
    return buf_add(&m->names, name, strlen(name) + 1);
}

/* A name of the folder under way. What seems to stand there twice was renamed while we listed, or is there twice: so it is when
 * two listings say so. */
static bool take_name(struct maildir *m, const char *name)
{
    size_t n = strcspn(name, ":");
    struct sight_found f = sight_name(&m->sight, hash_fast(name, n), hash_fast(name, strlen(name)));

    if (f.id == 0)
        return false;
    if (f.known)
        return true;
    if (f.twice && !f.in_last)
        m->unsure = m->unsure || m->second;
    else if (m->second)
        return keep(m, f.id, name);
    return true;
}

/* Twice the same names. What is not among them is gone; what is new among them is read now. */
static void agreed(struct maildir *m)
{
    sight_sweep(&m->sight);
    if (m->pending_count > 0) {
        m->at = AT_READING;
        soon(m);
    } else {
        complete(m);
    }
}

/* All names are in. A look that nobody asked for is over when nothing changed at all. */
static void listed(struct maildir *m)
{
    bool same = !m->asked && m->p.complete_ns > 0 && !m->p.absent && sight_is_same(&m->sight);

    if (same && !m->second) {
        complete(m);
    } else if (!m->second) {
        m->second = true;
        begin_listing(m);
    } else if (m->unsure || sight_lacks(&m->sight)) {
        begin_scan(m, true);
    } else {
        agreed(m);
    }
}

static void list_one(struct maildir *m)
{
    const struct dirent *entry;

    errno = 0;
    entry = readdir(m->dir);
    if (entry && entry->d_name[0] == '.')
        return; /* ".", "..", and what rsync is writing */
    if (entry && take_name(m, entry->d_name))
        return;
    if (entry || errno) {
        failed(m, entry ? "it has more messages than can be listed" : root_of(m), errno);
        return;
    }
    (void)closedir(m->dir);
    m->dir = NULL;
    m->folder++;
}

static void list(struct maildir *m)
{
    char path[PATH_ROOM];

    for (unsigned i = 0; i < NAMES_A_TURN && m->at == AT_LISTING; i++) {
        if (m->dir) {
            list_one(m);
            continue;
        }
        if (m->folder == m->folder_count) {
            listed(m);
            return;
        }
        (void)snprintf(path, sizeof path, "%s/%s", root_of(m), m->folders[m->folder]);
        m->dir = opendir(path);
        if (!m->dir && errno != ENOENT && errno != ENOTDIR) {
            failed(m, path, errno);
            return;
        }
        m->folder += m->dir == NULL; /* not there (yet): nothing in it */
    }
    if (m->at == AT_LISTING)
        soon(m);
}

/* ---- reading ---- */

/* -1: cannot be read, errno says why. */
static long read_text(struct maildir *m, int fd, size_t most)
{
    buf_clear(&m->text);
    while (m->text.n < most) {
        size_t room = most - m->text.n < 65536 ? most - m->text.n : 65536;

        if (!buf_reserve(&m->text, room)) {
            errno = ENOMEM;
            return -1;
        }
        long n = read(fd, m->text.p + m->text.n, room);

        if (n == 0)
            break;
        if (n < 0)
            return -1;
        m->text.n += (size_t)n;
    }
    return (long)m->text.n;
}

static bool read_open(struct maildir *m, const struct pending *f, int fd, const char *path)
{
    struct stat st;
    bool whole;

    if (fstat(fd, &st) != 0) {
        failed(m, path, errno);
        return false;
    }
    whole = S_ISREG(st.st_mode) && st.st_size <= SIGHT_MESSAGE_MAX;
    if (!S_ISREG(st.st_mode))
        buf_clear(&m->text); /* no message: foreign */
    else if (read_text(m, fd, whole ? SIGHT_MESSAGE_MAX : SIGHT_PARTIAL) < 0) {
        failed(m, path, errno);
        return false;
    }
    if (sight_read(&m->sight, f->id, buf_slice(&m->text), whole))
        return true;
    failed(m, "out of memory", 0);
    return false;
}

/* false: the scan is over. */
static bool read_one(struct maildir *m, const struct pending *f)
{
    char path[PATH_ROOM];
    int fd;
    bool fine;

    (void)snprintf(path, sizeof path, "%s/%s/%s", root_of(m), m->folders[f->folder],
                   (const char *)m->names.p + f->name);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        m->unsure = true; /* renamed, or gone: the next listing tells */
        return true;
    }
    if (fd < 0 && errno != ELOOP && errno != ENXIO) {
        failed(m, path, errno);
        return false;
    }
    if (fd < 0) /* a link, a socket: no message */
        return sight_read(&m->sight, f->id, slice_of(""), false);
    fine = read_open(m, f, fd, path);
    (void)close(fd);
    return fine;
}

static void read_some(struct maildir *m)
{
    size_t octets = 0;

    buf_init(&m->text, SIGHT_MESSAGE_MAX + 65536);
    for (unsigned i = 0; i < FILES_A_TURN && octets < OCTETS_A_TURN && m->next < m->pending_count;
         i++) {
        if (!read_one(m, &m->pending[m->next++])) {
            buf_fini(&m->text);
            return;
        }
        octets += m->text.n;
    }
    buf_fini(&m->text);
    if (m->next < m->pending_count) {
        soon(m);
        return;
    }
    if (m->unsure || m->more)
        begin_scan(m, m->unsure);
    else
        complete(m);
}

/* ---- time, the driver ---- */

/* A large folder of which nothing was added or renamed since we listed it need not be listed again every period. */
static bool stands_still(struct maildir *m)
{
    return m->still != 0 && m->sight.known.count >= STILL_MANY && !m->how->folders &&
           m->sight.wanted_ns == 0 && now_of(m) - m->listed_ns < STILL_NS &&
           stamps_of(m) == m->still;
}

static void on_timer(struct timer *t)
{
    struct maildir *m = t->owner;

    switch (m->at) {
    case AT_REST:
        if (stands_still(m))
            timer_arm(m->c.loop, &m->timer, now_of(m) + period_of(m));
        else
            begin_scan(m, false);
        return;
    case AT_LISTING:
        list(m);
        return;
    case AT_READING:
        read_some(m);
        return;
    }
}

static void maildir_scan(struct probe *probe)
{
    struct maildir *m = (struct maildir *)probe;

    m->sight.wanted_ns = now_of(m) + 1;
    if (m->at == AT_REST) /* what failed is not tried more often than once a period, whoever asks */
        timer_arm(m->c.loop, &m->timer,
                  m->tries > 0 && m->began_ns + period_of(m) > m->sight.wanted_ns
                      ? m->began_ns + period_of(m)
                      : m->sight.wanted_ns);
}

static void maildir_close(struct probe *probe)
{
    struct maildir *m = (struct maildir *)probe;

    timer_disarm(m->c.loop, &m->timer);
    if (m->dir)
        (void)closedir(m->dir);
    sight_fini(&m->sight);
    mail_path_drop(&m->where);
    buf_fini(&m->names);
    buf_fini(&m->text);
    free(m->folders);
    free(m->pending);
    free(m);
}

static struct probe *maildir_open(const struct probe_context *c, const struct probe_profile *how,
                                  uint32_t mailbox, uint32_t server, struct err *e)
{
    struct maildir *m = calloc(1, sizeof *m);

    if (!m) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    m->p = (struct probe){.ops = &probe_maildir, .mailbox = mailbox, .server = server, .why = ""};
    m->c = *c;
    m->how = how;
    timer_init(&m->timer, on_timer, m);
    buf_init(&m->names, PENDING_MAX * (size_t)NAME_ROOM);
    buf_init(&m->text, SIGHT_MESSAGE_MAX);
    sight_init(&m->sight, &m->p, &m->c);
    m->folders = calloc(how->folders ? 2 * FOLDERS_MAX : 2, sizeof *m->folders);
    if (!m->folders)
        (void)err_set(e, EX_IO, "out of memory");
    if (!m->folders ||
        !mail_path_make(&m->where, how, &c->work->profile->site, mailbox, server, e)) {
        maildir_close(&m->p);
        return NULL;
    }
    soon(m);
    return &m->p;
}

const struct probe_ops probe_maildir = {
    .name = "maildir",
    .help = "reads a mailbox as files in a Maildir: every message once, and what went",
    .sees = SEES_COPIES | SEES_REPORTS,
    .by_file = true,
    .open = maildir_open,
    .scan = maildir_scan,
    .close = maildir_close,
};
