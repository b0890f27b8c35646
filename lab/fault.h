/* fault.h - versions and knobs as data: which defect is present at which service-pack level, and every unattested choice.
 *
 * No code asks for a version by name: a row is a set of defect bits and some knob values. Knobs of the model that have no
 * subject here are left out: distribution lists, associations per peer, links to other sites, mail of clients that talk
 * to the store itself (all mail enters by SMTP or X.400 and so passes the MTA). Defects that need what is left out, or that moves
 * do not show (sizes, odd addresses, 1984 links, recovery of large queues, turns), are left out too.
 */
#ifndef LAB_FAULT_H
#define LAB_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum fault_bit {
    FAULT_STALE = 1 << 0,          /* Q172364: routing and the retry at move end trust the cache */
    FAULT_STRAND = 1 << 1,         /* Q172364: no report while its addressee moves; kept for ever */
    FAULT_ALT_SILENT = 1 << 2,     /* Q248839: deferred primary copy of a "both" fails: no report */
    FAULT_INTRANSIT_GAP = 1 << 3,  /* Q277911: delivery before the InTransit flag is dropped */
    FAULT_HOME_NOT_SET = 1 << 4,   /* Q177782: the directory write is left out (by a share) */
    FAULT_SECOND_MOVE = 1 << 5,    /* Q252869: a second move deletes the good copy */
    FAULT_MOVE_DEADLOCK = 1 << 6,  /* Q151992: two moves at once hang the store */
    FAULT_STORE_HANG = 1 << 7,     /* Q259541: a move may leave the store hung (by a share) */
    FAULT_CRASH_PERM = 1 << 8,     /* Q182663: a stopped store counts as permanent */
    FAULT_DS_DOWN_SILENT = 1 << 9, /* Q275616: no directory, no message, no report */
    FAULT_PRIV_ALT = 1 << 10,      /* Q181579: private mail + both: the primary loses it too */
    FAULT_RESTART_DUP = 1 << 11,   /* Q238189, Q198958: restart sends again (by a share) */
    FAULT_DEFER_TIMER = 1 << 12,   /* Q248253: deferred delivery loses its timer (by a share) */
};

enum knob_in_transit { IN_TRANSIT_DEFER, IN_TRANSIT_RETRY_THEN_NDR };

enum knob_expand { EXPAND_AT_DELIVERY, EXPAND_AT_FIRST };

enum knob_peer_down { PEER_DOWN_KEEP, PEER_DOWN_NDR };

enum knob_ndr { NDR_EXCHANGE, NDR_DSN };

enum knob_snapshot { SNAPSHOT_LIVE, SNAPSHOT_REQUEST };

struct knobs {
    uint64_t ds_read_cache_latency_ns, alt_cache_ttl_ns;
    uint64_t pause_after_modify_ns, pause_between_ns, move_sync_delay_ns;
    uint64_t create_to_flag_ns, copy_rate_bytes, copy_per_item_ns, copy_time_ns;
    uint64_t purge_before_commit, commit_delay_ns, move_end_delay_ns, copy_snapshot;
    uint64_t retry_at_move_end_ns, in_transit_policy, alt_expand_at;
    uint64_t peer_hop_delay_ns, max_hops;
    uint64_t open_interval_ns, max_open_retries, transfer_interval_ns, max_transfer_retries;
    uint64_t peer_down_policy, ds_retry_ns;
    uint64_t expiry_urgent_ns, expiry_normal_ns, expiry_non_urgent_ns;
    uint64_t concurrent_moves, legacy_alt_silent, tombstone_reroute;
    uint64_t home_not_set_percent, store_hang_percent, restart_dup_percent, defer_timer_percent;
    uint64_t ndr_format;
};

enum knob_type {
    KNOB_DURATION,
    KNOB_SIZE,
    KNOB_COUNT,
    KNOB_BOOL,
    KNOB_PERCENT,
    KNOB_WORD,
};

struct knob_row {
    const char *name;
    enum knob_type type;
    size_t at; /* of its uint64_t in struct knobs */
    const char *value, *help;
    const char *const *words; /* of KNOB_WORD, NULL-terminated */
};

struct version_row {
    const char *name, *build; /* build of the server, as mail headers show it */
    int generation;           /* 40, 50, 55, 60: shapes of reports */
    unsigned bits;
    const char *knob[2], *value[2]; /* over the defaults; NULL: none */
    bool chunking;                  /* its SMTP service offers CHUNKING */
};

const struct version_row *fault_version(const char *name); /* NULL: no such row */
const struct version_row *fault_version_at(int row);       /* NULL past the end */
const struct knob_row *fault_knob_at(int row);             /* NULL past the end */
void fault_defaults(struct knobs *k, const struct version_row *v);
bool fault_set_knob(struct knobs *k, const char *name, const char *value, struct err *e);
/* The value in the words that fault_set_knob() reads; returns out. */
const char *fault_print_knob(const struct knobs *k, const struct knob_row *row, char *out,
                             size_t room);
unsigned fault_bits(const struct version_row *v, const struct knobs *k);

#endif
