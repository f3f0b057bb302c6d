/* A route lets in who has a good token; user, scopes and claims are known from the CONNECT event on. */
#include "client.h"
#include "token.h"
#include "world.h"

static void on_event(struct world *world, const hearth_event *event) {
    char text[512];
    if (event->type == HEARTH_EVENT_CONNECT) {
        CHECK_TEXT(event->user, "ada");
        CHECK(hearth_connection_claims(event->connection, text, sizeof text) > 0);
        CHECK(strstr(text, "\"scope\":\"read write\"") && text[0] == '{');
        CHECK_NUMBER(hearth_connection_accept(event->connection, NULL, NULL), HEARTH_OK);
    } else if (event->type == HEARTH_EVENT_OPEN) {
        world->extra = (void *)(uintptr_t)event->connection;
        int64_t length = hearth_connection_scopes(event->connection, text, sizeof text);
        if (strcmp(event->path, "/public") == 0) {
            CHECK_NUMBER(length, 0);
            CHECK_NUMBER(hearth_connection_claims(event->connection, text, sizeof text), 0);
        } else {
            CHECK_NUMBER(length, sizeof "read\0write");
            CHECK(memcmp(text, "read\0write", sizeof "read\0write") == 0);
        }
    }
}

static int status_of(int port, const char *path, const char *fields) {
    char head[8192];
    int fd = client_connect(port);
    int status = client_upgrade(fd, path, fields, head, sizeof head);
    if (status == 101)
        client_close(fd, 1000);
    else
        close(fd);
    return status;
}

int main(void) {
    struct world *world = world_new(TOKEN_SETTINGS);
    world->on_event = on_event;
    world_route(world, "/public", "auth=public");
    world_route(world, "/scope", "scopes=write+admin");
    world_route(world, "/cookie", "tokens=cookie+query");
    CHECK_NUMBER(hearth_server_route(world->server, "/x", "tokens=body"), HEARTH_ERR_INVALID_VALUE);
    world_route(world, "/{user}", "accept=ask,claim:sub={user}");
    int port = world_start(world);
    const char *more = ",\"scope\":\"read write\"";

    CHECK_NUMBER(status_of(port, "/ada", token_field(token_for("ada", 60, more))), 101);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 1)->user, "ada");
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_CLOSE, 1)->user, "ada");
    CHECK_NUMBER(status_of(port, "/public", ""), 101);
    CHECK_TEXT(world_wait(world, HEARTH_EVENT_OPEN, 2)->user, "");
    CHECK_NUMBER(status_of(port, "/cookie", token_field(token_for("ada", 60, more))), 401);
    char cookie[4200];
    snprintf(cookie, sizeof cookie, "Cookie: token=%s\r\n", token_for("ada", 60, more));
    CHECK_NUMBER(status_of(port, "/cookie", cookie), 101);
    CHECK_NUMBER(status_of(port, "/ada", cookie), 101);
    CHECK_NUMBER(status_of(port, "/ada", ""), 401);
    CHECK_NUMBER(status_of(port, "/eve", token_field(token_for("ada", 60, more))), 403);
    CHECK_NUMBER(status_of(port, "/scope", token_field(token_for("ada", 60, more))), 403);
    CHECK_NUMBER(status_of(port, "/ada", token_field(token_for("ada", -1, more))), 401);
    const char *claims = "{\"sub\":\"ada\",\"exp\":99999999999}";
    CHECK_NUMBER(status_of(port, "/ada", token_field(token_of("{\"alg\":\"none\"}", claims))), 401);
    CHECK_NUMBER(status_of(port, "/ada", token_field(token_of("{\"alg\":\"HS512\"}", claims))), 401);

    world_wait(world, HEARTH_EVENT_CLOSE, 4);
    hearth_connection gone = (hearth_connection)(uintptr_t)world->extra;
    while (hearth_connection_scopes(gone, NULL, 0) >= 0)
        usleep(1000);
    CHECK_NUMBER(hearth_connection_claims(gone, NULL, 0), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_authenticate(gone, token_for("ada", 60, "")), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_connection_authenticate(gone, NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(hearth_connection_set_expiry(gone, 1), HEARTH_ERR_GONE);
    CHECK_NUMBER(hearth_server_reload_keys(world->server), HEARTH_OK);
    CHECK_NUMBER(hearth_server_reload_keys(NULL), HEARTH_ERR_INVALID);
    CHECK_NUMBER(world_count(world, HEARTH_EVENT_CONNECT), 2);
    world_free(world);
    return 0;
}
