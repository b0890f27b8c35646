/* sink_vice.c - the rows: how each is read from the command line, and what it decides when it is asked. */
#include "app/sink_vice.h"

#include <stdio.h>
#include <string.h>

#include "app/sink_shared.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include "wire/token.h"

#define SLOW_MAX_NS (3600 * NS_PER_S)
#define RATE_MAX    1e9
#define GREY_MAX_NS (86400 * NS_PER_S)
#define WORD_CHARS  40u

const char *const sink_stage_names[SINK_STAGES + 1] = {"connect", "ehlo", "mail", "rcpt",
                                                       "data",    "end",  NULL};

/* --- reading ------------------------------------------------------------------------------------------------------ */

bool sink_share_read(struct slice text, uint32_t *share)
{
    uint64_t whole = 0, part = 0;
    struct slice before;

    if (text.n > 3 && slice_is_nocase(slice_skip(text, text.n - 3), "ppm")) {
        text.n -= 3;
        *share =
            text_u64(text, &whole, NULL) && whole <= SINK_WHOLE ? (uint32_t)whole : SINK_WHOLE + 1;
        return *share <= SINK_WHOLE;
    }
    if (text.n > 1 && text.p[text.n - 1] == '%')
        text.n--;
    bool pointed = slice_cut(&text, '.', &before);

    if (!text_u64(before, &whole, NULL) || whole > 100)
        return false;
    if (pointed && (text.n == 0 || text.n > 4 || !text_u64(text, &part, NULL)))
        return false;
    for (size_t i = pointed ? text.n : 4; i < 4; i++)
        part *= 10;
    *share = (uint32_t)(whole * (SINK_WHOLE / 100) + part);
    return *share <= SINK_WHOLE;
}

static bool read_share(struct slice text, uint32_t *share, struct err *e)
{
    char shown[WORD_CHARS];

    return sink_share_read(text, share) ||
           err_set(e, EX_BAD_USAGE, "\"%s\" is no share: a percentage such as 10 or 0.5, or 300ppm",
                   text_clean(shown, sizeof shown, text));
}

/* What follows the first colon, or all of them where there is none. */
static bool read_rest_share(bool more, struct slice text, uint32_t *share, struct err *e)
{
    *share = SINK_WHOLE;
    return !more || read_share(text, share, e);
}

static bool is_one_of(const char *const *names, struct slice word, uint32_t *which)
{
    for (*which = 0; names[*which]; ++*which)
        if (slice_is(word, names[*which]))
            return true;
    return false;
}

static bool read_name(const char *const *names, const char *what, struct slice word,
                      uint32_t *which, struct err *e)
{
    char shown[WORD_CHARS], all[200] = "";
    size_t n = 0;

    if (is_one_of(names, word, which))
        return true;
    const char *near = text_nearest(word, names);

    for (uint32_t i = 0; names[i] && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", names[i]);
    (void)text_clean(shown, sizeof shown, word);
    return near ? err_set(e, EX_BAD_USAGE, "there is no %s \"%s\"; did you mean \"%s\"?", what,
                          shown, near)
                : err_set(e, EX_BAD_USAGE, "there is no %s \"%s\"; there are %s", what, shown, all);
}

static bool read_stage(struct slice word, enum sink_stage *stage, struct err *e)
{
    uint32_t which = 0;
    bool ok = read_name(sink_stage_names, "stage", word, &which, e);

    *stage = (enum sink_stage)which;
    return ok;
}

/* A reply's code, from 400 (or 250 where that is allowed) to 599. */
static bool read_code(struct slice text, bool or_250, unsigned *code, struct err *e)
{
    char shown[WORD_CHARS];
    uint64_t n = 0;

    if (text_u64(text, &n, NULL) && text.n == 3 &&
        ((n >= 400 && n <= 599) || (or_250 && n == 250))) {
        *code = (unsigned)n;
        return true;
    }
    return err_set(e, EX_BAD_USAGE, "\"%s\" is no code of %s from 400 to 599",
                   text_clean(shown, sizeof shown, text),
                   or_250 ? "a reply: 250, or" : "a refusal:");
}

static bool adds_up(uint32_t so_far, uint32_t share, const char *of, struct err *e)
{
    return so_far + share <= SINK_WHOLE ||
           err_set(e, EX_BAD_USAGE, "more than 100 %% of all that comes to %s", of);
}

static bool read_slow(struct sink_vices *v, struct slice text, struct err *e)
{
    struct slice stage, time;
    enum sink_stage at;
    uint32_t share;
    uint64_t ns = 0;

    if (!slice_cut(&text, ':', &stage))
        return read_stage(stage, &at, e) && err_set(e, EX_BAD_USAGE, "how long?");
    bool more = slice_cut(&text, ':', &time);

    if (!read_stage(stage, &at, e) || !text_duration(time, &ns, e) ||
        !read_rest_share(more, text, &share, e))
        return false;
    if (ns > SLOW_MAX_NS)
        return err_set(e, EX_BAD_USAGE, "an hour at most");
    v->slow[at].ns = ns;
    v->slow[at].share = share;
    return true;
}

static bool read_hang_up(struct sink_vices *v, struct slice text, struct err *e)
{
    uint64_t n = 0;

    if (!text_u64(text, &n, NULL) || n == 0 || n > UINT32_MAX)
        return err_set(e, EX_BAD_USAGE, "a number of messages, from 1");
    v->hang_up = (uint32_t)n;
    return true;
}

static bool read_tempfail(struct sink_vices *v, struct slice text, struct err *e)
{
    struct slice rate;
    unsigned code = 451;
    bool more = slice_cut(&text, ':', &rate);

    if (!text_rate(rate, &v->rate, e) || (more && !read_code(text, false, &code, e)))
        return false;
    if (v->rate <= 0 || v->rate > RATE_MAX)
        return err_set(e, EX_BAD_USAGE, "a rate above nothing, at most 1,000,000,000/s");
    if (code >= 500)
        return err_set(e, EX_BAD_USAGE, "what comes too fast is refused for now: 451 or 421");
    (void)snprintf(v->tempfail, sizeof v->tempfail, "%u 4.7.1 more than is taken in a second",
                   code);
    return true;
}

static bool read_greylist(struct sink_vices *v, struct slice text, struct err *e)
{
    if (!text_duration(text, &v->grey_ns, e))
        return false;
    return v->grey_ns <= GREY_MAX_NS || err_set(e, EX_BAD_USAGE, "a day at most");
}

static bool read_refuse(struct sink_vices *v, struct slice text, struct err *e)
{
    static const unsigned usual[SINK_STAGES] = {554, 550, 550, 550, 554, 554};
    struct sink_refusal *r = &v->refuse[v->refusals];
    struct slice stage, share = {NULL, 0};
    uint32_t so_far = 0;

    if (v->refusals == SINK_REFUSALS_MAX)
        return err_set(e, EX_BAD_USAGE, "%u of them at most", SINK_REFUSALS_MAX);
    bool shared = slice_cut(&text, ':', &stage), coded = shared && slice_cut(&text, ':', &share);

    if (!read_stage(stage, &r->stage, e) || !read_rest_share(shared, share, &r->share, e))
        return false;
    unsigned code = usual[r->stage];

    if (coded && !read_code(text, false, &code, e))
        return false;
    for (uint32_t i = 0; i < v->refusals; i++)
        so_far += v->refuse[i].stage == r->stage ? v->refuse[i].share : 0;
    if (!adds_up(so_far, r->share, sink_stage_names[r->stage], e))
        return false;
    (void)snprintf(r->line, sizeof r->line, "%u %u.7.1 refused as told, at %s", code, code / 100,
                   sink_stage_names[r->stage]);
    v->refusals++;
    return true;
}

static bool read_close(struct sink_vices *v, struct slice text, struct err *e)
{
    static const char *const places[] = {"before", "within", "after", NULL};
    struct slice place;
    uint32_t which, share, so_far = 0;
    bool more = slice_cut(&text, ':', &place);

    if (!read_name(places, "place to close at,", place, &which, e) ||
        !read_rest_share(more, text, &share, e))
        return false;
    for (uint32_t i = 0; i < SINK_CUTS; i++)
        so_far += i == which ? 0 : v->close[i];
    v->close[which] = share;
    return adds_up(so_far, share, "its end", e);
}

static bool read_lie(struct sink_vices *v, struct slice text, struct err *e)
{
    struct sink_refusal *lie = &v->lie[v->lies];
    struct slice share;
    uint32_t so_far = 0;
    unsigned code = 0;

    if (v->lies == SINK_LIES_MAX)
        return err_set(e, EX_BAD_USAGE, "%u of them at most", SINK_LIES_MAX);
    if (!slice_cut(&text, ':', &share))
        return err_set(e, EX_BAD_USAGE, "and what is answered? SHARE:250, SHARE:550");
    if (!read_share(share, &lie->share, e) || !read_code(text, true, &code, e))
        return false;
    for (uint32_t i = 0; i < v->lies; i++)
        so_far += v->lie[i].share;
    if (!adds_up(so_far, lie->share, "its end", e))
        return false;
    lie->stage = SINK_END;
    lie->line[0] = '\0'; /* as it is said when it is true */
    if (code != 250)
        (void)snprintf(lie->line, sizeof lie->line, "%u %u.3.0 not taken", code, code / 100);
    v->lies++;
    return true;
}

static bool read_drop(struct sink_vices *v, struct slice text, struct err *e)
{
    return read_share(text, &v->drop, e);
}

/* --- what each decides -------------------------------------------------------------------------------------------- */

uint64_t sink_id_of_token(const char *token)
{
    return hash_fast(token, TOKEN_CHARS);
}

uint64_t sink_id_of_caller(uint64_t caller, uint64_t ordinal)
{
    const uint64_t both[2] = {caller, ordinal};

    return hash_fast(both, sizeof both);
}

static uint32_t draw(const struct sink_vices *v, enum sink_vice row, enum sink_stage stage,
                     const struct sink_turn *t)
{
    const uint64_t whom[2] = {t->id, t->part};
    struct rng r = rng_at(v->seed, row * SINK_STAGES + stage + 1, hash_fast(whom, sizeof whom));

    return (uint32_t)rng_below(&r, SINK_WHOLE);
}

/* Of rules that divide everything among them: the one that is drawn. */
static const struct sink_refusal *rule_drawn(const struct sink_refusal *rules, uint32_t count,
                                             enum sink_stage stage, uint32_t drawn)
{
    uint32_t from = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (rules[i].stage != stage)
            continue;
        from += rules[i].share;
        if (drawn < from)
            return &rules[i];
    }
    return NULL;
}

static bool refused(struct sink_verdict *out, const char *line)
{
    out->answer = line;
    out->done = SINK_REFUSED;
    return true;
}

static bool act_slow(const struct sink_vices *v, struct sink_shared *shared,
                     const struct sink_turn *t, struct sink_verdict *out)
{
    bool once = t->stage == SINK_END && t->part > 0; /* LMTP: the first recipient's is for all */

    (void)shared;
    if (!once && v->slow[t->stage].share &&
        draw(v, VICE_SLOW, t->stage, t) < v->slow[t->stage].share)
        out->delay_ns = v->slow[t->stage].ns;
    return false;
}

static bool act_hang_up(const struct sink_vices *v, struct sink_shared *shared,
                        const struct sink_turn *t, struct sink_verdict *out)
{
    (void)shared;
    return t->before >= v->hang_up && refused(out, "421 4.7.0 enough for one connection");
}

static bool act_tempfail(const struct sink_vices *v, struct sink_shared *shared,
                         const struct sink_turn *t, struct sink_verdict *out)
{
    return !sink_shared_in_rate(shared, v->rate, t->now_ns) && refused(out, v->tempfail);
}

static bool act_greylist(const struct sink_vices *v, struct sink_shared *shared,
                         const struct sink_turn *t, struct sink_verdict *out)
{
    return !sink_shared_known(shared, t->from, t->to, v->grey_ns, t->now_ns) &&
           refused(out, "451 4.7.1 greylisted: try again later");
}

static bool act_refuse(const struct sink_vices *v, struct sink_shared *shared,
                       const struct sink_turn *t, struct sink_verdict *out)
{
    const struct sink_refusal *r =
        rule_drawn(v->refuse, v->refusals, t->stage, draw(v, VICE_REFUSE, t->stage, t));

    (void)shared;
    return r && refused(out, r->line);
}

/* One draw for the three places; where text must be cut is to be known before it comes. */
static bool act_close(const struct sink_vices *v, struct sink_shared *shared,
                      const struct sink_turn *t, struct sink_verdict *out)
{
    struct sink_turn whole = *t;
    enum sink_cut cut = SINK_CUT_BEFORE;

    (void)shared;
    whole.part = 0;
    uint32_t drawn = draw(v, VICE_CLOSE, SINK_DATA, &whole), to = v->close[cut];

    while (cut < SINK_CUT_AFTER && drawn >= to)
        to += v->close[++cut];
    if (drawn >= to || (cut == SINK_CUT_AFTER) != (t->stage == SINK_END))
        return false;
    out->cut = cut;
    out->done = cut == SINK_CUT_AFTER ? SINK_TAKEN : SINK_FORGOTTEN;
    return true;
}

static bool act_lie(const struct sink_vices *v, struct sink_shared *shared,
                    const struct sink_turn *t, struct sink_verdict *out)
{
    const struct sink_refusal *lie =
        rule_drawn(v->lie, v->lies, SINK_END, draw(v, VICE_LIE, SINK_END, t));

    (void)shared;
    if (!lie)
        return false;
    out->answer = lie->line[0] ? lie->line : NULL;
    out->done = out->answer ? SINK_TAKEN : SINK_REFUSED;
    return true;
}

static bool act_drop(const struct sink_vices *v, struct sink_shared *shared,
                     const struct sink_turn *t, struct sink_verdict *out)
{
    (void)shared;
    if (draw(v, VICE_DROP, SINK_END, t) >= v->drop)
        return false;
    out->done = SINK_DROPPED;
    return true;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

const struct sink_vice_row sink_vice_rows[SINK_VICES] = {
#define X(id, act, name, value, stages, help) {name, value, help, stages},
    SINK_VICE_ROWS(X)
#undef X
};

static const struct {
    bool (*read)(struct sink_vices *v, struct slice text, struct err *e);
    /* true: decided */
    bool (*act)(const struct sink_vices *v, struct sink_shared *shared, const struct sink_turn *t,
                struct sink_verdict *out);
} deeds[SINK_VICES] = {

#define X(id, act, name, value, stages, help) {read_##act, act_##act},
    SINK_VICE_ROWS(X)
#undef X
};

bool sink_vice_read(struct sink_vices *v, enum sink_vice which, const char *value, struct err *e)
{
    char shown[WORD_CHARS];

    v->on |= 1u << which;
    if (deeds[which].read(v, slice_of(value), e))
        return true;
    if (e)
        e->code = EX_BAD_USAGE;
    return err_wrap(e, "--%s %s", sink_vice_rows[which].name,
                    text_clean(shown, sizeof shown, slice_of(value)));
}

struct sink_verdict sink_vice_decide(const struct sink_vices *v, struct sink_shared *shared,
                                     const struct sink_turn *t)
{
    struct sink_verdict out = {.cut = SINK_CUT_NOT, .why = SINK_VICES};

    for (uint32_t i = 0; i < SINK_VICES; i++)
        if ((v->on & 1u << i) && (sink_vice_rows[i].stages & 1u << t->stage) &&
            deeds[i].act(v, shared, t, &out)) {
            out.why = (enum sink_vice)i;
            break;
        }
    return out;
}
