/* Every function answers a NULL or freed handle, and an id that is no connection, by an error. */
#include "world.h"

static void engine_calls_answer_errors(hearth_engine *engine) {
    hearth_event event;
    const uint8_t *data;
    size_t length;
    char text[8];
    CHECK(hearth_engine_start(engine) < 0);
    CHECK(hearth_engine_run(engine) < 0);
    CHECK(hearth_engine_drive(engine) < 0);
    CHECK(hearth_engine_attach(engine, NULL) < 0);
    CHECK(hearth_engine_stop(engine) < 0);
    CHECK(hearth_engine_fd(engine) < 0);
    CHECK(hearth_engine_poll(engine, &event, sizeof(hearth_event), 1, 0) < 0);
    CHECK(hearth_engine_poll_packed(engine, &data, &length, 0) < 0);
    CHECK(hearth_engine_flush(engine) < 0);
    CHECK(hearth_engine_on_log(engine, NULL, NULL) < 0);
    CHECK(hearth_engine_error(engine, text, sizeof text) < 0);
}

static void server_calls_answer_errors(hearth_server *server) {
    hearth_connection ids[2];
    char text[8];
    CHECK(hearth_server_number(server) < 0);
    CHECK(hearth_server_route(server, "/", "") < 0);
    CHECK(hearth_server_on_event(server, NULL, NULL) < 0);
    CHECK(hearth_server_start(server) < 0);
    CHECK(hearth_server_port(server) < 0);
    CHECK(hearth_server_address(server, 0, text, sizeof text) < 0);
    CHECK(hearth_server_stop(server, NULL) < 0);
    CHECK(hearth_server_broadcast(server, HEARTH_TEXT, "a", 1, NULL) < 0);
    CHECK(hearth_server_connection_count(server) < 0);
    CHECK(hearth_server_user_count(server) < 0);
    CHECK(hearth_server_room_count(server) < 0);
    CHECK(hearth_server_rooms(server, text, sizeof text) < 0);
    CHECK(hearth_server_connections(server, ids, 2) < 0);
    CHECK(hearth_room_broadcast(server, "room", HEARTH_TEXT, "a", 1, NULL) < 0);
    CHECK(hearth_room_members(server, "room", ids, 2) < 0);
    CHECK(hearth_room_users(server, "room", text, sizeof text) < 0);
    CHECK(hearth_user_send(server, "user", HEARTH_TEXT, "a", 1, NULL) < 0);
    CHECK(hearth_user_connections(server, "user", ids, 2) < 0);
}

static void connection_calls_answer_errors(hearth_connection connection) {
    hearth_connection_info info = {.size = sizeof info};
    char text[8];
    CHECK(hearth_connection_accept(connection, NULL, NULL) < 0);
    CHECK(hearth_connection_reject(connection, 403, NULL) < 0);
    CHECK(hearth_connection_send(connection, HEARTH_TEXT, "a", 1) < 0);
    CHECK(hearth_connection_close(connection, 1000, NULL) < 0);
    CHECK(hearth_connection_join(connection, "room") < 0);
    CHECK(hearth_connection_leave(connection, "room") < 0);
    CHECK(hearth_connection_set_user(connection, "user") < 0);
    CHECK(hearth_connection_user(connection, text, sizeof text) < 0);
    CHECK(hearth_connection_set_metadata(connection, "a", 1) < 0);
    CHECK(hearth_connection_metadata(connection, text, sizeof text) < 0);
    CHECK(hearth_connection_set_context(connection, NULL) < 0);
    CHECK(hearth_connection_rooms(connection, text, sizeof text) < 0);
    CHECK(hearth_connection_address(connection, text, sizeof text) < 0);
    CHECK(hearth_connection_get_info(connection, &info) < 0);
    CHECK(hearth_http_respond(connection, 200, NULL, "a", 1) < 0);
}

static void config_calls_answer_errors(hearth_config *config) {
    char text[8];
    CHECK(hearth_config_set(config, "threads", "1") < 0);
    CHECK(hearth_config_get(config, "threads", text, sizeof text) < 0);
    CHECK(hearth_config_load_env(config, "WS_") < 0);
    CHECK(hearth_config_error(config, text, sizeof text) < 0);
    CHECK(!hearth_engine_new(config));
}

int main(void) {
    config_calls_answer_errors(NULL);
    engine_calls_answer_errors(NULL);
    server_calls_answer_errors(NULL);
    connection_calls_answer_errors(0);
    connection_calls_answer_errors(UINT64_MAX);
    connection_calls_answer_errors(0x0123456789abcdef);
    hearth_config_free(NULL);
    hearth_engine_free(NULL);
    hearth_server_free(NULL);
    CHECK(!hearth_event_header(NULL, "host"));
    CHECK(!hearth_event_capture(NULL, "room"));

    hearth_config *config = hearth_config_new();
    CHECK(hearth_config_set(config, NULL, "1") < 0);
    CHECK(hearth_config_set(config, "threads", NULL) < 0);
    CHECK(!hearth_server_new(NULL, config));
    hearth_engine *engine = hearth_engine_new(config);
    CHECK(!hearth_server_new(engine, NULL));
    hearth_server *server = hearth_server_new(engine, config);
    CHECK(hearth_server_route(server, NULL, "") < 0);
    hearth_config_free(config);
    hearth_config_free(config);
    config_calls_answer_errors(config);
    hearth_server_free(server);
    hearth_server_free(server);
    server_calls_answer_errors(server);
    CHECK_NUMBER(hearth_engine_free(engine), HEARTH_OK);
    hearth_engine_free(engine);
    engine_calls_answer_errors(engine);
    server_calls_answer_errors(server);
    return 0;
}
