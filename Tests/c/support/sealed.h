/* TLS under the client of client.h: which connection has which stream is found by its descriptor. */
#ifndef SEALED_H
#define SEALED_H

#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/types.h>

enum { SEALED_MAX = 4096 };

static SSL *sealed_streams[SEALED_MAX];

/* Called while something waits for the peer, if the same thread drives it. Descriptors are then non-blocking. */
static void (*sealed_turn)(void);

/* What the next connections begin with. */
static SSL_CTX *client_default_context;
static SSL_SESSION *client_session;

/* Verifies against the authority of the tests. */
static inline SSL_CTX *sealed_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    CHECK(context);
    CHECK(SSL_CTX_load_verify_locations(context, TLS_FOLDER "/ca.pem", NULL) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

/* Shakes hands as a client that wants the host; NULL: that failed. */
static inline SSL *sealed_shake_hands(SSL_CTX *context, int fd, const char *host) {
    SSL *stream = SSL_new(context);
    CHECK(stream && SSL_set_fd(stream, fd) == 1);
    SSL_set_tlsext_host_name(stream, host);
    CHECK(SSL_set1_host(stream, host) == 1);
    if (client_session)
        SSL_set_session(stream, client_session);
    int flags = fcntl(fd, F_GETFL), status;
    if (sealed_turn)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (errno = 0, (status = SSL_connect(stream)) != 1) {
        /* With a time limit the system does not resume what is interrupted, e.g. while a ring of io_uring ends. */
        int is_interrupted = errno == EINTR, error = SSL_get_error(stream, status);
        if ((error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) ||
            !(is_interrupted || sealed_turn)) {
            SSL_free(stream);
            return NULL;
        }
        if (!is_interrupted)
            sealed_turn();
    }
    return stream;
}

/* What is left of TLS's at the end of a program. */
__attribute__((destructor)) static void sealed_end(void) {
    for (int fd = 0; fd < SEALED_MAX; fd++)
        SSL_free(sealed_streams[fd]);
    SSL_CTX_free(client_default_context);
    SSL_SESSION_free(client_session);
}

static inline int client_begin(int fd) {
    if (!client_default_context)
        client_default_context = sealed_context();
    CHECK(fd < SEALED_MAX);
    if (sealed_streams[fd])
        SSL_set_shutdown(sealed_streams[fd], SSL_SENT_SHUTDOWN); /* else its session cannot be resumed */
    SSL_free(sealed_streams[fd]);
    sealed_streams[fd] = sealed_shake_hands(client_default_context, fd, "localhost");
    CHECK(sealed_streams[fd]);
    return fd;
}

static inline ssize_t client_send_some(int fd, const void *data, size_t length) {
    size_t count = 0;
    int status;
    while (errno = 0, (status = SSL_write_ex(sealed_streams[fd], data, length, &count)) != 1) {
        int is_interrupted = errno == EINTR;
        if (SSL_get_error(sealed_streams[fd], status) != SSL_ERROR_WANT_WRITE ||
            !(is_interrupted || sealed_turn))
            return -1;
        if (!is_interrupted)
            sealed_turn();
    }
    return (ssize_t)count;
}

static inline int client_has_pending(int fd) {
    return fd < SEALED_MAX && sealed_streams[fd] && SSL_pending(sealed_streams[fd]) > 0;
}

/* 0: the peer has said that it ends, or, as a reset, that it has ended without a word. */
static inline ssize_t client_receive_some(int fd, void *data, size_t length) {
    size_t count = 0;
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int status = SSL_read_ex(sealed_streams[fd], data, length, &count);
        if (status == 1)
            return (ssize_t)count;
        int error = SSL_get_error(sealed_streams[fd], status);
        if (error == SSL_ERROR_ZERO_RETURN)
            return 0;
        int is_cut = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
        if (error == SSL_ERROR_SSL && is_cut)
            errno = ECONNRESET;
        if (error == SSL_ERROR_WANT_READ && errno == EINTR)
            continue;
        if (error != SSL_ERROR_WANT_READ || !sealed_turn)
            return -1;
        sealed_turn();
    }
}

#endif
