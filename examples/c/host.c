/* host-c PORT [key=value ...]: a server on 127.0.0.1 that echoes on /echo and relays in /room/NAME.
 * SIGTERM or SIGINT ends it. With the key `threads` the engine runs on threads of its own. */
#include <hearth.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_event(void *context, const hearth_event *event) {
    (void)context;
    if (event->type == HEARTH_EVENT_MESSAGE)
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
}

static int configure(hearth_config *config, int count, char **arguments) {
    char listen[64];
    int has_threads = 0;
    snprintf(listen, sizeof listen, "127.0.0.1:%s", arguments[1]);
    int status = hearth_config_set(config, "listen", listen);
    for (int i = 2; i < count && status == HEARTH_OK; i++) {
        char *value = strchr(arguments[i], '=');
        if (value)
            *value++ = '\0';
        status = hearth_config_set(config, arguments[i], value ? value : "on");
        has_threads |= strcmp(arguments[i], "threads") == 0;
    }
    return status == HEARTH_OK ? has_threads : status;
}

static void *stop_at_signal(void *engine) {
    sigset_t signals;
    int signal;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigwait(&signals, &signal);
    hearth_engine_stop(engine);
    return NULL;
}

static int fail(hearth_config *config, hearth_engine *engine) {
    char sentence[512] = "";
    if (engine)
        hearth_engine_error(engine, sentence, sizeof sentence);
    else
        hearth_config_error(config, sentence, sizeof sentence);
    fprintf(stderr, "host-c: %s\n", sentence);
    return 1;
}

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: host-c PORT [key=value ...]\n");
        return 2;
    }
    /* Blocked here and in every thread made from here: only sigwait takes them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    hearth_config *config = hearth_config_new();
    int has_threads = configure(config, count, arguments);
    if (has_threads < 0)
        return fail(config, NULL);
    hearth_engine *engine = hearth_engine_new(config);
    if (!engine)
        return fail(config, NULL);
    hearth_server *server = hearth_server_new(engine, config);
    hearth_server_route(server, "/echo", "");
    hearth_server_route(server, "/room/{room}", "join=auto,relay=all");
    hearth_server_on_event(server, on_event, NULL);
    if (hearth_server_start(server) != HEARTH_OK)
        return fail(config, engine);

    if (has_threads) {
        hearth_engine_start(engine);
        stop_at_signal(engine);
    } else {
        pthread_t thread;
        pthread_create(&thread, NULL, stop_at_signal, engine);
        pthread_detach(thread);
        hearth_engine_run(engine);
    }
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
