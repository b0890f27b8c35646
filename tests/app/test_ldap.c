/* test_ldap.c - homes in a real directory: OpenLDAP's slapd, started here on 127.0.33.1 with a folder of its own.
 *
 * Entries as Exchange 5.5 has them (Home-MDB, a DN with the server in it), as Active Directory (homeMDB, msExchHomeServerName),
 * as RFC-less sendmail and friends (mailHost). The loop is real, the rest of the run is fake_run's.
 */
#include <ldap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "probes/home_lookup.h"
#include "tests/support/check.h"
#include "tests/support/child.h"
#include "tests/support/fake_run.h"
#include "tests/support/scratch.h"

#define SLAPD "/usr/sbin/slapd"

static char dir[600], url[100], tls_url[100];
static pid_t slapd;

static const char configuration[] =
    "include /etc/ldap/schema/core.schema\n"
    "include /etc/ldap/schema/cosine.schema\n"
    "include /etc/ldap/schema/inetorgperson.schema\n"
    "include /etc/ldap/schema/misc.schema\n"
    "attributetype ( 1.2.840.113556.1.2.244 NAME ( 'homeMDB' 'Home-MDB' )\n"
    "  SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )\n"
    "attributetype ( 1.2.840.113556.1.4.7000.102.47 NAME 'msExchHomeServerName'\n"
    "  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
    "objectclass ( 1.3.6.1.4.1.4203.666.11.77 NAME 'pmBox' AUXILIARY\n"
    "  MAY ( homeMDB $ msExchHomeServerName ) )\n"
    "pidfile %s/slapd.pid\nargsfile %s/slapd.args\n"
    "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
    "%s"
    "database mdb\nmaxsize 10485760\nsuffix \"dc=lab,dc=test\"\ndirectory %s/data\n"
    "rootdn \"cn=admin,dc=lab,dc=test\"\nrootpw secret\n"
    "access to dn.subtree=\"ou=hidden,dc=lab,dc=test\" by users read by * none\n"
    "access to * by * read\n";

#define DATABASE ",CN=First Storage Group,CN=InformationStore,CN="
#define GROUP                                                                                      \
    ",CN=Servers,CN=First Administrative Group,CN=Administrative Groups,CN=Lab,CN=Microsoft "      \
    "Exchange,CN=Services,CN=Configuration,DC=lab,DC=test\n"
#define PERSON(dn, name, address)                                                                  \
    "dn: " dn "\nobjectClass: inetOrgPerson\nobjectClass: pmBox\n"                                 \
    "objectClass: inetLocalMailRecipient\ncn: " name "\nsn: " name "\nmail: " address "\n"

static const char entries[] =
    "dn: dc=lab,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: Lab\ndc: lab\n\n"
    "dn: ou=hidden,dc=lab,dc=test\nobjectClass: organizationalUnit\nou: hidden\n\n"
    /* Exchange 5.5: cn=Recipients,ou=SITE,o=ORG */
    PERSON("cn=joanne-1,dc=lab,dc=test", "joanne-1",
           "joanne-1@lab.test") "homeMDB: cn=Microsoft Private "
                                "MDB,cn=S1,cn=Servers,cn=Configuration,ou=50site,o=Lab\n"
                                "mailHost: s1.lab.test\n\n"
    /* Active Directory, a database named after another server */
    PERSON(
        "cn=joanne-2,dc=lab,dc=test", "joanne-2",
        "joanne-2@lab.test") "homeMDB: CN=Mailboxes of s1" DATABASE "EXCH2" GROUP
                             "msExchHomeServerName: /o=Lab/ou=First Administrative "
                             "Group/cn=Configuration/cn=Servers/cn=EXCH2\n"
                             "mailHost: s2\n\n" PERSON("cn=joe-1,ou=hidden,dc=lab,dc=test", "joe-1", "joe-1@lab.test") "mailHost: s3.lab.test\n\n" PERSON(
                                 "cn=joe-2,dc=lab,dc=test", "joe-2",
                                 "joe-2@lab.test") "mailHost: s17.lab.test\n\n" PERSON("cn=alt-1,"
                                                                                       "dc=lab,dc="
                                                                                       "test",
                                                                                       "alt-1",
                                                                                       "alt-1@lab."
                                                                                       "test") "\n" PERSON("cn=twin a,dc=lab,dc=test",
                                                                                                           "twin a",
                                                                                                           "alt-2@lab.test") "mailHost: s1.lab.test\n\n" PERSON("cn=twin b,dc=lab,dc=test",
                                                                                                                                                                "twin b",
                                                                                                                                                                "alt-2@lab.test") "mailHost: s2.lab.test\n";

/* ---- slapd ---- */

static LDAP *administrator(void)
{
    struct berval secret = {6, (char[]){"secret"}};
    int version = LDAP_VERSION3;
    LDAP *ld = NULL;

    for (unsigned i = 0; i < 100; i++) {
        if (ldap_initialize(&ld, url) != LDAP_SUCCESS)
            return NULL;
        (void)ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
        if (ldap_sasl_bind_s(ld, "cn=admin,dc=lab,dc=test", LDAP_SASL_SIMPLE, &secret, NULL, NULL,
                             NULL) == LDAP_SUCCESS)
            return ld;
        (void)ldap_unbind_ext_s(ld, NULL, NULL);
        (void)usleep(100000);
    }
    return NULL;
}

static void slapd_start(void)
{
    char conf[700], urls[300];
    (void)snprintf(conf, sizeof conf, "%s/slapd.conf", dir);
    (void)snprintf(urls, sizeof urls, "%s/ %s/", url, tls_url);
    const char *const argv[] = {SLAPD, "-d", "0", "-h", urls, "-f", conf, NULL};
    slapd = child_start(argv);
    LDAP *ld = administrator();

    CHECK(ld && waitpid(slapd, NULL, WNOHANG) == 0); /* ours, and not another one at that port */
    if (ld)
        (void)ldap_unbind_ext_s(ld, NULL, NULL);
}

static void slapd_stop(void)
{
    if (slapd <= 0)
        return;
    child_end(slapd);
    slapd = 0;
}

static bool make_certificate(char *lines, size_t room)
{
    char key[700], cert[700];

    (void)snprintf(key, sizeof key, "%s/key.pem", dir);
    (void)snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    const char *const argv[] = {"openssl",
                                "req",
                                "-x509",
                                "-newkey",
                                "ec",
                                "-pkeyopt",
                                "ec_paramgen_curve:P-256",
                                "-nodes",
                                "-days",
                                "2",
                                "-subj",
                                "/CN=127.0.33.1",
                                "-addext",
                                "subjectAltName=IP:127.0.33.1",
                                "-keyout",
                                key,
                                "-out",
                                cert,
                                NULL};
    (void)snprintf(lines, room, "TLSCertificateFile %s\nTLSCertificateKeyFile %s\n", cert, key);
    return child_run(argv);
}

static void nobody(void *owner, struct stream *s)
{
    (void)owner;
    stream_close(s);
}

/* Two ports that nobody listens on. */
static void choose_ports(void)
{
    struct net_addr at = {.family = 4, .ip = {127, 0, 33, 1}};
    struct err e;
    struct loop *l = loop_epoll_create(&e);
    struct listener *a = loop_listen(l, &at, nobody, NULL, &e);
    struct listener *b = loop_listen(l, &at, nobody, NULL, &e);

    (void)snprintf(url, sizeof url, "ldap://127.0.33.1:%u", listener_addr(a).port);
    (void)snprintf(tls_url, sizeof tls_url, "ldaps://127.0.33.1:%u", listener_addr(b).port);
    listener_close(a);
    listener_close(b);
    loop_destroy(l);
}

/* A slapd of this test's own, once for all tests; ended with the process. */
static void directory(void)
{
    char tls[1500] = "", data[700], conf[700], ldif[700];

    if (slapd > 0)
        return;
    if (access(SLAPD, X_OK) != 0)
        check_skip("slapd is not installed");
    choose_ports();
    (void)snprintf(dir, sizeof dir, "%s", scratch_dir("slapd"));
    char *full = realpath(dir, NULL);
    (void)snprintf(dir, sizeof dir, "%s", full);
    free(full);
    (void)snprintf(data, sizeof data, "%s/data", dir);
    (void)snprintf(conf, sizeof conf, "%s/slapd.conf", dir);
    const char *const make_data[] = {"mkdir", data, NULL};
    CHECK(child_run(make_data));
    CHECK(make_certificate(tls, sizeof tls));
    FILE *f = fopen(conf, "w");
    CHECK(f && fprintf(f, configuration, dir, dir, tls, dir) > 0 && fclose(f) == 0);
    (void)snprintf(ldif, sizeof ldif, "%s", scratch_file(dir, "entries.ldif", entries));
    const char *const add[] = {"/usr/sbin/slapadd", "-f", conf, "-l", ldif, NULL};
    CHECK(child_run(add));
    (void)atexit(slapd_stop);
    slapd_start();
}

static void set(const char *dn, const char *attribute, const char *value)
{
    char name[100], text[300], *values[] = {text, NULL};
    LDAPMod mod = {.mod_op = LDAP_MOD_REPLACE, .mod_type = name, .mod_vals.modv_strvals = values};
    LDAPMod *mods[] = {&mod, NULL};
    LDAP *ld = administrator();

    (void)snprintf(name, sizeof name, "%s", attribute);
    (void)snprintf(text, sizeof text, "%s", value);
    CHECK(ld && ldap_modify_ext_s(ld, dn, mods, NULL, NULL) == LDAP_SUCCESS);
    if (ld)
        (void)ldap_unbind_ext_s(ld, NULL, NULL);
}

/* ---- a look-up on a real loop ---- */

struct rig {
    struct fake_run *run;
    struct probe_context context;
    struct loop *loop;
    struct home_lookup *h;
    struct home_answer last;
    char why[300];
    unsigned answers, enough;
    struct timer limit;
    struct err e;
};

static void on_answered(void *owner, uint32_t mailbox, const struct home_answer *a)
{
    struct rig *r = owner;

    (void)mailbox;
    r->last = *a;
    (void)snprintf(r->why, sizeof r->why, "%s", a->why);
    if (++r->answers >= r->enough)
        loop_stop(r->loop);
}

static void on_limit(struct timer *t)
{
    loop_stop(((struct rig *)t->owner)->loop);
}

static struct lookup_profile plain(const char *attribute)
{
    return (struct lookup_profile){.on = true,
                                   .type = LOOKUP_LDAP,
                                   .url = url,
                                   .base = "dc=lab,dc=test",
                                   .filter = "(&(objectClass=person)(mail={address}))",
                                   .attribute = attribute,
                                   .period_real_ns = 20 * NS_PER_MS};
}

static bool begin(struct rig *r, const struct lookup_profile *how)
{
    static const char *const words[] = {"EXCH2", "CN=EXCH2,CN=Servers", NULL};

    directory();
    *r = (struct rig){.run = fake_run_create("ldap")};
    r->loop = loop_epoll_create(&r->e);
    r->run->profile.home_lookup = *how;
    r->run->servers[1].match = words;
    r->context = (struct probe_context){.loop = r->loop,
                                        .clock = &r->run->clock,
                                        .work = &r->run->work,
                                        .journal = r->run->journal};
    timer_init(&r->limit, on_limit, r);
    r->h = home_lookup_create(&r->context, on_answered, r, &r->e);
    return r->h;
}

static void end(struct rig *r)
{
    home_lookup_destroy(r->h);
    timer_disarm(r->loop, &r->limit);
    loop_destroy(r->loop);
    fake_run_destroy(r->run);
}

static void wait_for(struct rig *r, unsigned answers, unsigned seconds)
{
    r->enough = r->answers + answers;
    timer_arm(r->loop, &r->limit, loop_now(r->loop) + seconds * NS_PER_S);
    loop_run(r->loop);
}

static void ask(struct rig *r, uint32_t mailbox)
{
    home_lookup_ask(r->h, mailbox);
    wait_for(r, 1, 20);
}

static void check_home(struct rig *r, uint32_t mailbox, uint32_t home)
{
    ask(r, mailbox);
    CHECK(r->last.ok && !r->last.differ);
    CHECK_STR(r->why, "");
    CHECK_U64(r->last.home, home);
}

static void check_failure(struct rig *r, uint32_t mailbox, const char *why)
{
    ask(r, mailbox);
    CHECK(!r->last.ok);
    CHECK_HAS(r->why, why);
}

/* ---- tests ---- */

static void homes_are_read_from_a_dn_a_host_and_a_distinguished_path(void)
{
    struct lookup_profile how = plain("homeMDB");
    struct rig r;

    CHECK(begin(&r, &how));
    check_home(&r, 0, 0);
    check_home(&r, 1, 1); /* "CN=EXCH2,CN=Servers" is longer than "s1" in the database's name */
    end(&r);
    how = plain("msExchHomeServerName");
    CHECK(begin(&r, &how));
    check_home(&r, 1, 1);
    end(&r);
    how = plain("mailHost");
    how.filter = "(&(cn={local})(objectClass=person))";
    how.base = "cn={mailbox},dc=lab,dc=test";
    CHECK(begin(&r, &how));
    check_home(&r, 0, 0);
    check_home(&r, 1, 1);
    end(&r);
}

static void a_flip_is_seen_within_a_few_periods(void)
{
    struct lookup_profile how = plain("mailHost");
    struct rig r;

    CHECK(begin(&r, &how));
    home_lookup_watch(r.h, 0, true);
    wait_for(&r, 3, 5);
    CHECK_U64(home_lookup_home(r.h, 0), 0);
    set("cn=joanne-1,dc=lab,dc=test", "mailHost", "s2.lab.test");
    wait_for(&r, 3, 5);
    CHECK_U64(home_lookup_home(r.h, 0), 1);
    CHECK_U64(fake_run_count(r.run, EV_HOME), 2);
    set("cn=joanne-1,dc=lab,dc=test", "mailHost", "s1.lab.test");
    wait_for(&r, 3, 5);
    CHECK_U64(home_lookup_home(r.h, 0), 0);
    end(&r);
}

static void what_the_directory_does_not_say_is_said(void)
{
    struct lookup_profile how = plain("mailHost");
    struct rig r;

    CHECK(begin(&r, &how));
    check_failure(&r, 4, "no entry"); /* hidden */
    check_failure(&r, 5, "\"s17.lab.test\" names no server");
    check_failure(&r, 2, "its entry has no mailHost");
    ask(&r, 3); /* two entries */
    CHECK(r.last.ok && r.last.differ);
    end(&r);
    how.base = "dc=nowhere,dc=test";
    CHECK(begin(&r, &how));
    check_failure(&r, 0, "No such object");
    end(&r);
    how = plain("mailHost");
    how.filter = "(mail={address}";
    CHECK(begin(&r, &how));
    check_failure(&r, 0, "Bad search filter");
    end(&r);
}

static void who_binds_sees_more_and_a_wrong_password_is_told(void)
{
    struct lookup_profile how = plain("mailHost");
    struct rig r;

    how.user = "cn=admin,dc=lab,dc=test";
    how.password = "secret";
    CHECK(begin(&r, &how));
    check_home(&r, 4, 2);
    end(&r);
    how.password = "wrong";
    CHECK(begin(&r, &how));
    check_failure(&r, 4, "LDAP bind: Invalid credentials");
    check_failure(&r, 4, "LDAP bind: Invalid credentials");
    end(&r);
}

static void many_mailboxes_are_asked_for_over_one_connection(void)
{
    struct lookup_profile how = plain("mailHost");
    struct mailbox boxes[200];
    struct rig r;

    CHECK(begin(&r, &how));
    home_lookup_destroy(r.h);
    for (unsigned i = 0; i < 200; i++)
        boxes[i] = r.run->mailboxes[i % 2];
    r.run->profile.site.mailboxes = boxes;
    r.run->profile.site.mailbox_count = 200;
    r.h = home_lookup_create(&r.context, on_answered, &r, &r.e);
    for (uint32_t i = 0; i < 200; i++)
        home_lookup_ask(r.h, i);
    wait_for(&r, 200, 20);
    CHECK_U64(r.answers, 200);
    for (uint32_t i = 0; i < 200; i++)
        CHECK_U64(home_lookup_home(r.h, i), i % 2);
    end(&r);
}

static void tls_is_verified_either_way(void)
{
    struct lookup_profile how = plain("mailHost");
    char ca[700];
    struct rig r;

    directory();
    (void)snprintf(ca, sizeof ca, "%s/cert.pem", dir);
    for (unsigned implicit = 0; implicit < 2; implicit++) {
        how.url = implicit ? tls_url : url;
        how.tls = TLS_STARTTLS;
        how.ca_file = ca;
        CHECK(begin(&r, &how));
        check_home(&r, 0, 0);
        end(&r);
        how.ca_file = NULL;
        CHECK(begin(&r, &how));
        check_failure(&r, 0, "certificate");
        end(&r);
        how.insecure = true;
        CHECK(begin(&r, &how));
        check_home(&r, 1, 1);
        end(&r);
        how.insecure = false;
    }
}

static void a_directory_that_stops_dies_and_comes_back_is_asked_again(void)
{
    struct lookup_profile how = plain("mailHost");
    struct rig r;

    CHECK(begin(&r, &how));
    check_home(&r, 0, 0);
    (void)kill(slapd, SIGSTOP);
    CHECK(waitpid(slapd, NULL, WUNTRACED) == slapd); /* all its threads stand still */
    check_failure(&r, 0, "no answer in time");       /* after 10 s */
    (void)kill(slapd, SIGCONT);
    check_home(&r, 0, 0);
    slapd_stop();
    check_failure(&r, 0, "LDAP: ");
    check_failure(&r, 1, "LDAP: ");
    CHECK_U64(home_lookup_home(r.h, 0), 0); /* what was known stays */
    slapd_start();
    check_home(&r, 0, 0);
    check_home(&r, 1, 1);
    end(&r);
}

static void the_guard_is_asked_for_the_address(void)
{
    struct lookup_profile how = plain("mailHost");
    struct rig r;

    how.url = "ldap://192.0.2.7:389";
    CHECK(!begin(&r, &how));
    CHECK_U64(r.e.code, EX_GUARD);
    CHECK_HAS(r.e.text, "192.0.2.7");
    end(&r);
}

static const struct test tests[] = {
    TEST(homes_are_read_from_a_dn_a_host_and_a_distinguished_path),
    TEST(a_flip_is_seen_within_a_few_periods),
    TEST(what_the_directory_does_not_say_is_said),
    TEST(who_binds_sees_more_and_a_wrong_password_is_told),
    TEST(many_mailboxes_are_asked_for_over_one_connection),
    TEST(tls_is_verified_either_way),
    TEST(a_directory_that_stops_dies_and_comes_back_is_asked_again),
    TEST(the_guard_is_asked_for_the_address),
    TEST_END,
};
const struct suite ldap_suite = {"ldap", tests};
