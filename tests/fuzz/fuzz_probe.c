/* fuzz_probe.c - libFuzzer's entry for the probes that read mailboxes by IMAP and POP3, from the connection on: whatever a server
 * says, what is journalled names what exists, nothing is seen more often than it was shown, and it ends in bounded steps.
 *
 * The first octet chooses the probe: bit 0 POP3, bit 1 IDLE, bit 2 that bodies are read of one message in two. The others are the
 * server's script (bed.h).
 */
#include "base/err.h"
#include "tests/fuzz/bed.h"

#define STEPS_MAX 20000u

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static unsigned copies(struct bed *b)
{
    uint32_t count = bed_events(b);
    unsigned seen = 0;

    for (uint32_t i = 0; i < count; i++)
        seen += b->r->events[i].kind == EV_SEEN || b->r->events[i].kind == EV_REPORT;
    return seen;
}

// NOLINTNEXTLINE(readability-identifier-naming): its name is libFuzzer's
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    unsigned how = n > 0 ? data[0] : 0;
    struct bed *b = bed_begin();
    struct net_addr at = b->r->servers[0].imap.addr;
    struct scripted *s = scripted_listen(b, &at, slice_skip(slice_from(data, n), 1));
    const struct probe_ops *ops = how & 1 ? &probe_pop3 : &probe_imap;
    uint64_t steps = loop_sim_steps(b->r->loop);
    struct err e;

    b->how.idle = how & 2;
    b->how.content = how & 4 ? 50 : 100;
    struct probe *p = ops->open(&b->c, &b->how, 0, 0, &e);

    PM_ASSERT(p);
    for (int i = 0; i < 6; i++) {
        bed_run(b, 100 * NS_PER_MS);
        p->ops->scan(p);
    }
    bed_run(b, 3 * NS_PER_S);
    PM_ASSERT(p->why && p->mailbox == 0 && p->server == 0);
    p->ops->close(p);
    scripted_close(s);
    bed_run(b, NS_PER_S); /* what is under way ends */
    PM_ASSERT(loop_sim_steps(b->r->loop) - steps < STEPS_MAX + n);
    /* A copy takes more octets than a token, in as many scans as there are sessions. */
    PM_ASSERT(copies(b) <= n);
    bed_end(b);
    return 0;
}
