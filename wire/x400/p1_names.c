/* p1_names.c - one table a kind of number, as X.411 (1999) and X.420 list them. */
#include "wire/x400/p1_names.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const reasons[] = {
    "transfer-failure",
    "unable-to-transfer",
    "conversion-not-performed",
    "physical-rendition-not-performed",
    "physical-delivery-not-performed",
    "restricted-delivery",
    "directory-operation-unsuccessful",
    "deferred-delivery-not-performed",
    "transfer-failure-for-security-reason",
};

static const char *const diagnostics[] = {
    "unrecognised-OR-name",
    "ambiguous-OR-name",
    "mts-congestion",
    "loop-detected",
    "recipient-unavailable",
    "maximum-time-expired",
    "encoded-information-types-unsupported",
    "content-too-long",
    "conversion-impractical",
    "implicit-conversion-prohibited",
    "implicit-conversion-not-subscribed",
    "invalid-arguments",
    "content-syntax-error",
    "size-constraint-violation",
    "protocol-violation",
    "content-type-not-supported",
    "too-many-recipients",
    "no-bilateral-agreement",
    "unsupported-critical-function",
    "conversion-with-loss-prohibited",
    "line-too-long",
    "page-split",
    "pictorial-symbol-loss",
    "punctuation-symbol-loss",
    "alphabetic-character-loss",
    "multiple-information-loss",
    "recipient-reassignment-prohibited",
    "redirection-loop-detected",
    "dl-expansion-prohibited",
    "no-dl-submit-permission",
    "dl-expansion-failure",
    "physical-rendition-attributes-not-supported",
    "undeliverable-mail-physical-delivery-address-incorrect",
    "undeliverable-mail-physical-delivery-office-incorrect-or-invalid",
    "undeliverable-mail-physical-delivery-address-incomplete",
    "undeliverable-mail-recipient-unknown",
    "undeliverable-mail-recipient-deceased",
    "undeliverable-mail-organization-expired",
    "undeliverable-mail-recipient-refused-to-accept",
    "undeliverable-mail-recipient-did-not-claim",
    "undeliverable-mail-recipient-changed-address-permanently",
    "undeliverable-mail-recipient-changed-address-temporarily",
    "undeliverable-mail-recipient-changed-temporary-address",
    "undeliverable-mail-new-address-unknown",
    "undeliverable-mail-recipient-did-not-want-forwarding",
    "undeliverable-mail-originator-prohibited-forwarding",
    "secure-messaging-error",
    "unable-to-downgrade",
    "unable-to-complete-transfer",
    "transfer-attempts-limit-reached",
    "incorrect-notification-type",
    "dl-expansion-prohibited-by-security-policy",
    "forbidden-alternate-recipient",
    "security-policy-violation",
    "security-services-refusal",
    "unauthorised-dl-member",
    "unauthorised-dl-name",
    "unauthorised-originally-intended-recipient-name",
    "unauthorised-originator-name",
    "unauthorised-recipient-name",
    "unreliable-system",
    "authentication-failure-on-subject-message",
    "decryption-failed",
    "decryption-key-unobtainable",
    "double-envelope-creation-failure",
    "double-enveloping-message-restoring-failure",
    "failure-of-proof-of-message",
    "integrity-failure-on-subject-message",
    "invalid-security-label",
    "key-failure",
    "mandatory-parameter-absence",
    "operation-security-failure",
    "repudiation-failure-of-message",
    "security-context-failure",
    "token-decryption-failed",
    "token-error",
    "unknown-security-label",
    "unsupported-algorithm-identifier",
    "unsupported-security-policy",
};

_Static_assert(COUNT(reasons) == P1_REASON_MAX + 1, "X.411 has so many reasons");
_Static_assert(COUNT(diagnostics) == P1_DIAGNOSTIC_MAX + 1, "X.411 has so many diagnostics");

static const char *const extensions[] = {
    NULL,
    "recipient-reassignment-prohibited",
    "originator-requested-alternate-recipient",
    "dl-expansion-prohibited",
    "conversion-with-loss-prohibited",
    "latest-delivery-time",
    "requested-delivery-method",
    "physical-forwarding-prohibited",
    "physical-forwarding-address-request",
    "physical-delivery-modes",
    "registered-mail-type",
    "recipient-number-for-advice",
    "physical-rendition-attributes",
    "originator-return-address",
    "physical-delivery-report-request",
    "originator-certificate",
    "message-token",
    "content-confidentiality-algorithm-identifier",
    "content-integrity-check",
    "message-origin-authentication-check",
    "message-security-label",
    "proof-of-submission-request",
    "proof-of-delivery-request",
    "content-correlator",
    "probe-origin-authentication-check",
    "redirection-history",
    "dl-expansion-history",
    "physical-forwarding-address",
    "recipient-certificate",
    "proof-of-delivery",
    "originator-and-DL-expansion-history",
    "reporting-DL-name",
    "reporting-MTA-certificate",
    "report-origin-authentication-check",
    "originating-MTA-certificate",
    "proof-of-submission",
    "forwarding-request",
    "trace-information",
    "internal-trace-information",
    "reporting-MTA-name",
    "multiple-originator-certificates",
    "blind-copy-recipients",
    "dl-exempted-recipients",
    "body-part-encryption-token",
    "forwarded-content-token",
    "certificate-selectors",
    "certificate-selectors-override",
};

static const char *const priorities[] = {"normal", "non-urgent", "urgent"};
static const char *const actions[] = {"relayed", "rerouted"};
static const char *const users[] = {"public", "private",  "message-store", "distribution-list",
                                    "PDAU",   "physical", "other"};
static const char *const redirections[] = {
    "recipient-assigned-alternate-recipient",
    "originator-requested-alternate-recipient",
    "recipient-MD-assigned-alternate-recipient",
    "directory-look-up",
    "alias",
};
static const char *const bind_errors[] = {
    "busy",
    NULL,
    "authentication-error",
    "unacceptable-dialogue-mode",
    "unacceptable-security-context",
    "inadequate-association-confidentiality",
};

static const char *name_in(const char *const *names, size_t count, int32_t n)
{
    return n >= 0 && (size_t)n < count && names[n] ? names[n] : "?";
}

const char *p1_reason_name(int32_t reason)
{
    return name_in(reasons, COUNT(reasons), reason);
}

const char *p1_diagnostic_name(int32_t diagnostic)
{
    return diagnostic < 0 ? "none" : name_in(diagnostics, COUNT(diagnostics), diagnostic);
}

const char *p1_extension_name(int32_t type)
{
    return name_in(extensions, COUNT(extensions), type);
}

const char *p1_priority_name(int32_t priority)
{
    return name_in(priorities, COUNT(priorities), priority);
}

const char *p1_action_name(int32_t action)
{
    return name_in(actions, COUNT(actions), action);
}

const char *p1_user_name(int32_t user)
{
    return name_in(users, COUNT(users), user);
}

const char *p1_redirection_name(int32_t reason)
{
    return name_in(redirections, COUNT(redirections), reason);
}

const char *p1_bind_error_name(int32_t error)
{
    return name_in(bind_errors, COUNT(bind_errors), error);
}

const char *p1_content_name(int32_t number)
{
    switch (number) {
    case 0:
        return "unidentified";
    case 1:
        return "external";
    case 2:
        return "P2 (1984)";
    case 22:
        return "P22 (1988)";
    case 35:
        return "EDI";
    case 40:
        return "voice";
    default:
        return "?";
    }
}

const char *p1_content_oid_name(struct slice oid)
{
    static const struct {
        unsigned char octets[9];
        size_t n;
        const char *name;
    } known[] = {
        {{0x56, 0x01, 0x0a, 0x00}, 4, "P2 (1984)"},
        {{0x56, 0x01, 0x0a, 0x01}, 4, "P22 (1988)"},
        {{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x05, 0x01}, 8, "Exchange native"},
    };

    for (size_t i = 0; i < COUNT(known); i++)
        if (oid.n == known[i].n && memcmp(oid.p, known[i].octets, oid.n) == 0)
            return known[i].name;
    return "?";
}
