/* A client speaks wss, verifies the server's certificate, resumes its session when it comes back, and
 * compresses what it sends; messages of all sizes arrive whole. */
#include "link.h"
#include "world.h"

enum { COUNT = 40 };

static int port_of(struct world *world) {
    char address[64];
    CHECK(hearth_server_address(world->server, 0, address, sizeof address) > 0);
    return atoi(strrchr(address, ':') + 1);
}

static struct world *start(const char *certificate) {
    char settings[512];
    snprintf(settings, sizeof settings,
             "listen=wss://127.0.0.1:0 compression=on compression_threshold=16 tls_certificate=%s/%s.pem "
             "tls_private_key=%s/%s.key",
             TLS_FOLDER, certificate, TLS_FOLDER, certificate);
    struct world *world = world_new(settings);
    world->on_event = echo;
    world_start(world);
    return world;
}

static struct link *client(struct world *world, const char *host, const char *settings) {
    char url[64], all[512];
    snprintf(url, sizeof url, "wss://%s:%d/", host, port_of(world));
    snprintf(all, sizeof all, "compression=on compression_threshold=16 %s", settings);
    return link_new(0, url, all);
}

static void expect_refusal(const char *certificate, const char *host, const char *settings,
                           const char *words) {
    struct world *world = start(certificate);
    struct link *link = client(world, host, settings);
    link_start(link);
    struct happening *end = link_wait(link, HEARTH_CLIENT_GAVE_UP, 1);
    CHECK_NUMBER(end->error, HEARTH_ERR_TLS_HANDSHAKE);
    if (!strstr(end->data, words))
        fprintf(stderr, "%s\n", end->data);
    CHECK(strstr(end->data, words));
    link_free(link);
    world_free(world);
}

static void exchange(struct link *link, size_t before) {
    static const size_t lengths[] = {0, 1, 15, 16, 125, 126, 1000, 16384, 65535, 65536, 200000};
    enum { LENGTHS = sizeof lengths / sizeof lengths[0] };
    char *payload = malloc(200000);
    CHECK(payload);
    for (size_t i = 0; i < 200000; i++)
        payload[i] = (char)(i % 7 == 0 ? rand() : 'a' + (char)(i % 13));
    for (size_t i = 0; i < COUNT; i++)
        CHECK(hearth_client_send(link->client, HEARTH_BINARY, payload, lengths[i % LENGTHS], 0) > 0);
    for (size_t i = 0; i < COUNT; i++) {
        struct happening *message = link_wait_message(link, before + i + 1);
        CHECK_NUMBER(message->data_length, lengths[i % LENGTHS]);
        CHECK(memcmp(message->data, payload, message->data_length < 500 ? message->data_length : 500) == 0);
    }
    free(payload);
}

int main(void) {
    struct world *world = start("localhost");
    struct link *link =
        client(world, "localhost", "tls_ca_file=" TLS_FOLDER "/ca.pem max_outbox_bytes=64MiB");
    char facts[512];
    link_start(link);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    exchange(link, 0);
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_connection_close(connection, 1012, "again"), HEARTH_OK);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_RECONNECTING, 1)->code, 1012);
    link_wait(link, HEARTH_CLIENT_OPEN, 2);
    exchange(link, COUNT);
    connection = world_wait(world, HEARTH_EVENT_OPEN, 2)->connection;
    CHECK(hearth_connection_tls(connection, facts, sizeof facts) > 0);
    int is_resumed = 0;
    for (char *fact = facts; *fact; fact += strlen(fact) + 1)
        is_resumed |= strcmp(fact, "resumed") == 0 && strcmp(fact + 8, "yes") == 0;
    CHECK(is_resumed);
    link_free(link);

    link = client(world, "127.0.0.1", "tls_insecure_skip_verification=on");
    link_start(link);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    link_free(link);
    world_free(world);

    const char *trusting = "tls_ca_file=" TLS_FOLDER "/ca.pem open_timeout=5s";
    expect_refusal("localhost", "localhost", "", "localhost");
    expect_refusal("foreign", "localhost", trusting, "localhost");
    expect_refusal("expired", "localhost", trusting, "expired");
    expect_refusal("example", "localhost", trusting, "localhost");

    /* A file that is not there is told at once. */
    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "url", "wss://localhost/");
    hearth_config_set(config, "tls_ca_file", "/none.pem");
    hearth_engine *engine = hearth_engine_new(config);
    CHECK(!hearth_client_new(engine, config));
    CHECK(hearth_engine_error(engine, facts, sizeof facts) > 0);
    CHECK(strstr(facts, "/none.pem"));
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
