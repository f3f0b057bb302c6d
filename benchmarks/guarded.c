/* What limits, presence and statistics cost: host-c with all of them off, or with all of them on.
 *
 *   guarded PORT off|on
 *
 * On: each connection is a user of its own with presence, in rooms, under limits of connections and under
 * rates of messages and bytes by connection, user and address that nobody reaches; the pages of health and
 * metrics are served. */
#include <hearth.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const settings[][2] = {
    {"max_connections", "1000000"},
    {"max_connections_per_user", "10"},
    {"max_connections_per_ip", "1000000"},
    {"rate_limit_messages", "1000000/s"},
    {"rate_limit_bytes", "100GiB/s"},
    {"rate_limit_messages_per_user", "1000000/s"},
    {"rate_limit_bytes_per_user", "100GiB/s"},
    {"rate_limit_messages_per_ip", "100000000/s"},
    {"rate_limit_bytes_per_ip", "100GiB/s"},
    {"rate_limit_handshakes", "1000000/s"},
    {"presence_grace", "10s"},
    {"health_path", "/healthz"},
    {"metrics_path", "/metrics"},
};

static void on_event(void *context, const hearth_event *event) {
    char user[32];
    (void)context;
    switch (event->type) {
    case HEARTH_EVENT_CONNECT:
        snprintf(user, sizeof user, "user-%llx", (unsigned long long)event->connection);
        hearth_connection_accept(event->connection, user, NULL);
        break;
    case HEARTH_EVENT_MESSAGE:
        hearth_connection_send(event->connection, event->opcode, event->data, event->data_length);
        break;
    default:
        break;
    }
}

static void *stop_at_signal(void *engine) {
    sigset_t signals;
    int signal;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &signal);
    hearth_engine_stop(engine);
    return NULL;
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: guarded PORT off|on\n");
        return 2;
    }
    int is_on = strcmp(arguments[2], "on") == 0;
    char listen[64], sentence[512] = "";
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    hearth_config *config = hearth_config_new();
    snprintf(listen, sizeof listen, "127.0.0.1:%s", arguments[1]);
    hearth_config_set(config, "listen", listen);
    for (size_t i = 0; is_on && i < sizeof settings / sizeof settings[0]; i++)
        if (hearth_config_set(config, settings[i][0], settings[i][1]) != HEARTH_OK) {
            hearth_config_error(config, sentence, sizeof sentence);
            fprintf(stderr, "guarded: %s\n", sentence);
            return 1;
        }
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    hearth_server_route(server, "/echo", is_on ? "accept=ask" : "");
    hearth_server_route(server, "/room/{room}",
                        is_on ? "join=auto,relay=all,accept=ask" : "join=auto,relay=all");
    hearth_server_on_event(server, on_event, NULL);
    if (hearth_server_start(server) != HEARTH_OK) {
        hearth_engine_error(engine, sentence, sizeof sentence);
        fprintf(stderr, "guarded: %s\n", sentence);
        return 1;
    }
    pthread_t thread;
    pthread_create(&thread, NULL, stop_at_signal, engine);
    pthread_detach(thread);
    hearth_engine_run(engine);
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
