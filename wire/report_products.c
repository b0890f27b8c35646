/* report_products.c - one row a product and manner of speaking: the heading that marks it, how recipients stand, what ends the
 * list, what it means for them.
 *
 * Rows are tried from the top; the first that finds a recipient wins, so warnings come before failures of the same heading.
 * Words are matched in the text above the returned message, without regard to case.
 */
#include "wire/report_products.h"

#include <stddef.h>

// clang-format off
const struct report_product report_products[] = {
    /* qmail's QSBMF and what imitates it */
    {"qmail", "this is the qmail-send program", "following address", "--- ", SHAPE_ANGLE, ACTION_FAILED},
    {"qmail", "this is the qmail-send program", NULL, "--- ", SHAPE_ANGLE, ACTION_FAILED},
    {"yahoo", NULL, "we were unable to deliver your message to the following address", "--- ", SHAPE_LINE, ACTION_FAILED},
    {"yahoo", NULL, "unable to deliver message to the following address", "--- ", SHAPE_LINE, ACTION_FAILED},
    {"james", "this is the james mail server", "unable to deliver", NULL, SHAPE_LINE, ACTION_FAILED},
    {"qsbmf", NULL, "wasn't able to deliver your message to the following address", "--- ", SHAPE_LINE, ACTION_FAILED},
    /* Exim, and the providers that run it */
    {"exim", "mail delivery software", "has not yet been delivered", "no action is required", SHAPE_LINE, ACTION_DELAYED},
    {"exim", "mail delivery software", "message has been frozen", NULL, SHAPE_LINE, ACTION_DELAYED},
    {"exim", "mail delivery software", "successful delivery notifications", NULL, SHAPE_LINE, ACTION_DELIVERED},
    {"exim", "mail delivery software", "could not be delivered", NULL, SHAPE_LINE, ACTION_FAILED},
    {"exim", NULL, "following address(es) failed", NULL, SHAPE_LINE, ACTION_FAILED},
    {"exim", NULL, "failed addresses follow", NULL, SHAPE_LINE, ACTION_FAILED},
    /* Sendmail */
    {"sendmail", "warning message only", "transient non-fatal errors", "transcript of session", SHAPE_LINE, ACTION_DELAYED},
    {"sendmail", "warning: message still undelivered", "transcript of session", NULL, SHAPE_TRANSCRIPT, ACTION_DELAYED},
    {"sendmail", NULL, "had permanent fatal errors", "transcript of session", SHAPE_LINE, ACTION_FAILED},
    {"sendmail", NULL, "had successful delivery notifications", "transcript of session", SHAPE_LINE, ACTION_DELIVERED},
    {"sendmail", NULL, "had transient non-fatal errors", "transcript of session", SHAPE_LINE, ACTION_DELAYED},
    {"sendmail", NULL, "transcript of session follows", NULL, SHAPE_TRANSCRIPT, ACTION_FAILED},
    /* Postfix */
    {"postfix", "this is a warning only", NULL, NULL, SHAPE_ANGLE, ACTION_DELAYED},
    {"postfix", "mail delivery report that you requested", NULL, NULL, SHAPE_ANGLE, ACTION_DELIVERED},
    {"postfix", "your message was successfully delivered", NULL, NULL, SHAPE_ANGLE, ACTION_DELIVERED},
    {"postfix", "this is the mail system at host", NULL, NULL, SHAPE_ANGLE, ACTION_FAILED},
    {"postfix", "this is the postfix program at host", NULL, NULL, SHAPE_ANGLE, ACTION_FAILED},
    {"postfix", "sorry to have to inform you", NULL, NULL, SHAPE_ANGLE, ACTION_FAILED},
    /* OpenSMTPD */
    {"opensmtpd", "a message is delayed for more than", "list of recipients", "please note", SHAPE_LINE, ACTION_DELAYED},
    {"opensmtpd", "this is the mailer-daemon", "has been delivered", "below is a copy", SHAPE_LINE, ACTION_DELIVERED},
    {"opensmtpd", "this is the mailer-daemon", "list of recipients", "below is a copy", SHAPE_LINE, ACTION_FAILED},
    /* others that one installs */
    {"dma", NULL, "error delivering your mail to", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"courier", "delivery status notification from", "delayed", NULL, SHAPE_ANGLE, ACTION_DELAYED},
    {"courier", "undeliverable mail", "original message was received", NULL, SHAPE_ANGLE, ACTION_FAILED},
    {"courier", "delivery status notification from", NULL, NULL, SHAPE_ANGLE, ACTION_FAILED},
    {"exchange2007", NULL, "delivery is delayed to these recipients", "diagnostic information", SHAPE_LINE, ACTION_DELAYED},
    {"exchange2007", NULL, "delivery has failed to these recipients", "diagnostic information", SHAPE_LINE, ACTION_FAILED},
    {"exchange2007", NULL, "your message wasn't delivered to", "diagnostic information", SHAPE_AFTER, ACTION_FAILED},
    {"exchange2003", NULL, "delivery to the following recipients has been delayed", NULL, SHAPE_LINE, ACTION_DELAYED},
    {"exchange2003", NULL, "delivery to the following recipients failed", NULL, SHAPE_LINE, ACTION_FAILED},
    {"notes", NULL, "failure reasons", "returned message", SHAPE_LINE, ACTION_FAILED},
    {"domino", NULL, "was not delivered to", "because", SHAPE_LINE, ACTION_FAILED},
    {"imail", NULL, "unknown user:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"imail", NULL, "mailbox exceeds allowed size:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"imail", NULL, "undeliverable to", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"imail", "delivery failed", "attempts:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"communigate", NULL, "failed to deliver to", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"smartermail", NULL, "failed recipient:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"groupwise", NULL, "undeliverable to the following", NULL, SHAPE_LINE, ACTION_FAILED},
    {"sun", "recipient address:", "recipient address:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"symantec", NULL, "delivery to the following recipients was aborted", NULL, SHAPE_LINE, ACTION_FAILED},
    {"symantec", NULL, "delevery to the following recipients was aborted", NULL, SHAPE_LINE, ACTION_FAILED},
    /* gateways that filter */
    {"mailmarshal", NULL, "recipients were affected", NULL, SHAPE_LINE, ACTION_FAILED},
    {"interscan", NULL, "sent <<< rcpt to:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"interscan", NULL, "unable to deliver message to", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"surfcontrol", NULL, "addressed to:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"mcafee", NULL, "following addresses had delivery problems", NULL, SHAPE_LINE, ACTION_FAILED},
    {"hosted", NULL, "following recipients returned permanent errors:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"fml", NULL, "duplicated message-id in", NULL, SHAPE_AFTER, ACTION_FAILED},
    /* large providers */
    {"gmail", "delivery incomplete", "problem delivering your message to", NULL, SHAPE_AFTER, ACTION_DELAYED},
    {"gmail", NULL, "delivery to the following recipient has been delayed", NULL, SHAPE_LINE, ACTION_DELAYED},
    {"gmail", NULL, "delivery to the following recipient failed", NULL, SHAPE_LINE, ACTION_FAILED},
    {"gmail", NULL, "problem delivering your message to", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"gmail", NULL, "problem sending your message to", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"kddi", NULL, "could not be delivered to:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"au", NULL, "recipients was rejected by a remote mail server", NULL, SHAPE_LINE, ACTION_FAILED},
    {"mobile", "error message below", "rcpt to:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {"mobile", "could not be delivered to mobile", "rcpt to:", NULL, SHAPE_AFTER, ACTION_FAILED},
    {NULL, NULL, NULL, NULL, SHAPE_LINE, ACTION_NONE},
};
