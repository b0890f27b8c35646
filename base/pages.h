/* pages.h - large tables straight from the kernel: zeroed, in huge pages where they are worth it, given back whole.
 *
 * Memory is taken page by page as it is touched; a table of gigabytes that is little used costs little. pages_ready() takes it
 * all at once, so that no page fault falls into what comes later. Any thread.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

void *pages_create(size_t bytes);        /* zeroed; NULL: out of memory, or 0 bytes asked for */
void pages_ready(void *p, size_t bytes); /* if less than half of what is free: else left as it is */
void pages_destroy(void *p, size_t bytes); /* the same size again; NULL is fine */

#endif
