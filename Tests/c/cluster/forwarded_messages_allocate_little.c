/* What a relayed message costs in allocations when it goes to Redis as well, and when it comes from there:
 * counted in the whole process, once it is warm. Members of the process itself cost none beyond that. */
#include "allocations.h"
#include "redis.h"

enum { MESSAGES = 2000, MEMBERS = 20 };

static const unsigned char frame[] = {0x81, 0x85, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};

/* Each message is awaited by all before the next one. */
static void exchange(int sender, const int *receivers, int count) {
    char answer[7];
    for (int i = 0; i < count; i++) {
        client_write(sender, frame, sizeof frame);
        for (int j = 0; j < MEMBERS; j++)
            CHECK(client_read(receivers[j], answer, sizeof answer));
    }
    CHECK(memcmp(answer, "\x81\x05hello", 7) == 0);
}

static double cost(int sender, const int *receivers) {
    exchange(sender, receivers, 200);
    long before = count_allocations();
    exchange(sender, receivers, MESSAGES);
    return (double)(count_allocations() - before) / MESSAGES;
}

int main(void) {
    static const char *settings = "node_lease=60s broker_probe=60s ping_interval=600s";
    struct redis redis = {0};
    struct world *nodes[2];
    int here[MEMBERS], there[MEMBERS], ports[2];
    redis_start(&redis);
    for (int i = 0; i < 2; i++) {
        nodes[i] = node_new(&redis, i ? "b" : "a", settings);
        world_route(nodes[i], "/room/{room}", "join=auto,relay=others");
        ports[i] = world_start(nodes[i]);
    }
    node_wait(nodes[0], 1);
    node_wait(nodes[1], 1);
    int sender = client_open(ports[0], "/room/r"), other = client_open(ports[0], "/room/s");
    for (int i = 0; i < MEMBERS; i++) {
        here[i] = client_open(ports[0], "/room/s");
        there[i] = client_open(ports[1], "/room/r");
    }
    redis_wait_for_listeners(&redis, "ws:r:r", 2);
    redis_wait_for_listeners(&redis, "ws:r:s", 1);
    double sent = cost(other, here), heard = cost(sender, there);
    printf("%.2f allocations for a message that is sent, %.2f if it is heard in this program, too\n", sent,
           heard);
    CHECK(sent < 2.5);
    CHECK(heard < 3.5);
    for (int i = 0; i < 2; i++)
        world_free(nodes[i]);
    redis_kill(&redis);
    return 0;
}
