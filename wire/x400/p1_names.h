/* p1_names.h - the names that X.411 gives to its numbers. "?" for numbers without one. Any thread. */
#ifndef WIRE_X400_P1_NAMES_H
#define WIRE_X400_P1_NAMES_H

#include <stdint.h>

#include "base/bytes.h"

#define P1_REASON_MAX     8
#define P1_DIAGNOSTIC_MAX 78

const char *p1_reason_name(int32_t reason);         /* "unable-to-transfer" */
const char *p1_diagnostic_name(int32_t diagnostic); /* "unrecognised-OR-name"; P1_NONE: "none" */
const char *p1_extension_name(int32_t type);
const char *p1_priority_name(int32_t priority);
const char *p1_action_name(int32_t action);
const char *p1_user_name(int32_t user);            /* type of MTS user */
const char *p1_redirection_name(int32_t reason);   /* why a recipient was redirected */
const char *p1_content_name(int32_t number);       /* content type */
const char *p1_content_oid_name(struct slice oid); /* of an extended content type */
const char *p1_bind_error_name(int32_t error);

#endif
