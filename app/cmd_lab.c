/* cmd_lab.c - serve a profile's embedded site alone, until interrupted: to look at it, or to point other tools at it. */
#include <signal.h>
#include <stdio.h>

#include "app/cmd.h"
#include "app/lab_host.h"
#include "loadgen/p1_peer.h"

/* What the profile of one's own sender has to say, and where reports go. */
static void print_x400(const struct profile *p)
{
    const struct x400_profile *x = &p->x400;
    const struct server *first = p->site.servers;

    (void)printf("X.400 (%s): MTAs %s ..., password %s, addresses %s\n",
                 stack_mode_name(p1_peer_mode(x)), first->p1.mta, first->p1.password, x->address);
    (void)printf("  %s may call%s", x->mta, x->password ? " with its password" : "");
    if (x->on && x->listen)
        (void)printf(", and is called at %s with mail for %s\n", x->listen, x->our_address);
    else
        (void)printf("; nobody is called, since %s\n",
                     x->on ? "x400.listen is not given" : "no mailbox has \"home: ours\"");
}

static void print_site(const struct profile *p, const char *dir)
{
    (void)printf("lab %s, domain %s, time runs %u times as fast\n", p->lab.version, p->site.domain,
                 p->lab.time_scale);
    for (uint32_t i = 0; i < p->site.server_count; i++) {
        const struct server *s = &p->site.servers[i];

        if (s->ours)
            continue;
        (void)printf("  %-8s smtp %-22s imap %-22s p1 %-22s control %s\n", s->name, s->smtp.text,
                     s->imap.text, s->p1.at.text, s->control);
    }
    print_x400(p);
    for (uint32_t i = 0; i < p->site.group_count; i++) {
        const struct group *g = &p->site.groups[i];
        const struct mailbox *m = &p->site.mailboxes[g->first];

        (void)printf("  %u mailbox%s %s (%s ...), password %s, on %s\n", g->count,
                     g->count == 1 ? "" : "es", g->name, m->address, m->password,
                     m->home == SITE_NONE ? "?" : p->site.servers[m->home].name);
    }
    (void)printf("truth: %s/truth.tsv\nEnd with Ctrl-C.\n", dir);
    (void)fflush(stdout);
}

static int serve(struct arena *a, const struct profile_request *rq, const char *dir)
{
    struct err e = {0};
    sigset_t wanted;
    int got;
    struct profile *p = profile_load(a, rq, &e);

    if (!p)
        return cmd_fail(&e);
    if (!p->lab.on) {
        (void)err_set(&e, EX_BAD_PROFILE, "%s: has no lab section", rq->path);
        return cmd_fail(&e);
    }
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    struct lab_host *h = lab_host_create(p, a, NULL, dir, &e);

    if (!h || !lab_host_begin(h, &e)) {
        lab_host_destroy(h);
        return cmd_fail(&e);
    }
    print_site(p, dir);
    (void)sigwait(&wanted, &got);
    lab_host_destroy(h);
    return EX_PASS;
}

int cmd_lab(const struct cmd *self, int argc, char **argv)
{
    struct profile_request rq = {0};
    struct cmd_list sets = {0};
    const char *dir = ".";
    const struct cmd_option options[] = {{.name = "dir", .text = &dir}, {0}};

    if (!cmd_profile_request(options, argc, argv, &sets, &rq))
        return cmd_usage(self);
    struct arena *a = arena_create(1ull << 30);
    int code = a ? serve(a, &rq, dir) : EX_IO;

    arena_destroy(a);
    return code;
}
