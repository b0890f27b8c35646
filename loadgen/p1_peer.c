/* p1_peer.c - our side of an association by the profile, and what a peer's bind result or refusal means. */
#include "loadgen/p1_peer.h"

#include <stdio.h>
#include <string.h>

#include "results/event.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_names.h"

#define NAME_SHOWN 32 /* characters of an MTA's name in words */

static struct slice octets_of(const struct selector *s)
{
    return slice_from(s->p, s->n);
}

enum stack_mode p1_peer_mode(const struct x400_profile *x)
{
    static const enum stack_mode modes[] = {
        [MODE_NORMAL] = STACK_NORMAL, [MODE_X410] = STACK_X410_1988, [MODE_1984] = STACK_1984};

    return modes[x->mode];
}

struct association_config p1_peer_config(const struct x400_profile *x,
                                         const struct p1_end_point *peer)
{
    return (struct association_config){
        .initiator = true,
        .mode = p1_peer_mode(x),
        .our_tsel = octets_of(&x->tsel),
        .our_ssel = octets_of(&x->ssel),
        .our_psel = octets_of(&x->psel),
        .their_tsel = octets_of(&peer->tsel),
        .their_ssel = octets_of(&peer->ssel),
        .their_psel = octets_of(&peer->psel),
        .name = x->mta,
        .tpdu_bytes = x->tpdu_bytes,
        .checkpoint_kb = (uint16_t)x->checkpoint_kb,
        .window = (uint8_t)x->window,
        .two_way = x->two_way,
    };
}

struct slice p1_peer_bind(const struct x400_profile *x, unsigned char room[P1_BIND_MAX])
{
    const struct p1_bind b = {
        .named = x->mta && *x->mta, .name = slice_of(x->mta), .password = slice_of(x->password)};
    struct ber_out o;

    ber_out_init(&o, room, P1_BIND_MAX);
    p1_bind_write(&o, p1_peer_mode(x) == STACK_NORMAL ? P1_BIND_ARGUMENT : P1_BIND_BARE, &b);
    return o.full ? slice_from(NULL, 0) : ber_out_slice(&o);
}

/* What a peer calls itself, fit to be shown. */
static const char *shown(struct slice name, char out[NAME_SHOWN + 1])
{
    size_t n = name.n < NAME_SHOWN ? name.n : NAME_SHOWN;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)(name.p[i] >= ' ' && name.p[i] <= '~' ? name.p[i] : '?');
    out[n] = '\0';
    return out;
}

bool p1_peer_is_expected(const struct p1_end_point *peer, struct slice result,
                         char words[P1_PEER_WORDS])
{
    char name[NAME_SHOWN + 1];
    struct p1_bind b;
    struct err e = {0};

    if (!peer->mta && !peer->password)
        return true;
    if (!p1_bind_read(result, &b, &e))
        (void)snprintf(words, P1_PEER_WORDS, "bind result: %.300s", e.text);
    else if (!b.named)
        (void)snprintf(words, P1_PEER_WORDS, "bind result: the peer does not say who it is");
    else if (peer->mta && !slice_is(b.name, peer->mta))
        (void)snprintf(words, P1_PEER_WORDS,
                       "bind result: the peer is called \"%s\", not \"%.32s\"", shown(b.name, name),
                       peer->mta);
    else if (peer->password && (b.strong || !slice_is(b.password, peer->password)))
        (void)snprintf(words, P1_PEER_WORDS, "bind result: wrong password of \"%s\"",
                       shown(b.name, name));
    else
        return true;
    return false;
}

uint32_t p1_peer_refused(const struct assoc_event *ev, char words[P1_PEER_WORDS])
{
    static const char own[] = "rtse: "; /* whose words need no name */
    bool ours = strncmp(ev->text, own, strlen(own)) == 0;
    const char *text = ours ? ev->text + strlen(own) : ev->text;
    int32_t error = P1_NONE;

    if (ev->layer == STACK_USER && p1_bind_error_read(ev->bytes, &error))
        text = p1_bind_error_name(error);
    (void)snprintf(words, P1_PEER_WORDS, "%s refused: %s",
                   ev->layer <= STACK_COTP ? "connection" : "bind", text);
    return p1_peer_code(ev->layer, ev->layer == STACK_USER ? error : ev->code);
}

uint32_t p1_peer_code(enum stack_layer layer, int code)
{
    bool known = code >= 0 && code < (int)EVENT_X400_NO_CODE;

    return event_code(0, EVENT_X400, layer, known ? (unsigned)code : EVENT_X400_NO_CODE);
}
