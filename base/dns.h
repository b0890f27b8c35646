/* dns.h - what the owner of a domain, or of an address, publishes about it. Blocks for a few seconds at most; any thread.
 */
#ifndef BASE_DNS_H
#define BASE_DNS_H

#include "base/net.h"

#define DNS_TEXT    512
#define DNS_RECORDS 16
#define DNS_NAME    256

/* TXT records of a name, the strings of each put together; how many, 0 with e. Longer ones are cut. */
size_t dns_txt(const char *name, char out[DNS_RECORDS][DNS_TEXT], struct err *e);
/* The name that the address's owner gives it; false with e. */
bool dns_name_of(const struct net_addr *a, char out[DNS_NAME], struct err *e);

#endif
