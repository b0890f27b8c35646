/* p1.c - what does not need a whole APDU taken apart: keys for correlation, times, and empty structs.
 *
 * The keys are found by stepping over the members of two levels; an APDU of 700 octets costs about 0.2 us.
 */
#include "wire/x400/p1.h"

#include <string.h>

#define TAG_ENVELOPE 0x31

void p1_message_init(struct p1_message *m)
{
    *m = (struct p1_message){
        .content_type.number = P1_NONE, .priority = P1_NONE, .content_length = P1_NONE};
}

void p1_report_init(struct p1_report *r)
{
    *r = (struct p1_report){.content_type.number = P1_NONE};
}

const struct p1_extension *p1_extension_find(const struct p1_extensions *x, int32_t type)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (x->at[i].type == type)
            return &x->at[i];
    return NULL;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* Left absent when it is not there, or in pieces. */
static void find_id(const struct ber *set, struct p1_id *id)
{
    struct ber_element e, domain, local;

    if (!ber_find(set, 0x64, &e))
        return;
    struct ber inside = ber_inside(&e);

    if (ber_take(&inside, 0x63, &domain) && ber_next(&inside, &local) == BER_GOT &&
        !local.constructed && oraddr_domain_read(&domain, NULL, &id->domain))
        id->local = local.value;
}

static struct slice find_text(const struct ber *set, uint32_t tag)
{
    struct ber_element e;

    return ber_find(set, tag, &e) && !e.constructed ? e.value : slice_from(NULL, 0);
}

static struct slice find_correlator(const struct ber *set, uint32_t tag)
{
    struct ber_element all, one, type, value, text;
    int64_t n = 0;

    if (!ber_find(set, tag, &all))
        return slice_from(NULL, 0);
    struct ber list = ber_inside(&all);

    while (ber_next(&list, &one) == BER_GOT) {
        struct ber field = ber_inside(&one);

        if (!ber_find(&field, 0x80, &type) || !ber_int(&type, &n) || n != P1_EXT_CORRELATOR ||
            !ber_find(&field, 0xa2, &value))
            continue;
        struct ber inside = ber_inside(&value);

        if (ber_next(&inside, &text) == BER_GOT && !text.constructed)
            return text.value;
    }
    return slice_from(NULL, 0);
}

bool p1_keys_read(struct slice apdu, struct p1_keys *k)
{
    struct ber outer = ber_in(apdu);
    struct ber_element e, envelope, content = {0};

    *k = (struct p1_keys){0};
    if (ber_next(&outer, &e) != BER_GOT)
        return false;
    struct ber inside = ber_inside(&e), set = inside;

    if (e.tag == 0xa0 || e.tag == 0xa1) {
        if (!ber_take(&inside, TAG_ENVELOPE, &envelope))
            return false;
        set = ber_inside(&envelope);
    } else if (e.tag != 0xa2) {
        return false;
    }
    k->kind = e.tag == 0xa0 ? P1_MESSAGE : e.tag == 0xa1 ? P1_REPORT : P1_PROBE;
    if (k->kind == P1_MESSAGE && ber_take(&inside, BER_OCTETS, &content))
        k->content = content.value;
    if (k->kind == P1_REPORT) { /* what it is about stands in its content */
        if (!ber_take(&inside, BER_SET, &content))
            return false;
        set = ber_inside(&content);
        if (ber_find(&set, 0x81, &e))
            k->content = e.value;
    }
    k->content_id = find_text(&set, 0x4a);
    k->correlator = find_correlator(&set, 0xa3);
    find_id(&set, &k->id);
    return true;
}

enum p1_by p1_identify(const struct p1_keys *k, const struct token_key *key, uint64_t *message)
{
    size_t at = 0;

    if (token_find(key, k->id.local, &at, message))
        return P1_BY_ID;
    if (token_read_short(key, slice_trim(k->content_id), message))
        return P1_BY_CONTENT_ID;
    at = 0;
    if (token_find(key, k->correlator, &at, message))
        return P1_BY_CORRELATOR;
    at = 0;
    if (token_find(key, k->content, &at, message))
        return P1_BY_CONTENT;
    return P1_BY_NOTHING;
}

/* --- times -------------------------------------------------------------------------------------------------------- */

/* Days since 1970-01-01, after Howard Hinnant's algorithms. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 + (*month <= 2);
}

void p1_time_write(int64_t unix_s, char out[P1_TIME_CHARS])
{
    int64_t days = unix_s / 86400, rest = unix_s % 86400, year, month, day;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    date_of(days, &year, &month, &day);
    int64_t parts[] = {year % 100, month, day, rest / 3600, rest / 60 % 60, rest % 60};

    for (size_t i = 0; i < 6; i++) {
        int64_t n = parts[i] < 0 ? 0 : parts[i];

        out[2 * i] = (char)('0' + n / 10);
        out[2 * i + 1] = (char)('0' + n % 10);
    }
    out[12] = 'Z';
}

static bool two_digits(struct slice *s, int64_t most, int64_t *n)
{
    if (s->n < 2 || s->p[0] < '0' || s->p[0] > '9' || s->p[1] < '0' || s->p[1] > '9')
        return false;
    *n = (s->p[0] - '0') * 10 + s->p[1] - '0';
    *s = slice_skip(*s, 2);
    return *n <= most;
}

/* "Z", "+hhmm" or "-hhmm": seconds east of Greenwich. */
static bool zone_read(struct slice s, int64_t *offset_s)
{
    int64_t hours, minutes;

    *offset_s = 0;
    if (slice_is(s, "Z"))
        return true;
    if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-'))
        return false;
    bool west = s.p[0] == '-';

    s = slice_skip(s, 1);
    if (!two_digits(&s, 23, &hours) || !two_digits(&s, 59, &minutes))
        return false;
    *offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool p1_time_read(struct slice utc, int64_t *unix_s)
{
    int64_t year, month, day, hour, minute, second = 0, offset_s;

    if (!two_digits(&utc, 99, &year) || !two_digits(&utc, 12, &month) ||
        !two_digits(&utc, 31, &day) || !two_digits(&utc, 23, &hour) ||
        !two_digits(&utc, 59, &minute) || month == 0 || day == 0)
        return false;
    if (utc.n > 0 && utc.p[0] >= '0' && utc.p[0] <= '9' && !two_digits(&utc, 60, &second))
        return false;
    if (!zone_read(utc, &offset_s))
        return false;
    *unix_s = days_of(year + (year < 50 ? 2000 : 1900), month, day) * 86400 + hour * 3600 +
              minute * 60 + second - offset_s;
    return true;
}
