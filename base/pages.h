/* pages.h - large tables straight from the kernel: zeroed, in huge pages where they are worth it, given back whole.
 *
 * Memory is taken page by page as it is touched; a table of gigabytes that is little used costs little. Any thread.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

void *pages_create(size_t bytes);          /* zeroed; NULL: out of memory, or 0 bytes asked for */
void pages_destroy(void *p, size_t bytes); /* the same size again; NULL is fine */

#endif
