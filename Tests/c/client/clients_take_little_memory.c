/* A thousand clients that connect in one moment take less than 1.7 KB each, while they wait for an answer
 * and when they are open. */
#include "link.h"
#include <malloc.h>
#include <sys/resource.h>

enum { CLIENTS = 1000, BYTES_MAX = 1700 };

static int opens;

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    CHECK(event->type == HEARTH_EVENT_CLIENT_STATE && event->state != HEARTH_CLIENT_RECONNECTING);
    if (event->state == HEARTH_CLIENT_OPEN)
        __atomic_fetch_add(&opens, 1, __ATOMIC_SEQ_CST);
}

static size_t used(void) {
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static void answer(int fd, const char *request) {
    char text[256], value[29];
    accept_value(request, value);
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             value);
    client_write_text(fd, text);
}

int main(void) {
    static hearth_client *clients[CLIENTS];
    static char requests[CLIENTS][256];
    static int sockets[CLIENTS];
    struct rlimit limit;
    struct timespec moment = {0, 2000000};
    char url[64];
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int port = 0, listener = listen_anywhere(&port);
    CHECK(listen(listener, CLIENTS) == 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/rooms/1", port);
    hearth_config *config = hearth_config_new();
    CHECK_NUMBER(hearth_config_set(config, "url", url), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "open_timeout", "60s"), HEARTH_OK);
    hearth_engine *engine = hearth_engine_new(config);
    CHECK_NUMBER(hearth_engine_start(engine), HEARTH_OK);
    size_t before = used();
    for (int i = 0; i < CLIENTS; i++) {
        CHECK(clients[i] = hearth_client_new(engine, config));
        CHECK_NUMBER(hearth_client_on_event(clients[i], on_event, NULL), HEARTH_OK);
    }
    for (int i = 0; i < CLIENTS; i++)
        CHECK_NUMBER(hearth_client_open(clients[i]), HEARTH_OK);
    for (int i = 0; i < CLIENTS; i++)
        sockets[i] = accept_one(listener);
    for (int i = 0; i < CLIENTS; i++)
        read_request(sockets[i], requests[i], sizeof requests[i]);
    size_t connecting = (used() - before) / CLIENTS;
    for (int i = 0; i < CLIENTS; i++)
        answer(sockets[i], requests[i]);
    for (int i = 0; i < 10000 && __atomic_load_n(&opens, __ATOMIC_SEQ_CST) < CLIENTS; i++)
        nanosleep(&moment, NULL);
    CHECK_NUMBER(opens, CLIENTS);
    size_t open = (used() - before) / CLIENTS;
    CHECK(connecting < BYTES_MAX && open < BYTES_MAX);
    CHECK_NUMBER(hearth_engine_free(engine), HEARTH_OK);
    hearth_config_free(config);
    for (int i = 0; i < CLIENTS; i++)
        close(sockets[i]);
    close(listener);
    return 0;
}
