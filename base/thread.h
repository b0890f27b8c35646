/* thread.h - named threads with an orderly end. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct thread;

/* Starts `run(owner)` on a thread of this name (15 characters at most); NULL with e filled. Signals are blocked in it. */
struct thread *thread_start(const char *name, void (*run)(void *owner), void *owner, struct err *e);
/* It has returned, or was ended from outside. Ask on the thread that joins it. */
bool thread_is_over(struct thread *t);
void thread_join(struct thread *t); /* waits and frees; NULL is fine */
void thread_rest(uint64_t ns);      /* the calling thread does nothing for at least so long */
uint32_t thread_processors(void);   /* that we may run on; at least 1 */

#endif
