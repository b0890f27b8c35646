/* kill_rig.c - a small live site, and runs of it that are killed. */
#include "tests/app/kill_rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/stat.h>

#include "base/bytes.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#ifdef PM_FAULT_SHIM
#define KILL_SHIM "LD_PRELOAD=" PM_FAULT_SHIM, "PM_FAULT_ACK=1",
#else
#define KILL_SHIM /* not with a sanitizer */
#endif

enum { SMTP = 25, HTTP = 80, IMAP = 143, PORTS }; /* above lab.base_port */

static const char lab[] =
    "lab: {version: 5.5-sp3, servers: [s1, s2], base_port: %u,\n"
    "  knobs: {create_to_flag: 50ms, copy_time: 100ms, commit_delay: 50ms}}\n";

static const char live_site[] =
    "servers:\n"
    "  s1: {smtp: '127.0.0.11:%u', imap: '127.0.0.11:%u', control: 'http://127.0.0.11:%u',\n"
    "    tls: none, imap_tls: none}\n"
    "  s2: {smtp: '127.0.0.12:%u', imap: '127.0.0.12:%u', control: 'http://127.0.0.12:%u',\n"
    "    tls: none, imap_tls: none}\n"
    "movers:\n"
    "  lab: {type: http, start: 'POST {control}/v1/move', period: 20ms,\n"
    "    body: '{\"mailbox\":\"{mailbox}\",\"from\":\"{from}\",\"to\":\"{to}\"}',\n"
    "    poll: 'GET {control}/v1/move?id={id}'}\n"
    "probes:\n"
    "  stores: {type: imap, period: 100ms}\n"
    "  queues: {type: http, period: 100ms}\n"
    "home_lookup: {url: '{control}/v1/home?mailbox={mailbox}', period: 50ms}\n";

static const char mailboxes[] =
    "mailboxes:\n"
    "  box: {count: 4, home: s1, alternate: alt, deliver: both, password: word%s}\n"
    "  alt: {count: 4, home: s2, password: word%s}\n"
    "  joe: {count: 2, home: s2, password: word%s}\n";

static const char usual_load[] =
    "load:\n"
    "  steady: {via: s2, from: joe, to: box, arrivals: poisson, rate: 150/s, duration: 2s,\n"
    "    size: 1KB, threads: 2, connections: 2}\n"
    "moves:\n"
    "  users: {mailboxes: box, to: s2, start: 100ms, every: 300ms, count: 6, back: yes,\n"
    "    mover: lab}\n"
    "settle: {retry: 1s, deadline: 20s}\n";

static const char *write_profile(const char *dir, const char *name, unsigned port, bool live,
                                 const char *load)
{
    const char *address = live ? ", address: '{name}@lab.test'" : "", *path;
    struct buf b;

    buf_init(&b, 1u << 16);
    (void)buf_add_format(&b, "schema: 1\nrun: {name: killed, seed: 7}\n");
    if (live)
        (void)buf_add_format(&b, live_site, port + SMTP, port + IMAP, port + HTTP, port + SMTP,
                             port + IMAP, port + HTTP);
    else
        (void)buf_add_format(&b, lab, port);
    (void)buf_add_format(&b, mailboxes, address, address, address);
    (void)buf_add_text(&b, load ? load : usual_load);
    path = scratch_file(dir, name, buf_text(&b));
    buf_fini(&b);
    return path;
}

const char *kill_rig_inside(const char *dir, const char *load)
{
    return write_profile(dir, "inside.yaml", 0, false, load);
}

bool kill_rig_open(struct kill_rig *k, const char *name, const char *load)
{
    unsigned port = program_free_ports(PORTS);

    (void)snprintf(k->dir, sizeof k->dir, "%s", scratch_dir(name));
    (void)snprintf(k->lab_yaml, sizeof k->lab_yaml, "%s",
                   write_profile(k->dir, "lab.yaml", port, false, load));
    (void)snprintf(k->live_yaml, sizeof k->live_yaml, "%s",
                   write_profile(k->dir, "live.yaml", port, true, load));
    (void)snprintf(k->truth, sizeof k->truth, "%s/truth.tsv", k->dir);
    const char *const serve[] = {"lab", k->lab_yaml, "--dir", k->dir, NULL};

    if (!CHECK(program_start(&k->lab, &(struct program_way){.dir = k->dir}, serve)) ||
        !CHECK(program_file_appears(k->truth, 10)))
        return false;
    program_sleep_ms(200);
    return true;
}

bool kill_rig_close(struct kill_rig *k)
{
    program_sleep_ms(1500); /* what was under way arrives */
    program_signal(&k->lab, SIGINT);
    bool ended = CHECK(program_wait(&k->lab, 10));

    return CHECK_U64((uint64_t)k->lab.code, 0) && ended;
}

bool kill_rig_start(struct program *p, const char *dir, const char *profile, unsigned i,
                    const char *const *env, char folder[KILL_FOLDER])
{
    char runs[400], manifest[700];
    const char *const argv[] = {"run", profile, "--runs", runs, "--quiet", NULL};

    (void)snprintf(runs, sizeof runs, "%s/runs-%u", dir, i);
    folder[0] = '\0';
    if (!CHECK(program_start(p, &(struct program_way){.dir = dir, .env = env}, argv)))
        return false;
    for (unsigned ms = 0; ms < 20000 && !*folder && !program_is_over(p); ms += 10) {
        (void)snprintf(folder, KILL_FOLDER, "%s", program_only_folder(runs));
        program_sleep_ms(10);
    }
    (void)snprintf(manifest, sizeof manifest, "%s/manifest.json", folder);
    while (*folder && !program_is_over(p) && !program_file_appears(manifest, 1))
        ;
    return *folder != '\0';
}

bool kill_rig_kill(const char *dir, const char *profile, unsigned i, unsigned after_ms,
                   char folder[KILL_FOLDER])
{
    static const char *const noted[] = {KILL_SHIM NULL};
    struct program p;
    char manifest[700];

    if (!kill_rig_start(&p, dir, profile, i, noted, folder))
        return false;
    program_sleep_ms(after_ms);
    program_signal(&p, SIGKILL);
    (void)program_wait(&p, 10);
    if (p.code != 128 + SIGKILL) {
        char *said = program_said(&p, true);

        (void)printf("  run %u ended by itself with %d: %s\n", i, p.code, said);
        free(said);
    }
    (void)snprintf(manifest, sizeof manifest, "%s/manifest.json", folder);
    return CHECK(program_file_appears(manifest, 1));
}

static bool read_ack(const char *path, uint64_t *octets)
{
    FILE *f = fopen(path, "re");
    bool ok = f && fread(octets, sizeof *octets, 1, f) == 1;

    if (f)
        (void)fclose(f);
    return ok;
}

uint64_t kill_rig_acknowledged(const char *folder, uint64_t *missing)
{
    uint64_t all = 0, octets = 0;

    *missing = 0;
    for (unsigned i = 0; i < 16; i++) {
        char journal[700], ack[710];
        struct stat st = {0};

        (void)snprintf(journal, sizeof journal, "%s/journal/%04u.mpj", folder, i);
        (void)snprintf(ack, sizeof ack, "%s.ack", journal);
        if (!read_ack(ack, &octets))
            continue;
        all += octets;
        if (stat(journal, &st) < 0 || (uint64_t)st.st_size < octets)
            *missing += octets - (uint64_t)st.st_size;
    }
    return all;
}
