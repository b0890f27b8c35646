/* probe.c - the table of probes, and how often they look. A new one is a file and a row. */
#include "probes/probe.h"

const struct probe_ops *const probe_table[] = {
    &probe_imap,
    &probe_maildir,
    &probe_mbox,
    &probe_pop3,
    &probe_ours,
    &probe_queue_http,
    &probe_queue_exec,
    &probe_queue_postfix,
    &probe_queue_exim,
    &probe_queue_opensmtpd,
    &probe_queue_sendmail,
    &probe_queue_exchange,
    NULL,
};

uint64_t probe_period_ns(const struct probe_profile *how)
{
    return how->period_real_ns > NS_PER_MS ? how->period_real_ns : NS_PER_MS;
}

uint64_t probe_backoff_ns(const struct probe_profile *how, uint32_t tries)
{
    return probe_period_ns(how) * (1ull << (tries < 4 ? tries : 4));
}
