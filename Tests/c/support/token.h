/* Makes tokens signed with HS256, right ones and wrong ones. */
#ifndef TOKEN_H
#define TOKEN_H

#include "check.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

#define TOKEN_SECRET "0123456789abcdef0123456789abcdef"
#define TOKEN_SETTINGS "jwt_algorithms=HS256 jwt_leeway=0 jwt_secrets=" TOKEN_SECRET

static inline size_t token_encode(char *text, const void *data, size_t length) {
    size_t count = (size_t)EVP_EncodeBlock((unsigned char *)text, data, (int)length);
    while (count > 0 && text[count - 1] == '=')
        count--;
    for (size_t i = 0; i < count; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    text[count] = '\0';
    return count;
}

/* The token is good until the next call on the same thread. */
static inline const char *token_of(const char *header, const char *claims) {
    static _Thread_local char token[4096];
    unsigned char digest[32];
    unsigned int digest_length = 0;
    CHECK(strlen(header) + strlen(claims) < 2048);
    size_t length = token_encode(token, header, strlen(header));
    token[length++] = '.';
    length += token_encode(token + length, claims, strlen(claims));
    CHECK(HMAC(EVP_sha256(), TOKEN_SECRET, sizeof TOKEN_SECRET - 1, (unsigned char *)token, length, digest,
               &digest_length));
    token[length++] = '.';
    token_encode(token + length, digest, digest_length);
    return token;
}

/* With the claims `sub` and `exp`, and more as JSON members that begin with a comma, or "". */
static inline const char *token_for(const char *user, double seconds, const char *more) {
    char claims[1024];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double end = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds;
    int length = snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":%.3f%s}", user, end, more);
    CHECK(length > 0 && (size_t)length < sizeof claims);
    return token_of("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims);
}

/* The field of a request with that token. */
static inline const char *token_field(const char *token) {
    static _Thread_local char field[4200];
    snprintf(field, sizeof field, "Authorization: Bearer %s\r\n", token);
    return field;
}

#endif
