/* peer.c - blocking sockets, one thread a connection, all of them ended by closing the sockets under them. */
#include "tests/app/peer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/err.h"
#include "tests/app/octets.h"

#define TALKS_MAX 256
#define LONG_LINE (256u << 10)
#define STEPS_MAX 8

struct talk {
    struct peer *of;
    pthread_t thread;
    int fd;
};

struct said { /* a step, made before any thread */
    unsigned packets;
    size_t n; /* 0: hangs up */
    unsigned char octets[1024];
};

struct peer {
    enum peer_manner manner;
    bool x400;
    unsigned steps;
    struct said says[STEPS_MAX];
    int fd;
    uint16_t port;
    pthread_t thread;
    struct talk talk[TALKS_MAX];
    unsigned count;
};

static bool say(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        text += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool say_text(int fd, const char *text)
{
    return say(fd, text, strlen(text));
}

static bool say_long(int fd)
{
    char *line = malloc(LONG_LINE);
    bool ok = line != NULL;

    if (ok) {
        memset(line, '2', LONG_LINE); /* a code, and then no end */
        ok = say(fd, line, LONG_LINE);
    }
    free(line);
    return ok;
}

static bool end_of_message(const struct talk *t)
{
    switch (t->of->manner) {
    case PEER_NONSENSE:
        return say_text(t->fd, "* OK I am something else entirely\r\n");
    case PEER_LONG:
        return say_long(t->fd);
    case PEER_NEVER:
        return true;
    case PEER_FINE:
    case PEER_MUTE:
    case PEER_GIBBERISH:
        break;
    }
    return say_text(t->fd, "250 2.0.0 taken\r\n");
}

static bool hello(const struct talk *t)
{
    if (t->of->manner == PEER_MUTE)
        return true;
    return say_text(t->fd, t->of->manner == PEER_GIBBERISH ? "hallo?\r\nhallo?\r\n"
                                                           : "220 peer.test ESMTP\r\n");
}

static bool answer(const struct talk *t, const char *line, bool *in_message)
{
    if (*in_message) {
        if (strcmp(line, ".\r\n") != 0)
            return true;
        *in_message = false;
        return end_of_message(t);
    }
    if (strncasecmp(line, "DATA", 4) == 0) {
        *in_message = true;
        return say_text(t->fd, "354 go ahead\r\n");
    }
    return say_text(t->fd, "250 2.0.0 fine\r\n");
}

/* --- X.400 ---------------------------------------------------------------------------------------------------- */

static bool take(int fd, size_t n)
{
    unsigned char block[4096];

    while (n > 0) {
        ssize_t got = recv(fd, block, n < sizeof block ? n : sizeof block, 0);

        if (got <= 0)
            return false;
        n -= (size_t)got;
    }
    return true;
}

static bool take_packet(int fd)
{
    unsigned char head[4];
    ssize_t got = recv(fd, head, sizeof head, MSG_WAITALL);
    size_t n = (size_t)head[2] << 8 | head[3];

    return got == sizeof head && n >= sizeof head && take(fd, n - sizeof head);
}

static void follow(const struct talk *t)
{
    for (unsigned i = 0; i < t->of->steps; i++) {
        const struct said *s = &t->of->says[i];

        for (unsigned k = 0; k < s->packets; k++)
            if (!take_packet(t->fd))
                return;
        if (s->n == 0 || !say(t->fd, (const char *)s->octets, s->n))
            return;
    }
    while (take(t->fd, 1))
        ;
}

static void *follow_main(void *owner)
{
    struct talk *t = owner;

    follow(t);
    (void)shutdown(t->fd, SHUT_RDWR);
    return NULL;
}

/* --- lives ---------------------------------------------------------------------------------------------------- */

static void *talk_main(void *owner)
{
    struct talk *t = owner;
    int copy = dup(t->fd);
    FILE *f = copy >= 0 ? fdopen(copy, "r") : NULL;
    char line[2048];
    bool in_message = false, ok = hello(t);

    while (ok && f && fgets(line, sizeof line, f))
        ok = t->of->manner == PEER_MUTE || t->of->manner == PEER_GIBBERISH ||
             answer(t, line, &in_message);
    if (f)
        (void)fclose(f);
    (void)shutdown(t->fd, SHUT_RDWR);
    return NULL;
}

static void *peer_main(void *owner)
{
    struct peer *p = owner;

    while (p->count < TALKS_MAX) {
        struct talk *t = &p->talk[p->count];

        t->of = p;
        t->fd = accept(p->fd, NULL, NULL);
        if (t->fd < 0 ||
            pthread_create(&t->thread, NULL, p->x400 ? follow_main : talk_main, t) != 0)
            break;
        p->count++;
    }
    return NULL;
}

static struct peer *start(struct peer *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd >= 0 && bind(p->fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        listen(p->fd, 64) == 0 && getsockname(p->fd, (struct sockaddr *)&at, &n) == 0 &&
        pthread_create(&p->thread, NULL, peer_main, p) == 0) {
        p->port = ntohs(at.sin_port);
        return p;
    }
    free(p);
    return NULL;
}

struct peer *peer_start(enum peer_manner manner)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->manner = manner;
    return start(p);
}

struct peer *peer_start_x400(const struct peer_step *steps)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->x400 = true;
    for (; steps[p->steps].says; p->steps++) {
        const struct peer_step *from = &steps[p->steps];
        struct said *s = &p->says[p->steps];

        PM_ASSERT(p->steps < STEPS_MAX);
        s->packets = from->packets;
        s->n = octets_load(from->says, s->octets, sizeof s->octets);
        if (from->from)
            octets_change(s->octets, s->n, from->from, from->to);
    }
    return start(p);
}

uint16_t peer_port(const struct peer *p)
{
    return p->port;
}

void peer_stop(struct peer *p)
{
    if (!p)
        return;
    (void)shutdown(p->fd, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    for (unsigned i = 0; i < p->count; i++) {
        (void)shutdown(p->talk[i].fd, SHUT_RDWR);
        (void)pthread_join(p->talk[i].thread, NULL);
        (void)close(p->talk[i].fd);
    }
    (void)close(p->fd);
    free(p);
}
