/* reasons.c - sentences: what decided the verdict, why silence is not final, and what else is worth knowing. */
#include "results/reasons.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "results/report_text.h"

#define SENTENCE_MAX 400

struct saying {
    struct judgement *j;
    bool ok;
};

__attribute__((format(printf, 2, 3))) static void say(struct saying *s, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (uint32_t i = 0; i < s->j->reason_count; i++)
        if (strcmp(s->j->reasons[i], text) == 0)
            return;
    if (s->j->reason_count == REASONS_MAX)
        return;
    s->j->reasons[s->j->reason_count] = strdup(text);
    if (!s->j->reasons[s->j->reason_count])
        s->ok = false;
    else
        s->j->reason_count++;
}

/* "were lost while their alternates were" of one: "was lost while its alternate was". */
static const char *for_count(char *out, size_t room, const char *words, uint64_t n)
{
    static const struct {
        const char *many, *one;
    } changes[] = {{"were", "was"},
                   {"are", "is"},
                   {"stand", "stands"},
                   {"their", "its"},
                   {"mailboxes", "mailbox"},
                   {"alternates", "alternate"},
                   {"them", "it"}};

    size_t used = 0;

    out[0] = '\0';
    while (*words && used + 1 < room) {
        size_t len = strcspn(words, " ");
        const char *word = words;
        int shown = (int)len;

        for (size_t i = 0; n == 1 && i < sizeof changes / sizeof changes[0]; i++)
            if (strlen(changes[i].many) == len && strncmp(words, changes[i].many, len) == 0) {
                word = changes[i].one;
                shown = (int)strlen(word);
            }
        int put = snprintf(out + used, room - used, "%s%.*s", used ? " " : "", shown, word);

        used += put > 0 ? (size_t)put : 0;
        words += len;
        words += *words == ' ';
    }
    return out;
}

static bool has_alternates(const struct manifest *m)
{
    for (uint32_t i = 0; i < m->load_count; i++)
        if (m->loads[i].alternates)
            return true;
    return false;
}

/* Copies that were owed and tried: what a count is compared with. */
static uint64_t base_of(const uint64_t *classes)
{
    uint64_t all = 0;

    for (int i = 0; i < CLASS_COUNT; i++)
        all += classes[i];
    return all - classes[CLASS_NOT_OWED] - classes[CLASS_NOT_SENT];
}

static void say_copies(struct saying *s, uint64_t n, bool primaries, const char *became)
{
    const struct tally *t = &s->j->tally;
    uint64_t of = base_of(primaries ? t->primaries : t->classes);
    char count[32], all[32], words[200];

    say(s, "%s of %s %scopies %s", text_print_count(count, sizeof count, n),
        text_print_count(all, sizeof all, of), primaries ? "primary " : "",
        for_count(words, sizeof words, became, n));
}

static void say_class(struct saying *s, enum outcome o)
{
    const struct tally *t = &s->j->tally;
    uint64_t n = t->classes[o], both = o == CLASS_SILENT_LOSS ? t->lost_but_alternate : 0;
    bool primaries = has_alternates(s->j->manifest) && t->primaries[o] == n;

    if (both)
        say_copies(s, both, true, "were lost in silence while their alternates were delivered");
    if (n > both)
        say_copies(s, n - both, primaries && !both, class_became(o));
}

static void say_imbalance(struct saying *s)
{
    for (uint32_t i = 0; i < s->j->identity_count; i++) {
        const struct identity *d = &s->j->identities[i];

        if (d->left != d->right)
            say(s, "the account does not balance (%s: %llu against %llu): a bug of postmuster",
                d->name, (unsigned long long)d->left, (unsigned long long)d->right);
    }
    if (s->j->tally.classes[CLASS_PHANTOM])
        say_class(s, CLASS_PHANTOM);
}

/* Whatever else is true: how long things took cannot be said. */
static void say_saturation(struct saying *s)
{
    const struct manifest *m = s->j->manifest;
    const struct saturation *late = &s->j->tally.saturation;
    bool many = m->load_count > 1, burst = late->limit_ns > m->max_lateness_ns;
    char got[32], limit[32];

    if (late->any)
        say(s,
            "GENERATOR-SATURATED: 99 of 100 messages%s%s left up to %s after their time, more than "
            "%s (%s): latencies are not certified",
            many ? " of load " : "", many ? m->loads[late->load].name : "",
            text_us(got, sizeof got, late->p99_ns / NS_PER_US),
            burst ? "the time between two bursts" : "run.max_lateness",
            text_print_duration(limit, sizeof limit, late->limit_ns));
}

static void say_gate(struct saying *s, const struct gate_result *g)
{
    const struct health *h = &s->j->tally.health;
    char got[32], limit[32];

    if (g->uncertified) {
        say(s, "the gate %s is undecided: latencies are not certified", g->name);
        return;
    }
    if (g->excused) {
        say(s, "the gate %s is undecided: %s copies came while nobody watched, so late or in time",
            g->name, text_print_count(got, sizeof got, s->j->tally.excused));
        return;
    }
    if (g->outcome != CLASS_COUNT) {
        if (g->count > g->limit)
            say_class(s, g->outcome);
        return;
    }
    if (strcmp(g->name, "pacing-p99") == 0)
        say(s,
            "messages left up to %s late (99 of 100; the limit is %s): the generator was saturated",
            text_print_duration(got, sizeof got, g->count),
            text_print_duration(limit, sizeof limit, g->limit));
    else if (strcmp(g->name, "moves-disproved") == 0)
        say(s, "%llu of %llu moves did not happen as the mover said",
            (unsigned long long)h->moves_disproved, (unsigned long long)h->moves_asked);
    else if (strcmp(g->name, "identities") != 0 && strcmp(g->name, "moves-failed") != 0 &&
             strcmp(g->name, "actions-failed") != 0)
        say(s, "%s copies carry the flag %s (the limit is %llu)",
            text_print_count(got, sizeof got, g->count), g->name, (unsigned long long)g->limit);
}

static void say_gates(struct saying *s, enum verdict v)
{
    for (uint32_t i = 0; i < s->j->gate_count; i++)
        if (s->j->gates[i].verdict == v)
            say_gate(s, &s->j->gates[i]);
}

static void say_not_final(struct saying *s)
{
    const struct manifest *m = s->j->manifest;
    const struct health *h = &s->j->tally.health;

    if (!h->ended || h->torn || h->overlong)
        return; /* said already */
    if (!m->queues_visible)
        say(s,
            m->lifetime_ns
                ? "the queues cannot be seen: silence is final only when the stated lifetime is "
                  "over"
                : "the queues cannot be seen, and no lifetime is stated: silence is never final");
    else if (!h->waves_complete)
        say(s, "not every server's queues could be listed completely");
    else if (!h->settled)
        say(s, "the queues did not come to rest before the deadline");
    else if (h->places_final < h->places)
        say(s, "%llu of %llu places were not scanned completely after the queues had come to rest",
            (unsigned long long)(h->places - h->places_final), (unsigned long long)h->places);
    else if (h->loads_alive == m->load_count)
        say(s, "they stand in a queue where another try is due, or were moved after the queues had "
               "come to rest");
    if (h->loads_alive < m->load_count)
        say(s,
            "for %llu of %u loads no report about a known-bad address came back, so the silence of "
            "reports proves nothing",
            (unsigned long long)(m->load_count - h->loads_alive), m->load_count);
}

/* Whatever the verdict: what happened while nobody of ours watched is known by what was found later. */
static void say_unwatched(struct saying *s)
{
    const struct health *h = &s->j->tally.health;
    char spent[32], times[40];

    for (unsigned why = 0; why < UNWATCHED_COUNT; why++) {
        if (h->unwatched[why] == 0)
            continue;
        (void)snprintf(times, sizeof times, h->unwatched[why] > 1 ? "%llu times" : "once",
                       (unsigned long long)h->unwatched[why]);
        say(s, "nobody watched for %s: %s (%s)",
            text_print_duration(spent, sizeof spent, h->unwatched_ms[why] * NS_PER_MS),
            event_unwatched_words(why), times);
    }
    if (h->cut)
        say(s,
            "%u journals ended in a torn block when the run was resumed: what was recorded there "
            "is gone",
            h->cut);
}

static void say_open(struct saying *s)
{
    const struct tally *t = &s->j->tally;

    if (t->health.findings[FIND_INTERRUPTED])
        say(s, "the run was interrupted: not all that was planned took place");
    for (unsigned why = 1; why < BRAKE_COUNT; why++)
        if (t->brakes & 1u << why)
            say(s, "the brake stopped the senders: %s", event_brake_words(why));
    if (!t->health.ended)
        say(s, "the run did not end by itself: what is silent stays unknown");
    if (t->health.overlong)
        say(s, "the run lasted longer than 76 hours of the target's time: what came later has no "
               "time, and no silence is final");
    if (t->health.torn)
        say(s, "%u journals end in a torn block: what was recorded there is gone", t->health.torn);
    if (t->endings[END_ACCEPTED] + t->endings[END_DOUBT] == 0)
        say(s, "no message was accepted: nothing was tested");
    if (s->j->manifest->move_count && !t->health.moves_done)
        say(s, "none of %u planned moves was carried out: nothing was tested",
            s->j->manifest->move_count);
    if (t->classes[CLASS_UNKNOWN]) {
        say_class(s, CLASS_UNKNOWN);
        say_not_final(s);
    }
    if (s->j->verdict == VERDICT_INCONCLUSIVE && tally_open_seen(t)) {
        char count[32];

        say(s,
            "%s copies are delivered or reported, but not final: another copy or a report could "
            "still come",
            text_print_count(count, sizeof count, tally_open_seen(t)));
        say_not_final(s);
    }
}

/* What the rule says of the settled account, with its interval. */
static void say_rate(struct saying *s)
{
    const struct stop_outcome *o = &s->j->stop;
    const struct manifest_stop *rule = &s->j->manifest->stop;
    const struct stop_decision *d = &o->last;
    char found[80] = "which decides nothing";

    if (d->end == STOP_LOW)
        (void)snprintf(found, sizeof found, "so less than %.4g %% do",
                       (double)rule->high_ppb / 1e7);
    if (d->end == STOP_HIGH)
        (void)snprintf(found, sizeof found, "so more than %.4g %% do", (double)rule->low_ppb / 1e7);
    say(s,
        "run.stop (%s): %llu of %llu moves lost something, %s; their rate is %.3g to %.3g %% (%.4g "
        "%% "
        "sure, however often one looks)",
        stop_rule_name(o->rule), (unsigned long long)d->seen.k, (unsigned long long)d->seen.n,
        found, 100 * d->rate.low, 100 * d->rate.high, 100 - (double)rule->alpha_ppb / 1e7);
}

static void say_stop(struct saying *s)
{
    const struct stop_outcome *o = &s->j->stop;
    const struct tally *t = &s->j->tally;
    char left[32];

    if (o->stopped) {
        say(s,
            "stopped by run.stop (%s) after %u of %u moves (%llu had begun): %s planned copies "
            "were not sent",
            stop_rule_name(o->rule), o->claim_moves, s->j->manifest->move_count,
            (unsigned long long)t->health.moves_asked,
            text_print_count(left, sizeof left, t->classes[CLASS_NOT_SENT]));
        if (!o->holds)
            say(s, "what run.stop saw then is not what the settled account says: the run was ended "
                   "too early to say more");
    }
    if (o->rule == STOP_INTERVAL || o->rule == STOP_SPRT)
        say_rate(s);
}

/* What was planned and did not take place. */
static void say_undone(struct saying *s)
{
    const struct tally *t = &s->j->tally;
    const struct health *h = &t->health;
    uint64_t never = h->moves_undone > h->moves_failed ? h->moves_undone - h->moves_failed : 0;
    char count[32];

    if (t->classes[CLASS_NOT_SENT] && !h->stopped)
        say(s, "%s planned copies were not sent",
            text_print_count(count, sizeof count, t->classes[CLASS_NOT_SENT]));
    if (h->moves_failed)
        say(s, "%llu of %llu moves failed, by the mover's own word",
            (unsigned long long)h->moves_failed, (unsigned long long)h->moves_asked);
    if (never)
        say(s, "%llu of %u planned moves never ended", (unsigned long long)never,
            s->j->manifest->move_count);
    if (h->moves_disproved && s->j->verdict == VERDICT_INCONCLUSIVE)
        say(s, "%llu of %llu moves did not happen as the mover said",
            (unsigned long long)h->moves_disproved, (unsigned long long)h->moves_asked);
    if (h->findings[FIND_ACTION_FAILED])
        say(s, "%llu actions of the profile were not carried out",
            (unsigned long long)h->findings[FIND_ACTION_FAILED]);
}

static void say_notes(struct saying *s)
{
    const struct tally *t = &s->j->tally;
    const struct manifest *m = s->j->manifest;
    uint64_t lateness_ns = tally_quantile(&t->lateness, 0.99) * NS_PER_US;
    char late[32], limit[32];

    if (t->classes[CLASS_DELIVERED])
        say_class(s, CLASS_DELIVERED);
    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        if (t->classes[o] &&
            (class_responsibility(o) == AXIS_VIOLATION || class_transparency(o) == AXIS_VIOLATION ||
             class_transparency(o) == AXIS_WARNING))
            say_class(s, o);
    if (t->health.windows_late)
        say(s,
            "messages left up to %s late (99 of 100), which on the target's clock is more than the "
            "shortest time that the scenario relies on (%s): figures about the window within a "
            "move are not conclusive",
            text_print_duration(late, sizeof late, lateness_ns),
            text_print_duration(limit, sizeof limit, m->lateness_limit_ns));
    if (m->content_percent < 100)
        say(s,
            "the bodies of %u %% of the messages were compared; of the others only headers were "
            "read: corruption elsewhere cannot be seen",
            m->content_percent);
    if (s->j->verdict == VERDICT_PASS && t->not_final)
        say(s,
            "%llu copies are delivered but not final: a second copy or a report could still come",
            (unsigned long long)t->not_final);
}

bool reasons_write(struct judgement *j)
{
    struct saying s = {j, true};

    say_imbalance(&s);
    say_saturation(&s);
    say_gates(&s, VERDICT_FAIL);
    say_unwatched(&s);
    say_open(&s);
    say_stop(&s);
    say_undone(&s);
    say_gates(&s, VERDICT_INCONCLUSIVE);
    say_notes(&s);
    return s.ok;
}
