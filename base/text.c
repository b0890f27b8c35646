/* text.c - durations, sizes, rates and names: parse and print.
 *
 * Integers all the way: "0.1s" is 100,000,000 ns and not what a double makes of it. A duration is one or more numbers
 * with a unit each, the units falling ("1m30s"), and every printed duration parses back to itself.
 */
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"

#define WORD_MAX 64

struct unit {
    const char *name;
    uint64_t worth;
};

static const struct unit time_units[] = {
    {"d", 86400 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"s", NS_PER_S},
    {"ms", NS_PER_MS},
    {"us", NS_PER_US},
    {"ns", 1},
    {NULL, 0},
};

/* Mail systems count mailbox limits in powers of two, whatever the case of the k. */
static const struct unit size_units[] = {
    {"B", 1},          {"kB", 1u << 10}, {"KB", 1u << 10},  {"KiB", 1u << 10}, {"MB", 1u << 20},
    {"MiB", 1u << 20}, {"GB", 1u << 30}, {"GiB", 1u << 30}, {NULL, 0},
};

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool refuse(struct slice s, const char *wanted, struct err *e)
{
    int n = s.n > 60 ? 60 : (int)s.n;

    return err_set(e, EX_BAD_PROFILE, "\"%.*s\" is not %s", n, (const char *)s.p, wanted);
}

/* A number in units of 1 / 10^decimals: "1.5" is 15 with 1 decimal. */
struct number {
    uint64_t digits;
    unsigned decimals;
};

static bool take_digits(struct slice *s, struct number *n, unsigned *count)
{
    *count = 0;
    while (s->n > 0 && is_digit(s->p[0])) {
        if (__builtin_mul_overflow(n->digits, 10, &n->digits) ||
            __builtin_add_overflow(n->digits, (uint64_t)(s->p[0] - '0'), &n->digits))
            return false;
        *s = slice_skip(*s, 1);
        ++*count;
    }
    return *count > 0;
}

static bool take_number(struct slice *s, struct number *n)
{
    unsigned count;

    *n = (struct number){0};
    if (!take_digits(s, n, &count))
        return false;
    if (s->n == 0 || s->p[0] != '.')
        return true;
    *s = slice_skip(*s, 1);
    return take_digits(s, n, &n->decimals);
}

static const struct unit *take_unit(struct slice *s, const struct unit *units)
{
    size_t n = 0;

    while (n < s->n && !is_digit(s->p[n]) && s->p[n] != '.')
        n++;
    struct slice word = slice_from(s->p, n);
    for (const struct unit *u = units; u->name; u++)
        if (slice_is(word, u->name)) {
            *s = slice_skip(*s, n);
            return u;
        }
    return NULL;
}

/* digits / 10^decimals * worth, which has to come out whole ("0.5ns" does not). */
static bool number_times(struct number n, uint64_t worth, uint64_t *out)
{
    uint64_t whole = n.digits, scale = 1, part;

    for (unsigned i = 0; i < n.decimals; i++)
        if (__builtin_mul_overflow(scale, 10, &scale))
            return false;
    uint64_t rest = whole % scale;
    if (__builtin_mul_overflow(whole / scale, worth, &whole) ||
        __builtin_mul_overflow(rest, worth, &part) || part % scale != 0)
        return false;
    return !__builtin_add_overflow(whole, part / scale, out);
}

static bool take_durations(struct slice s, uint64_t *ns)
{
    const struct unit *before = NULL;
    uint64_t sum = 0, part;

    while (s.n > 0) {
        struct number n;

        if (!take_number(&s, &n))
            return false;
        const struct unit *u = take_unit(&s, time_units);
        if (!u || (before && u <= before) || !number_times(n, u->worth, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return false;
        before = u;
    }
    *ns = sum;
    return before && sum != NEVER_NS;
}

bool text_duration(struct slice s, uint64_t *ns, struct err *e)
{
    if (slice_is(s, "0")) {
        *ns = 0;
        return true;
    }
    return take_durations(s, ns) || refuse(s, "a duration such as 90s, 1m30s or 250ms", e);
}

bool text_size(struct slice s, uint64_t *bytes, struct err *e)
{
    struct slice rest = s;
    struct number n;
    uint64_t worth = 1;

    if (!take_number(&rest, &n))
        return refuse(s, "a size such as 4096, 10KB or 2MB", e);
    if (rest.n > 0) {
        const struct unit *u = take_unit(&rest, size_units);

        worth = u && rest.n == 0 ? u->worth : 0;
    }
    if (worth == 0 || !number_times(n, worth, bytes))
        return refuse(s, "a size such as 4096, 10KB or 2MB", e);
    return true;
}

static bool take_rate(struct slice s, double *per_second)
{
    struct slice count;
    struct number n;
    uint64_t span_ns = 0;

    if (!slice_cut(&s, '/', &count) || !take_number(&count, &n) || count.n > 0 || s.n == 0)
        return false;
    if (is_digit(s.p[0])) {
        if (!take_durations(s, &span_ns))
            return false;
    } else {
        const struct unit *u = take_unit(&s, time_units);

        span_ns = u && s.n == 0 ? u->worth : 0;
    }
    if (span_ns == 0)
        return false;
    *per_second = (double)n.digits / pow(10, n.decimals) / ((double)span_ns / (double)NS_PER_S);
    return true;
}

bool text_rate(struct slice s, double *per_second, struct err *e)
{
    if (slice_is(s, "0")) {
        *per_second = 0;
        return true;
    }
    return take_rate(s, per_second) || refuse(s, "a rate such as 10/s, 6/m or 1/30s", e);
}

bool text_share(struct slice s, double *share, struct err *e)
{
    char text[40] = "", *end = text;
    double x = -1;

    if (s.n > 0 && s.n < sizeof text && s.p[0] >= '0' && s.p[0] <= '9') {
        memcpy(text, s.p, s.n);
        x = strpbrk(text, "xX") ? -1 : strtod(text, &end); /* no hexadecimal */
    }
    if (strcmp(end, "%") == 0)
        x /= 100;
    else if (strcmp(end, "ppm") == 0)
        x /= 1e6;
    else if (*end)
        x = -1;
    if (!(x >= 0 && x <= 1))
        return refuse(s, "a share such as 5%, 0.05 or 50ppm", e);
    *share = x;
    return true;
}

bool text_u64(struct slice s, uint64_t *n, struct err *e)
{
    struct number sum = {0};

    for (size_t i = 0; i < s.n; i++) {
        struct slice digit = slice_from(s.p + i, 1);
        unsigned count;

        if (s.p[i] == '_' && i > 0 && i + 1 < s.n && s.p[i - 1] != '_')
            continue;
        if (!take_digits(&digit, &sum, &count))
            return refuse(s, "a whole number", e);
    }
    if (s.n == 0)
        return refuse(s, "a whole number", e);
    *n = sum.digits;
    return true;
}

bool text_bool(struct slice s, bool *b, struct err *e)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is_nocase(s, words[i])) {
            *b = i % 2 == 1;
            return true;
        }
    return refuse(s, "true or false", e);
}

/* `ns` in one unit, with as many decimals as it needs: "1.5ms". */
static void print_in(char *out, size_t room, uint64_t ns, const struct unit *u)
{
    char part[16] = "";
    uint64_t rest = ns % u->worth;

    if (rest > 0) {
        int digits = 0;

        for (uint64_t w = u->worth; w > 1; w /= 10)
            digits++;
        while (rest % 10 == 0) {
            rest /= 10;
            digits--;
        }
        (void)snprintf(part, sizeof part, ".%0*llu", digits, (unsigned long long)rest);
    }
    (void)snprintf(out, room, "%llu%s%s", (unsigned long long)(ns / u->worth), part, u->name);
}

const char *text_print_duration(char *out, size_t room, uint64_t ns)
{
    size_t n = 0;
    const struct unit *u = time_units;

    PM_ASSERT(room > 0);
    if (ns == NEVER_NS || ns == 0) {
        (void)snprintf(out, room, "%s", ns ? "never" : "0s");
        return out;
    }
    for (; u->worth > NS_PER_S; u++) /* days, hours and minutes stand alone */
        if (ns >= u->worth && n < room) {
            n += (size_t)snprintf(out + n, room - n, "%llu%s", (unsigned long long)(ns / u->worth),
                                  u->name);
            ns %= u->worth;
        }
    if (n > 0 && ns > 0 && n < room)
        print_in(out + n, room - n, ns, u); /* seconds, also below one: "1m0.5s" */
    if (n > 0)
        return out;
    while (ns < u->worth)
        u++;
    print_in(out, room, ns, u);
    return out;
}

const char *text_print_count(char *out, size_t room, uint64_t n)
{
    char plain[32];
    size_t used = 0;

    PM_ASSERT(room > 0);
    size_t digits = (size_t)snprintf(plain, sizeof plain, "%llu", (unsigned long long)n);
    for (size_t i = 0; i < digits; i++) {
        if (i > 0 && (digits - i) % 3 == 0 && used + 1 < room)
            out[used++] = ',';
        if (used + 1 < room)
            out[used++] = plain[i];
    }
    out[used] = '\0';
    return out;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edit distance with transpositions (optimal string alignment), three rows at a time. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned rows[3][WORD_MAX + 1] = {{0}};

    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i + 2) % 3], *older = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            bool same = a.p[i - 1] == b.p[j - 1];

            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = smaller(now[j], older[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}

const char *text_nearest(struct slice word, const char *const *names)
{
    const char *best = NULL;

    if (word.n == 0 || word.n > WORD_MAX)
        return NULL;
    unsigned third = (unsigned)(word.n / 3), within = third < 1 ? 1 : smaller(third, 3);
    for (; *names; names++) {
        struct slice name = slice_of(*names);
        unsigned d = name.n <= WORD_MAX ? distance(word, name) : within + 1;

        if (d < within || (d == within && !best)) {
            best = *names;
            within = d;
        }
    }
    return best;
}

/* The octets of the UTF-8 character at the front, 0 if there is none: overlong forms, surrogates and C1 are none. */
static size_t utf8_length(struct slice s)
{
    unsigned char c = s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;

    if (c >= 0x80 && (c < 0xc2 || c > 0xf4 || s.n < n))
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s.p[i] & 0xc0) != 0x80)
            return 0;
    if (n > 1 && ((c == 0xc2 && s.p[1] < 0xa0) || (c == 0xe0 && s.p[1] < 0xa0) ||
                  (c == 0xed && s.p[1] > 0x9f) || (c == 0xf0 && s.p[1] < 0x90) ||
                  (c == 0xf4 && s.p[1] > 0x8f)))
        return 0;
    return n;
}

/* Octets of a character that turns the direction of text, or is seen by nobody; 0: it is neither. */
static size_t unseen(struct slice s)
{
    const unsigned char *p = s.p;

    if (s.n >= 2 && p[0] == 0xd8 && p[1] == 0x9c)
        return 2; /* U+061C */
    if (s.n < 3)
        return 0;
    if (p[0] == 0xe2 && p[1] == 0x80 &&
        ((p[2] >= 0x8b && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae)))
        return 3; /* U+200B..F, U+2028..E */
    if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa0 && p[2] <= 0xaf)
        return 3; /* U+2060..F */
    return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

struct slice text_shown(struct slice said, size_t *took)
{
    size_t hidden = unseen(said), n = hidden ? 0 : utf8_length(said);

    *took = hidden ? hidden : n ? n : 1;
    return n ? slice_from(said.p, n) : slice_of("?");
}

const char *text_clean(char *out, size_t room, struct slice said)
{
    size_t at = 0, took;
    bool blank = false;

    for (; said.n > 0; said = slice_skip(said, took)) {
        struct slice one = text_shown(said, &took);

        if (said.p[0] <= ' ' || said.p[0] == 0x7f) {
            blank = at > 0;
            continue;
        }
        if (at + blank + one.n >= room)
            break;
        if (blank)
            out[at++] = ' ';
        memcpy(out + at, one.p, one.n);
        at += one.n;
        blank = false;
    }
    out[at] = '\0';
    secret_hide(out, said.n > 0);
    return out;
}
