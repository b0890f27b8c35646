/* event.c - the names of what an event carries, for people and for JSON. Pure; any thread. */
#include "results/event.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const kind_names[] = {
#define X(id, name, help) name,
    EVENT_KINDS(X)
#undef X
};
static const char *const kind_helps[] = {
#define X(id, name, help) help,
    EVENT_KINDS(X)
#undef X
};
static const char *const ending_names[] = {
    "none", "refused-temporary", "refused-permanent", "aborted", "doubt", "accepted"};
static const char *const stage_names[] = {"connect", "greeting", "ehlo", "tls",  "auth",
                                          "mail",    "rcpt",     "data", "body", "dot",
                                          "bind",    "transfer", "taken"};
static const char *const mark_names[] = {"asked",  "copy",     "flipped",  "done",
                                         "failed", "verified", "disproved"};
static const char *const finding_names[] = {
    "connect-failed", "protocol",    "timeout",           "probe-failed",
    "queue-failed",   "foreign",     "unreadable-report", "directories-differ",
    "action-failed",  "interrupted", "no-chunking",       "stopped",
    "braked"};

static const char *const trial_names[] = {"passed", "needs-reset", "not-consumed", "broken",
                                          "silent"};
static const char *const trial_words[] = {"it was passed", "a refused message left its MAIL behind",
                                          "the chunk of a refused message was taken for commands",
                                          "it hung up, or answered nonsense",
                                          "it did not answer in time"};

static const char *const brake_words[] = {
    "nothing", "421 or 4.7.x came too often", "too many connections did not come up",
    "the queues held more than safety.max_queued",
    "the target's owner does not say any more that it may be"};

static const char *const unwatched_words[] = {
    "the run had died, and was resumed", "postmuster stood still", "the machine was suspended"};

static_assert(COUNT(unwatched_words) == UNWATCHED_COUNT, "words per gap");
static_assert(COUNT(brake_words) == BRAKE_COUNT, "words per brake");
static_assert(COUNT(trial_names) == TRIAL_COUNT, "a name per trial's end");
static_assert(COUNT(trial_words) == TRIAL_COUNT, "words per trial's end");
static_assert(COUNT(kind_names) == EVENT_KIND_COUNT, "a name per kind");
static_assert(COUNT(ending_names) == END_ACCEPTED + 1, "a name per ending");
static_assert(COUNT(stage_names) == STAGE_COUNT, "a name per stage");
static_assert(COUNT(mark_names) == MARK_COUNT, "a name per mark");
static_assert(COUNT(finding_names) == FIND_COUNT, "a name per finding");

static const char *name_at(const char *const *names, size_t count, unsigned at)
{
    return at < count ? names[at] : "?";
}

const char *event_kind_name(unsigned kind)
{
    return name_at(kind_names, COUNT(kind_names), kind);
}

const char *event_kind_help(unsigned kind)
{
    return name_at(kind_helps, COUNT(kind_helps), kind);
}

const char *event_ending_name(unsigned ending)
{
    return name_at(ending_names, COUNT(ending_names), ending);
}

const char *event_stage_name(unsigned stage)
{
    return name_at(stage_names, COUNT(stage_names), stage);
}

const char *event_mark_name(unsigned mark)
{
    return name_at(mark_names, COUNT(mark_names), mark);
}

const char *event_finding_name(unsigned finding)
{
    return name_at(finding_names, COUNT(finding_names), finding);
}

const char *event_brake_words(unsigned why)
{
    return name_at(brake_words, COUNT(brake_words), why);
}

const char *event_unwatched_words(unsigned why)
{
    return name_at(unwatched_words, COUNT(unwatched_words), why);
}

const char *event_trial_name(unsigned trial)
{
    return name_at(trial_names, COUNT(trial_names), trial);
}

const char *event_trial_words(unsigned trial)
{
    return name_at(trial_words, COUNT(trial_words), trial);
}
