/* truth_file.c - lines to records, names to numbers. */
#include "tests/support/truth_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scratch.h"

#define FIELDS 9

const char *const truth_words[WORD_COUNT] = {
    [WORD_ACCEPTED] = "accepted",
    [WORD_DELIVERED] = "delivered",
    [WORD_SUPPRESSED] = "suppressed",
    [WORD_REPORT_FAILED] = "report",
    [WORD_REPORT_OTHER] = "report",
    [WORD_REPORT_DELIVERED] = "report-delivered",
    [WORD_REPORT_COPY] = "report-copy",
    [WORD_COPY] = "copy",
    [WORD_ENTRY] = "entry",
    [WORD_RETURNED] = "returned",
    [WORD_REPORT_RETURNED] = "report-returned",
    [WORD_CORRUPTED] = "planted",
    [WORD_FORGED] = "planted",
    [WORD_REPORT_ENTRY] = "report-entry",
};

/* ------------------------------------------------------------------------------------------------------------ names */

static int names_in_order(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static uint32_t find_name(const struct name *all, uint32_t n, const char *text)
{
    struct name wanted = {.text = text};
    const struct name *found = bsearch(&wanted, all, n, sizeof *all, names_in_order);

    return found ? found->index : NO_INDEX;
}

static uint32_t find_server(const struct lab_account *a, const char *text, size_t n)
{
    for (uint32_t i = 0; i < a->m->server_count; i++)
        if (strlen(a->m->servers[i]) == n && strncmp(a->m->servers[i], text, n) == 0)
            return i;
    return NO_INDEX;
}

bool lab_account_is_ours(const struct lab_account *a, uint32_t mailbox)
{
    uint32_t home = mailbox == NO_INDEX ? NO_INDEX : a->m->mailboxes[mailbox].home;

    return home < a->m->server_count && strcmp(a->m->servers[home], "ours") == 0;
}

/* A mailbox behind the connector goes by its name, whatever the domain. */
static uint32_t find_address(const struct lab_account *a, const char *text)
{
    uint32_t found = find_name(a->addresses, a->m->mailbox_count, text);
    char name[128];

    if (found != NO_INDEX)
        return found;
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "@"), text);
    found = find_name(a->mailboxes, a->m->mailbox_count, name);
    return lab_account_is_ours(a, found) ? found : NO_INDEX;
}

static void open_names(struct lab_account *a)
{
    uint32_t n = a->m->mailbox_count;

    a->addresses = calloc(n + 1ul, sizeof *a->addresses);
    a->mailboxes = calloc(n + 1ul, sizeof *a->mailboxes);
    a->home = calloc(n + 1ul, sizeof *a->home);
    a->flipped_by = calloc(n + 1ul, sizeof *a->flipped_by);
    a->reported = calloc(a->m->load_count + 1ul, sizeof *a->reported);
    PM_ASSERT(a->addresses && a->mailboxes && a->home && a->flipped_by && a->reported);
    for (uint32_t i = 0; i < n; i++) {
        a->addresses[i] = (struct name){a->m->mailboxes[i].address, i};
        a->mailboxes[i] = (struct name){a->m->mailboxes[i].name, i};
        a->home[i] = a->m->mailboxes[i].home;
    }
    qsort(a->addresses, n, sizeof *a->addresses, names_in_order);
    qsort(a->mailboxes, n, sizeof *a->mailboxes, names_in_order);
}

/* ------------------------------------------------------------------------------------------------------------ lines */

enum { F_TIME, F_NUMBER, F_WORD, F_MESSAGE_ID, F_RECIPIENT, F_ROLE, F_MAILBOX, F_SERVER, F_DETAIL };

/* The text behind "name=" in the detail, up to the next blank. */
static struct slice detail(const char *field, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = field; (p = strstr(p, name)) != NULL; p += n)
        if ((p == field || p[-1] == ' ') && p[n] == '=')
            return slice_from(p + n + 1, strcspn(p + n + 1, " "));
    return slice_of(NULL);
}

static void *grow(void *all, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return all;
    *room = *room ? *room * 2 : 1024;
    void *more = realloc(all, *room * size);

    PM_ASSERT(more);
    return more;
}

static void note_move(struct lab_account *a, char *const *f)
{
    uint32_t mailbox = find_name(a->mailboxes, a->m->mailbox_count, f[F_MAILBOX]);
    struct slice to = detail(f[F_DETAIL], "to"), id = detail(f[F_DETAIL], "move");
    uint64_t move = strtoull((const char *)id.p, NULL, 10) + 1;

    if (mailbox == NO_INDEX)
        return;
    if (strcmp(f[F_WORD], "move-flipped") == 0) {
        a->home[mailbox] = find_server(a, (const char *)to.p, to.n);
        a->flipped_by[mailbox] = move;
    } else if (a->flipped_by[mailbox] == move) /* failed after all: the directory was put back */
        a->home[mailbox] = find_server(a, f[F_SERVER], strlen(f[F_SERVER]));
}

static void note_setting(struct lab_account *a, char *const *f)
{
    char to[128];
    struct slice target = detail(f[F_DETAIL], "to");

    a->settings = grow(a->settings, a->setting_count, &a->setting_room, sizeof *a->settings);
    (void)snprintf(to, sizeof to, "%.*s", (int)target.n, (const char *)target.p);
    a->settings[a->setting_count++] = (struct setting){
        .at_ns = strtoull(f[F_TIME], NULL, 10),
        .mailbox = find_name(a->mailboxes, a->m->mailbox_count, f[F_MAILBOX]),
        .alternate = find_name(a->mailboxes, a->m->mailbox_count, to),
        .both = strstr(f[F_DETAIL], " both") != NULL,
    };
}

/* Canary k is about load k modulo the number of loads. */
static void note_canary(struct lab_account *a, uint64_t number, enum word word, uint64_t at_ns)
{
    uint64_t k = number - a->m->planned_messages;

    if (word == WORD_REPORT_DELIVERED && k < a->m->canaries)
        a->reported[k % a->m->load_count] = at_ns;
}

static void add_record(struct lab_account *a, struct record r)
{
    a->records = grow(a->records, a->count, &a->room, sizeof *a->records);
    a->records[a->count++] = r;
}

/* Handed to the connector's front when the lab ended: it may have come there. */
static bool is_handed_out(const char *text)
{
    return slice_is(detail(text, "state"), "in-transfer") &&
           slice_is(detail(text, "queue"), "X400");
}

static void note_copy(struct lab_account *a, char *const *f, enum word word)
{
    bool handed = is_handed_out(f[F_DETAIL]);
    struct record r = {.word = (uint8_t)word, .at_ns = strtoull(f[F_TIME], NULL, 10)};
    size_t at = 0;

    if (!token_find(&a->key, slice_of(f[F_MESSAGE_ID]), &at, &r.number))
        return; /* of another run */
    if (r.number >= a->m->planned_messages) {
        note_canary(a, r.number, word, r.at_ns);
        return;
    }
    a->score->lines++;
    r.recipient = find_address(a, f[F_RECIPIENT]);
    r.mailbox = find_name(a->mailboxes, a->m->mailbox_count, f[F_MAILBOX]);
    r.server = find_server(a, f[F_SERVER], strlen(f[F_SERVER]));
    r.alternate = strcmp(f[F_ROLE], "alternate") == 0;
    if (word == WORD_REPORT_FAILED && !slice_is(detail(f[F_DETAIL], "kind"), "failed"))
        r.word = WORD_REPORT_OTHER;
    if (word != WORD_REPORT_ENTRY)
        add_record(a, r);
    if ((word == WORD_ENTRY || word == WORD_REPORT_ENTRY) && handed) {
        r.word = word == WORD_ENTRY ? WORD_RETURNED : WORD_REPORT_RETURNED;
        add_record(a, r);
    }
}

/* Of what else is planted, other lines say what became of it. */
static bool is_planted_so(const char *text, enum word word)
{
    if (word == WORD_CORRUPTED)
        return strstr(text, "fault=corrupt-") != NULL;
    return word != WORD_FORGED || strstr(text, "fault=ndr-stranger") ||
           strstr(text, "fault=ndr-nameless");
}

static void note_line(struct lab_account *a, char *line)
{
    char *f[FIELDS] = {0};
    int n = 0;

    for (char *p = line; p && n < FIELDS; n++) {
        f[n] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = '\0';
    }
    if (n < FIELDS)
        return; /* torn: the lab was killed */
    a->ended |= strcmp(f[F_WORD], "final") == 0;
    if (strcmp(f[F_WORD], "move-flipped") == 0 || strcmp(f[F_WORD], "move-failed") == 0)
        note_move(a, f);
    else if (strcmp(f[F_WORD], "alternate-set") == 0)
        note_setting(a, f);
    for (int w = 0; w < WORD_COUNT; w++)
        if (strcmp(f[F_WORD], truth_words[w]) == 0 && is_planted_so(f[F_DETAIL], (enum word)w)) {
            note_copy(a, f, (enum word)w);
            return;
        }
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int records_in_order(const void *left, const void *right)
{
    const struct record *a = left, *b = right;
    int order = ORDER(a->number, b->number);

    order = order ? order : ORDER(a->recipient, b->recipient);
    order = order ? order : ORDER(a->alternate, b->alternate);
    order = order ? order : ORDER(a->word, b->word);
    return order ? order : ORDER(a->at_ns, b->at_ns);
}

bool lab_account_read(struct lab_account *a, const char *path, struct err *e)
{
    open_names(a);
    char *text = scratch_read(path, NULL);

    if (!text)
        return err_set(e, EX_IO, "%s: cannot be read", path);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        note_line(a, line);
    }
    free(text);
    if (!a->ended && a->view != TRUTH_KILLED)
        return err_set(e, EX_IO, "%s: has no end; the lab is still running, or was killed", path);
    if (a->count)
        qsort(a->records, a->count, sizeof *a->records, records_in_order);
    return true;
}

struct record *lab_account_records(const struct lab_account *a, uint64_t number, size_t *n)
{
    size_t low = 0, high = a->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (a->records[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    for (*n = 0; low + *n < a->count && a->records[low + *n].number == number;)
        ++*n;
    return low < a->count ? &a->records[low] : NULL;
}

void lab_account_fini(struct lab_account *a)
{
    free(a->addresses);
    free(a->mailboxes);
    free(a->home);
    free(a->flipped_by);
    free(a->reported);
    free(a->records);
    free(a->settings);
}
