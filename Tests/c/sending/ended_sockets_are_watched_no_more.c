/* A socket whose connection has ended is not watched any more, though the program kept a copy of its
 * descriptor: else the end that the peer sent would wake the loop for ever. */
#include "client.h"
#include "world.h"
#include <dirent.h>

/* How many descriptors are watched by all epoll sets of the process, as the kernel lists them. */
static int count_watched(void) {
    char path[300], line[256];
    int count = 0;
    DIR *folder = opendir("/proc/self/fdinfo");
    CHECK(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file))
            count += strncmp(line, "tfd:", 4) == 0;
        if (file)
            fclose(file);
    }
    closedir(folder);
    return count;
}

int main(void) {
    static const char head[] =
        "GET /ws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[8192];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    struct world *world = world_new("");
    world_route(world, "/ws", "");
    /* Once somebody is served the loop watches all that it has. */
    int other = client_open(world_start(world), "/ws");
    world_wait(world, HEARTH_EVENT_OPEN, 1);
    int before = count_watched();

    int peer = client_connect(ntohs(address.sin_port)), accepted = accept(listener, NULL, NULL);
    int copy = dup(accepted);
    CHECK(accepted >= 0 && copy >= 0);
    CHECK_NUMBER(hearth_server_adopt(world->server, accepted, NULL, 0), HEARTH_OK);
    client_write(peer, head, sizeof head - 1);
    CHECK_NUMBER(client_read_head(peer, answer, sizeof answer), 101);
    CHECK_NUMBER(count_watched(), before + 1);
    close(peer);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    for (int tries = 0; count_watched() > before && tries < 500; tries++)
        usleep(10000);
    CHECK_NUMBER(count_watched(), before);
    close(copy);
    close(other);
    close(listener);
    world_free(world);
    return 0;
}
