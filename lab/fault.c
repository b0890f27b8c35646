/* fault.c - the version table and the knob table (values: spec "lab model" sections 3, 4 and 11). */
#include "lab/fault.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ALWAYS (FAULT_STALE | FAULT_STRAND | FAULT_SECOND_MOVE)
#define EARLY  (ALWAYS | FAULT_CRASH_PERM) /* before 5.5 SP1 */
#define V55    (ALWAYS | FAULT_INTRANSIT_GAP | FAULT_STORE_HANG | FAULT_DS_DOWN_SILENT)

/* 4.0 and 5.0 give up on a peer when retries end, 5.5 keeps trying (Q280411). */
#define GIVES_UP .knob = {"peer_down_policy"}, .value = {"ndr"}

// clang-format off
static const struct version_row versions[] = {
    {"4.0-rtm", "4.0.837.10", 40, EARLY | FAULT_HOME_NOT_SET | FAULT_MOVE_DEADLOCK, GIVES_UP},
    {"4.0-sp1", "4.0.838.15", 40, EARLY | FAULT_HOME_NOT_SET | FAULT_MOVE_DEADLOCK, GIVES_UP},
    {"4.0-sp2", "4.0.993.4", 40, EARLY | FAULT_HOME_NOT_SET | FAULT_MOVE_DEADLOCK, GIVES_UP},
    {"4.0-sp3", "4.0.994.64", 40, EARLY | FAULT_HOME_NOT_SET | FAULT_MOVE_DEADLOCK, GIVES_UP},
    {"4.0-sp4", "4.0.995.54", 40, EARLY | FAULT_HOME_NOT_SET | FAULT_MOVE_DEADLOCK, GIVES_UP},
    {"4.0-sp5", "4.0.996", 40, EARLY, GIVES_UP},
    {"5.0-rtm", "5.0.1457.10", 50, EARLY | FAULT_HOME_NOT_SET | FAULT_MOVE_DEADLOCK | FAULT_PRIV_ALT, GIVES_UP},
    {"5.0-sp1", "5.0.1458.50", 50, EARLY | FAULT_HOME_NOT_SET | FAULT_PRIV_ALT, GIVES_UP},
    {"5.0-sp2", "5.0.1460.13", 50, EARLY | FAULT_PRIV_ALT, GIVES_UP},
    {"5.5-rtm", "5.5.1960", 55, V55 | FAULT_CRASH_PERM | FAULT_ALT_SILENT | FAULT_PRIV_ALT | FAULT_RESTART_DUP, .knob = {0}},
    {"5.5-sp1", "5.5.2232", 55, V55 | FAULT_ALT_SILENT, .knob = {0}},
    {"5.5-sp2", "5.5.2448", 55, V55 | FAULT_ALT_SILENT | FAULT_RESTART_DUP, .knob = {0}},
    {"5.5-sp3", "5.5.2650", 55, V55 | FAULT_ALT_SILENT | FAULT_DEFER_TIMER, .knob = {0}},
    {"5.5-sp3+2651.71", "5.5.2651.71", 55, V55 | FAULT_DEFER_TIMER, .knob = {0}},
    {"5.5-sp4", "5.5.2653", 55, ALWAYS, .knob = {0}},
    {"modern", "6.5.6944", 60, FAULT_STALE, .knob = {"tombstone_reroute"}, .value = {"yes"}, .chunking = true},
};
// clang-format on

static const char *const in_transit_words[] = {"defer_until_end", "retry_then_ndr", NULL};
static const char *const expand_words[] = {"delivering", "first", NULL};
static const char *const peer_down_words[] = {"keep", "ndr", NULL};
static const char *const ndr_words[] = {"exchange", "dsn", NULL};
static const char *const snapshot_words[] = {"live", "request", NULL};

#define AT(field) offsetof(struct knobs, field)

static const struct knob_row knobs[] = {
    {"ds_read_cache_latency", KNOB_DURATION, AT(ds_read_cache_latency_ns), "60s",
     "How long an MTA trusts a home it has looked up; takes effect when that MTA restarts.", NULL},
    {"alt_cache_ttl", KNOB_DURATION, AT(alt_cache_ttl_ns), "600s",
     "How long an MTA trusts an alternate recipient it has looked up.", NULL},
    {"pause_after_modify", KNOB_DURATION, AT(pause_after_modify_ns), "300s",
     "From a directory write to the first notice to another server.", NULL},
    {"pause_between", KNOB_DURATION, AT(pause_between_ns), "30s",
     "Between the notices to one server and the next.", NULL},
    {"move_sync_delay", KNOB_DURATION, AT(move_sync_delay_ns), "0s",
     "From a move's directory write to the destination's own replica.", NULL},
    {"create_to_flag", KNOB_DURATION, AT(create_to_flag_ns), "500ms",
     "From the new mailbox to its InTransit flag.", NULL},
    {"copy_rate", KNOB_SIZE, AT(copy_rate_bytes), "1000000", "Bytes a move copies in a second.",
     NULL},
    {"copy_per_item", KNOB_DURATION, AT(copy_per_item_ns), "20ms", "What each item adds to a copy.",
     NULL},
    {"copy_time", KNOB_DURATION, AT(copy_time_ns), "0s",
     "Length of every copy whatever its content; 0s: by rate and items.", NULL},
    {"purge_before_commit", KNOB_BOOL, AT(purge_before_commit), "yes",
     "The source is emptied before the directory is written.", NULL},
    {"commit_delay", KNOB_DURATION, AT(commit_delay_ns), "1s",
     "Between emptying the source and writing the directory.", NULL},
    {"move_end_delay", KNOB_DURATION, AT(move_end_delay_ns), "10ms",
     "From the last step of a move to its end.", NULL},
    {"copy_snapshot", KNOB_WORD, AT(copy_snapshot), "live",
     "What is copied: all up to the flag, or only what was there at the request.", snapshot_words},
    {"retry_at_move_end", KNOB_DURATION, AT(retry_at_move_end_ns), "50ms",
     "From the end of a move to the next try of deferred mail.", NULL},
    {"in_transit_policy", KNOB_WORD, AT(in_transit_policy), "defer_until_end",
     "What the MTA does with mail for a mailbox that moves.", in_transit_words},
    {"alt_expand_at", KNOB_WORD, AT(alt_expand_at), "delivering",
     "Which MTA adds the copy for an alternate recipient.", expand_words},
    {"peer_hop_delay", KNOB_DURATION, AT(peer_hop_delay_ns), "200ms", "From one MTA to another.",
     NULL},
    {"max_hops", KNOB_COUNT, AT(max_hops), "512", "Transfers before mail counts as looping.", NULL},
    {"open_interval", KNOB_DURATION, AT(open_interval_ns), "600s",
     "Between tries to reach a peer that is down.", NULL},
    {"max_open_retries", KNOB_COUNT, AT(max_open_retries), "144",
     "Tries to reach a peer before peer_down_policy decides.", NULL},
    {"transfer_interval", KNOB_DURATION, AT(transfer_interval_ns), "120s",
     "Between tries to hand mail to a store that refuses for now.", NULL},
    {"max_transfer_retries", KNOB_COUNT, AT(max_transfer_retries), "2",
     "Such tries before retry_then_ndr gives up.", NULL},
    {"peer_down_policy", KNOB_WORD, AT(peer_down_policy), "keep",
     "After the last try to reach a peer: keep trying, or report.", peer_down_words},
    {"ds_retry", KNOB_DURATION, AT(ds_retry_ns), "30s",
     "Between tries to read a directory that is down.", NULL},
    {"expiry_urgent", KNOB_DURATION, AT(expiry_urgent_ns), "2d", "Life of urgent mail.", NULL},
    {"expiry_normal", KNOB_DURATION, AT(expiry_normal_ns), "7d", "Life of normal mail.", NULL},
    {"expiry_non_urgent", KNOB_DURATION, AT(expiry_non_urgent_ns), "10d",
     "Life of non-urgent mail.", NULL},
    {"concurrent_moves", KNOB_COUNT, AT(concurrent_moves), "1",
     "Moves at the same time; further ones wait their turn.", NULL},
    {"legacy_alt_silent", KNOB_BOOL, AT(legacy_alt_silent), "no",
     "4.0 and 5.0 lose mail as Q248839 says of 5.5 (unattested).", NULL},
    {"tombstone_reroute", KNOB_BOOL, AT(tombstone_reroute), "no",
     "A store that no longer has the mailbox says so, and the MTA looks again.", NULL},
    {"home_not_set_percent", KNOB_PERCENT, AT(home_not_set_percent), "0",
     "Share of moves that leave the directory as it was, where the version can.", NULL},
    {"store_hang_percent", KNOB_PERCENT, AT(store_hang_percent), "0",
     "Share of moves that leave the new store hung, where the version can.", NULL},
    {"restart_dup_percent", KNOB_PERCENT, AT(restart_dup_percent), "0",
     "Share of delivered mail that an MTA restart sends again, where the version can.", NULL},
    {"defer_timer_percent", KNOB_PERCENT, AT(defer_timer_percent), "0",
     "Share of deferred deliveries that leave at once, late or not at all, where the version can.",
     NULL},
    {"ndr_format", KNOB_WORD, AT(ndr_format), "exchange", "Shape of reports.", ndr_words},
};

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

const struct version_row *fault_version_at(int row)
{
    return row >= 0 && row < COUNT(versions) ? &versions[row] : NULL;
}

const struct version_row *fault_version(const char *name)
{
    for (int i = 0; i < COUNT(versions); i++)
        if (strcmp(versions[i].name, name) == 0)
            return &versions[i];
    return NULL;
}

const struct knob_row *fault_knob_at(int row)
{
    return row >= 0 && row < COUNT(knobs) ? &knobs[row] : NULL;
}

static uint64_t *knob_value(struct knobs *k, const struct knob_row *row)
{
    return (uint64_t *)(void *)((unsigned char *)k + row->at);
}

static bool parse_word(const struct knob_row *row, const char *value, uint64_t *out, struct err *e)
{
    for (uint64_t i = 0; row->words[i]; i++)
        if (strcmp(row->words[i], value) == 0) {
            *out = i;
            return true;
        }
    return err_set(e, EX_BAD_PROFILE, "'%s' is not one of its words (%s, %s)", value, row->words[0],
                   row->words[1]);
}

static bool parse_value(const struct knob_row *row, const char *value, uint64_t *out, struct err *e)
{
    struct slice s = slice_of(value);
    bool yes = false;

    switch (row->type) {
    case KNOB_DURATION:
        return text_duration(s, out, e);
    case KNOB_SIZE:
        return text_size(s, out, e);
    case KNOB_COUNT:
        return text_u64(s, out, e);
    case KNOB_BOOL:
        if (!text_bool(s, &yes, e))
            return false;
        *out = yes;
        return true;
    case KNOB_PERCENT:
        return text_u64(s, out, e) &&
               (*out <= 100 || err_set(e, EX_BAD_PROFILE, "%s is more than 100", value));
    case KNOB_WORD:
        return parse_word(row, value, out, e);
    }
    return false;
}

bool fault_set_knob(struct knobs *k, const char *name, const char *value, struct err *e)
{
    const char *names[COUNT(knobs) + 1] = {0};

    for (int i = 0; i < COUNT(knobs); i++) {
        uint64_t n = 0;

        names[i] = knobs[i].name;
        if (strcmp(knobs[i].name, name) != 0)
            continue;
        if (!parse_value(&knobs[i], value, &n, e))
            return err_wrap(e, "%s", name);
        *knob_value(k, &knobs[i]) = n;
        return true;
    }
    const char *near = text_nearest(slice_of(name), names);

    return err_set(e, EX_BAD_PROFILE, "there is no knob '%s'%s%s%s", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

const char *fault_print_knob(const struct knobs *k, const struct knob_row *row, char *out,
                             size_t room)
{
    uint64_t n = 0;

    memcpy(&n, (const unsigned char *)k + row->at, sizeof n);
    if (row->type == KNOB_DURATION)
        return text_print_duration(out, room, n);
    if (row->type == KNOB_BOOL)
        (void)snprintf(out, room, "%s", n ? "yes" : "no");
    else if (row->type == KNOB_WORD)
        (void)snprintf(out, room, "%s", row->words[n]);
    else
        (void)snprintf(out, room, "%" PRIu64, n);
    return out;
}

void fault_defaults(struct knobs *k, const struct version_row *v)
{
    bool ok = true;

    for (int i = 0; i < COUNT(knobs); i++)
        ok = parse_value(&knobs[i], knobs[i].value, knob_value(k, &knobs[i]), NULL) && ok;
    for (int i = 0; i < 2; i++)
        if (v->knob[i])
            ok = fault_set_knob(k, v->knob[i], v->value[i], NULL) && ok;
    PM_ASSERT(ok);
}

unsigned fault_bits(const struct version_row *v, const struct knobs *k)
{
    bool legacy = k->legacy_alt_silent && v->generation < 55;

    return v->bits | (legacy ? FAULT_ALT_SILENT : 0);
}
