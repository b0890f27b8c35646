/* fuzz_p1.c - libFuzzer's entry for all that reads P1: APDUs, binds, contents, O/R addresses, and the text shown of them.
 *
 * What is read is written again and read once more: the second writing must have the octets of the first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"
#include "wire/x400/p1_bind.h"
#include "wire/x400/p1_dump.h"

#define CEILING (16u << 20)
#define ROOM    (256u << 10)

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void write_twice(const struct p1_apdu *apdu, struct arena *a, enum x400_year year)
{
    static unsigned char first[ROOM], second[ROOM];
    struct p1_apdu again;
    struct ber_out o, p;
    struct err e = {0};

    ber_out_init(&o, first, sizeof first);
    if (!p1_write(&o, apdu, year))
        return;
    if (!p1_read(ber_out_slice(&o), a, &again, &e)) {
        PM_ASSERT(e.code == EX_IO); /* memory; else what we write we can read */
        return;
    }
    ber_out_init(&p, second, sizeof second);
    PM_ASSERT(p1_write(&p, &again, year));
    PM_ASSERT(ber_mark(&o) == ber_mark(&p) && memcmp(o.p, p.p, ber_mark(&o)) == 0);
}

static void try_address(struct slice octets, struct arena *a)
{
    static char fold[ORADDR_FOLD_MAX];
    struct ber level = ber_in(octets);
    struct ber_element e;
    struct oraddr o, again;
    struct err err;

    if (ber_next(&level, &e) == BER_GOT && oraddr_read(&e, a, &o, &err)) {
        PM_ASSERT(!oraddr_fold(&o, fold) || oraddr_equal(&o, &o));
        struct buf smtp;

        buf_init(&smtp, 4096);
        (void)oraddr_to_smtp("c=XX;a=;p=LAB;o={domain};s=u{local}", &o, "x.example", &smtp, &err);
        buf_fini(&smtp);
    }
    if (octets.n < 2000 && oraddr_parse(octets, a, &o, &err)) {
        struct buf text;

        buf_init(&text, 1u << 20);
        PM_ASSERT(oraddr_print(&o, &text));
        PM_ASSERT(text.n == 0 ||
                  (oraddr_parse(buf_slice(&text), a, &again, &err) && oraddr_equal(&o, &again)));
        buf_fini(&text);
    }
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct slice octets = slice_from(data, n);
    struct arena *a = arena_create(CEILING);
    struct p1_apdu apdu;
    struct p1_keys keys;
    struct p1_bind bind;
    struct content content;
    struct buf text;
    struct err e = {0};
    int64_t time;

    if (!a)
        return 0;
    if (p1_read(octets, a, &apdu, &e)) {
        PM_ASSERT(p1_keys_read(octets, &keys) && keys.kind == apdu.kind);
        write_twice(&apdu, a, X400_1988);
        write_twice(&apdu, a, X400_1984);
    }
    (void)p1_keys_read(octets, &keys);
    (void)p1_bind_read(octets, &bind, &e);
    (void)content_read(octets, a, &content, &e);
    (void)p1_time_read(octets, &time);
    try_address(octets, a);
    buf_init(&text, 4u << 20);
    (void)p1_dump(octets, &text, &e);
    buf_fini(&text);
    arena_destroy(a);
    return 0;
}
