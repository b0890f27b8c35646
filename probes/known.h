/* known.h - what a probe knows to be in its mailbox: UIDs, whose copies they are, and how many copies of each message.
 *
 * Entries and messages lie in order of arrival, 12 and 16 bytes each; two open-addressed tables of numbers, 8 to 16 bytes an
 * entry each, find them. A listing is compared by marking: begin, list every UID that the server names, then sweep what it did
 * not. One thread.
 */
#ifndef PROBES_KNOWN_H
#define PROBES_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#define KNOWN_OTHER UINT64_MAX /* no copy: a report, or foreign */

struct known_entry {
    uint32_t uid;
    uint32_t message; /* its place among the messages; UINT32_MAX: KNOWN_OTHER */
    uint16_t mark;
    bool corrupt;
};

struct known_message {
    uint64_t number;
    uint32_t copies;
    uint32_t touched; /* in a sweep: a copy went; the next ordinal to give */
};

struct known_index {
    uint32_t *places; /* + 1; 0: free */
    uint32_t room;
};

struct known {
    struct known_entry *entries;
    struct known_message *messages;
    struct known_index by_uid, by_number;
    uint32_t count, room; /* of entries */
    uint32_t message_count, message_room;
    uint32_t last; /* the highest UID ever seen */
    uint16_t mark;
    uint32_t *listed; /* UIDs that a listing had and we do not, ascending after known_sweep() */
    uint32_t listed_count, listed_room;
    bool listed_mixed; /* they did not come in order */
};

void known_init(struct known *k);
void known_fini(struct known *k);
void known_clear(struct known *k);
bool known_has(const struct known *k, uint32_t uid);
/* false: out of memory. *ordinal: how many copies of the message there are now (0 for KNOWN_OTHER). */
bool known_add(struct known *k, uint32_t uid, uint64_t number, bool corrupt, uint32_t *ordinal);
void known_corrupt(struct known *k, uint32_t uid); /* so it is; nothing where it is not known */

void known_list_begin(struct known *k);
bool known_list(struct known *k, uint32_t uid); /* false: more than a mailbox can have here */

/* The listing is complete. Forgets what was not in it: gone() for every copy among it, then begin_left(), then left() for every copy that remains of
 * those messages, ordinals from 1. Returns how many entries went. */
struct known_sweep {
    void (*gone)(void *owner, uint64_t number);
    void (*begin_left)(void *owner);
    void (*left)(void *owner, uint64_t number, uint32_t ordinal, bool corrupt);
    void *owner;
};

uint32_t known_sweep(struct known *k, const struct known_sweep *s);

#endif
