/* dns.c - what the owner of a domain, or of an address, publishes about it. */
#include "base/dns.h"

#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/nameser.h>
#include <sys/socket.h>

#define ANSWER_BYTES 65536
#define TRY_S        2
#define TRIES        2

static int ask(const char *name, int type, unsigned char *answer, struct err *e)
{
    struct __res_state state = {0};

    if (res_ninit(&state) != 0) {
        (void)err_set(e, EX_TARGET, "no resolver to ask about %.250s", name);
        return -1;
    }
    state.retrans = TRY_S;
    state.retry = TRIES;
    int n = res_nquery(&state, name, ns_c_in, type, answer, ANSWER_BYTES);

    res_nclose(&state);
    if (n < 0)
        (void)err_set(e, EX_TARGET, "%.250s: no such record, or no answer", name);
    return n > ANSWER_BYTES ? ANSWER_BYTES : n;
}

/* A record is pieces of a length octet and so many others. */
static void put_together(const unsigned char *p, size_t n, char out[DNS_TEXT])
{
    size_t at = 0;

    while (n > 0) {
        size_t piece = p[0] < n ? p[0] : n - 1, room = DNS_TEXT - 1 - at;

        memcpy(out + at, p + 1, piece < room ? piece : room);
        at += piece < room ? piece : room;
        p += piece + 1;
        n -= piece + 1;
    }
    out[at] = '\0';
}

static size_t read_txt(const char *name, const unsigned char *answer, int n,
                       char out[DNS_RECORDS][DNS_TEXT], struct err *e)
{
    ns_msg m;
    ns_rr rr;
    size_t found = 0;

    if (ns_initparse(answer, n, &m) != 0) {
        (void)err_set(e, EX_TARGET, "%.250s: the answer makes no sense", name);
        return 0;
    }
    for (int i = 0; i < ns_msg_count(m, ns_s_an) && found < DNS_RECORDS; i++)
        if (ns_parserr(&m, ns_s_an, i, &rr) == 0 && ns_rr_type(rr) == ns_t_txt)
            put_together(ns_rr_rdata(rr), ns_rr_rdlen(rr), out[found++]);
    if (found == 0)
        (void)err_set(e, EX_TARGET, "%.250s: there is no TXT record", name);
    return found;
}

size_t dns_txt(const char *name, char out[DNS_RECORDS][DNS_TEXT], struct err *e)
{
    unsigned char *answer = malloc(ANSWER_BYTES);

    PM_MEMORY(answer);
    int n = ask(name, ns_t_txt, answer, e);
    size_t found = n < 0 ? 0 : read_txt(name, answer, n, out, e);

    free(answer);
    return found;
}

bool dns_name_of(const struct net_addr *a, char out[DNS_NAME], struct err *e)
{
    struct sockaddr_storage at;
    socklen_t n = (socklen_t)net_to_sockaddr(a, &at);
    char text[NET_TEXT];
    int failed = getnameinfo((const struct sockaddr *)&at, n, out, DNS_NAME, NULL, 0, NI_NAMEREQD);

    return !failed ||
           err_set(e, EX_TARGET, "%s has no name: %s", net_print(a, text), gai_strerror(failed));
}
