/* A request cut in two, of which the first part waits behind one that a thread answers while the rest
 * arrives, is read as it was sent. */
#include "client.h"
#include "world.h"
#include <semaphore.h>

static sem_t is_busy, may_go_on;

/* A message keeps the loop busy, so that the answer and the rest of the request wait for it together. */
static void on_event(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_MESSAGE) {
        sem_post(&is_busy);
        sem_wait(&may_go_on);
    }
}

int main(void) {
    struct world *world = world_new("");
    CHECK(sem_init(&is_busy, 0, 0) == 0 && sem_init(&may_go_on, 0, 0) == 0);
    world->on_event = on_event;
    world_route(world, "/ws", "");
    world_route(world, "/{name}", "http=GET");
    int port = world_start(world);
    int talker = client_open(port, "/ws"), fd = client_connect(port);
    client_write_text(fd, "GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HT");
    hearth_connection first = world_wait(world, HEARTH_EVENT_HTTP_REQUEST, 1)->connection;
    client_send_text(talker, "wait");
    sem_wait(&is_busy);
    CHECK_NUMBER(hearth_http_respond(first, 200, NULL, "one", 3), HEARTH_OK);
    client_write_text(fd, "TP/1.1\r\nHost: a\r\n\r\n");
    sem_post(&may_go_on);
    CHECK_TEXT(http_ask(fd, "", 1)->body, "one");
    struct record *second = world_wait(world, HEARTH_EVENT_HTTP_REQUEST, 2);
    CHECK_TEXT(second->path, "/two");
    CHECK_NUMBER(hearth_http_respond(second->connection, 200, NULL, "two", 3), HEARTH_OK);
    struct http_response *response = http_ask(fd, "", 1);
    CHECK_NUMBER(response->status, 200);
    CHECK_TEXT(response->body, "two");
    close(fd);
    close(talker);
    world_free(world);
    return 0;
}
