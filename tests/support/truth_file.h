/* truth_file.h - the lab's truth file, read: lines about copies sorted by copy, homes, alternates, canaries. Private to the two
 * files of truth.
 */
#ifndef TESTS_SUPPORT_TRUTH_FILE_H
#define TESTS_SUPPORT_TRUTH_FILE_H

#include "tests/support/truth.h"
#include "wire/token.h"

enum word {
    WORD_ACCEPTED,
    WORD_DELIVERED,
    WORD_SUPPRESSED,
    WORD_REPORT_FAILED,
    WORD_REPORT_OTHER,
    WORD_REPORT_DELIVERED,
    WORD_REPORT_COPY, /* these three: as the lab ended */
    WORD_COPY,
    WORD_ENTRY,
    WORD_RETURNED, /* handed to the connector; the lab does not know whether it came there */
    WORD_REPORT_RETURNED,
    WORD_CORRUPTED,    /* planted: what is delivered of it is another text */
    WORD_FORGED,       /* planted: a report made of it says nothing of it */
    WORD_REPORT_ENTRY, /* only as one that is handed out, and then as the word before */
    WORD_COUNT
};

extern const char *const truth_words[WORD_COUNT];

struct record { /* one line about a copy */
    uint64_t number, at_ns;
    uint32_t recipient; /* mailbox */
    uint32_t mailbox, server;
    uint8_t alternate, word;
    bool claimed;
};

struct setting { /* an alternate in force from then on; lab time */
    uint64_t at_ns;
    uint32_t mailbox, alternate;
    bool both;
};

struct name {
    const char *text;
    uint32_t index;
};

struct lab_account {
    const struct manifest *m;
    enum truth_view view;
    struct token_key key;
    struct name *addresses, *mailboxes; /* sorted */
    struct record *records;
    size_t count, room;
    struct setting *settings;
    size_t setting_count, setting_room;
    uint32_t *home;       /* per mailbox, as the directory named it last */
    uint64_t *flipped_by; /* per mailbox: the move that last wrote it, plus one */
    uint64_t *reported;   /* per load: when a canary's report came last; lab time, 0: never */
    int64_t offset_ns;    /* lab time less target time */
    uint64_t settle_ns;   /* when the run began to settle; target time */
    bool ended;           /* the line "final" was there */
    struct truth_score *score;
};

/* account.m, view, key and score are the caller's to set. false: the file cannot be read. */
bool lab_account_read(struct lab_account *a, const char *path, struct err *e);
void lab_account_fini(struct lab_account *a);
/* Does it live at our own MTA, behind the lab's connector? What came there is not in the lab's last lines. */
bool lab_account_is_ours(const struct lab_account *a, uint32_t mailbox);
/* The records of a message, sorted by recipient, role and word. */
struct record *lab_account_records(const struct lab_account *a, uint64_t number, size_t *n);

#endif
