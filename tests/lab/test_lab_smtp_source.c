/* test_lab_smtp_source.c - Postfix's load generator against the SMTP front: a client that is nobody's here. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/lab/fronts.h"
#include "tests/support/check.h"

static const char *find_tool(void)
{
    const char *named = getenv("SMTP_SOURCE"); /* a wrapper or another place */
    const char *usual = "/usr/sbin/smtp-source";

    if (named)
        return named;
    return access(usual, X_OK) == 0 ? usual : NULL;
}

static void every_message_of_smtp_source_arrives_once(void)
{
    const char *tool = find_tool();
    char command[600], text[NET_TEXT];
    struct fronts f;

    if (!tool)
        check_skip("smtp-source (Debian package postfix) is not installed");
    if (!fronts_serve(&f, false, NULL))
        return;
    struct net_addr at = lab_site_front(f.site, 0).smtp;
    (void)snprintf(command, sizeof command,
                   "%s -s 50 -m 5000 -l 2000 -f bob@lab.test -t joe@lab.test %s 2>&1", tool,
                   net_print(&at, text));
    uint64_t from_ns = clock_mono_ns();
    CHECK_I64(system(command), 0); // NOLINT(cert-env33-c): a fixed command of ours
    CHECK_BETWEEN((double)(clock_mono_ns() - from_ns) / 1e9, 0, 30);
    (void)usleep(300000);
    fronts_join(&f);
    CHECK_U64(lab_item_count(lab_site_core(f.site), 0, 0), 5000);
    fronts_fini(&f);
}

static const struct test tests[] = {
    TEST(every_message_of_smtp_source_arrives_once),
    TEST_END,
};

const struct suite lab_smtp_source_suite = {"lab_smtp_source", tests};
