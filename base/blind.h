/* blind.h - the checks of the harness that can be switched off, one at a time, to show that `selftest` notices.
 *
 * In every ordinary build CHECK_ON() is true and no switch exists: what follows is for the one test executable that is compiled with
 * PM_BLINDABLE. A row a check; whoever adds one says there which planted fault exposes it.
 */
#ifndef BASE_BLIND_H
#define BASE_BLIND_H

// clang-format off
#define BLIND_CHECKS(X)                                                                                        \
    /* id, name, what is no longer noticed without it, a fault that is then missed */                          \
    X(CONTENT, "content", "bodies are compared with what was sent", "corrupt-4095")                            \
    X(REWRITTEN, "rewritten", "legal changes of a body are undone before it is called corrupt", "rewrite-base64") \
    X(DUPLICATES, "duplicates", "copies of one message are counted", "twice")                                  \
    X(STRANGER, "stranger", "a copy in a mailbox that it was not for", "stranger")                             \
    X(ROLE, "role", "the alternate's copy is not the primary's", "drop-both")                                  \
    X(OLD_HOME, "old-home", "a copy at a server that is not the home", "leave-behind")                         \
    X(GONE, "gone", "a copy that was there and is not any more", "copier-skips")                               \
    X(REPORTS, "reports", "reports of failure are read", "ndr")                                                \
    X(ORIGINATOR, "originator", "whether a report came to the originator", "ndr-misrouted")                    \
    X(TOKEN, "token", "identities are authentic", "ndr-stranger")                                              \
    X(FOREIGN, "foreign", "reports that are about nothing of ours are counted", "ndr-nameless")                \
    X(DELAYED, "delayed", "a report of a delay is no report of failure", "delay-deliver")                      \
    X(ENTRIES, "entries", "what stands in a queue is not lost", "strand")                                      \
    X(WAVES, "waves", "queues that stand still do so for longer than settle.retry", "hold")                    \
    X(SUMS, "sums", "what came to a queue and did not leave it is listed", "queue-hides")                      \
    X(COVERAGE, "coverage", "a scan is complete when it has all that the server counts", "imap-hides")         \
    X(CANARY, "canary", "the path of reports is proven alive", "reports-lost")                                 \
    X(SILENCE, "silence", "silence has to be final before it means anything", "imap-hides")                    \
    X(MOVE, "move", "a move is looked up and logged on to, not believed", "move-nothing")                      \
    X(MOVE_FAILED, "move-failed", "a mover that says it failed is heard", "move-half")                         \
    X(MONOTONIC, "monotonic", "time is measured by a clock that nobody sets", "clock-ahead")

// clang-format on

enum blind_check {

#define X(id, name, help, fault) BLIND_##id,
    BLIND_CHECKS(X)
#undef X
        BLIND_COUNT
};

#ifdef PM_BLINDABLE
extern unsigned blind_check; /* enum blind_check; BLIND_COUNT: none. Set before any thread starts */
#define CHECK_ON(id) (blind_check != BLIND_##id)
#else
#define CHECK_ON(id) true
#endif

#endif
