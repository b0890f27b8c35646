/* net_guard.h - between net.c and net_guard.c only. */
#ifndef BASE_NET_GUARD_H
#define BASE_NET_GUARD_H

#include "base/net.h"

bool net_literal(struct net_addr *a, char *host); /* cuts a zone off in place */

#endif
