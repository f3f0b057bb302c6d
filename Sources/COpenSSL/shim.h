/* OpenSSL 3. Static inline functions stand in only for what Swift cannot import: macros. */
#ifndef HEARTH_COPENSSL_SHIM_H
#define HEARTH_COPENSSL_SHIM_H

/* SHA1() of OpenSSL 3 looks the algorithm up by name at every call, which costs more than the digest of a handshake.
 * The functions that do not are marked deprecated; they are there as long as OpenSSL 3 is. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

static inline void hearth_shim_sha1(const unsigned char *input, size_t length, unsigned char digest[20]) {
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, input, length);
    SHA1_Final(digest, &context);
}

/* The callback for the name that a client asks for. */
static inline void hearth_shim_on_server_name(SSL_CTX *context, int (*callback)(SSL *, int *, void *), void *owner) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
    SSL_CTX_set_tlsext_servername_arg(context, owner);
}

/* Written out here because Swift does not import SSL_OP_…. */
static inline void hearth_shim_set_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA);
}

/* RFC 2253, with what is not ASCII as UTF-8, or escaped. */
static inline unsigned long hearth_shim_name_flags(int escapes) {
    return escapes ? XN_FLAG_RFC2253 : XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
}

#endif
