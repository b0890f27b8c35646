/* reasons.h - the verdict in sentences for people. Pure; writes into the judgement it is given. */
#ifndef RESULTS_REASONS_H
#define RESULTS_REASONS_H

#include "results/judge.h"

/* Fills j->reasons from all the rest of j, the decisive sentences first. false: out of memory. */
bool reasons_write(struct judgement *j);

#endif
