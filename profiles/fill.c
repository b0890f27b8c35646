/* fill.c - reads the values of a section by the option table and complains in its words.
 *
 * Every complaint has the form FILE:LINE:COLUMN: section.entry.key: expected ..., got "...".
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "profiles/option.h"

#define SECRET_MAX 4096
#define NAMES_MAX  512
#define JSON_MAX   65536
#define BODY_MIN   64u
#define BODY_MAX   (64u << 20)
#define SPAN_LIMIT (30ull * 86400 * NS_PER_S)

struct value { /* one key being read */
    const struct filling *f;
    const struct option *o;
    const char *path;
    const struct node *n;
    unsigned char *out; /* the section's struct */
};

typedef bool (*reader)(const struct value *v);

/* --- complaints ------------------------------------------------------------------------------------------------- */

static const char *dot(const struct value *v)
{
    return v->path[0] ? "." : "";
}

static bool wrong(const struct value *v, const char *expected)
{
    static const char *const kinds[] = {"", "a map", "a list"};

    if (v->n->kind != NODE_TEXT)
        return node_complain(v->n, v->f->err, "%s%s%s: expected %s, got %s", v->path, dot(v),
                             v->o->key, expected, kinds[v->n->kind]);
    return node_complain(v->n, v->f->err, "%s%s%s: expected %s, got \"%.80s\"", v->path, dot(v),
                         v->o->key, expected, v->n->text);
}

static bool no_memory(const struct value *v)
{
    return err_set(v->f->err, EX_IO, "%s%s%s: out of memory", v->path, dot(v), v->o->key);
}

static bool unknown_word(const struct node *n, struct err *e, const char *where, const char *what,
                         const char *word, const char *const *names)
{
    const char *near = text_nearest(slice_of(word), names);

    return node_complain(n, e, "%s: unknown %s \"%.80s\"%s%s%s", where, what, word,
                         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

bool option_unknown(const struct node *n, struct err *e, const char *path, const char *what,
                    const char *word, const char *const *names)
{
    return unknown_word(n, e, path, what, word, names);
}

static bool unknown_name(const struct value *v, const char *what, const char *word,
                         const char *const *names)
{
    char where[200];

    (void)snprintf(where, sizeof where, "%s%s%s", v->path, dot(v), v->o->key);
    return unknown_word(v->n, v->f->err, where, what, word, names);
}

static void print_limit(char *out, size_t room, const struct option *o, double limit)
{
    if (o->type == OPT_SHARE) {
        (void)snprintf(out, room, "%g%%", limit / 1e7);
        return;
    }
    if (o->type == OPT_DURATION)
        (void)text_print_duration(out, room, (uint64_t)limit);
    else if (o->type == OPT_RATE)
        (void)snprintf(out, room, "%g/s", limit);
    else
        (void)snprintf(out, room, "%.0f", limit);
}

static bool in_range(const struct value *v, double x)
{
    char low[32], high[32];

    if (v->o->high <= 0 || (x >= v->o->low && x <= v->o->high))
        return true;
    print_limit(low, sizeof low, v->o, v->o->low);
    print_limit(high, sizeof high, v->o, v->o->high);
    return node_complain(v->n, v->f->err, "%s%s%s: %s is out of range (%s to %s)", v->path, dot(v),
                         v->o->key, v->n->text, low, high);
}

/* --- scalars ---------------------------------------------------------------------------------------------------- */

static void store(const struct value *v, const void *p, size_t n)
{
    memcpy(v->out + v->o->at, p, n);
}

static bool is_text(const struct value *v)
{
    return v->n->kind == NODE_TEXT;
}

static bool read_text(const struct value *v)
{
    if (!is_text(v))
        return wrong(v, "text");
    store(v, &v->n->text, sizeof v->n->text);
    return true;
}

/* Index of the value among the row's words, or -1 and a complaint. */
static int word_index(const struct value *v, const char *text)
{
    for (int i = 0; v->o->words[i]; i++)
        if (strcmp(v->o->words[i], text) == 0)
            return i;
    char all[300];
    size_t n = 0;
    const char *near = text_nearest(slice_of(text), v->o->words);
    for (int i = 0; v->o->words[i] && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", v->o->words[i]);
    (void)node_complain(v->n, v->f->err, "%s%s%s: expected one of %s, got \"%.80s\"%s%s%s", v->path,
                        dot(v), v->o->key, all, text, near ? "; did you mean \"" : "",
                        near ? near : "", near ? "\"?" : "");
    return -1;
}

static bool read_word(const struct value *v)
{
    int i = is_text(v) ? word_index(v, v->n->text) : -1;

    if (!is_text(v))
        return wrong(v, "a word");
    if (i < 0)
        return false;
    store(v, &v->o->words[i], sizeof v->o->words[i]);
    return true;
}

static bool read_choice(const struct value *v)
{
    int i = is_text(v) ? word_index(v, v->n->text) : -1;

    if (!is_text(v))
        return wrong(v, "a word");
    if (i < 0)
        return false;
    if (v->o->type == OPT_EITHER) {
        bool second = i == 1;

        store(v, &second, sizeof second);
    } else {
        unsigned choice = (unsigned)i;

        store(v, &choice, sizeof choice);
    }
    return true;
}

static bool read_bool(const struct value *v)
{
    bool b = false;

    if (!is_text(v) || !text_bool(slice_of(v->n->text), &b, NULL))
        return wrong(v, "yes or no");
    store(v, &b, sizeof b);
    return true;
}

static bool read_whole(const struct value *v)
{
    uint64_t n = 0;

    if (!is_text(v) || !text_u64(slice_of(v->n->text), &n, NULL))
        return wrong(v, "a whole number");
    if (!in_range(v, (double)n))
        return false;
    if (v->o->type == OPT_U16)
        store(v, &(uint16_t){(uint16_t)n}, sizeof(uint16_t));
    else if (v->o->type == OPT_U32)
        store(v, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
    else
        store(v, &n, sizeof n);
    return true;
}

static bool read_duration(const struct value *v)
{
    uint64_t ns = 0;

    if (!is_text(v) || !text_duration(slice_of(v->n->text), &ns, NULL))
        return wrong(v, "a duration such as 90s, 1m30s or 250ms");
    if (!in_range(v, (double)ns))
        return false;
    store(v, &ns, sizeof ns);
    return true;
}

static bool read_rate(const struct value *v)
{
    double rate = 0;

    if (!is_text(v) || !text_rate(slice_of(v->n->text), &rate, NULL))
        return wrong(v, "a rate such as 10/s, 6/m or 1/30s");
    if (!in_range(v, rate))
        return false;
    store(v, &rate, sizeof rate);
    return true;
}

/* "a..b" in two; without dots both halves are the whole. */
static bool split_span(const char *text, struct slice *low, struct slice *high)
{
    const char *dots = strstr(text, "..");

    if (!dots) {
        *low = *high = slice_of(text);
        return false;
    }
    *low = slice_trim(slice_from(text, (size_t)(dots - text)));
    *high = slice_trim(slice_of(dots + 2));
    return true;
}

/* In parts in a billion, below the whole. */
static bool parse_share(struct slice s, uint64_t *ppb)
{
    double share;

    if (!text_share(s, &share, NULL) || share >= 1)
        return false;
    *ppb = (uint64_t)(share * 1e9 + 0.5);
    return true;
}

static bool read_share(const struct value *v)
{
    uint64_t ppb = 0;

    if (!is_text(v) || !parse_share(slice_of(v->n->text), &ppb))
        return wrong(v, "a share such as 5%, 0.05 or 50ppm");
    if (!in_range(v, (double)ppb))
        return false;
    store(v, &ppb, sizeof ppb);
    return true;
}

static bool read_shares(const struct value *v)
{
    struct slice low, high;
    uint64_t from = 0, to = 0;

    if (!is_text(v) || !split_span(v->n->text, &low, &high) || !parse_share(low, &from) ||
        !parse_share(high, &to) || from == 0 || to <= from)
        return wrong(v, "two shares above 0, the smaller first, such as 1%..5%");
    store(v, &from, sizeof from);
    memcpy(v->out + v->o->more, &to, sizeof to);
    return true;
}

static bool read_sizes(const struct value *v)
{
    struct load_profile *l = (void *)v->out;
    struct slice low, high;
    uint64_t from = 0, to = 0;

    if (is_text(v) && strcmp(v->n->text, "mmb") == 0) {
        l->size = SIZE_MMB;
        l->size_min = 1u << 10;
        l->size_max = 43u << 10;
        return true;
    }
    if (!is_text(v))
        return wrong(v, "a size such as 1KB, 1KB..64KB or mmb");
    l->size = split_span(v->n->text, &low, &high) ? SIZE_UNIFORM : SIZE_FIXED;
    if (!text_size(low, &from, NULL) || !text_size(high, &to, NULL) || to < from)
        return wrong(v, "a size such as 1KB, 1KB..64KB or mmb");
    if (from < BODY_MIN || to > BODY_MAX)
        return node_complain(v->n, v->f->err, "%s.%s: %s is out of range (%u bytes to %u MB)",
                             v->path, v->o->key, v->n->text, BODY_MIN, BODY_MAX >> 20);
    l->size_min = (uint32_t)from;
    l->size_max = (uint32_t)to;
    return true;
}

static bool signed_duration(struct slice s, int64_t *ns)
{
    bool minus = s.n > 0 && s.p[0] == '-', plus = s.n > 0 && s.p[0] == '+';
    uint64_t n = 0;

    if (!text_duration(slice_skip(s, minus || plus), &n, NULL) || n > SPAN_LIMIT)
        return false;
    *ns = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool read_phase(const struct value *v)
{
    struct slice low, high;
    int64_t from = 0, to = 0;

    if (!is_text(v) || !split_span(v->n->text, &low, &high) || !signed_duration(low, &from) ||
        !signed_duration(high, &to) || to < from)
        return wrong(v, "a span such as 0s..30s or -5s..60s");
    memcpy(v->out + v->o->at, &from, sizeof from);
    memcpy(v->out + v->o->more, &to, sizeof to);
    return true;
}

/* --- lists ------------------------------------------------------------------------------------------------------ */

/* The words of a list, or of a scalar: one word, or several between blanks or commas when `split`. */
static const char **list_words(const struct value *v, bool split, uint32_t *count)
{
    uint32_t room = v->n->kind == NODE_LIST ? v->n->count : 1, n = 0;

    if (is_text(v))
        room = (uint32_t)strlen(v->n->text) / 2 + 1;
    const char **words = arena_new(v->f->arena, const char *, room + 1u);
    if (!words) {
        (void)no_memory(v);
        return NULL;
    }
    if (is_text(v) && !split)
        words[n++] = v->n->text;
    for (const char *p = v->n->text; split && is_text(v) && *(p += strspn(p, ", ")); n++) {
        size_t len = strcspn(p, ", ");

        words[n] = arena_text(v->f->arena, p, len);
        if (!words[n])
            return NULL;
        p += len;
    }
    for (const struct node *c = v->n->first; c; c = c->next) {
        if (c->kind != NODE_TEXT) {
            (void)node_complain(c, v->f->err, "%s.%s: expected a list of words", v->path,
                                v->o->key);
            return NULL;
        }
        words[n++] = c->text;
    }
    *count = n;
    return words;
}

/* A command that lies beside the profile stays beside it, wherever the run is started from. */
static bool anchor_command(const struct value *v, const char **words)
{
    if (words[0][0] == '/' || !strchr(words[0], '/'))
        return true;
    words[0] = arena_format(v->f->arena, "%s/%s", v->f->folder, words[0]);
    return words[0] || no_memory(v);
}

static bool read_texts(const struct value *v)
{
    uint32_t count = 0;
    bool argv = strcmp(v->o->key, "argv") == 0;

    if (v->n->kind == NODE_MAP)
        return wrong(v, "a list such as [a, b]");
    const char **words = list_words(v, !argv, &count);
    if (!words)
        return false;
    if (v->o->high > 0 && (count < v->o->low || count > v->o->high))
        return node_complain(v->n, v->f->err, "%s.%s: expected %.0f to %.0f words, got %u", v->path,
                             v->o->key, v->o->low, v->o->high, count);
    if (argv && count > 0 && !anchor_command(v, words))
        return false;
    store(v, &words, sizeof words);
    if (v->o->more)
        memcpy(v->out + v->o->more, &count, sizeof count);
    return true;
}

static bool read_bits(const struct value *v)
{
    unsigned bits = 0;
    uint32_t count = 0;

    if (v->n->kind == NODE_MAP)
        return wrong(v, "a list of words");
    const char **words = list_words(v, true, &count);
    if (!words)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        int at = word_index(v, words[i]);

        if (at < 0)
            return false;
        bits |= 1u << at;
    }
    store(v, &bits, sizeof bits);
    return true;
}

static bool read_networks(const struct value *v)
{
    struct guard *g = (void *)(v->out + v->o->at);
    uint32_t count = 0;
    struct err why;

    if (v->n->kind == NODE_MAP)
        return wrong(v, "a list such as [10.1.2.0/24]");
    const char **words = list_words(v, true, &count);
    struct guard_net *nets = words ? arena_new(v->f->arena, struct guard_net, count + 1u) : NULL;
    if (!nets)
        return words ? no_memory(v) : false;
    for (uint32_t i = 0; i < count; i++) {
        if (!guard_net_parse(&nets[i], words[i], &why))
            return node_complain(v->n, v->f->err, "%s.%s: %s", v->path, v->o->key, why.text);
        if (!guard_net_is_wide(&nets[i]))
            continue;
        (void)node_complain(v->n, v->f->err,
                            "%s.%s: %.80s: refused by rule too-wide: nobody owns so many addresses",
                            v->path, v->o->key, words[i]);
        v->f->err->code = EX_GUARD;
        return false;
    }
    *g = (struct guard){.nets = nets, .count = count};
    return true;
}

/* --- names ------------------------------------------------------------------------------------------------------ */

static uint32_t find_group(const struct value *v, const char *word)
{
    const struct site *s = v->f->site;
    uint32_t at = site_group(s, word);

    if (at == SITE_NONE) {
        const char *names[NAMES_MAX + 1] = {0};

        for (uint32_t i = 0; i < s->group_count && i < NAMES_MAX; i++)
            names[i] = s->groups[i].name;
        (void)unknown_name(v, "group", word, names);
    }
    return at;
}

static bool read_group(const struct value *v)
{
    uint32_t group = SITE_NONE;

    if (!is_text(v))
        return wrong(v, "the name of a group");
    if (strcmp(v->n->text, "none") != 0) {
        group = find_group(v, v->n->text);
        if (group == SITE_NONE)
            return false;
    }
    store(v, &group, sizeof group);
    return true;
}

static bool read_groups(const struct value *v)
{
    uint32_t count = 0;

    if (v->n->kind == NODE_MAP)
        return wrong(v, "a group, or a list of groups");
    const char **words = list_words(v, true, &count);
    uint32_t *groups = words ? arena_new(v->f->arena, uint32_t, count + 1u) : NULL;
    if (!groups)
        return words ? no_memory(v) : false;
    if (count == 0)
        return wrong(v, "a group, or a list of groups");
    for (uint32_t i = 0; i < count; i++) {
        groups[i] = find_group(v, words[i]);
        if (groups[i] == SITE_NONE)
            return false;
        for (uint32_t k = 0; k < i; k++)
            if (groups[k] == groups[i])
                return node_complain(v->n, v->f->err, "%s.%s: group \"%s\" stands there twice",
                                     v->path, v->o->key, words[i]);
    }
    store(v, &groups, sizeof groups);
    memcpy(v->out + v->o->more, &count, sizeof count);
    return true;
}

static bool read_server(const struct value *v)
{
    const struct site *s = v->f->site;
    uint32_t at = SITE_NONE;

    if (!is_text(v))
        return wrong(v, "the name of a server");
    if (v->o->required || strcmp(v->n->text, "any") != 0) {
        const char *names[NAMES_MAX + 1] = {0};

        at = site_server(s, v->n->text);
        for (uint32_t i = 0; i < s->server_count && i < NAMES_MAX; i++)
            names[i] = s->servers[i].name;
        if (at == SITE_NONE)
            return unknown_name(v, "server", v->n->text, names);
    }
    store(v, &at, sizeof at);
    return true;
}

static bool read_mover(const struct value *v)
{
    if (!is_text(v))
        return wrong(v, "the name of a mover");
    for (uint32_t i = 0; v->f->mover_names[i]; i++)
        if (strcmp(v->f->mover_names[i], v->n->text) == 0) {
            store(v, &i, sizeof i);
            return true;
        }
    return unknown_name(v, "mover", v->n->text, v->f->mover_names);
}

static bool read_end_point(const struct value *v)
{
    const char *colon = is_text(v) ? strrchr(v->n->text, ':') : NULL;
    uint64_t port = 0;

    if (!colon || colon == v->n->text || !text_u64(slice_of(colon + 1), &port, NULL) || port == 0 ||
        port > 65535)
        return wrong(v, "host:port");
    return read_text(v);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_octets(const char *digits, struct selector *out)
{
    size_t n = strlen(digits);

    if (n == 0 || n % 2 || n / 2 > SELECTOR_MAX)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        int high = hex_digit(digits[i]), low = hex_digit(digits[i + 1]);

        if (high < 0 || low < 0)
            return false;
        out->p[out->n++] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_selector(const struct value *v)
{
    static const char expected[] = "text of at most 32 octets, or 0x and hex digits for so many";
    struct selector s = {0};

    if (!is_text(v))
        return wrong(v, expected);
    size_t n = strlen(v->n->text);
    if (strncmp(v->n->text, "0x", 2) == 0) {
        if (!hex_octets(v->n->text + 2, &s))
            return wrong(v, expected);
    } else {
        if (n > SELECTOR_MAX)
            return wrong(v, expected);
        s.n = (uint8_t)n;
        memcpy(s.p, v->n->text, n);
    }
    store(v, &s, sizeof s);
    return true;
}

/* --- secrets ---------------------------------------------------------------------------------------------------- */

static bool secret_of_file(const struct value *v, const char *name)
{
    char line[SECRET_MAX + 2];
    struct err why = {0};
    const char *secret = NULL, *path = name[0] == '/'
                                           ? name
                                           : arena_format(v->f->arena, "%s/%s", v->f->folder, name);

    if (!path)
        return no_memory(v);
    bool ok = secret_read(path, line, sizeof line, &why);

    if (ok) {
        secret_note(line);
        secret = arena_text(v->f->arena, line, strlen(line));
    }
    explicit_bzero(line, sizeof line);
    if (!ok) {
        (void)node_complain(v->n, v->f->err, "%s.%s: %s", v->path, v->o->key, why.text);
        v->f->err->code = why.code;
        return false;
    }
    store(v, &secret, sizeof secret);
    return secret || no_memory(v);
}

static bool read_secret(const struct value *v)
{
    if (!is_text(v))
        return wrong(v, "env:NAME or file:PATH");
    if (strncmp(v->n->text, "file:", 5) == 0)
        return secret_of_file(v, v->n->text + 5);
    if (strncmp(v->n->text, "env:", 4) != 0)
        return read_text(v); /* whether a literal is fine depends on the server: profile.c */
    const char *secret = getenv(v->n->text + 4);
    if (!secret || !*secret)
        return node_complain(v->n, v->f->err, "%s.%s: environment variable %s is not set", v->path,
                             v->o->key, v->n->text + 4);
    secret_note(secret);
    secret = arena_text(v->f->arena, secret, strlen(secret));
    store(v, &secret, sizeof secret);
    return secret || no_memory(v);
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

static bool json_string(struct buf *b, const char *text)
{
    bool ok = buf_add_text(b, "\"");

    for (const unsigned char *p = (const unsigned char *)text; ok && *p; p++) {
        if (*p < 0x20)
            ok = buf_add_format(b, "\\u%04x", *p);
        else
            ok = buf_add_format(b, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    }
    return ok && buf_add_text(b, "\"");
}

static bool is_json_word(const char *text)
{
    char *end = NULL;

    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || strcmp(text, "null") == 0)
        return true;
    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return false;
    if (text[0] == '0' && isdigit((unsigned char)text[1]))
        return false;
    (void)strtod(text, &end);
    return *end == '\0' && strspn(text, "0123456789+-.eE") == strlen(text) &&
           isdigit((unsigned char)end[-1]);
}

static bool json_node(struct buf *b, const struct node *n)
{
    bool ok = true;

    if (n->kind == NODE_TEXT) {
        if (n->plain && (is_json_word(n->text) || n->text[0] == '\0'))
            return buf_add_text(b, n->text[0] ? n->text : "null");
        return json_string(b, n->text);
    }
    ok = buf_add_text(b, n->kind == NODE_MAP ? "{" : "[");
    for (const struct node *c = n->first; ok && c; c = c->next)
        ok = (c == n->first || buf_add_text(b, ",")) &&
             (n->kind != NODE_MAP || (json_string(b, c->key) && buf_add_text(b, ":"))) &&
             json_node(b, c);
    return ok && buf_add_text(b, n->kind == NODE_MAP ? "}" : "]");
}

static bool read_json(const struct value *v)
{
    struct buf b;
    const char *json = "";

    if (is_text(v) && v->n->text[0] == '\0')
        return read_text(v);
    if (v->n->kind != NODE_MAP)
        return wrong(v, "a map such as {dir_first: true}");
    buf_init(&b, JSON_MAX);
    bool ok = json_node(&b, v->n);
    if (ok)
        json = arena_text(v->f->arena, (const char *)b.p, b.n);
    buf_fini(&b);
    if (!ok || !json)
        return no_memory(v);
    store(v, &json, sizeof(const char *));
    return true;
}

static bool read_nothing(const struct value *v)
{
    return v->n->kind == NODE_MAP || wrong(v, "a map of keys and values");
}

/* --- sections --------------------------------------------------------------------------------------------------- */

static const reader readers[OPT_TYPE_COUNT] = {
    [OPT_TEXT] = read_text,           [OPT_WORD] = read_word,
    [OPT_CHOICE] = read_choice,       [OPT_EITHER] = read_choice,
    [OPT_BITS] = read_bits,           [OPT_BOOL] = read_bool,
    [OPT_U16] = read_whole,           [OPT_U32] = read_whole,
    [OPT_U64] = read_whole,           [OPT_DURATION] = read_duration,
    [OPT_RATE] = read_rate,           [OPT_SIZES] = read_sizes,
    [OPT_PHASE] = read_phase,         [OPT_TEXTS] = read_texts,
    [OPT_GROUP] = read_group,         [OPT_GROUPS] = read_groups,
    [OPT_SERVER] = read_server,       [OPT_MOVER] = read_mover,
    [OPT_END_POINT] = read_end_point, [OPT_SECRET] = read_secret,
    [OPT_JSON] = read_json,           [OPT_SHARE] = read_share,
    [OPT_SHARES] = read_shares,       [OPT_NETWORKS] = read_networks,
    [OPT_FREE] = read_nothing,        [OPT_SELECTOR] = read_selector,
};

static bool check_keys(const struct filling *f, enum section s, const char *path,
                       const struct node *map)
{
    const char *keys[NAMES_MAX] = {0};
    size_t n = 0;

    for (int i = 0; option_at(i); i++)
        if (option_at(i)->section == s)
            keys[n++] = option_at(i)->key;
    for (const struct node *c = map->first; c; c = c->next) {
        bool known = s == SEC_TOP;

        for (size_t i = 0; i < n && !known; i++)
            known = strcmp(keys[i], c->key) == 0;
        if (known)
            continue;
        const char *near = text_nearest(slice_of(c->key), keys);
        return node_complain_key(c, f->err, "%s: unknown key \"%.80s\"%s%s%s", path, c->key,
                                 near ? "; did you mean \"" : "", near ? near : "",
                                 near ? "\"?" : "");
    }
    return true;
}

static bool fill_key(const struct filling *f, const struct option *o, const char *path,
                     const struct node *map, void *out)
{
    struct node preset = {.kind = NODE_TEXT, .plain = true, .text = o->preset, .file = "preset"};
    const struct node *n = node_find(map, o->key);
    struct value v = {.f = f, .o = o, .path = path, .n = n, .out = out};

    if (n && !node_is_null(n))
        return readers[o->type](&v);
    if (o->preset) {
        v.n = &preset;
        return readers[o->type](&v);
    }
    if (o->required)
        return node_complain_key(map, f->err, "%s: \"%s\" is missing: %s",
                                 path[0] ? path : "profile", o->key, o->help);
    return true;
}

bool option_fill(const struct filling *f, enum section s, const char *path, const struct node *map,
                 void *out)
{
    if (map->kind != NODE_MAP)
        return node_complain(map, f->err, "%s: expected keys and values",
                             path[0] ? path : "profile");
    if (!check_keys(f, s, path, map))
        return false;
    for (int i = 0; option_at(i); i++)
        if (option_at(i)->section == s && !fill_key(f, option_at(i), path, map, out))
            return false;
    return true;
}
