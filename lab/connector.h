/* connector.h - one server's X.400 connector as the core sees it: copies for custom recipients wait here until the front
 * takes them, one hand-out at a time.
 *
 * An entry is ready, waits for its next try (and is on no list), or is handed out. First come, first served: what was
 * handed out before is older than all that never was, so it goes first. A restart of the MTA forgets what is handed out
 * and has it back; the end of such a hand-out is then news about nothing.
 */
#ifndef LAB_CONNECTOR_H
#define LAB_CONNECTOR_H

#include <stdbool.h>

struct lab;
struct copy;

#define CONNECTOR_NAME "X400" /* its queue, and the home of those behind it */

struct copy_list { /* through held_prev, held_next */
    struct copy *first, *last;
};

struct connector {
    struct copy_list again, fresh, handed;
};

void copy_list_join(struct copy_list *list, struct copy *c);
void copy_list_leave(struct copy_list *list, struct copy *c);

void connector_accept(struct lab *l, struct copy *c); /* ready from now on */
void connector_ready(struct lab *l, struct copy *c);  /* the time of its next try has come */
/* It was handed out and nobody says how that ended: noted. */
void connector_forget(struct lab *l, struct copy *c, const char *why);

#endif
