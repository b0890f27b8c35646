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

#define TALKS_MAX 256
#define LONG_LINE (256u << 10)

struct talk {
    struct peer *of;
    pthread_t thread;
    int fd;
};

struct peer {
    enum peer_manner manner;
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
        if (t->fd < 0 || pthread_create(&t->thread, NULL, talk_main, t) != 0)
            break;
        p->count++;
    }
    return NULL;
}

struct peer *peer_start(enum peer_manner manner)
{
    struct peer *p = calloc(1, sizeof *p);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;

    if (!p)
        return NULL;
    p->manner = manner;
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
