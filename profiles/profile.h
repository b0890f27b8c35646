/* profile.h - what the user wants: the filled-in, checked, immutable result of a YAML profile.
 *
 * Sections and keys are typed by the one table in option.c; this is what the table fills. Durations are ns of target time
 * unless a name ends in _real_ns. Everything lives in the arena given to profile_load().
 */
#ifndef PROFILES_PROFILE_H
#define PROFILES_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "profiles/site.h"

struct node;

enum arrivals { ARRIVE_CONSTANT, ARRIVE_POISSON, ARRIVE_RAMP, ARRIVE_BURSTS, ARRIVE_AIMED };

enum size_law { SIZE_FIXED, SIZE_UNIFORM, SIZE_MMB };

enum notify { NOTIFY_DEFAULT, NOTIFY_NEVER, NOTIFY_FAILURE, NOTIFY_SUCCESS };

enum aim_mark { AIM_ASKED, AIM_COPY, AIM_FLIPPED, AIM_DONE };

enum aim_law { LAW_SPREAD, LAW_COMB, LAW_ADAPTIVE };

enum priority { PRIO_NORMAL, PRIO_NON_URGENT, PRIO_URGENT }; /* as X.411 counts them */

enum send_mode { SEND_LOCKSTEP, SEND_PIPELINING, SEND_CHUNKING };

struct load_profile {
    const char *name;
    const char *protocol; /* "smtp", "lmtp", "p1" */
    uint32_t via;         /* server index */
    const uint32_t *from; /* group indices */
    uint32_t from_count;
    const uint32_t *to;
    uint32_t to_count;
    uint32_t recipients; /* per message, all different: 1..16 */
    enum arrivals arrivals;
    double rate, rate_to; /* per second of target time; ramp goes from rate to rate_to */
    uint64_t start_ns, duration_ns;
    uint32_t burst; /* messages of a burst */
    uint64_t burst_every_ns;
    enum size_law size;
    uint32_t size_min, size_max; /* body bytes: of every law the least and the most */
    enum notify notify;
    bool ret_headers, null_sender, verp, seven_bit;
    enum send_mode mode;     /* how far a connection runs ahead, where the server offers it */
    uint32_t window;         /* chunking: messages in flight on a connection; 0: as it suits */
    uint32_t per_connection; /* messages, then it is left and made anew; 0: no limit */
    uint32_t threads, connections; /* connections per thread; p1: associations */
    /* p1 */
    enum priority priority;
    uint64_t deferred_ns, latest_ns;    /* after sending: not before, not after; 0: not asked for */
    bool no_reassignment, no_alternate; /* no redirection; the domain's alternate is not allowed */
    uint32_t resend; /* how often a message in doubt is sent again, with the same identifier */
    /* aimed at a mark of every move of a mailbox in `to` */
    enum aim_mark aim;
    enum aim_law law;
    int64_t aim_from_ns, aim_to_ns; /* relative to the mark; negative only for AIM_ASKED */
    uint32_t per_move;
    uint32_t prime;          /* priming messages per move, ... */
    uint64_t prime_every_ns; /* ... from the asking on, this far apart */
};

struct move_profile {
    const char *name;
    const uint32_t *
        groups; /* each round moves the round's mailbox of every group, in this order, one after the other */
    uint32_t group_count;
    uint32_t from, to; /* server indices; from SITE_NONE: wherever it lives */
    uint32_t mover;    /* index into movers */
    uint64_t start_ns, every_ns;
    uint32_t count;       /* rounds */
    uint32_t concurrency; /* how many of this schedule may be under way at once */
    uint64_t deadline_ns; /* a move that takes longer is given up (FAILED) */
    bool back;            /* when all have moved, move back again */
    bool keeps;           /* the old home still knows the mailbox afterwards: no contradiction */
    const char
        *options; /* JSON object merged into the mover's body, e.g. {"dir_first":true}; "" none */
};

enum mover_type { MOVER_HTTP, MOVER_EXEC };

/* Templates may use {mailbox} {address} {user} {from} {to} {control} {from_control} {to_control} {id} {move}. */
struct mover_profile {
    const char *name;
    enum mover_type type;
    const char *start, *body; /* http: "POST {control}/v1/move" and its body */
    const char *id_field;     /* field of the answer that becomes {id} */
    const char *poll;         /* "GET {control}/v1/move?id={id}" */
    const char *state_field, *done_value, *failed_value, *error_field;
    const char *copy_value;  /* state that means copying has begun */
    const char *const *argv; /* exec: NULL-terminated */
    uint64_t period_real_ns;
};

enum action_kind {
    ACT_ALTERNATE,
    ACT_KNOB,
    ACT_RESTART,
    ACT_DOWN,
    ACT_UP,
    ACT_UPDATE_NOW,
    ACT_EXEC,
};

struct action_profile { /* a change of the site while the run goes on; lab control, or a command */
    const char *name;
    enum action_kind kind;
    uint64_t at_ns;
    uint32_t group;     /* ACT_ALTERNATE: whose */
    uint32_t alternate; /* group or SITE_NONE for none */
    bool both;
    uint32_t server; /* SITE_NONE: all */
    const char *knob, *value, *component;
    const char *const *argv;
};

enum probe_type {
    PROBE_IMAP,
    PROBE_QUEUE_HTTP,
    PROBE_QUEUE_EXEC,
    PROBE_MAILDIR,
    PROBE_MBOX,
    PROBE_POP3,
    PROBE_QUEUE_POSTFIX,
    PROBE_QUEUE_EXIM,
    PROBE_QUEUE_OPENSMTPD,
    PROBE_QUEUE_SENDMAIL,
    PROBE_QUEUE_EXCHANGE,
};

enum { PLACE_HOME = 1, PLACE_OLD = 2, PLACE_ALTERNATE = 4, PLACE_ORIGINATOR = 8 };

struct probe_profile {
    const char *name;
    enum probe_type type;
    unsigned places; /* PLACE_ bits */
    uint64_t period_real_ns;
    bool idle;               /* IMAP IDLE where offered */
    const char *url;         /* queues by http: "{control}/v1/queues" */
    const char *const *argv; /* queues by command; NULL: as the type has it */
    const char *const *show; /* queues of a known MTA: says what the messages {id} or {ids} are */
    const char *const *servers; /* of these; NULL: of all that no other probe names */
    uint32_t server_count;
    const uint32_t *groups; /* mailboxes: of these groups; NULL: of all that no other probe names */
    uint32_t group_count;
    const char *path; /* maildir: "/srv/{server}/{user}/Maildir" */
    bool folders;     /* maildir: those below it, too */
    uint32_t content; /* imap: of how many of a hundred messages the body is read and compared */
};

extern const char *const probe_type_names[]; /* by enum probe_type, as profiles write them */

static inline bool probe_lists_queues(enum probe_type type)
{
    return type == PROBE_QUEUE_HTTP || type == PROBE_QUEUE_EXEC || type >= PROBE_QUEUE_POSTFIX;
}

enum lookup_type { LOOKUP_HTTP, LOOKUP_EXEC, LOOKUP_IMAP, LOOKUP_LDAP };

struct lookup_profile { /* home_lookup */
    bool on;
    enum lookup_type type;
    const char *url;         /* "{control}/v1/home?mailbox={mailbox}"; ldap: "ldap://host:port" */
    const char *const *argv; /* or a command; prints the server's name */
    uint64_t period_real_ns;
    const char *user, *password; /* imap: who logs on; ldap: who binds; NULL: himself, nobody */
    const char *list;            /* imap: what the home lists; NULL: it opens INBOX */
    const char *base, *filter, *attribute, *ca_file; /* ldap */
    enum tls_mode tls;
    bool insecure;
};

enum silence_rule { SILENCE_DOUBLE_COLLECT, SILENCE_LIFETIMES };

struct gate_profile {
    const char *name;
    uint64_t limit;
};

enum x400_mode { MODE_NORMAL, MODE_X410, MODE_1984 };

enum x400_content { X400_P22, X400_P2 };

/* Our own MTA, and how it talks with the site's. Texts of addresses are templates of wire/x400/oraddr.h. */
struct x400_profile {
    bool on; /* some load speaks p1, or some mailbox is ours */
    enum x400_mode mode;
    enum x400_content content;
    const char *mta, *password;       /* said when we call and when we answer; "" password: empty */
    struct selector tsel, ssel, psel; /* ours */
    const char
        *listen; /* host:port where the site's MTAs call us; NULL: any free loopback port in a
                         * lab, else nowhere (and then nobody lives at ours) */
    const char *domain;                /* of our identifiers and trace: "c=US;a= ;p=POSTMUSTER" */
    const char *address, *our_address; /* of mailboxes of the site; of those that are ours */
    uint32_t checkpoint_kb, window, tpdu_bytes;
    bool two_way;
};

/* Our own MTA over SMTP and LMTP: where mail for mailboxes whose home is `ours` is brought. */
struct listen_profile {
    const char *smtp, *lmtp; /* host:port; NULL: not listened */
    const char *name;        /* ours, in greetings */
    bool any;                /* recipients that nobody knows are taken too */
};

struct lab_profile {
    bool on;
    const char *version;
    uint32_t time_scale;
    const char *const *knob_names, *const *knob_values; /* knob_count of each */
    uint32_t knob_count;
    const char *const *plant_names, *const *plant_values; /* plant_count of each */
    uint32_t plant_count;
    const char *site_name;
    bool tls;           /* senders and probes use STARTTLS at the lab's self-made certificate */
    uint16_t base_port; /* 0: any free ports */
};

enum guard_switch {
    GUARD_AUTO,
    GUARD_ON,
    GUARD_OFF
}; /* auto: not for loopback and private targets */

struct owner_word { /* public addresses of this run whose owner has said so, each by its name too */
    size_t count, room;
    struct guard_net at[];
};

struct safety_profile {
    struct guard guard;
    struct owner_word *word; /* at arm; NULL: no public network is listed */
    const char *const *
        domains; /* recipient domains that may be written to, besides reserved ones and the lab's */
    uint32_t domain_count;
    uint64_t max_messages, max_duration_ns, max_bytes;
    double max_rate;
    uint32_t max_connections;
    uint64_t max_queued; /* entries that all queues may hold; 0: no limit */
    enum guard_switch slow_start, brake;
    bool slow;             /* at arm: loads begin slowly (pace_begin) */
    double owner_rate;     /* at arm: the most that the owner's records allow */
    const char *owner_key; /* what the owner's DNS records have to show; NULL: none */
};

/* What a plan asks for at most, all loads together. */
struct profile_sum {
    double rate;
    uint64_t messages, bytes, connections, last_ns;
};

struct expect_profile {         /* what a cell of a matrix should show */
    const char *const *allowed; /* class names; "late" is a flag and fine too */
    uint32_t allowed_count;
    const char *must; /* a class that must show, or NULL */
    bool unattested;
};

enum stop_when { STOP_WHEN_NEVER, STOP_WHEN_CERTAIN, STOP_WHEN_INTERVAL, STOP_WHEN_SPRT };

struct stop_profile { /* shares are parts in a billion */
    enum stop_when when;
    uint64_t low_ppb, high_ppb, alpha_ppb, beta_ppb;
    uint64_t silence_ns;
};

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): by subject; a run has one
struct profile {
    const char *path, *name, *description;
    uint64_t seed;
    uint32_t parallel;    /* variants side by side */
    const char *protocol; /* of loads that do not say */
    struct stop_profile stop;
    uint64_t lateness_real_ns; /* senders later than this (p99) make latencies worthless */
    struct lab_profile lab;
    struct x400_profile x400;
    struct listen_profile listen;
    struct site site;
    struct load_profile *loads;
    uint32_t load_count;
    struct move_profile *moves;
    uint32_t move_count;
    struct mover_profile *movers;
    uint32_t mover_count;
    struct action_profile *actions;
    uint32_t action_count;
    struct probe_profile *probes;
    uint32_t probe_count;
    struct lookup_profile home_lookup;
    enum silence_rule silence;
    uint64_t settle_retry_ns, settle_deadline_ns, lifetime_ns, late_ns, alternate_lag_ns, cache_ns;
    bool canary;
    struct gate_profile *gates;
    uint32_t gate_count;
    struct safety_profile safety;
    /* Names of the variants that the file offers (matrix cells are variants named <scenario>/<version>). */
    const char *const *variants;
    uint32_t variant_count;
    const char *variant;                            /* which one this is; "" the plain profile */
    const char *const *scenarios, *const *versions; /* of the matrix, if any */
    uint32_t scenario_count, version_count;
    const char *const *scenario_titles;
    bool has_expect;
    struct expect_profile expect;
    const struct node *tree; /* the profile as text, overrides applied: for profile_print() */
};

/* The template of a mailbox's O/R address: ours if it lives there, else (and for SITE_NONE: addresses that are nobody's) the
 * site's. Without x400.on it may be NULL. */
const char *profile_x400_template(const struct profile *p, uint32_t mailbox);

/* Who reads this mailbox on this server: of the probes that read mailboxes and fit, the first that names servers or groups, else
 * the first. SITE_NONE for the server: some server. NULL: nobody. */
const struct probe_profile *profile_store(const struct profile *p, uint32_t mailbox,
                                          uint32_t server);

struct workload;
struct profile_sum profile_sum(const struct workload *w);
/* May mail be sent from and to this domain? reserved: by everybody (.test, .example, ...); else only by whom the profile names
 * as its owner. */
bool profile_domain_reserved(const char *domain);
/* "postmuster.example.com" is at or below "Example.com"; a dot at its end is none. */
bool profile_domain_below(const char *name, const char *domain);
/* Of the large public providers of mailboxes, or below one: never, whatever is listed or proven. */
bool profile_domain_denied(const char *domain);
bool profile_host_denied(const char *host_port); /* the same of a server */

/* What a gate may be about: the classes, the flags, and four more. tests/app/test_gate_names.c keeps the two in step. */
struct gate_name {
    const char *name, *help;
    bool is_class, is_duration;
};
extern const struct gate_name profile_gates[]; /* ends with a NULL name */

struct profile_request {
    const char *path;        /* a file, or a shipped name */
    const char *const *sets; /* "section.key=value", set_count of them; they win over the variant */
    uint32_t set_count;
    const char *variant; /* NULL or "": none */
};

/* Parses, fills in defaults, checks across keys. Complaints: file:line:column, the key, what was expected, the nearest
 * name; EX_BAD_PROFILE. Secrets by reference (env:NAME, file:PATH) are resolved here; a missing one is an error. */
struct profile *profile_load(struct arena *a, const struct profile_request *rq, struct err *e);
/* The effective profile as YAML, secrets redacted. */
bool profile_print(const struct profile *p, struct buf *out);
/* Every complaint that is no error: lint of gates, reach, duration. One line each. */
bool profile_lint(const struct profile *p, struct buf *out);
/* What a run of it would be: messages, copies, moves, time, memory. A few lines. */
bool profile_estimate(const struct profile *p, struct buf *out, struct err *e);
/* NULL-terminated names of shipped profiles; a name's file path or NULL. */
const char *const *profile_shipped(struct arena *a);
const char *profile_find(struct arena *a, const char *name);

#endif
