/* The host learns what TLS has agreed with a peer, and whose certificate it has shown, before it accepts
 * it. */
#define CLIENT_TLS
#include "client.h"
#include "world.h"

static char asked[512];

static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type != HEARTH_EVENT_CONNECT)
        return;
    CHECK(hearth_connection_tls(event->connection, asked, sizeof asked) > 0);
    CHECK_NUMBER(hearth_connection_accept(event->connection, NULL, NULL), HEARTH_OK);
}

/* The value of a name in a list name NUL value NUL … of that length. */
static const char *value(const char *list, int64_t length, const char *name) {
    for (const char *at = list; at < list + length;) {
        const char *found = at + strlen(at) + 1;
        if (strcmp(at, name) == 0)
            return found;
        at = found + strlen(found) + 1;
    }
    return "?";
}

int main(void) {
    char facts[512];
    struct world *world = world_new("tls_client_certificate=optional");
    hearth_config_set(world->config, "tls_client_ca_file", TLS_FOLDER "/ca.pem");
    hearth_server_free(world->server);
    world->server = hearth_server_new(world->engine, world->config);
    world->on_event = on_event;
    world_route(world, "/", "accept=ask");
    int port = world_start(world), fd = client_open(port, "/");
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    int64_t length = hearth_connection_tls(connection, facts, sizeof facts);
    CHECK_TEXT(value(facts, length, "version"), "TLSv1.3");
    CHECK_TEXT(value(facts, length, "cipher"), "TLS_AES_128_GCM_SHA256");
    CHECK_TEXT(value(facts, length, "resumed"), "no");
    CHECK_TEXT(value(facts, length, "subject"), "");
    CHECK_NUMBER(hearth_connection_tls(connection, NULL, 0), length);
    SSL_SESSION *session = SSL_get1_session(sealed_streams[fd]);
    client_close(fd, 1000);
    CHECK_NUMBER(world_wait(world, HEARTH_EVENT_CLOSE, 1)->code, 1000);
    CHECK_NUMBER(hearth_connection_tls(connection, facts, sizeof facts), HEARTH_ERR_GONE);

    /* With a certificate of its own. */
    SSL_CTX *context = sealed_context();
    CHECK(SSL_CTX_use_certificate_chain_file(context, TLS_FOLDER "/client.pem") == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(context, TLS_FOLDER "/client.key", SSL_FILETYPE_PEM) == 1);
    SSL_CTX_free(client_default_context);
    client_default_context = context;
    fd = client_open(port, "/");
    CHECK_TEXT(value(asked, sizeof asked, "subject"), "CN=Ada,O=Engines");
    client_close(fd, 1000);

    /* And one that goes on with the session of the first. */
    SSL_CTX_free(client_default_context);
    client_default_context = sealed_context();
    client_session = session;
    fd = client_open(port, "/");
    CHECK_TEXT(value(asked, sizeof asked, "resumed"), "yes");
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
