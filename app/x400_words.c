/* x400_words.c - a report's reason and diagnostic by name, an ending's layer and what its code means there and then. */
#include "app/x400_words.h"

#include <stdio.h>

#include "results/event.h"
#include "wire/x400/acse.h"
#include "wire/x400/cotp.h"
#include "wire/x400/p1_names.h"
#include "wire/x400/presentation.h"
#include "wire/x400/rtse.h"
#include "wire/x400/session.h"
#include "wire/x400/stack.h"

static const char *report_in_words(uint32_t code, char *out, size_t room)
{
    int32_t reason = (int32_t)(code >> 11 & 511u), diagnostic = (int32_t)(code >> 20 & 511u);

    if (reason == EVENT_X400_NO_DIAG) /* of a delivery */
        out[0] = '\0';
    else if (diagnostic == EVENT_X400_NO_DIAG)
        (void)snprintf(out, room, "%s", p1_reason_name(reason));
    else
        (void)snprintf(out, room, "%s, %s", p1_reason_name(reason), p1_diagnostic_name(diagnostic));
    return out;
}

/* Refused before the MTAs knew one another. */
static const char *opening_words(enum stack_layer layer, int code)
{
    switch (layer) {
    case STACK_TPKT:
    case STACK_COTP:
        return cotp_reason(code);
    case STACK_SESSION:
        return session_refusal(code);
    case STACK_PRESENTATION:
        return presentation_refusal(code);
    case STACK_ACSE:
        return acse_diagnostic(code);
    case STACK_RTSE:
        return rtse_refusal_words(code);
    case STACK_USER:
        return p1_bind_error_name(code);
    case STACK_LAYER_COUNT:
        break;
    }
    return "?";
}

/* Broken off later: by an exception, which refuses the message, or an abort, which ends the association. */
static const char *transfer_words(enum stack_layer layer, int code, bool refused)
{
    switch (layer) {
    case STACK_TPKT:
    case STACK_COTP:
        return cotp_reason(code);
    case STACK_SESSION:
        return refused ? session_exception(code) : session_abort(code);
    case STACK_PRESENTATION:
        return presentation_abort(code);
    case STACK_ACSE:
        return "";
    case STACK_RTSE:
    case STACK_USER:
        return rtse_abort_words(code);
    case STACK_LAYER_COUNT:
        break;
    }
    return "?";
}

static const char *ending_in_words(uint32_t code, uint32_t how, char *out, size_t room)
{
    unsigned layer = code >> 13 & 511u, number = code >> 22;
    unsigned ending = how & 0xff, stage = how >> 8 & 0xff;
    bool refused = ending == END_REFUSED_TEMP || ending == END_REFUSED_PERM;

    out[0] = '\0';
    if (layer >= STACK_LAYER_COUNT || ending == END_ACCEPTED)
        return out;
    if (layer == STACK_TPKT && number == EVENT_X400_NO_CODE) {
        (void)snprintf(out, room, "connection lost");
        return out;
    }
    const char *name = stack_layer_name((enum stack_layer)layer), *words = "";
    if (number != EVENT_X400_NO_CODE)
        words = stage == STAGE_TRANSFER || stage == STAGE_TAKEN
                    ? transfer_words((enum stack_layer)layer, (int)number, refused)
                    : opening_words((enum stack_layer)layer, (int)number);
    (void)snprintf(out, room, "%s%s%s", name, *words ? ": " : "", words);
    return out;
}

const char *x400_words(uint32_t code, uint32_t how, char *out, size_t room)
{
    return how ? ending_in_words(code, how, out, room) : report_in_words(code, out, room);
}
