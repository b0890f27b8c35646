/* spdu.h - the octets of session SPDUs (X.225): SI, LI, parameters, and after DT the user information.
 *
 * An SPDU of category 2 never stands alone: an empty GT or PT is before it in its TSDU, and the same octet means another
 * SPDU there (01 is GIVE TOKENS first and DATA TRANSFER later, 19 ABORT first and ACTIVITY INTERRUPT later).
 */
#ifndef WIRE_X400_SPDU_H
#define WIRE_X400_SPDU_H

#include "wire/x400/stack.h"

#define SPDUS(X)                                                                                   \
    /* id, SI, behind a prefix, name */                                                            \
    X(SPDU_CN, 0x0d, false, "CONNECT")                                                             \
    X(SPDU_AC, 0x0e, false, "ACCEPT")                                                              \
    X(SPDU_RF, 0x0c, false, "REFUSE")                                                              \
    X(SPDU_FN, 0x09, false, "FINISH")                                                              \
    X(SPDU_DN, 0x0a, false, "DISCONNECT")                                                          \
    X(SPDU_NF, 0x08, false, "NOT FINISHED")                                                        \
    X(SPDU_AB, 0x19, false, "ABORT")                                                               \
    X(SPDU_AA, 0x1a, false, "ABORT ACCEPT")                                                        \
    X(SPDU_GT, 0x01, false, "GIVE TOKENS")                                                         \
    X(SPDU_PT, 0x02, false, "PLEASE TOKENS")                                                       \
    X(SPDU_GTC, 0x15, false, "GIVE TOKENS CONFIRM")                                                \
    X(SPDU_GTA, 0x16, false, "GIVE TOKENS ACK")                                                    \
    X(SPDU_EX, 0x05, false, "EXPEDITED DATA")                                                      \
    X(SPDU_TD, 0x21, false, "TYPED DATA")                                                          \
    X(SPDU_PR, 0x07, false, "PREPARE")                                                             \
    X(SPDU_OA, 0x10, false, "OVERFLOW ACCEPT")                                                     \
    X(SPDU_CDO, 0x0f, false, "CONNECT DATA OVERFLOW")                                              \
    X(SPDU_DT, 0x01, true, "DATA TRANSFER")                                                        \
    X(SPDU_MIP, 0x31, true, "MINOR SYNC POINT")                                                    \
    X(SPDU_MIA, 0x32, true, "MINOR SYNC ACK")                                                      \
    X(SPDU_AE, 0x29, true, "ACTIVITY END")                                                         \
    X(SPDU_AEA, 0x2a, true, "ACTIVITY END ACK")                                                    \
    X(SPDU_AS, 0x2d, true, "ACTIVITY START")                                                       \
    X(SPDU_AR, 0x1d, true, "ACTIVITY RESUME")                                                      \
    X(SPDU_AI, 0x19, true, "ACTIVITY INTERRUPT")                                                   \
    X(SPDU_AIA, 0x1a, true, "ACTIVITY INTERRUPT ACK")                                              \
    X(SPDU_AD, 0x39, true, "ACTIVITY DISCARD")                                                     \
    X(SPDU_ADA, 0x3a, true, "ACTIVITY DISCARD ACK")                                                \
    X(SPDU_ED, 0x30, true, "EXCEPTION DATA")                                                       \
    X(SPDU_ER, 0x00, true, "EXCEPTION REPORT")                                                     \
    X(SPDU_RS, 0x35, true, "RESYNCHRONIZE")                                                        \
    X(SPDU_RA, 0x22, true, "RESYNCHRONIZE ACK")                                                    \
    X(SPDU_CD, 0x3d, true, "CAPABILITY DATA")                                                      \
    X(SPDU_CDA, 0x3e, true, "CAPABILITY DATA ACK")                                                 \
    X(SPDU_MAP, 0x29, true, "MAJOR SYNC POINT") /* an AE by its octet, unless PI 15 says not */

enum spdu_kind {
    SPDU_NONE,

#define X(id, si, behind, name) id,
    SPDUS(X)
#undef X
        SPDU_COUNT
};

enum { /* parameters: PGI or PI */
       SPDU_P_CONNECTION = 1,
       SPDU_P_ITEM = 5,
       SPDU_P_CALLED_REF = 9,
       SPDU_P_CALLING_REF = 10,
       SPDU_P_COMMON_REF = 11,
       SPDU_P_SYNC_TYPE = 15,
       SPDU_P_TOKENS = 16,
       SPDU_P_DISCONNECT = 17,
       SPDU_P_OPTIONS = 19,
       SPDU_P_REQUIREMENTS = 20,
       SPDU_P_TSDU_MAX = 21,
       SPDU_P_VERSIONS = 22,
       SPDU_P_ENCLOSURE = 25,
       SPDU_P_SETTING = 26,
       SPDU_P_LINK = 33,
       SPDU_P_ID = 41,
       SPDU_P_SERIAL = 42,
       SPDU_P_MIA_USER = 46,
       SPDU_P_REASON = 50,
       SPDU_P_CALLING_SEL = 51,
       SPDU_P_CALLED_SEL = 52,
       SPDU_P_OVERFLOW = 60,
       SPDU_P_USER = 193,
       SPDU_P_USER_EXTENDED = 194,
};

enum { /* what of an SPDU is present */
       SPDU_HAS_SYNC_TYPE = 1,
       SPDU_HAS_TOKENS = 2,
       SPDU_HAS_DISCONNECT = 4,
       SPDU_HAS_OPTIONS = 8,
       SPDU_HAS_REQUIREMENTS = 16,
       SPDU_HAS_TSDU_MAX = 32,
       SPDU_HAS_VERSIONS = 64,
       SPDU_HAS_SETTING = 128,
       SPDU_HAS_ENCLOSURE = 256,
       SPDU_HAS_SERIAL = 512,
       SPDU_HAS_ID = 1024,
       SPDU_HAS_REASON = 2048,
       SPDU_HAS_OVERFLOW = 4096,
};

struct spdu {
    enum spdu_kind kind;
    unsigned has;
    uint8_t sync_type, tokens, disconnect, options, versions, setting, enclosure;
    uint16_t requirements;
    uint16_t tsdu_max[2];
    uint32_t serial;
    struct slice id, reason, user, common_ref, called_sel;
    struct slice information; /* DT, TD: to the end of the TSDU */
};

/* The next SPDU from *in, which moves on; `first` in its TSDU. false: *why tells. A truncated user information is fine. */
bool spdu_read(struct slice *in, bool first, struct spdu *s, const char **why);
const char *spdu_name(enum spdu_kind kind);
unsigned char spdu_si(enum spdu_kind kind);
bool spdu_is_behind(enum spdu_kind kind); /* category 2 */

/* Writing, backwards: a header over what was written since `mark`; code is an SI, PGI or PI. */
void spdu_put_head(struct ber_out *o, unsigned char code, size_t mark);
void spdu_put(struct ber_out *o, unsigned char pi, struct slice value);
void spdu_put_octet(struct ber_out *o, unsigned char pi, unsigned char value);
void spdu_put_serial(struct ber_out *o, uint32_t serial);

#endif
