/* acse.h - associations (X.227) in normal mode: AARQ, AARE, RLRQ, RLRE, ABRT. Everything else passes. */
#ifndef WIRE_X400_ACSE_H
#define WIRE_X400_ACSE_H

#include "wire/x400/stack.h"

struct acse {
    struct layer l;
};

void acse_init(struct acse *a, struct stack *s);
const char *acse_diagnostic(int diagnostic);

extern const struct layer_ops acse_ops;

#endif
