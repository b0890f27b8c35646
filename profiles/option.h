/* option.h - the one table of keys: parser, defaults, ranges, overrides, the manual and the effective profile read it.
 *
 * A row says under which section a key stands, what it holds, where that goes (an offset into the section's struct), its
 * default in the words of a profile, its range and one sentence. A new key is a new row.
 */
#ifndef PROFILES_OPTION_H
#define PROFILES_OPTION_H

#include "profiles/parse.h"
#include "profiles/profile.h"

enum section {
    SEC_TOP, /* keys without a section */
    SEC_RUN,
    SEC_LAB,
    SEC_SERVERS,
    SEC_X400,
    SEC_LISTEN,
    SEC_MAILBOXES,
    SEC_LOAD,
    SEC_MOVES,
    SEC_MOVERS,
    SEC_ACTIONS,
    SEC_PROBES,
    SEC_HOME_LOOKUP,
    SEC_SETTLE,
    SEC_GATES,
    SEC_SAFETY,
    SEC_VARIANTS,
    SEC_MATRIX,
    SEC_COUNT
};

enum section_shape {
    SHAPE_KEYS,    /* keys directly */
    SHAPE_ENTRIES, /* named entries, each with the section's keys */
    SHAPE_FREE,    /* read by code of its own */
};

struct section_row {
    const char *name, *help;
    enum section_shape shape;
};

extern const struct section_row option_sections[SEC_COUNT];

enum option_type {
    OPT_TEXT,      /* const char * */
    OPT_WORD,      /* const char *, one of `words` */
    OPT_CHOICE,    /* an enum: index into `words` */
    OPT_EITHER,    /* bool: false is the first of two words */
    OPT_BITS,      /* unsigned: 1 << index of each word listed */
    OPT_BOOL,      /* bool */
    OPT_U16,       /* uint16_t */
    OPT_U32,       /* uint32_t */
    OPT_U64,       /* uint64_t */
    OPT_DURATION,  /* uint64_t, ns */
    OPT_RATE,      /* double, per second */
    OPT_SIZES,     /* struct load_profile: size, size_min, size_max */
    OPT_SHARE,     /* uint64_t, parts in a billion: "0.05", "5%" */
    OPT_SHARES,    /* two of them, at `at` and `more`: "1%..5%" */
    OPT_PHASE,     /* two int64_t, ns: "-5s..30s" */
    OPT_TEXTS,     /* const char *const *, NULL-terminated; count at `more` unless 0 */
    OPT_GROUP,     /* uint32_t; "none" is SITE_NONE */
    OPT_GROUPS,    /* const uint32_t *; count at `more` */
    OPT_SERVER,    /* uint32_t; "any" is SITE_NONE */
    OPT_MOVER,     /* uint32_t */
    OPT_END_POINT, /* const char *: "host:port" */
    OPT_SELECTOR,  /* struct selector: text as it stands, or 0x and hex digits */
    OPT_SECRET,    /* const char *: env:NAME, file:PATH resolved; a literal as it stands */
    OPT_JSON,      /* const char *: a map written as a JSON object */
    OPT_NETWORKS,  /* struct guard */
    OPT_FREE,      /* nothing: code of its own reads it */
    OPT_TYPE_COUNT
};

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): rows of the table read in this order
struct option {
    enum section section;
    const char *key;
    enum option_type type;
    uint16_t at, more;
    const char *preset; /* NULL: none */
    double low, high;   /* the range; high 0: no range */
    const char *const *words;
    const char *help;
    bool required;
};

const struct option *option_at(int row); /* NULL past the end */

/* What sections are filled into where no struct of profile.h serves. */
struct top_spec {
    uint32_t schema;
};

struct lab_spec {
    struct lab_profile lab;
    const char *const *servers;
    uint32_t server_count;
    const char *domain, *ndr;
};

struct mailbox_spec { /* a group as written */
    uint32_t count, home, alternate;
    uint64_t stock_ns;
    bool both;
    const char *address, *user, *password;
};

struct matrix_spec {
    const char *const *versions;
    uint32_t version_count;
};

/* What words in values refer to, and where complaints go. */
struct filling {
    struct arena *arena;
    struct err *err;
    const struct site *site;        /* names of servers and groups */
    const char *const *mover_names; /* NULL-terminated */
    const char *folder;             /* of the profile: file:PATH is relative to it */
};

/* Fills `out` from a map and the presets. `path` is what complaints call it: "load.steady". */
bool option_fill(const struct filling *f, enum section s, const char *path, const struct node *map,
                 void *out);
/* Complains about a word that is none of `names`, with the nearest. */
bool option_unknown(const struct node *n, struct err *e, const char *path, const char *what,
                    const char *word, const char *const *names);

/* docs/profile.md's and the manual page's lists of keys, out of the table. */
bool option_markdown(struct buf *out);
bool option_roff(struct buf *out);

#endif
