/* plant_text.h - texts as planted faults change them: bodies that are damaged, bodies and headers that are rewritten as gateways
 * may, and reports about a message that nobody sent. Pure. Private to lab/plant.c and its tests.
 */
#ifndef LAB_PLANT_TEXT_H
#define LAB_PLANT_TEXT_H

#include "lab/mail.h"
#include "lab/plant.h"

/* The same mail with another text; one reference, the caller's. A kind that changes no text: an exact copy. */
struct mail *plant_rewrite(const struct mail *m, enum plant how);
/* Changes the last character of this Message-ID's local part wherever that stands in the text. */
void plant_spoil_id(struct buf *text, struct slice message_id);

#endif
