/* p1_bind.c - a1 { 80 name, a1 { 16 password } }, or 05 00. */
#include "wire/x400/p1_bind.h"

#define WRAP_ARGUMENT 0xb0
#define WRAP_RESULT   0xb1
#define WRAP_ERROR    0xb2
#define TAG_NAMED     0xa1
#define TAG_NAME      0x80
#define TAG_PASSWORD  0xa1
#define TAG_NO_DATA   0x80
#define NAME_MAX      64u /* octets read: twice what X.411 allows */
#define PASSWORD_MAX  128u

void p1_bind_write(struct ber_out *o, enum p1_bind_wrap wrap, const struct p1_bind *b)
{
    size_t mark = ber_mark(o);

    if (b->named) {
        ber_put_bytes(o, b->octets ? BER_OCTETS : BER_IA5, b->password);
        ber_put_head(o, TAG_PASSWORD, mark);
        ber_put_bytes(o, TAG_NAME, b->name);
        ber_put_head(o, TAG_NAMED, mark);
    } else {
        ber_put_empty(o, BER_NULL);
    }
    if (wrap != P1_BIND_BARE)
        ber_put_head(o, wrap == P1_BIND_ARGUMENT ? WRAP_ARGUMENT : WRAP_RESULT, mark);
}

/* Steps into b0, b1 or b2 if the octets begin with one. */
static struct ber unwrap(struct slice octets)
{
    struct ber level = ber_in(octets);
    struct ber_element e;

    if (ber_peek(&level, &e) && e.tag >= WRAP_ARGUMENT && e.tag <= WRAP_ERROR)
        return ber_inside(&e);
    return level;
}

static bool read_password(const struct ber_element *e, struct p1_bind *b)
{
    struct ber inside = ber_inside(e);
    struct ber_element password;

    if (ber_next(&inside, &password) != BER_GOT || password.value.n > PASSWORD_MAX)
        return false;
    b->octets = password.tag == BER_OCTETS;
    b->strong = !b->octets && password.tag != BER_IA5;
    if (!b->strong)
        b->password = password.value;
    return true;
}

bool p1_bind_read(struct slice octets, struct p1_bind *b, struct err *e)
{
    struct ber level = unwrap(octets);
    struct ber_element whole, name, password;

    *b = (struct p1_bind){0};
    if (octets.n == 0)
        return true;
    if (ber_next(&level, &whole) != BER_GOT)
        return err_set(e, EX_WIRE, "p1: bind: not well-formed BER");
    if (whole.tag == BER_NULL || whole.tag == TAG_NO_DATA)
        return true;
    if (whole.tag != TAG_NAMED)
        return err_set(e, EX_WIRE, "p1: bind: neither a name nor NULL (tag %02x)", whole.tag);
    level = ber_inside(&whole);
    if (!ber_find(&level, TAG_NAME, &name) || name.constructed || name.value.n > NAME_MAX)
        return err_set(e, EX_WIRE, "p1: bind: no MTA name, or a bad one");
    b->named = true;
    b->name = name.value;
    if (!ber_find(&level, TAG_PASSWORD, &password) || !read_password(&password, b))
        return err_set(e, EX_WIRE, "p1: bind: no credentials, or bad ones");
    return true;
}

void p1_bind_error_write(struct ber_out *o, bool wrapped, enum p1_bind_error error)
{
    size_t mark = ber_mark(o);

    ber_put_integer(o, BER_INTEGER, error);
    if (wrapped)
        ber_put_head(o, WRAP_ERROR, mark);
}

bool p1_bind_error_read(struct slice octets, int32_t *error)
{
    struct ber level = unwrap(octets);
    struct ber_element e;
    int64_t n;

    if (ber_next(&level, &e) != BER_GOT || e.tag != BER_INTEGER || !ber_int(&e, &n) || n < 0 ||
        n > 255)
        return false;
    *error = (int32_t)n;
    return true;
}
