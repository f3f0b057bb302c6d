/* OpenSSL 3. Static inline functions stand in only for what Swift cannot import: macros. */
#ifndef HEARTH_COPENSSL_SHIM_H
#define HEARTH_COPENSSL_SHIM_H

/* SHA1() of OpenSSL 3 looks the algorithm up by name at every call, which costs more than the digest of a handshake.
 * The functions that do not are marked deprecated; they are there as long as OpenSSL 3 is. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

static inline void hearth_shim_sha1(const unsigned char *input, size_t length, unsigned char digest[20]) {
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, input, length);
    SHA1_Final(digest, &context);
}

#endif
