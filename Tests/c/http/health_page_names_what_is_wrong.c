/* health_path answers 200 while all is well, and 503 with the reasons while a callback holds a loop up, while
 * connections are at their limit, while nobody fetches the events, and while the server drains. metrics_path
 * answers beside it. */
#include "client.h"
#include "world.h"
#include <poll.h>

static struct http_response *get(int port, const char *path) {
    char request[256];
    int fd = client_connect(port);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path);
    struct http_response *response = http_ask(fd, request, 1);
    close(fd);
    return response;
}

static void says(int port, int status, const char *part) {
    struct http_response *response = get(port, "/healthz");
    CHECK_NUMBER(response->status, status);
    CHECK(strstr(response->head, "Content-Type: application/json\r\n"));
    if (!strstr(response->body, part))
        fprintf(stderr, "%s\n", response->body);
    CHECK(strstr(response->body, part));
}

static void is_well(void) {
    struct world *world = world_new("health_path=/healthz metrics_path=/metrics");
    char text[512];
    world_route(world, "/healthz", "http=POST");
    int port = world_start(world);
    says(port, 200, "{\"status\":\"ok\",\"reasons\":[],\"accepting\":true");
    struct http_response *response = get(port, "/metrics?x=1");
    CHECK_NUMBER(response->status, 200);
    CHECK(strstr(response->head, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    CHECK(strstr(response->body, "# TYPE hearth_connections gauge\nhearth_connections 0\n"));
    CHECK_NUMBER(get(port, "/healthz/")->status, 404);
    int fd = client_connect(port);
    CHECK_NUMBER(http_ask(fd, "HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 0)->status, 200);
    CHECK_NUMBER(http_ask(fd, "PUT /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 1)->status, 405);
    close(fd);
    CHECK(hearth_server_health(world->server, text, sizeof text) > 0);
    CHECK(strstr(text, "\"status\":\"ok\""));
    world_free(world);
}

static void sleep_in_message(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_MESSAGE)
        usleep(150000);
}

static void a_late_loop_is_told(void) {
    struct world *world = world_new("health_path=/healthz max_health_lag=50ms");
    const char *late = "\"status\":\"degraded\",\"reasons\":[\"a loop is later than max_health_lag\"]";
    char text[512] = "";
    world->on_event = sleep_in_message;
    int port = world_start(world);
    int fd = client_open(port, "/");
    says(port, 200, "ok");
    client_send_text(fd, "hold it up");
    /* While it sleeps, another thread can see it. */
    for (; !strstr(text, late); usleep(1000))
        CHECK(hearth_server_health(world->server, text, sizeof text) > 0);
    world_wait(world, HEARTH_EVENT_MESSAGE, 1);
    says(port, 503, "\"status\":\"degraded\"");
    client_close(fd, 1000);
    world_free(world);
}

static void a_full_server_is_told(void) {
    struct world *world = world_new("health_path=/healthz max_connections=2");
    int port = world_start(world);
    int one = client_open(port, "/"), two = client_open(port, "/");
    says(port, 503, "\"reasons\":[\"max_connections is reached\"],\"accepting\":false");
    client_close(one, 1000);
    client_close(two, 1000);
    world_free(world);
}

static void unfetched_events_are_told(void) {
    hearth_config *config = hearth_config_new();
    char text[512];
    hearth_config_set(config, "listen", "127.0.0.1:0");
    hearth_config_set(config, "max_event_queue", "1");
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    CHECK(hearth_server_health(server, text, sizeof text) > 0);
    CHECK(strstr(text, "\"status\":\"degraded\",\"reasons\":[\"the server is not started\"]"));
    CHECK_NUMBER(hearth_server_start(server), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(engine), HEARTH_OK);
    int fd = client_open(hearth_server_port(server), "/");
    CHECK(hearth_server_health(server, text, sizeof text) > 0);
    CHECK(strstr(text, "the host does not fetch its events"));
    CHECK(strstr(text, "\"event_queue_full\":true"));
    close(fd);
    hearth_engine_free(engine);
    hearth_config_free(config);
}

static void draining_is_told(void) {
    struct world *world = world_new("health_path=/healthz shutdown_timeout=24h shutdown_spread=1h");
    int port = world_start(world);
    int one = client_open(port, "/"), two = client_open(port, "/");
    world_wait(world, HEARTH_EVENT_OPEN, 2);
    CHECK_NUMBER(hearth_server_drain(world->server, NULL), HEARTH_OK);
    says(port, 503, "\"status\":\"draining\",\"reasons\":[\"the server is draining\"],\"accepting\":false");
    client_cut(one);
    client_cut(two);
    world_wait(world, HEARTH_EVENT_SERVER_STOPPED, 1);
    world_free(world);
}

static void a_path_begins_with_a_slash(void) {
    hearth_config *config = hearth_config_new();
    char sentence[256];
    hearth_config_set(config, "metrics_path", "metrics");
    hearth_engine *engine = hearth_engine_new(config);
    CHECK(engine && !hearth_server_new(engine, config));
    hearth_engine_error(engine, sentence, sizeof sentence);
    CHECK_TEXT(sentence, "metrics_path \"metrics\" is no path: it begins with /");
    hearth_engine_free(engine);
    hearth_config_free(config);
}

int main(void) {
    is_well();
    a_late_loop_is_told();
    a_full_server_is_told();
    unfetched_events_are_told();
    draining_is_told();
    a_path_begins_with_a_slash();
    return 0;
}
