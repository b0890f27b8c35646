/* test_send_p1.c - senders against a scripted X.400 MTA: what it gets, and what the account says of it. */
#include <malloc.h>
#include <string.h>

#include "base/loop_sim.h"
#include "tests/loadgen/send_rig.h"
#include "wire/x400/content.h"
#include "wire/x400/p1.h"

struct got { /* an APDU that was taken, read */
    struct arena *arena;
    struct p1_apdu apdu;
};

static bool got_read(struct got *g, uint32_t which)
{
    struct err e = {0};

    g->arena = arena_create(1u << 20);
    if (CHECK(which < rig.mta->apdus) &&
        p1_read(buf_slice(&rig.mta->apdu[which]), g->arena, &g->apdu, &e))
        return CHECK_U64(g->apdu.kind, P1_MESSAGE);
    CHECK_STR(e.text, "");
    arena_destroy(g->arena);
    return false;
}

static const char *address_text(const struct oraddr *a)
{
    static struct buf text;

    buf_fini(&text);
    buf_init(&text, 1024);
    return oraddr_print(a, &text) ? buf_text(&text) : "";
}

/* --- what the peer gets ------------------------------------------------------------------------------------------------- */

static void check_intact(uint32_t which, uint32_t body_bytes)
{
    struct slice apdu = buf_slice(&rig.mta->apdu[which]);
    struct content c;
    struct p1_keys keys;
    uint64_t number = UINT64_MAX;
    struct err e = {0};
    struct got g;

    CHECK(p1_keys_read(apdu, &keys));
    CHECK_U64(p1_identify(&keys, &rig.key, &number), P1_BY_ID);
    if (!got_read(&g, which))
        return;
    CHECK(content_read(g.apdu.message.content, g.arena, &c, &e));
    CHECK_U64(c.ipm.part_count, 1);
    CHECK(smtp_text_check_body(rig.corpus, &rig.key, number, body_bytes, c.ipm.parts[0].text) ==
          SMTP_TEXT_INTACT);
    arena_destroy(g.arena);
}

static void every_message_in(enum x400_mode mode, const char *name)
{
    rig_open_p1(name);
    rig.run->profile.x400.mode = mode;
    rig.mta->peer = "POSTMUSTER";
    rig.mta->peer_password = "secret";
    if (!rig_send_until_ms(2500))
        return;
    CHECK_U64(rig.mta->apdus, 100);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    CHECK_U64(rig.idles, 1);
    CHECK(sender_is_idle(rig.sender));
    CHECK_U64(rig_event(EV_END, 0)->a, (uint32_t)END_ACCEPTED | STAGE_TAKEN << 8);
    for (uint32_t i = 0; i < rig.mta->apdus; i++)
        check_intact(i, 1024);
    rig_close();
}

static void every_message_arrives_intact_in_normal_mode(void)
{
    every_message_in(MODE_NORMAL, "p1-normal");
}

static void every_message_arrives_intact_in_x410_mode(void)
{
    every_message_in(MODE_X410, "p1-x410");
}

static void every_message_arrives_intact_in_1984_mode(void)
{
    every_message_in(MODE_1984, "p1-1984");
}

static void what_the_load_asks_for_stands_in_the_envelope(void)
{
    struct got g;

    rig_open_p1("p1-envelope");
    rig.run->load.recipients = 2;
    rig.run->load.notify = NOTIFY_SUCCESS;
    rig.run->load.priority = PRIO_URGENT;
    rig.run->load.deferred_ns = 90 * NS_PER_S;
    rig.run->load.latest_ns = 3600 * NS_PER_S;
    rig.run->load.no_reassignment = true;
    rig.run->load.ret_headers = true;
    if (!rig_send_until_ms(2500) || !got_read(&g, 0))
        return;
    const struct p1_message *m = &g.apdu.message;
    const struct p1_extension *x;

    CHECK_I64(m->priority, P1_URGENT);
    CHECK_U64(m->indicators.bits, P1_ALTERNATE_ALLOWED);
    CHECK_U64(m->recipient_count, 2);
    for (uint32_t i = 0; i < m->recipient_count; i++) {
        CHECK_I64(m->recipients[i].number, (int64_t)i + 1);
        CHECK_U64(m->recipients[i].indicators.bits, P1_ASK_BOTH);
        CHECK_HAS(address_text(&m->recipients[i].name), "p=LAB;o=SITE;s=joanne-");
    }
    CHECK_HAS(address_text(&m->originator), "p=LAB;o=SITE;s=joe-");
    CHECK(slice_starts(m->id.local, "pm."));
    CHECK(slice_is(m->id.domain.prmd.text, "POSTMUSTER"));
    CHECK_I64(m->content_type.number, CONTENT_P22);
    CHECK_MEM(m->deferred.p, m->deferred.n, "260101000130Z", 13);
    x = p1_extension_find(&m->extensions, P1_EXT_LATEST_DELIVERY);
    CHECK(x && slice_is(x->value, "260101010000Z"));
    x = p1_extension_find(&m->extensions, P1_EXT_REASSIGNMENT_PROHIBITED);
    CHECK(x && x->number == 1);
    x = p1_extension_find(&m->extensions, P1_EXT_CORRELATOR);
    CHECK(x && slice_starts(x->value, "pm."));
    arena_destroy(g.arena);
    CHECK_U64(rig_endings(END_ACCEPTED), 200);
    rig_close();
}

static void asks(enum notify notify, bool no_alternate, uint32_t want)
{
    struct got g;

    rig_open_p1("p1-asks");
    rig.run->load.notify = notify;
    rig.run->load.no_alternate = no_alternate;
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_send_until_ms(1500) || !got_read(&g, 0))
        return;
    CHECK_U64(g.apdu.message.recipients[0].indicators.bits, want);
    CHECK_U64(g.apdu.message.indicators.bits,
              P1_RETURN_CONTENT | (no_alternate ? 0 : P1_ALTERNATE_ALLOWED));
    CHECK(!p1_extension_find(&g.apdu.message.extensions, P1_EXT_REASSIGNMENT_PROHIBITED));
    CHECK(!p1_extension_find(&g.apdu.message.extensions, P1_EXT_LATEST_DELIVERY));
    CHECK_U64(g.apdu.message.deferred.n, 0);
    arena_destroy(g.arena);
    rig_close();
}

static void reports_are_asked_for_as_the_load_says(void)
{
    asks(NOTIFY_DEFAULT, false, P1_ASK_NON);
    asks(NOTIFY_FAILURE, true, P1_ASK_NON);
    asks(NOTIFY_NEVER, false, P1_ASK_NOTHING);
    asks(NOTIFY_SUCCESS, true, P1_ASK_BOTH);
}

static void a_canary_goes_to_nobody_and_asks_for_its_report(void)
{
    struct got g;

    rig_open_p1("p1-canary");
    rig.run->load.notify = NOTIFY_NEVER;
    rig.run->load.deferred_ns = 600 * NS_PER_S;
    if (!rig_sender())
        return;
    sender_canary(rig.sender, rig.work->planned);
    rig_until_ms(1500);
    if (!got_read(&g, 0))
        return;
    CHECK_HAS(address_text(&g.apdu.message.recipients[0].name), "p=LAB;o=SITE;s=pm-no-such-user");
    CHECK_U64(g.apdu.message.recipients[0].indicators.bits, P1_ASK_NON);
    CHECK_U64(g.apdu.message.indicators.bits, 0);
    CHECK_U64(g.apdu.message.deferred.n, 0);
    CHECK_HAS(fake_run_events(rig.run, EV_CANARY), "code=0 ");
    CHECK_U64(fake_run_count(rig.run, EV_END), 0);
    arena_destroy(g.arena);
    rig_close();
}

static void every_size_of_the_mix_fits(void)
{
    rig_open_p1("p1-mix");
    rig.run->load.size = SIZE_MMB;
    rig.run->load.size_max = 43u << 10;
    rig.run->load.duration_ns = 50 * NS_PER_S;
    if (!rig_send_until_ms(8000))
        return;
    CHECK_U64(rig.mta->apdus, 500);
    CHECK_U64(rig_endings(END_ACCEPTED), 500);
    rig_close();
}

static void long_messages_go_by_checkpoints(void)
{
    rig_open_p1("p1-checkpoints");
    rig.run->profile.x400.checkpoint_kb = 16;
    rig.run->profile.x400.window = 2;
    rig.run->profile.x400.tpdu_bytes = 2048;
    rig.run->load.size_min = rig.run->load.size_max = 200000;
    if (!rig_send_until_ms(6000))
        return;
    CHECK_U64(association_checkpoint_kb(rig.mta->call[0]->association), 16);
    CHECK_U64(association_window(rig.mta->call[0]->association), 2);
    CHECK_U64(rig_endings(END_ACCEPTED), 100);
    for (uint32_t i = 0; i < rig.mta->apdus; i++)
        check_intact(i, 200000);
    rig_close();
}

static void a_burst_goes_over_the_associations_there_are(void)
{
    rig_open_p1("p1-burst");
    rig.run->load.arrivals = ARRIVE_BURSTS;
    rig.run->load.burst = 200;
    rig.run->load.burst_every_ns = NS_PER_S;
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_send_until_ms(3000))
        return;
    CHECK_U64(rig_endings(END_ACCEPTED), 200);
    CHECK_U64(rig.mta->binds, 4);
    CHECK_U64(rig.mta->seen, 200);
    CHECK(sender_health(rig.sender)->pool_waits >= 190);
    rig_close();
}

static void an_address_that_does_not_fit_names_mailbox_and_attribute(void)
{
    struct err e = {0};

    rig_open_p1("p1-address");
    rig.run->mailboxes[1].address =
        "joanne-of-the-very-long-name-that-no-surname-may-have-in-x400@lab.test";
    struct sender_context c = rig_context(1);

    CHECK(!sender_create(&c, &e));
    CHECK_U64((uint64_t)e.code, EX_BAD_PROFILE);
    CHECK_HAS(e.text, "load steady: mailbox joanne-2 (c=US;a= ;p=LAB;o=SITE;s={local}): ");
    CHECK_HAS(e.text, "s has 61 characters, 40 are allowed");
    rig.run->mailboxes[1].address = "joanne-2@lab.test";
    rig.run->load.protocol = "uucp";
    CHECK(!sender_create(&c, &e));
    CHECK_HAS(e.text, "load steady: nobody speaks uucp");
    rig_close();
}

/* --- endings -------------------------------------------------------------------------------------------------------------- */

static enum fake_p1_answer by_number(struct fake_p1 *f, struct fake_p1_call *c, struct slice apdu)
{
    (void)c, (void)apdu;
    return f->seen % 10 == 3   ? FAKE_P1_NOT_NOW
           : f->seen % 10 == 6 ? FAKE_P1_NEVER
           : f->seen % 10 == 8 ? FAKE_P1_ABORT
                               : FAKE_P1_TAKE;
}

static uint32_t codes_of(enum ending how, uint32_t code)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < rig.run->event_count; i++)
        n += rig.run->events[i].kind == EV_END && (rig.run->events[i].a & 0xff) == (uint32_t)how &&
             rig.run->events[i].code == code;
    return n;
}

static void exceptions_are_refusals_and_aborts_leave_doubt(void)
{
    rig_open_p1("p1-exceptions");
    rig.mta->answer = by_number;
    if (!rig_send_until_ms(4000))
        return;
    CHECK_U64(rig_endings(END_REFUSED_TEMP), 10);
    CHECK_U64(rig_endings(END_REFUSED_PERM), 10);
    CHECK_U64(rig_endings(END_DOUBT), 10); /* its end was said: nobody knows */
    CHECK_U64(rig_endings(END_ACCEPTED), 70);
    CHECK_U64(codes_of(END_REFUSED_TEMP, event_code(0, EVENT_X400, STACK_SESSION, 1)), 10);
    CHECK_U64(codes_of(END_REFUSED_PERM, event_code(0, EVENT_X400, STACK_SESSION, 5)), 10);
    CHECK_U64(codes_of(END_DOUBT, event_code(0, EVENT_X400, STACK_RTSE, RTSE_TEMPORARY)), 10);
    CHECK_U64(rig.mta->apdus, 70);
    CHECK_U64(fake_run_count(rig.run, EV_FINDING), 0);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static enum fake_p1_answer cut_some(struct fake_p1 *f, struct fake_p1_call *c, struct slice apdu)
{
    (void)c, (void)apdu;
    return f->seen % 10 == 5   ? FAKE_P1_TAKE_CUT
           : f->seen % 10 == 7 ? FAKE_P1_HANG_UP
                               : FAKE_P1_TAKE;
}

static void doubt_without_resend_stays_doubt(void)
{
    rig_open_p1("p1-doubt");
    rig.mta->answer = cut_some;
    if (!rig_send_until_ms(6000))
        return;
    CHECK_U64(rig_endings(END_DOUBT), 20);
    CHECK_U64(rig_endings(END_ACCEPTED), 80);
    CHECK_U64(rig.mta->apdus, 90);
    CHECK_U64(rig_event(EV_END, 5)->a, (uint32_t)END_DOUBT | STAGE_TAKEN << 8);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void doubt_is_resent_octet_for_octet_on_another_association(void)
{
    unsigned twice = 0;

    rig_open_p1("p1-resend");
    rig.mta->answer = cut_some;
    rig.run->load.resend = 3;
    rig.run->load.connections = 1;
    if (!rig_send_until_ms(9000))
        return;
    unsigned doubts = rig_endings(END_DOUBT);
    CHECK(doubts >= 20);
    CHECK_U64(rig_endings(END_ACCEPTED), 100); /* each in the end, */
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 100);
    CHECK_U64(sender_health(rig.sender)->sent, 100);
    CHECK_U64(rig.mta->seen, 100 + doubts);
    for (uint32_t i = 1; i < rig.mta->apdus;
         i++) { /* and what was taken before it was in doubt, twice */
        struct slice before = buf_slice(&rig.mta->apdu[i - 1]), now = buf_slice(&rig.mta->apdu[i]);

        twice += before.n == now.n && memcmp(before.p, now.p, now.n) == 0;
    }
    CHECK_U64(twice, rig.mta->apdus - 100);
    CHECK(twice >= 10);
    CHECK_U64(rig.mta->binds, 1 + doubts);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static enum fake_p1_answer always_cut(struct fake_p1 *f, struct fake_p1_call *c, struct slice apdu)
{
    (void)f, (void)c, (void)apdu;
    return FAKE_P1_HANG_UP;
}

static void what_is_in_doubt_after_the_last_resend_stays_so(void)
{
    rig_open_p1("p1-hopeless");
    rig.mta->answer = always_cut;
    rig.run->load.resend = 2;
    rig.run->load.connections = 1;
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_send_until_ms(60000))
        return;
    CHECK_U64(rig.mta->seen, 30);
    CHECK_U64(rig_endings(END_DOUBT), 30);
    CHECK_U64(rig_endings(END_ACCEPTED), 0);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 10);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static enum fake_p1_answer say_nothing(struct fake_p1 *f, struct fake_p1_call *c, struct slice apdu)
{
    (void)f, (void)c, (void)apdu;
    return FAKE_P1_SILENT;
}

static void an_end_that_is_never_answered_is_doubt_after_its_time(void)
{
    rig_open_p1("p1-timeout");
    rig.mta->answer = say_nothing;
    rig.run->load.duration_ns = 100 * NS_PER_MS;
    if (!rig_send_until_ms(12900)) /* 120 target seconds are 12 here */
        return;
    CHECK_U64(rig_endings(END_DOUBT), 0);
    rig_until_ms(13500);
    CHECK_U64(rig_endings(END_DOUBT), 1);
    CHECK_U64(rig_findings(FIND_TIMEOUT), 1);
    CHECK_U64(rig_event(EV_FINDING, 0)->a, STAGE_TAKEN);
    CHECK_U64(rig.mta->aborted, 1); /* it was told */
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

/* The peer stops reading in the middle of a message: all but its last octets have been given away. */
static bool stall(const char *name)
{
    rig_open_p1(name);
    rig_network_p1(&(struct sim_config){.seed = 3,
                                        .start_ns = NS_PER_S,
                                        .latency_min_ns = 10 * NS_PER_MS,
                                        .latency_max_ns = 10 * NS_PER_MS,
                                        .window = 1600});
    rig.run->load.connections = 1;
    rig.run->load.duration_ns = 100 * NS_PER_MS;
    if (!rig_sender())
        return false;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(1200);
    CHECK_U64(rig.armed, 1);
    stream_pause(rig.mta->call[0]->stream, true);
    sender_start(rig.sender);
    rig_until_ms(1500);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 1);
    return true;
}

/* Whatever was not given away when it was called aborted may never follow. */
static void a_transfer_that_stalls_is_aborted_and_never_completes(void)
{
    if (!stall("p1-stall"))
        return;
    rig_until_ms(12900);
    CHECK_U64(rig_endings(END_ABORTED), 0);
    rig_until_ms(14000);
    CHECK_U64(rig_event(EV_END, 0)->a, (uint32_t)END_ABORTED | STAGE_TRANSFER << 8);
    CHECK_U64(rig_findings(FIND_TIMEOUT), 1);
    CHECK_U64(rig_event(EV_FINDING, 0)->a, STAGE_TRANSFER);
    stream_pause(rig.mta->call[0]->stream, false);
    rig_until_ms(16000);
    CHECK_U64(rig.mta->seen, 0);
    rig_close();
}

/* The peer reads on, and there is room for the rest, just when it is called aborted. */
static void a_cut_in_a_transfer_aborts_it(void)
{
    if (!stall("p1-stall-cut"))
        return;
    stream_pause(rig.mta->call[0]->stream, false);
    rig_until_ms(1501);
    sender_stop(rig.sender, true);
    CHECK_U64(rig_endings(END_ABORTED), 1);
    rig_until_ms(3000);
    CHECK_U64(rig.mta->seen, 0);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void nonsense_in_a_transfer_aborts_it(void)
{
    static const char nonsense[] = "what was that?";

    if (!stall("p1-stall-nonsense"))
        return;
    CHECK_I64(stream_write(rig.mta->call[0]->stream, nonsense, strlen(nonsense)),
              (int64_t)strlen(nonsense));
    stream_pause(rig.mta->call[0]->stream, false);
    rig_until_ms(3000);
    CHECK_U64(rig_endings(END_ABORTED), 1);
    CHECK_U64(rig_findings(FIND_PROTOCOL), 1);
    CHECK_U64(rig_event(EV_FINDING, 0)->a, STAGE_TRANSFER);
    CHECK_U64(rig.mta->seen, 0);
    rig_close();
}

static void a_cut_leaves_doubt_where_the_end_was_said(void)
{
    rig_open_p1("p1-cut");
    rig.mta->answer = say_nothing;
    rig.run->load.resend = 5;
    if (!rig_send_until_ms(2000))
        return;
    CHECK(!sender_is_idle(rig.sender));
    sender_stop(rig.sender, true);
    rig_until_ms(3000);
    CHECK_U64(rig_endings(END_DOUBT), 4);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 4);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

/* The same moment as with a cut: there is room for the rest, and nothing of it may follow. */
static void a_halt_in_a_transfer_aborts_it(void)
{
    if (!stall("p1-halt"))
        return;
    stream_pause(rig.mta->call[0]->stream, false);
    rig_until_ms(1501);
    sender_stop(rig.sender, STOP_HALT);
    CHECK_U64(rig_endings(END_ABORTED), 1);
    rig_until_ms(3000);
    CHECK_U64(rig.mta->seen, 0);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 1);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void a_halt_waits_for_the_answer_to_an_end_that_has_left(void)
{
    rig_open_p1("p1-halt-end");
    rig_network_p1(&(struct sim_config){.seed = 3,
                                        .start_ns = NS_PER_S,
                                        .latency_min_ns = 200 * NS_PER_MS,
                                        .latency_max_ns = 200 * NS_PER_MS,
                                        .window = 65536});
    rig.run->load.connections = 1;
    rig.run->load.resend = 5;
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    rig_until_ms(3000);
    CHECK_U64(rig.armed, 1);
    sender_start(rig.sender);
    rig_until_ms(3100);
    sender_stop(rig.sender, STOP_HALT);
    rig_until_ms(3150);
    CHECK_U64(rig.mta->apdus, 0); /* it is still on its way */
    CHECK(!sender_is_idle(rig.sender));
    rig_until_ms(5000);
    CHECK_U64(rig.mta->apdus, 1);
    CHECK_U64(rig_endings(END_ACCEPTED), 1);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 1);
    CHECK(sender_is_idle(rig.sender));
    rig_close();
}

static void a_cut_gives_up_what_waits_to_be_resent(void)
{
    rig_open_p1("p1-cut-again");
    rig.mta->answer = always_cut;
    rig.run->load.resend = 100;
    rig.run->load.duration_ns = NS_PER_S;
    if (!rig_send_until_ms(1200))
        return;
    fake_p1_down(rig.mta);
    rig_until_ms(3000);
    CHECK(!sender_is_idle(rig.sender));
    sender_stop(rig.sender, true);
    rig_until_ms(3100);
    CHECK(sender_is_idle(rig.sender));
    CHECK(rig_endings(END_DOUBT) > 0);
    rig_close();
}

/* --- how much -------------------------------------------------------------------------------------------------------------- */

/* Real time: until the peer has taken so many, or the sender is idle. */
static void until_taken(uint32_t count)
{
    uint64_t now = loop_now(rig.run->loop), end = now + 30 * NS_PER_S;

    while (rig.mta->apdus < count && !sender_is_idle(rig.sender) && now < end) {
        now += 5 * NS_PER_MS;
        fake_run_until(rig.run, now);
    }
}

static void open_on_sockets(const char *name)
{
    struct err e;

    rig_open_p1(name);
    fake_p1_destroy(rig.mta);
    fake_smtp_destroy(rig.server);
    loop_destroy(rig.run->loop);
    rig.run->loop = loop_epoll_create(&e);
    rig.run->clock = (struct run_clock){.origin_ns = loop_now(rig.run->loop), .scale = 1};
    rig.server = fake_smtp_create(rig.run->loop, "127.0.0.1:0");
    rig.mta = fake_p1_create(rig.run->loop, "127.0.0.1:0");
    rig.run->servers[2].p1.at.addr = rig.mta->at;
}

static void for_ms(uint64_t ms)
{
    fake_run_until(rig.run, loop_now(rig.run->loop) + ms * NS_PER_MS);
}

/* The whole message is the kernel's when the stop comes, and the peer's window is shut: there it stays. */
static void a_halt_takes_back_what_the_kernel_still_holds(void)
{
    open_on_sockets("p1-halt-kernel");
    rig.run->load.connections = 1;
    rig.run->load.resend = 5;
    rig.run->load.rate = 1000;
    rig.run->load.size_min = rig.run->load.size_max = 400u << 10;
    if (!rig_sender())
        return;
    sender_arm(rig.sender, rig_ready);
    for (int i = 0; i < 1000 && rig.armed == 0; i++)
        for_ms(5);
    CHECK_U64(rig.armed, 1);
    stream_pause(rig.mta->call[0]->stream, true);
    sender_start(rig.sender);
    for_ms(300);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 1);
    sender_stop(rig.sender, STOP_HALT);
    for_ms(200);
    CHECK_U64(rig_endings(END_DOUBT), 1);
    CHECK(sender_is_idle(rig.sender));
    stream_pause(rig.mta->call[0]->stream, false);
    for_ms(300);
    CHECK_U64(rig.mta->seen, 0);
    CHECK_U64(fake_run_count(rig.run, EV_SENT), 1);
    rig_close();
}

static void many_messages_go_over_real_sockets_in_flat_memory(void)
{
    open_on_sockets("p1-epoll");
    rig.mta->forget = true;
    rig.run->load.rate = 20000;
    rig.run->load.duration_ns = NS_PER_S / 6;
    rig.run->load.size_min = rig.run->load.size_max = 500;
    if (!rig_send_until_ms(0))
        return;
    until_taken(500);
    size_t used = mallinfo2().uordblks;
    until_taken(3334);
    CHECK(mallinfo2().uordblks < used + 65536);
    until_taken(UINT32_MAX);
    CHECK_U64(rig.mta->apdus, 3334);
    CHECK_U64(rig_endings(END_ACCEPTED), 3334);
    CHECK(rig.mta->binds <= 4);
    rig_close();
}

static const struct test tests[] = {
    TEST(every_message_arrives_intact_in_normal_mode),
    TEST(every_message_arrives_intact_in_x410_mode),
    TEST(every_message_arrives_intact_in_1984_mode),
    TEST(what_the_load_asks_for_stands_in_the_envelope),
    TEST(reports_are_asked_for_as_the_load_says),
    TEST(a_canary_goes_to_nobody_and_asks_for_its_report),
    TEST(every_size_of_the_mix_fits),
    TEST(long_messages_go_by_checkpoints),
    TEST(a_burst_goes_over_the_associations_there_are),
    TEST(an_address_that_does_not_fit_names_mailbox_and_attribute),
    TEST(exceptions_are_refusals_and_aborts_leave_doubt),
    TEST(doubt_without_resend_stays_doubt),
    TEST(doubt_is_resent_octet_for_octet_on_another_association),
    TEST(what_is_in_doubt_after_the_last_resend_stays_so),
    TEST(an_end_that_is_never_answered_is_doubt_after_its_time),
    TEST(a_transfer_that_stalls_is_aborted_and_never_completes),
    TEST(a_cut_in_a_transfer_aborts_it),
    TEST(nonsense_in_a_transfer_aborts_it),
    TEST(a_cut_leaves_doubt_where_the_end_was_said),
    TEST(a_halt_in_a_transfer_aborts_it),
    TEST(a_halt_waits_for_the_answer_to_an_end_that_has_left),
    TEST(a_cut_gives_up_what_waits_to_be_resent),
    TEST(a_halt_takes_back_what_the_kernel_still_holds),
    TEST(many_messages_go_over_real_sockets_in_flat_memory),
    TEST_END,
};

const struct suite send_p1_suite = {"send_p1", tests};
