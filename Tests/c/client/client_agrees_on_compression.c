/* A client with compression=on offers permessage-deflate; messages go both ways compressed, masked, over a
 * reconnection too, and what a server must not answer ends the attempt.
 * Variants: alone takeover window */
#include "deflate.h"
#include "link.h"
#include "world.h"

enum { size = 70000 };

static const char *settings;

/* A message of every kind there and back; answers how often the library compressed meanwhile. */
static long exchange(struct link *link, size_t nth) {
    char *text = compressible(size), *noise = incompressible(size);
    long before = count_of(&deflate_calls);
    CHECK(hearth_client_send(link->client, HEARTH_TEXT, text, size, 0) > 0);
    CHECK(hearth_client_send(link->client, HEARTH_TEXT, text, 1000, 0) > 0);
    CHECK(hearth_client_send(link->client, HEARTH_BINARY, noise, size, 0) > 0);
    struct happening *first = link_wait_message(link, nth);
    CHECK_NUMBER(first->data_length, size);
    CHECK(memcmp(first->data, text, 500) == 0);
    CHECK_NUMBER(link_wait_message(link, nth + 1)->data_length, 1000);
    struct happening *last = link_wait_message(link, nth + 2);
    CHECK_NUMBER(last->data_length, size);
    CHECK(memcmp(last->data, noise, 500) == 0);
    free(text);
    free(noise);
    return count_of(&deflate_calls) - before;
}

static void talk(void) {
    struct world *world = world_new(settings);
    world->on_event = echo;
    char own[300];
    snprintf(own, sizeof own, "%s reconnect_backoff_base=1ms", settings);
    struct link *link = link_new(world_start(world), NULL, own);
    link_start(link);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    /* Two of the three messages, by each side. */
    CHECK_NUMBER(exchange(link, 1), 4);
    CHECK_NUMBER(exchange(link, 4), 4);
    hearth_connection connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
    CHECK_NUMBER(hearth_connection_close(connection, 1012, "again"), HEARTH_OK);
    link_wait(link, HEARTH_CLIENT_OPEN, 2);
    CHECK_NUMBER(exchange(link, 7), 4);
    link_free(link);
    world_free(world);
}

/* A server that answers an offer with the field. */
static void expect_refused(const char *own_settings, const char *value) {
    int port = 0, listener = listen_anywhere(&port);
    char own[300], field[300];
    snprintf(own, sizeof own, "%s reconnect_enabled=off", own_settings);
    snprintf(field, sizeof field, "Sec-WebSocket-Extensions: %s\r\n", value);
    struct link *link = link_new(port, NULL, own);
    link_start(link);
    int fd = accept_one(listener);
    answer_upgrade(fd, field);
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_BAD_EXTENSION);
    close(fd);
    close(listener);
    link_free(link);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    settings = strcmp(arguments[1], "takeover") == 0 ? "compression=on compression_context_takeover=on"
               : strcmp(arguments[1], "window") == 0
                   ? "compression=on compression_context_takeover=on compression_window_bits=9"
                   : "compression=on";
    talk();
    expect_refused("compression=off", "permessage-deflate");
    expect_refused(settings, "permessage-deflate; unknown");
    expect_refused(settings, "permessage-deflate; client_max_window_bits=8");
    expect_refused(settings, "permessage-deflate, permessage-deflate");
    return 0;
}
