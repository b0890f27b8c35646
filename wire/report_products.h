/* report_products.h - the prose of named products as a table: a new product is a new row. */
#ifndef WIRE_REPORT_PRODUCTS_H
#define WIRE_REPORT_PRODUCTS_H

#include "wire/report.h"

enum report_shape {
    SHAPE_LINE,       /* a line begins with the address: "  joe@x", "<joe@x>: why", "* joe@x" */
    SHAPE_ANGLE,      /* only "<joe@x>" and "<joe@x>:" begin one */
    SHAPE_AFTER,      /* it follows the words of `start`, there or on the next line */
    SHAPE_TRANSCRIPT, /* Sendmail's talk: "550 <joe@x>... User unknown" */
};

struct report_product {
    const char *name;  /* shown as the format */
    const char *mark;  /* words of its heading; NULL: `start` is mark enough */
    const char *start; /* recipients stand after the line with these; NULL: after the mark */
    const char *end;   /* and before the line with these; NULL: the returned message */
    enum report_shape shape;
    enum report_action action;
};

extern const struct report_product report_products[]; /* ends with a NULL name */

#endif
