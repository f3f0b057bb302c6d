/* A client may be closed and freed in every state, from callbacks and from other threads, and each message
 * that was taken is reported before the end. */
#include "link.h"

static void end_in(uint32_t state, int by_free, const char *url, int port) {
    struct link *link = link_new(port, url, "open_timeout=10s");
    CHECK_NUMBER(hearth_engine_start(link->engine), HEARTH_OK);
    CHECK_NUMBER(link_send(link, "one"), 1);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    link_wait(link, (int)state, 1);
    if (by_free)
        CHECK_NUMBER(hearth_client_free(link->client), HEARTH_OK);
    else
        CHECK_NUMBER(hearth_client_close(link->client, 1000, "done"), HEARTH_OK);
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    if (state != HEARTH_CLIENT_OPEN) {
        struct happening *dropped = link_wait_event(link, HEARTH_EVENT_CLIENT_DROPPED, 0, 1);
        CHECK_NUMBER(dropped->message, 1);
        CHECK_NUMBER(dropped->code, HEARTH_DROP_CLOSED);
    }
    CHECK_NUMBER(hearth_client_free(link->client), by_free ? HEARTH_ERR_INVALID : HEARTH_OK);
    CHECK_NUMBER(link_count(link, HEARTH_EVENT_CLIENT_STATE, HEARTH_CLIENT_CLOSED), 1);
    link_free(link);
}

static void free_in_callback(struct link *link, const hearth_event *event) {
    if (event->type == HEARTH_EVENT_CLIENT_STATE && event->state == *(uint32_t *)link->extra)
        hearth_client_free(event->client);
}

static void free_inside(uint32_t state, int port) {
    struct link *link = link_new(port, NULL, "");
    link->on_event = free_in_callback;
    link->extra = &state;
    link_start(link);
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(hearth_client_free(link->client), HEARTH_ERR_INVALID);
    link_free(link);
}

static void free_engine_in(uint32_t state, const char *url, int port) {
    struct link *link = link_new(port, url, "");
    link_start(link);
    link_send(link, "one");
    link_wait(link, (int)state, 1);
    CHECK_NUMBER(hearth_engine_free(link->engine), HEARTH_OK);
    CHECK_NUMBER(link_count(link, HEARTH_EVENT_CLIENT_STATE, HEARTH_CLIENT_CLOSED), 1);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_ERR_INVALID);
    CHECK_NUMBER(link_send(link, "late"), HEARTH_ERR_INVALID);
    hearth_config_free(link->config);
    free(link);
}

static void *answer_all(void *context) {
    int listener = *(int *)context;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        answer_upgrade(fd, "");
        for (struct client_frame *frame; (frame = receive_masked(fd));)
            if (frame->opcode == CLIENT_CLOSE)
                send_unmasked(fd, 0x88, frame->data, frame->length);
        close(fd);
    }
}

int main(void) {
    int port = 0, silent = 0, nobody = 0, listener = listen_anywhere(&port), deaf = listen_anywhere(&silent);
    char slow_name[] = "ws://hearth-test-of-a-name.invalid/";
    pthread_t thread;
    close(listen_anywhere(&nobody));
    CHECK(pthread_create(&thread, NULL, answer_all, &listener) == 0);
    for (int by_free = 0; by_free < 2; by_free++) {
        end_in(HEARTH_CLIENT_CONNECTING, by_free, NULL, silent);
        end_in(HEARTH_CLIENT_CONNECTING, by_free, slow_name, 0);
        end_in(HEARTH_CLIENT_RECONNECTING, by_free, NULL, nobody);
    }
    end_in(HEARTH_CLIENT_OPEN, 0, NULL, port);
    end_in(HEARTH_CLIENT_OPEN, 1, NULL, port);
    free_inside(HEARTH_CLIENT_CONNECTING, port);
    free_inside(HEARTH_CLIENT_OPEN, port);
    free_inside(HEARTH_CLIENT_RECONNECTING, nobody);
    free_engine_in(HEARTH_CLIENT_CONNECTING, NULL, silent);
    free_engine_in(HEARTH_CLIENT_CONNECTING, slow_name, 0);
    free_engine_in(HEARTH_CLIENT_OPEN, NULL, port);
    free_engine_in(HEARTH_CLIENT_RECONNECTING, NULL, nobody);

    /* Closed between its opening and the first turn, and before the engine runs. */
    struct link *link = link_new(port, NULL, "");
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_ERR_STATE);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    CHECK_NUMBER(hearth_client_close(link->client, 1000, NULL), HEARTH_OK);
    CHECK_NUMBER(hearth_engine_start(link->engine), HEARTH_OK);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    CHECK_NUMBER(hearth_client_close(link->client, 3000, "mine"), HEARTH_OK);
    struct happening *closed = link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    CHECK_NUMBER(closed->code, 3000);
    CHECK_TEXT(closed->data, "mine");
    link_free(link);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    close(deaf);
    return 0;
}
