/* probe_mbox.c - one mailbox on one server as an mbox file: every message once, growth as it comes.
 *
 * Messages begin with a "From " line at the start of the file or after an empty line. What was read stays where it is while
 * the file only grows: then the new octets are read. A file that shrank, was replaced, or changed without growing was
 * rewritten: names of messages are places in it, so that everything is read again in a new epoch (SCAN_RESET). Locks of
 * others are waited for, never taken, never broken: dotlock, and fcntl as F_GETLK tells. The last message is counted when the
 * file did not change while it was read. The ">" before "From " lines is no corruption: wire/smtp_text.h knows of it.
 */
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

#define OCTETS_A_TURN (64u << 10)
#define SAMPLE_BYTES  4096u /* at both ends of what was read, to tell growth from rewriting */
#define ROUNDS_MAX    16    /* of one scan, while the file grows */

struct sample {
    size_t n;
    uint64_t hash;
};

struct mbox {
    struct probe p; /* first */
    struct probe_context c;
    const struct probe_profile *how;
    struct sight sight;
    struct mail_path where;
    struct timer timer;
    int fd; /* -1: at rest */
    uint64_t began_ns;
    unsigned rounds, tries;
    uint32_t last_id;
    /* the file as far as it was read */
    struct stat was; /* when that began; its time is of the newest complete scan; st_ino 0: none */
    uint64_t read;   /* octets of whole messages */
    struct sample head, tail; /* of them */
    /* the message under way */
    struct buf text;
    uint64_t at, target; /* next octet to be read; the file's size when we looked */
    size_t line;         /* in text: the line that is not complete yet */
    bool blank, cut;     /* the line before is empty; the message is too large to be kept */
};

static uint64_t now_of(const struct mbox *m)
{
    return loop_now(m->c.loop);
}

static uint64_t period_of(const struct mbox *m)
{
    return probe_period_ns(m->how);
}

static const char *path_of(const struct mbox *m)
{
    return (const char *)m->where.path.p;
}

/* ---- the end of a scan ---- */

static void rest(struct mbox *m, uint64_t until_ns)
{
    if (m->fd >= 0)
        (void)close(m->fd);
    m->fd = -1;
    buf_fini(&m->text);
    timer_arm(m->c.loop, &m->timer, until_ns);
}

static void rest_a_period(struct mbox *m)
{
    m->tries = 0;
    rest(m, m->sight.wanted_ns != 0 ? m->sight.wanted_ns : now_of(m) + period_of(m));
}

static void failed(struct mbox *m, const char *what, int error)
{
    char why[MAIL_PATH_WHY];

    (void)snprintf(why, sizeof why, "%.140s%s%.40s", what, error ? ": " : "",
                   error ? strerror(error) : "");
    sight_failed(&m->sight, why);
    rest(m, now_of(m) + probe_backoff_ns(m->how, m->tries));
    m->tries++;
}

/* Somebody writes: neither complete nor a failure. */
static void postponed(struct mbox *m, const char *why)
{
    sight_refused(&m->sight, why);
    rest(m, now_of(m) + period_of(m));
}

/* ---- what is there ---- */

static void forget_file(struct mbox *m)
{
    m->was = (struct stat){0};
    m->read = 0;
    m->head = m->tail = (struct sample){0};
}

/* It is no longer what was read: from the beginning, at once. */
static void read_again(struct mbox *m)
{
    forget_file(m);
    sight_forget(&m->sight);
    rest(m, now_of(m));
}

static bool is_locked(const struct mbox *m)
{
    char lock[4200];
    struct stat st;
    struct flock ask = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

    (void)snprintf(lock, sizeof lock, "%s.lock", path_of(m));
    if (lstat(lock, &st) == 0)
        return true;
    return m->fd >= 0 && fcntl(m->fd, F_GETLK, &ask) == 0 && ask.l_type != F_UNLCK;
}

static bool is_there(const struct mbox *m, const struct sample *s, uint64_t from)
{
    unsigned char octets[SAMPLE_BYTES];

    return s->n == 0 || (pread(m->fd, octets, s->n, (off_t)from) == (long)s->n &&
                         hash_fast(octets, s->n) == s->hash);
}

/* The last octets of a message that was read, or its first. */
static struct sample sample_of(const unsigned char *p, size_t n, bool first)
{
    size_t some = n < SAMPLE_BYTES ? n : SAMPLE_BYTES;

    return (struct sample){.n = some, .hash = hash_fast(first ? p : p + n - some, some)};
}

/* Is what was read still there, perhaps with more behind it? */
static bool only_grew(const struct mbox *m, const struct stat *st)
{
    const struct stat *was = &m->was;
    uint64_t size = (uint64_t)st->st_size;
    bool touched =
        st->st_mtim.tv_sec != was->st_mtim.tv_sec || st->st_mtim.tv_nsec != was->st_mtim.tv_nsec;

    if (was->st_ino == 0)
        return true;
    if (st->st_ino != was->st_ino || st->st_dev != was->st_dev || size < m->read)
        return false;
    if (size == m->read)
        return !touched || size == 0;
    return is_there(m, &m->head, 0) && is_there(m, &m->tail, m->read - m->tail.n);
}

/* ---- messages ---- */

/* A line that begins a message: "From ", somebody, and a time of day. */
static bool is_postmark(const unsigned char *p, size_t n)
{
    if (n < 5 || memcmp(p, "From ", 5) != 0)
        return false;
    for (size_t i = 5; i + 4 < n; i++)
        if (p[i + 2] == ':' && p[i] >= '0' && p[i] <= '9' && p[i + 1] >= '0' && p[i + 1] <= '9')
            return true;
    return false;
}

/* The message under way ends where `n` octets of the text do, which is `end` in the file. */
static bool take_message(struct mbox *m, size_t n, uint64_t end)
{
    struct slice raw = slice_from(m->text.p, n), postmark;

    if (m->read == 0)
        m->head = sample_of(m->text.p, n < SIGHT_PARTIAL ? n : SIGHT_PARTIAL, true);
    m->tail = m->cut ? (struct sample){0} : sample_of(m->text.p, n, false);
    m->read = end;
    (void)slice_cut(&raw, '\n', &postmark);
    if (sight_read(&m->sight, ++m->last_id, raw, !m->cut))
        return true;
    failed(m, "out of memory", 0);
    return false;
}

/* The line that ends before octet `end` of the text. false: the scan is over. */
static bool take_line(struct mbox *m, size_t end)
{
    const unsigned char *p = m->text.p + m->line;
    size_t n = end - m->line;
    bool first = m->line == 0, empty = n == 1 || (n == 2 && p[0] == '\r');

    if (first && !is_postmark(p, n)) {
        if (m->read > 0)
            read_again(m); /* the last message has grown */
        else
            failed(m, "no mbox: it does not begin with a \"From \" line", 0);
        return false;
    }
    if (!first && m->blank && is_postmark(p, n)) {
        if (!take_message(m, m->line, m->at - (m->text.n - m->line)))
            return false;
        buf_drop(&m->text, m->line);
        m->line = n;
        m->cut = false;
    } else {
        m->line = end;
    }
    m->blank = empty;
    return true;
}

/* What is too large is kept in part; its lines go on being looked at. A line that does not end is dropped, too. */
static void cut_short(struct mbox *m)
{
    size_t keep = m->line < SIGHT_PARTIAL ? m->line : SIGHT_PARTIAL;

    if (!m->cut && m->text.n <= SIGHT_MESSAGE_MAX)
        return;
    m->cut = true;
    if (m->text.n - m->line > SIGHT_PARTIAL) {
        m->line = m->text.n;
        m->blank = false;
    }
    memmove(m->text.p + keep, m->text.p + m->line, m->text.n - m->line);
    m->text.n -= m->line - keep;
    m->line = keep;
}

/* Takes the lines that the text has beyond `from`, where new octets begin. false: the scan is over. */
static bool take_lines(struct mbox *m, size_t from)
{
    const unsigned char *lf;

    while (from < m->text.n && (lf = memchr(m->text.p + from, '\n', m->text.n - from)) != NULL) {
        size_t end = (size_t)(lf - m->text.p) + 1, left = m->text.n - end;

        if (!take_line(m, end))
            return false;
        from = m->text.n - left;
    }
    cut_short(m);
    return true;
}

/* ---- reading ---- */

/* Everything up to the size that we looked at is read. Nobody wrote meanwhile, or we look again. */
static void read_all(struct mbox *m)
{
    struct stat st, named;

    if (fstat(m->fd, &st) != 0 || stat(path_of(m), &named) != 0 || st.st_ino != named.st_ino ||
        (uint64_t)st.st_size < m->target) {
        postponed(m, "it is being rewritten");
        return;
    }
    if (is_locked(m) || ((uint64_t)st.st_size > m->target && ++m->rounds > ROUNDS_MAX)) {
        postponed(m, "it is being written to");
        return;
    }
    if ((uint64_t)st.st_size > m->target) {
        m->target = (uint64_t)st.st_size;
        timer_arm(m->c.loop, &m->timer, now_of(m));
        return;
    }
    if (m->text.n > 0 && m->line == 0) {
        postponed(m, "its last line is not complete");
        return;
    }
    if (m->text.n > 0 && !take_message(m, m->text.n, m->target))
        return;
    m->was = st;
    sight_complete(&m->sight, m->began_ns);
    rest_a_period(m);
}

static void read_some(struct mbox *m)
{
    size_t before = m->text.n, room;
    long n;

    if (m->at >= m->target) {
        read_all(m);
        return;
    }
    room = m->target - m->at < OCTETS_A_TURN ? (size_t)(m->target - m->at) : OCTETS_A_TURN;
    if (!buf_reserve(&m->text, room)) {
        failed(m, "out of memory", 0);
        return;
    }
    n = pread(m->fd, m->text.p + before, room, (off_t)m->at);
    if (n <= 0) {
        if (n == 0)
            postponed(m, "it is being rewritten");
        else
            failed(m, path_of(m), errno);
        return;
    }
    m->text.n += (size_t)n;
    m->at += (uint64_t)n;
    if (take_lines(m, before))
        timer_arm(m->c.loop, &m->timer, now_of(m));
}

/* ---- a scan ---- */

static void begin_reading(struct mbox *m, const struct stat *st)
{
    m->target = (uint64_t)st->st_size;
    m->at = m->read;
    m->line = 0;
    m->blank = true;
    m->cut = false;
    m->rounds = 0;
    buf_init(&m->text, SIGHT_MESSAGE_MAX + 2 * OCTETS_A_TURN);
    read_some(m);
}

/* The file is there. */
static void begin_scan(struct mbox *m)
{
    struct stat st;

    m->fd = open(path_of(m), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (m->fd < 0 && errno == ENOENT) {
        postponed(m, "it is being replaced");
        return;
    }
    if (m->fd < 0 || fstat(m->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        failed(m, path_of(m), m->fd < 0 ? errno : EINVAL);
        return;
    }
    if (is_locked(m)) {
        postponed(m, "it is locked");
        return;
    }
    if (!only_grew(m, &st)) {
        forget_file(m);
        sight_forget(&m->sight);
    }
    if (m->was.st_ino == 0)
        m->was = st;
    begin_reading(m, &st);
}

static void on_timer(struct timer *t)
{
    struct mbox *m = t->owner;
    char why[MAIL_PATH_WHY];
    struct stat st;

    if (m->fd >= 0) {
        read_some(m);
        return;
    }
    m->began_ns = now_of(m);
    switch (mail_path_look(&m->where, &st, why)) {
    case MAIL_PATH_THERE:
        begin_scan(m);
        return;
    case MAIL_PATH_ABSENT:
        forget_file(m);
        sight_absent(&m->sight, m->began_ns, why);
        rest_a_period(m);
        return;
    case MAIL_PATH_FAILED:
        failed(m, why, 0);
        return;
    }
}

/* ---- the driver ---- */

/* Where somebody writes, or it failed, not more often than once a period, whoever asks. */
static void mbox_scan(struct probe *probe)
{
    struct mbox *m = (struct mbox *)probe;
    uint64_t earliest = m->p.refused && !m->p.absent ? m->began_ns + period_of(m) : 0;

    m->sight.wanted_ns = now_of(m) + 1;
    if (m->fd < 0)
        timer_arm(m->c.loop, &m->timer,
                  earliest > m->sight.wanted_ns ? earliest : m->sight.wanted_ns);
}

static void mbox_close(struct probe *probe)
{
    struct mbox *m = (struct mbox *)probe;

    timer_disarm(m->c.loop, &m->timer);
    if (m->fd >= 0)
        (void)close(m->fd);
    sight_fini(&m->sight);
    mail_path_drop(&m->where);
    buf_fini(&m->text);
    free(m);
}

static struct probe *mbox_open(const struct probe_context *c, const struct probe_profile *how,
                               uint32_t mailbox, uint32_t server, struct err *e)
{
    struct mbox *m = calloc(1, sizeof *m);

    if (!m) {
        (void)err_set(e, EX_IO, "out of memory");
        return NULL;
    }
    m->p = (struct probe){.ops = &probe_mbox, .mailbox = mailbox, .server = server, .why = ""};
    m->c = *c;
    m->how = how;
    m->fd = -1;
    timer_init(&m->timer, on_timer, m);
    buf_init(&m->text, SIGHT_MESSAGE_MAX);
    sight_init(&m->sight, &m->p, &m->c);
    if (!mail_path_make(&m->where, how, &c->work->profile->site, mailbox, server, e)) {
        mbox_close(&m->p);
        return NULL;
    }
    timer_arm(c->loop, &m->timer, loop_now(c->loop));
    return &m->p;
}

const struct probe_ops probe_mbox = {
    .name = "mbox",
    .help = "reads a mailbox as an mbox file: every message once, as it grows",
    .sees = SEES_COPIES | SEES_REPORTS,
    .by_file = true,
    .open = mbox_open,
    .scan = mbox_scan,
    .close = mbox_close,
};
