/* scripted.h - runs that never ran: a campaign whose statuses a test writes down, for views and metrics. */
#ifndef TESTS_APP_SCRIPTED_H
#define TESTS_APP_SCRIPTED_H

#include "app/campaign.h"

#define SCRIPTED_MAX 8u

struct scripted {
    struct campaign campaign;
    struct job jobs[SCRIPTED_MAX];
    struct profile profiles[SCRIPTED_MAX];
    struct load_profile loads[SCRIPTED_MAX][2];
    struct server servers[SCRIPTED_MAX][3];
    struct mailbox boxes[SCRIPTED_MAX][2];
};

/* `count` runs in mid-load, each with figures of its own; names and figures may be changed afterwards. */
void scripted_make(struct scripted *s, uint32_t count);

#endif
