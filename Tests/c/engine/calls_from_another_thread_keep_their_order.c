/* What threads other than the loop's send arrives complete, and in order for each of them. */
#include "client.h"
#include "world.h"

enum { senders = 3, messages = 500 };

struct sender {
    pthread_t thread;
    hearth_connection connection;
    int number;
};

static void *send_all(void *context) {
    struct sender *sender = context;
    for (int i = 0; i < messages; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "%d %d", sender->number, i);
        CHECK_NUMBER(hearth_connection_send(sender->connection, HEARTH_TEXT, text, (size_t)length), 1);
    }
    return NULL;
}

int main(void) {
    struct world *world = world_new("");
    int fd = client_open(world_start(world), "/");
    struct sender all[senders];
    int next[senders] = {0};
    for (int i = 0; i < senders; i++) {
        all[i].number = i;
        all[i].connection = world_wait(world, HEARTH_EVENT_OPEN, 1)->connection;
        CHECK(pthread_create(&all[i].thread, NULL, send_all, &all[i]) == 0);
    }
    for (int i = 0; i < senders * messages; i++) {
        int sender, number;
        struct client_frame *frame = client_receive(fd);
        CHECK(frame && sscanf((char *)frame->data, "%d %d", &sender, &number) == 2);
        CHECK_NUMBER(number, next[sender]++);
    }
    for (int i = 0; i < senders; i++)
        pthread_join(all[i].thread, NULL);
    client_close(fd, 1000);
    world_free(world);
    return 0;
}
