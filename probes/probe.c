/* probe.c - the table of probes. A new one is a file and a row. */
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
