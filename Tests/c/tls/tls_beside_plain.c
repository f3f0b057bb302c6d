/* One server listens with TLS and without. Plain HTTP on the address with TLS is told so in plain; addresses
 * and refused settings are told in full. */
#include "client.h"
#include "world.h"

static void expect_refusal(const char *listen, const char *certificate, int error, const char *words) {
    char sentence[512];
    hearth_config *config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(config, "listen", listen), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "tls_certificate", certificate), HEARTH_OK);
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    CHECK_NUMBER(hearth_server_start(server), error);
    hearth_engine_error(engine, sentence, sizeof sentence);
    if (!strstr(sentence, words))
        fprintf(stderr, "%s\n", sentence);
    CHECK(strstr(sentence, words));
    hearth_engine_free(engine);
    hearth_config_free(config);
}

int main(void) {
    char address[2][128];
    struct world *world = world_new("");
    hearth_config_set(world->config, "tls_certificate", TLS_FOLDER "/both.pem");
    hearth_server_free(world->server);
    hearth_config_set(world->config, "listen", "ws://127.0.0.1:0,wss://127.0.0.1:0");
    world->server = hearth_server_new(world->engine, world->config);
    world->on_event = echo;
    int port = world_start(world);
    CHECK(hearth_server_address(world->server, 0, address[0], sizeof address[0]) > 0);
    CHECK(hearth_server_address(world->server, 1, address[1], sizeof address[1]) > 0);
    CHECK(strncmp(address[0], "127.0.0.1:", 10) == 0 && atoi(address[0] + 10) == port);
    CHECK(strncmp(address[1], "wss://127.0.0.1:", 16) == 0);
    int fd = client_open(port, "/");
    CHECK_NUMBER(hearth_connection_tls(world_wait(world, HEARTH_EVENT_OPEN, 1)->connection, NULL, 0), 0);
    client_send_text(fd, "plain");
    client_expect_text(fd, "plain");
    client_close(fd, 1000);

    fd = client_connect(atoi(address[1] + 16));
    struct http_response *response = http_ask(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1);
    CHECK_NUMBER(response->status, 400);
    CHECK_TEXT(response->body, "this address speaks TLS: use https:// or wss://\n");
    client_expect_end(fd);

    /* A client of TLS on the plain address is refused, as everything is that is no request. */
    fd = client_connect(port);
    CHECK_NUMBER(http_ask(fd, "\x16\x03\x01 hello\r\n\r\n", 1)->status, 400);
    client_expect_end(fd);
    world_free(world);

    expect_refusal("wss://127.0.0.1:0", "", HEARTH_ERR_TLS, "tls_certificate is empty");
    expect_refusal("127.0.0.1:0", "/none.pem", HEARTH_ERR_TLS, "cannot read \"/none.pem\": No such file");
    expect_refusal("wss:/127.0.0.1:0", TLS_FOLDER "/both.pem", HEARTH_ERR_ADDRESS, "after ws:// or wss://");
    expect_refusal("ws://127.0.0.1:0", "/none.pem", HEARTH_OK, "");
    return 0;
}
