/* tls_ready.c - OpenSSL, set up before anything rests on it: what it does later for want of memory is to crash. */
#include <openssl/crypto.h>

#include "base/tls.h"

bool tls_ready(struct err *e)
{
    return (OPENSSL_init_crypto(0, NULL) && OSSL_LIB_CTX_get0_global_default()) ||
           err_set(e, EX_IO, "out of memory for OpenSSL");
}
