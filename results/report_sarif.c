/* report_sarif.c - SARIF 2.1.0: a rule per class that violates an axis, a result per copy in such a class.
 *
 * Results stand move by move (those near no move last), 5,000 at most: the first by number; how many are left out is said in a
 * notification. A result is known again by its fingerprint, the token with recipient and role: same seed and run id, same
 * fingerprint. Its place is the mailbox (a logical location) in the run's profile.yaml. A run that is not PASS or FAIL is one
 * whose execution was not successful, so that nobody takes a list without results for a clean one.
 */
#include "results/report_sarif.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "results/json_file.h"
#include "results/report_moves.h"
#include "results/report_stream.h"

#define RESULTS_MAX 5000u
#define SCHEMA      "https://json.schemastore.org/sarif-2.1.0.json"
#define STATUS_MAX  240

struct sarif {
    const struct report_source *source;
    const struct manifest *m;
    const struct judgement *j;
    struct report_stream out;
    int rule[CLASS_COUNT]; /* its index; -1: none */
    struct copy *found;
    uint32_t count;
    uint64_t left_out;
    bool failed; /* out of memory */
};

static void put(json_t *o, const char *key, json_t *value)
{
    if (value)
        (void)json_object_set_new(o, key, value);
}

static json_t *text_of(const char *text)
{
    json_t *o = json_object();

    put(o, "text", json_words(text));
    return o;
}

static bool has_rule(enum outcome o)
{
    enum axis a = class_worse(o);

    return a == AXIS_VIOLATION || a == AXIS_INVALID;
}

/* Who accepted it broke his word: an error. Only the move was not transparent: a warning. */
static const char *level_of(enum outcome o)
{
    enum axis a = class_responsibility(o);

    return a == AXIS_VIOLATION || a == AXIS_INVALID ? "error" : "warning";
}

/* "silent-loss" as "CopySilentLoss": a name that says no more than the id is one that viewers warn of. */
static json_t *pascal(const char *word)
{
    char out[64] = "Copy";
    size_t n = strlen(out);
    bool capital = true;

    for (; *word && n + 1 < sizeof out; word++) {
        if (*word != '-')
            out[n++] = (char)(capital ? *word - 'a' + 'A' : *word);
        capital = *word == '-';
    }
    out[n] = '\0';
    return json_string(out);
}

static json_t *rule_of(enum outcome o)
{
    json_t *rule = json_object(), *level = json_object(), *axes = json_object();
    char text[200];

    (void)snprintf(text, sizeof text, "Copies %s.", class_became(o));
    put(level, "level", json_string(level_of(o)));
    put(axes, "responsibility", json_string(report_axis(class_responsibility(o))));
    put(axes, "transparency", json_string(report_axis(class_transparency(o))));
    put(rule, "id", json_string(class_name(o)));
    put(rule, "name", pascal(class_name(o)));
    put(rule, "shortDescription", text_of(text));
    put(rule, "defaultConfiguration", level);
    put(rule, "properties", axes);
    return rule;
}

static json_t *tool_of(void)
{
    json_t *tool = json_object(), *driver = json_object(), *rules = json_array();

    for (enum outcome o = 0; o < CLASS_COUNT; o++)
        if (has_rule(o))
            (void)json_array_append_new(rules, rule_of(o));
    put(driver, "name", json_string("postmuster"));
    put(driver, "rules", rules);
    put(tool, "driver", driver);
    return tool;
}

static void notify(json_t *all, const char *level, const char *text)
{
    json_t *o = json_object();

    put(o, "level", json_string(level));
    put(o, "message", text_of(text));
    (void)json_array_append_new(all, o);
}

static json_t *notifications(const struct sarif *f)
{
    json_t *all = json_array();
    char text[120];

    for (uint32_t i = 0; i < f->j->reason_count; i++)
        notify(all, f->j->verdict == VERDICT_PASS ? "note" : "warning", f->j->reasons[i]);
    if (f->left_out) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " more results are left out", f->left_out);
        notify(all, "warning", text);
    }
    return all;
}

static json_t *invocations(const struct sarif *f)
{
    json_t *all = json_array(), *o = json_object(), *more = json_object();
    char at[ISO_BYTES];

    put(more, "verdict", json_string(verdict_name(f->j->verdict)));
    put(o, "executionSuccessful", json_boolean(f->j->verdict != VERDICT_INCONCLUSIVE));
    put(o, "exitCode", json_integer(f->j->exit_code));
    if (*report_iso(at, f->m, 0))
        put(o, "startTimeUtc", json_string(at));
    put(o, "toolExecutionNotifications", notifications(f));
    put(o, "properties", more);
    (void)json_array_append_new(all, o);
    return all;
}

static json_t *automation(const struct sarif *f)
{
    json_t *o = json_object();
    struct buf id;

    buf_init(&id, 1u << 20);
    buf_add_format(&id, "postmuster/%s%s%s/%016" PRIx64, f->m->name, *f->m->variant ? "/" : "",
                   f->m->variant, f->m->run_id);
    put(o, "id", json_words(buf_text(&id)));
    buf_fini(&id);
    return o;
}

/* ---------------------------------------------------------------------------------------------------------- results */

static bool on_message(void *owner, const struct copy *copies, uint32_t n)
{
    struct sarif *f = owner;

    for (uint32_t i = 0; i < n; i++) {
        if (f->rule[copies[i].outcome] < 0)
            continue;
        if (f->count == RESULTS_MAX)
            f->left_out++;
        else
            f->found[f->count++] = copies[i];
    }
    return true;
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int move_by_move(const void *left, const void *right)
{
    const struct copy *a = left, *b = right;
    int order = ORDER(a->move.move, b->move.move);

    order = order ? order : ORDER(a->number, b->number);
    order = order ? order : ORDER(a->recipient, b->recipient);
    return order ? order : ORDER(a->alternate, b->alternate);
}

static json_t *locations(const struct sarif *f, const struct copy *p)
{
    json_t *all = json_array(), *o = json_object(), *logical = json_array(), *box = json_object();
    json_t *physical = json_object(), *artifact = json_object(), *region = json_object();
    uint32_t mailbox = p->mailbox != NO_INDEX ? p->mailbox : p->to;
    const char *name = report_mailbox(f->m, mailbox);

    put(box, "name", json_words(name));
    put(box, "fullyQualifiedName",
        json_words(mailbox < f->m->mailbox_count ? f->m->mailboxes[mailbox].address : name));
    put(box, "kind", json_string("resource"));
    (void)json_array_append_new(logical, box);
    put(artifact, "uri", json_string("profile.yaml"));
    put(region, "startLine", json_integer(1)); /* code scanning shows nothing without a line */
    put(physical, "artifactLocation", artifact);
    put(physical, "region", region);
    put(o, "physicalLocation", physical);
    put(o, "logicalLocations", logical);
    (void)json_array_append_new(all, o);
    return all;
}

static json_t *message_of(const struct sarif *f, const struct copy *p)
{
    char status[STATUS_MAX];
    const char *why = said_status(f->source, p, status, sizeof status);
    struct buf text;

    buf_init(&text, 1u << 20);
    buf_add_format(&text, "%s: the %s copy of message %" PRIu64 " for ", class_name(p->outcome),
                   p->alternate ? "alternate" : "primary", p->number);
    buf_add_format(&text, "%s", report_mailbox(f->m, p->to));
    if (p->move.move != NO_INDEX)
        buf_add_format(&text, ", accepted in phase %s of move %u", move_phase_name(p->move.phase),
                       p->move.move);
    buf_add_format(&text, "%s%s", *why ? ", " : "", why);
    json_t *o = text_of(buf_text(&text));

    buf_fini(&text);
    return o;
}

static json_t *fingerprints(const struct sarif *f, const struct copy *p)
{
    json_t *o = json_object();
    char token[27], copy[80];

    (void)said_token(f->source, p->number, token);
    (void)snprintf(copy, sizeof copy, "%s/%u/%s", token, p->recipient,
                   p->alternate ? "alternate" : "primary");
    put(o, "token/v1", json_words(token));
    put(o, "copy/v1", json_words(copy));
    return o;
}

static json_t *properties(const struct copy *p)
{
    json_t *o = json_object(), *flags = json_array();

    for (enum flag f = 0; f < FLAG_COUNT; f++)
        if (p->flags >> f & 1)
            (void)json_array_append_new(flags, json_string(flag_name(f)));
    put(o, "number", json_u64(p->number));
    put(o, "role", json_string(p->alternate ? "alternate" : "primary"));
    put(o, "flags", flags);
    put(o, "sentNs", json_u64(p->sent_ns));
    put(o, "firstSeenNs", json_u64(p->first_seen_ns));
    put(o, "reportedNs", json_u64(p->first_reported_ns));
    put(o, "move", json_index(p->move.move));
    put(o, "phase", json_string(move_phase_name(p->move.phase)));
    put(o, "phaseNs",
        p->move.move == NO_INDEX ? json_null() : json_integer((json_int_t)p->move.phase_ns));
    return o;
}

static json_t *result_of(const struct sarif *f, const struct copy *p)
{
    json_t *o = json_object();

    put(o, "ruleId", json_string(class_name(p->outcome)));
    put(o, "ruleIndex", json_integer(f->rule[p->outcome]));
    put(o, "kind", json_string("fail"));
    put(o, "level", json_string(level_of(p->outcome)));
    put(o, "message", message_of(f, p));
    put(o, "locations", locations(f, p));
    put(o, "partialFingerprints", fingerprints(f, p));
    put(o, "properties", properties(p));
    return o;
}

/* One value on a line of its own, with what follows it. */
static void add_json(struct sarif *f, json_t *value, const char *after)
{
    struct buf *text = &f->out.text;

    if (!json_add_line(text, value)) {
        f->failed = true;
        return;
    }
    text->n--;
    stream_add(&f->out, after);
}

static void write_log(struct sarif *f)
{
    stream_add(&f->out,
               "{\"$schema\":\"" SCHEMA "\",\n\"version\":\"2.1.0\",\n\"runs\":[{\n\"tool\":");
    add_json(f, tool_of(), ",\n\"automationDetails\":");
    add_json(f, automation(f), ",\n\"invocations\":");
    add_json(f, invocations(f), ",\n\"results\":[\n");
    for (uint32_t i = 0; i < f->count && stream_step(&f->out); i++)
        add_json(f, result_of(f, &f->found[i]), i + 1 < f->count ? ",\n" : "\n");
    stream_add(&f->out, "]}]}\n");
}

static bool write_sarif(const struct report_source *s, const struct report_out *out, struct err *e)
{
    struct sarif f = {.source = s, .m = s->run->manifest, .j = s->run->judgement};
    int rules = 0;
    bool any = false;

    for (enum outcome o = 0; o < CLASS_COUNT; o++) {
        f.rule[o] = has_rule(o) ? rules++ : -1;
        any |= f.rule[o] >= 0 && f.j->tally.classes[o];
    }
    f.found = calloc(RESULTS_MAX, sizeof *f.found);
    if (!f.found)
        return err_set(e, EX_IO, "out of memory for the report");
    bool ok = !any || report_each_copy(s, on_message, &f, e);

    if (f.count)
        qsort(f.found, f.count, sizeof *f.found, move_by_move);
    stream_begin(&f.out, out);
    if (ok)
        write_log(&f);
    free(f.found);
    if (f.failed)
        ok = err_set(e, EX_IO, "out of memory for the report");
    return stream_end(&f.out, e) && ok;
}

const struct report_form form_sarif = {
    .name = "sarif",
    .help = "SARIF 2.1.0: a result per violation, for code scanning and viewers",
    .write = write_sarif};
