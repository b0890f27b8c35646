/* oraddr.h - O/R addresses (X.402, X.411): as text, as octets of 1984 and 1988, compared, and made from SMTP addresses.
 *
 * Text: "c=US;a= ;p=ORG;o=SITE;ou1=..;s=Joe;g=..;i=..;q=..;cn=..;x121=..;t-id=..;n-id=..;dda:TYPE=VALUE", keys in any order
 * and case, values exact (the ADMD of "a= ;" is one space, that of "a=;" is empty). A ; or \ in a value, and a = in the type
 * of a dda, has a \ before it. "a#=0" is the numeric encoding of an ADMD, "p#=.." that of a PRMD; a country of digits is
 * always numeric.
 *
 * An attribute whose slice has no pointer is absent; an empty one is there and empty. All slices are borrowed: from the octets
 * read, the text parsed, or the arena where pieces had to be put together. Pure; any thread.
 */
#ifndef WIRE_X400_ORADDR_H
#define WIRE_X400_ORADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire/x400/ber.h"

#define ORADDR_UNITS_MAX     4u
#define ORADDR_DDAS_MAX      4u
#define ORADDR_ATTRIBUTE_MAX 256u /* octets; the standard's longest is 128 */
#define ORADDR_FOLD_MAX      4096u

enum x400_year { X400_1984, X400_1988 }; /* of an encoding */

struct oraddr_label { /* NumericString or PrintableString: both are in use for the same values */
    struct slice text;
    bool numeric;
};

struct oraddr_domain { /* also a global domain identifier */
    struct oraddr_label country, admd, prmd;
};

struct oraddr_dda {
    struct slice type, value;
};

struct oraddr {
    struct oraddr_domain domain;
    struct slice x121, terminal, organisation, numeric_id;
    struct slice surname, given, initials, generation;
    struct slice units[ORADDR_UNITS_MAX];
    struct oraddr_dda ddas[ORADDR_DDAS_MAX];
    uint8_t unit_count, dda_count;
    struct slice common_name; /* 1988 */
    struct slice extended; /* all extension attributes as read, common name too; none when parsed */
    struct slice directory; /* a directory name as read: what is in its [0] */
};

/* --- text ---------------------------------------------------------------------------------------------------------- */

/* Strict: known keys, lengths and characters as the standard has them (EX_BAD_PROFILE, naming the attribute). */
bool oraddr_parse(struct slice text, struct arena *a, struct oraddr *out, struct err *e);
/* Whatever a peer sent: what is not printable ASCII comes as \xNN, other extension attributes as extN=<hex>. */
bool oraddr_print(const struct oraddr *o, struct buf *out);
bool oraddr_domain_print(const struct oraddr_domain *d, struct buf *out); /* "c=US;a= ;p=ORG" */

/* --- octets -------------------------------------------------------------------------------------------------------- */

/* The ORName in `e`, whatever its tag (a context tag replaces 0x60). The arena (NULL: none) is for strings in pieces only. */
bool oraddr_read(const struct ber_element *e, struct arena *a, struct oraddr *out, struct err *err);
/* 1984 has neither extension attributes nor directory names: they are left out. */
void oraddr_put(struct ber_out *o, uint32_t tag, const struct oraddr *a, enum x400_year year);
bool oraddr_domain_read(const struct ber_element *e, struct arena *a, struct oraddr_domain *d);
void oraddr_domain_put(struct ber_out *o, uint32_t tag, const struct oraddr_domain *d);

/* --- comparison (X.402 clause 18.4) ---------------------------------------------------------------------------------- */

/* The same text for equal addresses: case and outer blanks dropped, runs of blanks one, numeric and printable alike, no, empty
 * and blank attributes alike, ddas in any order, directory names not looked at. false: it does not fit, hence equals nothing. */
bool oraddr_fold(const struct oraddr *o, char out[ORADDR_FOLD_MAX]);
bool oraddr_equal(const struct oraddr *x, const struct oraddr *y);

/* --- SMTP addresses -------------------------------------------------------------------------------------------------- */

/* The address of a mailbox by a template like "c=US;a= ;p=LAB;o=SITE;s={local}" or "..;dda:RFC-822={smtp}"; words are {local},
 * {domain} and {smtp}. What PrintableString lacks is written as in RFC 2156 section 3.4: @ is (a), _ is (u), others (nnn). */
bool oraddr_from_smtp(const char *template, struct slice address, struct arena *a,
                      struct oraddr *out, struct err *e);
/* The other way. An RFC-822 dda speaks for itself; else the address must fit the template, and `domain` is what it does not
 * say. false (EX_WIRE): it does not fit. */
bool oraddr_to_smtp(const char *template, const struct oraddr *o, const char *domain,
                    struct buf *out, struct err *e);

#endif
