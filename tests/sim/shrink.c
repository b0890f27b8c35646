/* shrink.c - three passes, again and again until none of them takes anything. */
#include "tests/sim/shrink.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const char *const kept[] = {"# sim view", "# sim seed", "schema:",   "run:",   "probes:",
                                   "  stores:",  "  queues:",  "settle:",   "  kill", "  boot",
                                   "load:",      "lab:",       "mailboxes:"};

static bool is_kept(const char *line)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strncmp(line, kept[i], strlen(kept[i])) == 0)
            return true;
    return false;
}

static char *copy_of(const char *text)
{
    char *made = strdup(text);

    PM_ASSERT(made);
    return made;
}

/* Takes the trial over if it still fails; frees the other one. */
static bool take(char **text, char *trial, struct shrink *s)
{
    bool better = s->trials > 0 && strcmp(*text, trial) != 0;

    if (better) {
        s->trials--;
        better = s->fails(s->owner, trial);
    }
    free(better ? *text : trial);
    if (better)
        *text = trial;
    return better;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (const char *p = text; *p; p += strcspn(p, "\n") + (strchr(p, '\n') != NULL))
        n++;
    return n;
}

static char *without_lines(const char *text, size_t from, size_t count)
{
    char *made = malloc(strlen(text) + 1), *to = made;
    size_t i = 0;

    PM_ASSERT(made);
    for (const char *p = text; *p; i++) {
        size_t n = strcspn(p, "\n") + (strchr(p, '\n') != NULL);

        if (i < from || i >= from + count || is_kept(p)) {
            memcpy(to, p, n);
            to += n;
        }
        p += n;
    }
    *to = '\0';
    return made;
}

static bool fewer_lines(char **text, struct shrink *s)
{
    bool any = false;

    for (size_t size = count_lines(*text) / 2; size > 0 && s->trials > 0; size /= 2)
        for (size_t at = 0; at < count_lines(*text) && s->trials > 0;)
            if (take(text, without_lines(*text, at, size), s))
                any = true;
            else
                at += size;
    return any;
}

/* Length of ", key: value" at p; brackets belong together. 0: there is none. */
static size_t pair_length(const char *p)
{
    int depth = 0;
    size_t n = 2;

    if (strncmp(p, ", ", 2) != 0)
        return 0;
    for (; p[n] && p[n] != '\n'; n++) {
        if (depth == 0 && (p[n] == ',' || p[n] == '}' || p[n] == ']'))
            break;
        depth += p[n] == '[' || p[n] == '{';
        depth -= p[n] == ']' || p[n] == '}';
    }
    return n;
}

static bool fewer_pairs(char **text, struct shrink *s)
{
    bool any = false;

    for (size_t at = 0; (*text)[at] && s->trials > 0;) {
        size_t n = pair_length(*text + at);
        const char *line = *text + at;

        while (line > *text && line[-1] != '\n')
            line--;
        if (n == 0 || is_kept(line)) {
            at++;
            continue;
        }
        char *trial = copy_of(*text);

        memmove(trial + at, trial + at + n, strlen(trial + at + n) + 1);
        if (take(text, trial, s))
            any = true;
        else
            at++;
    }
    return any;
}

/* Is the number at p worth making smaller? It is the value of one of these. */
static bool is_amount(const char *text, const char *p)
{
    static const char *const keys[] = {
        "count: ",       "rate: ",  "rate_to: ", "duration: ", "recipients: ",
        "connections: ", "burst: ", "prime: ",   "per_move: ", "start: ",
        "stock: ",       "every: ", "window: ",  "threads: "};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t n = strlen(keys[i]);

        if ((size_t)(p - text) >= n && strncmp(p - n, keys[i], n) == 0)
            return true;
    }
    return false;
}

static char *with_number(const char *text, const char *p, unsigned long number)
{
    size_t room = strlen(text) + 24;
    char *made = malloc(room);

    PM_ASSERT(made);
    (void)snprintf(made, room, "%.*s%lu%s", (int)(p - text), text, number,
                   p + strspn(p, "0123456789"));
    return made;
}

static bool smaller_numbers(char **text, struct shrink *s)
{
    bool any = false;

    for (size_t at = 0; (*text)[at] && s->trials > 0; at++) {
        const char *p = *text + at;

        if (!isdigit((unsigned char)*p) || !is_amount(*text, p))
            continue;
        unsigned long number = strtoul(p, NULL, 10);

        if (number > 1 && (take(text, with_number(*text, p, 1), s) ||
                           take(text, with_number(*text, p, number / 2), s))) {
            any = true;
            at--; /* and again */
        } else {
            at += strspn(p, "0123456789") - 1;
        }
    }
    return any;
}

char *shrink_text(const char *text, struct shrink *s)
{
    char *now = copy_of(text);
    bool any = true;

    while (any && s->trials > 0) {
        any = fewer_lines(&now, s);
        any = fewer_pairs(&now, s) || any;
        any = smaller_numbers(&now, s) || any;
    }
    return now;
}
