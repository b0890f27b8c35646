/* story.h - what happened to the message that a failing case is about: the case, its events, what the lab knows of it. */
#ifndef TESTS_SIM_SWEEP_STORY_H
#define TESTS_SIM_SWEEP_STORY_H

#include "tests/sim/hold.h"

void story_case(const char *text); /* prints it, and nothing else */
/* Prints. `dir`: the run's folder; it may be missing half of its files. */
void story_tell(const char *text, const struct held *h, const char *dir);

#endif
