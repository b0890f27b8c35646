/* stack.c - the orders of the layers, and the output they share. */
#include "wire/x400/stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OUT_ROOM 65536u

static const char *const layer_names[] = {"tpkt", "cotp", "session", "presentation",
                                          "acse", "rtse", "mta"};

_Static_assert(sizeof layer_names / sizeof *layer_names == STACK_LAYER_COUNT, "a name a layer");

static const char *const service_names[] = {
#define X(id, text) text,
    SERVICES(X)
#undef X
};

const char *stack_layer_name(enum stack_layer layer)
{
    return layer_names[layer];
}

const char *stack_mode_name(enum stack_mode mode)
{
    static const char *const names[] = {"1984", "1988 X.410", "1988 normal"};

    _Static_assert(sizeof names / sizeof *names == STACK_MODE_COUNT, "a name a mode");
    return names[mode];
}

const char *service_name(enum stack_service what)
{
    return service_names[what];
}

bool stack_init(struct stack *s, const struct association_config *config)
{
    size_t room = config->out_room ? config->out_room : OUT_ROOM;

    s->config = config;
    s->out.room = room < STACK_OUT_MIN ? STACK_OUT_MIN : room;
    s->out.p = malloc(s->out.room);
    return s->out.p != NULL;
}

void stack_fini(struct stack *s)
{
    free(s->out.p);
    s->out.p = NULL;
}

void stack_begin(struct stack *s)
{
    s->out.n = s->out.given = 0;
    s->out.said = s->out.gave = 0;
    s->busy = false;
    s->mode = s->config->mode;
    s->context[STACK_CTX_ACSE] = 1;
    s->context[STACK_CTX_RTSE] = 3;
    s->context[STACK_CTX_MTSE] = 5;
    stack_order(s, s->mode == STACK_NORMAL);
}

bool stack_takes(const struct stack *s, enum stack_mode mode)
{
    return !s->config->modes || s->config->modes & 1u << mode;
}

void stack_order(struct stack *s, bool normal)
{
    struct layer *over = normal ? s->acse : s->rtse;

    s->normal = normal;
    if (normal)
        s->mode = STACK_NORMAL; /* which X.410 mode it is, RTORQ says */
    s->presentation->above = over;
    over->below = s->presentation;
    if (normal) {
        s->acse->above = s->rtse;
        s->rtse->below = s->acse;
    }
}

struct unit stack_unit(struct stack *s, enum stack_service what)
{
    struct unit u = {.what = what, .context = STACK_CTX_RTSE, .from = STACK_RTSE};

    ber_out_init(&u.head, s->room, sizeof s->room);
    return u;
}

bool stack_down(struct layer *l, struct unit *u, struct err *e)
{
    return l->below->ops->down(l->below, u, e);
}

bool stack_up(struct layer *l, struct unit *u, struct err *e)
{
    return l->above->ops->up(l->above, u, e);
}

bool stack_bad(struct layer *l, struct err *e, const char *format, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, format);
    // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started in the line before
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    l->stack->blame = l->ops->id;
    return err_set(e, EX_WIRE, "%s: %s", stack_layer_name(l->ops->id), text);
}

const char *stack_hex(char *out, size_t room, struct slice s)
{
    size_t used = 0;

    out[0] = 0;
    for (size_t i = 0; i < s.n && i < 16 && used + 4 <= room; i++) {
        static const char digits[] = "0123456789abcdef";

        if (i > 0)
            out[used++] = ' ';
        out[used++] = digits[s.p[i] >> 4];
        out[used++] = digits[s.p[i] & 15];
        out[used] = 0;
    }
    return out;
}

size_t stack_free(const struct stack *s)
{
    return s->out.room - s->out.n;
}

size_t unit_octets(const struct unit *u)
{
    return ber_mark(&u->head) + u->data.n;
}

size_t unit_mark(const struct unit *u)
{
    return (size_t)0 - u->data.n;
}
