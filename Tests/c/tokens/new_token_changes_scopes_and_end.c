/* An open connection gets a new token, from its own callback and from other threads at once; a bad one
 * changes nothing. */
#include "client.h"
#include "token.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    char text[256];
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    int status = hearth_connection_authenticate(event->connection, (const char *)world->extra);
    int64_t length = hearth_connection_scopes(event->connection, text, sizeof text);
    char answer[300];
    int size = snprintf(answer, sizeof answer, "%d %s", status, length > 0 ? text : "");
    hearth_connection_send(event->connection, HEARTH_TEXT, answer, (size_t)size);
}

static void *authenticate_often(void *context) {
    hearth_connection connection = (hearth_connection)(uintptr_t)context;
    for (int i = 0; i < 200; i++) {
        CHECK_NUMBER(hearth_connection_authenticate(connection, token_for("ada", 60 + i, "")), HEARTH_OK);
        CHECK(hearth_connection_claims(connection, NULL, 0) > 0);
    }
    return NULL;
}

static void give(struct world *world, int fd, const char *token, const char *answer) {
    world->extra = (void *)(uintptr_t)token;
    client_send_text(fd, "now");
    client_expect_text(fd, answer);
}

int main(void) {
    struct world *world = world_new(TOKEN_SETTINGS);
    char head[8192], sentence[256], expected[64];
    world->on_event = on_event;
    int port = world_start(world);
    int fd = client_connect(port);
    const char *first = token_for("ada", 60, ",\"scope\":\"a\"");
    CHECK_NUMBER(client_upgrade(fd, "/", token_field(first), head, sizeof head), 101);
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;

    give(world, fd, token_for("ada", 60, ",\"scope\":\"b\""), "0 b");
    snprintf(expected, sizeof expected, "%d b", HEARTH_ERR_TOKEN);
    give(world, fd, token_for("ada", -60, ",\"scope\":\"c\""), expected);
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0);
    CHECK_TEXT(sentence, "the token has expired");
    snprintf(expected, sizeof expected, "%d b", HEARTH_ERR_NOT_ALLOWED);
    give(world, fd, token_for("eve", 60, ",\"scope\":\"c\""), expected);
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0);
    CHECK_TEXT(sentence, "the token is another user's");

    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, authenticate_often, (void *)(uintptr_t)connection) == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    give(world, fd, token_for("ada", 0.3, ",\"scope\":\"end\""), "0 end");
    client_expect_close(fd, 4106);
    client_send_close(fd, 4106);
    client_expect_end(fd);
    world_free(world);
    return 0;
}
