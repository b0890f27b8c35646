/* guard_cases.c - the table of refused targets as profiles. */
#include "tests/app/guard_cases.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/check.h"

static bool read_row(char *line, struct guard_case *c)
{
    char *fields[4] = {0}, *rest = line;

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0')
        return false;
    for (int i = 0; i < 4; i++)
        fields[i] = strsep(&rest, "\t");
    if (!CHECK(fields[3] && !rest))
        return false;
    (void)snprintf(c->where, sizeof c->where, "%s", fields[0]);
    (void)snprintf(c->what, sizeof c->what, "%s", fields[1]);
    (void)snprintf(c->rule, sizeof c->rule, "%s", fields[2]);
    (void)snprintf(c->addresses, sizeof c->addresses, "%s", fields[3]);
    return true;
}

size_t guard_cases(void (*each)(const struct guard_case *c, void *owner), void *owner)
{
    FILE *f = fopen(PM_SOURCE_DIR "/tests/guards/refused.txt", "re");
    struct guard_case c;
    char line[400];
    size_t n = 0;

    while (f && fgets(line, sizeof line, f))
        if (read_row(line, &c)) {
            each(&c, owner);
            n++;
        }
    if (f)
        (void)fclose(f);
    return n;
}

static const char *text_if(const struct guard_case *c, const char *where, const char *otherwise)
{
    return strcmp(c->where, where) == 0 ? c->what : otherwise;
}

void guard_case_profile(const struct guard_case *c, char *out, size_t room)
{
    bool url = strcmp(c->where, "url") == 0, alternate = strcmp(c->where, "alternate") == 0;
    bool domains = strcmp(c->where, "domains") == 0, networks = strcmp(c->where, "networks") == 0;

    (void)snprintf(
        out, room,
        "schema: 1\n"
        "servers:\n"
        "  s1: {smtp: '%s', imap: '%s', pop3: '%s', lmtp: '%s', tls: none, imap_tls: none, "
        "pop3_tls: none}\n"
        "  s2: {smtp: '127.0.0.1:9', imap: '127.0.0.1:9', tls: none, imap_tls: none}\n"
        "mailboxes:\n"
        "  box: {home: s1, address: '%s', password: env:HOME%s}\n"
        "  joe: {home: s1, address: '%s', password: env:HOME}\n"
        "%s%s%s"
        "load:\n"
        "  steady: {via: s1, from: joe, to: box, rate: 10/s, duration: 1s}\n"
        "%s%s%s"
        "settle: {canary: no, deadline: 2s}\n"
        "safety: {%s%s%s}\n",
        strcmp(c->where, "listed") == 0 ? c->what : text_if(c, "smtp", "127.0.0.1:9"),
        text_if(c, "imap", "127.0.0.1:9"), text_if(c, "pop3", "127.0.0.1:9"),
        text_if(c, "lmtp", "127.0.0.1:9"), text_if(c, "to", "box@lab.test"),
        alternate ? ", alternate: other" : "", text_if(c, "from", "joe@lab.test"),
        alternate ? "  other: {home: s1, password: env:HOME, address: '" : "",
        alternate ? c->what : "", alternate ? "'}\n" : "",
        url ? "movers:\n  api: {type: http, start: 'POST " : "", url ? c->what : "",
        url ? "'}\nmoves:\n  users: {mailboxes: box, to: s2, mover: api, count: 1}\n" : "",
        strcmp(c->where, "listed") != 0    ? ""
        : strcmp(c->rule, "metadata") == 0 ? "networks: [169.254.0.0/16, 'fd00::/8']"
                                           : "networks: [93.184.216.0/24, '2606:4700::/32']",
        domains    ? "domains: ["
        : networks ? "networks: ['"
                   : "",
        domains || networks ? c->what : "");
    if (networks) {
        size_t n = strlen(out);

        (void)snprintf(out + n - 2, room - n + 2, "']}\n");
    }
    if (domains) {
        size_t n = strlen(out);

        (void)snprintf(out + n - 2, room - n + 2, "]}\n");
    }
}
