/* What one thread asks for happens in the order in which it was asked, though a loop has not come to it yet:
 * who is told to join a room gets what is sent to it next, and who is given a user what is sent to that.
 * Variants: waiting applying two-loops */
#include "driven.h"
#include <stdatomic.h>

enum { peers_max = 64 };

static hearth_connection asked;
static atomic_int is_busy, may_go_on;

/* Nothing of it happens before it returns: the loop's thread waits for it. */
static void *ask(void *context) {
    hearth_server *server = ((struct world *)context)->server;
    CHECK_NUMBER(hearth_connection_join(asked, "hall"), HEARTH_OK);
    CHECK_NUMBER(hearth_room_broadcast(server, "hall", HEARTH_TEXT, "to the room", 11, NULL), 0);
    CHECK_NUMBER(hearth_connection_set_user(asked, "ann"), HEARTH_OK);
    CHECK_NUMBER(hearth_user_send(server, "ann", HEARTH_TEXT, "to the user", 11, NULL), 0);
    CHECK_NUMBER(hearth_connection_leave(asked, "hall"), HEARTH_OK);
    CHECK_NUMBER(hearth_room_broadcast(server, "hall", HEARTH_TEXT, "not this", 8, NULL), 0);
    CHECK_NUMBER(hearth_user_kick(server, "ann", 4001, NULL), 0);
    return NULL;
}

static void *ask_for_yard(void *context) {
    (void)context;
    CHECK_NUMBER(hearth_connection_join(asked, "yard"), HEARTH_OK);
    return NULL;
}

static void let(void *(*ask_for)(void *), struct world *world) {
    pthread_t caller;
    CHECK(pthread_create(&caller, NULL, ask_for, world) == 0);
    pthread_join(caller, NULL);
}

static void ask_while_commands_are_applied(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_JOINED && strcmp(event->room, "yard") == 0)
        let(ask, world);
}

static void expect(int fd) {
    client_expect_text(fd, "to the room");
    client_expect_text(fd, "to the user");
    client_expect_close(fd, 4001);
    close(fd);
}

static void on_one_loop(int is_applying) {
    struct world *world = world_new("");
    int fd = world_open(world, world_drive(world), "/");
    asked = world_turn_until(world, HEARTH_EVENT_OPEN, 1)->connection;
    if (is_applying)
        world->on_event = ask_while_commands_are_applied;
    let(is_applying ? ask_for_yard : ask, world);
    /* What was asked for in one turn leaves in one write. */
    TURN_UNTIL(world, is_readable(fd));
    expect(fd);
    world_free(world);
}

/* The one who says "wait" is asked for things by the loop of the one who says "ask". */
static void on_message(struct world *world, const hearth_event *event) {
    if (event->type != HEARTH_EVENT_MESSAGE)
        return;
    if (event->data_length == 4) {
        asked = event->connection;
        atomic_store(&is_busy, 1);
        while (!atomic_load(&may_go_on))
            usleep(1000);
    } else {
        while (!atomic_load(&is_busy))
            usleep(1000);
        ask(world);
        atomic_store(&may_go_on, 1);
    }
}

static pthread_t threads[peers_max];
static atomic_int opened;

static void on_any(struct world *world, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_OPEN)
        threads[atomic_fetch_add(&opened, 1)] = pthread_self();
    on_message(world, event);
}

static void between_loops(void) {
    struct world *world = world_new("threads=2");
    world->on_event = on_any;
    int port = world_start(world), count = 0, last, fds[peers_max];
    do {
        CHECK(count < peers_max);
        fds[count++] = client_open(port, "/");
        world_wait(world, HEARTH_EVENT_OPEN, (size_t)count);
        last = count - 1;
    } while (pthread_equal(threads[0], threads[last]));
    client_send_text(fds[0], "wait");
    client_send_text(fds[last], "ask");
    expect(fds[0]);
    for (int i = 1; i < count; i++)
        close(fds[i]);
    world_free(world);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    if (strcmp(arguments[1], "two-loops") == 0)
        between_loops();
    else
        on_one_loop(strcmp(arguments[1], "applying") == 0);
    return 0;
}
