/* Once it is warm, an echo makes no allocation: counted, in the whole process, between the first hundred
 * messages and the next ten thousand. */
#include "allocations.h"
#include "client.h"
#include "world.h"

static void on_event(void *context, const hearth_event *event) {
    echo(context, event);
}

static void *run(void *engine) {
    hearth_engine_run(engine);
    return NULL;
}

static void exchange(int fd, int count) {
    static const unsigned char frame[] = {0x81, 0x85, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};
    char answer[7];
    for (int i = 0; i < count; i++) {
        client_write(fd, frame, sizeof frame);
        CHECK(client_read(fd, answer, sizeof answer));
    }
    CHECK(memcmp(answer, "\x81\x05hello", 7) == 0);
}

int main(void) {
    struct world *world = world_new("");
    pthread_t thread;
    CHECK_NUMBER(hearth_server_on_event(world->server, on_event, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_server_start(world->server), HEARTH_OK);
    CHECK(pthread_create(&thread, NULL, run, world->engine) == 0);
    int fd = client_open(hearth_server_port(world->server), "/");
    exchange(fd, 100);
    long before = count_allocations();
    CHECK(before > 0);
    exchange(fd, 10000);
    CHECK_NUMBER(count_allocations() - before, 0);
    close(fd);
    CHECK_NUMBER(hearth_engine_stop(world->engine), HEARTH_OK);
    pthread_join(thread, NULL);
    world_free(world);
    return 0;
}
