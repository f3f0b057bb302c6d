/* drain-c [HOST:PORT]: relays between the members of rooms until SIGTERM or SIGINT, then sends its clients
 * elsewhere and ends when the last one has gone, or after shutdown_timeout. */
#include <hearth.h>
#include <signal.h>
#include <stdio.h>

int main(int count, char **arguments) {
    char sentence[512] = "";
    sigset_t signals;
    int signal;
    /* Blocked before there are threads: they inherit it, and sigwait alone takes the signal. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "listen", count > 1 ? arguments[1] : "127.0.0.1:9000");
    hearth_config_set(config, "shutdown_timeout", "10s");
    hearth_config_set(config, "shutdown_spread", "5s");
    hearth_engine *engine = hearth_engine_new(config);
    hearth_server *server = hearth_server_new(engine, config);
    hearth_server_route(server, "/rooms/{room}", "join=auto,relay=others");
    if (hearth_server_start(server) != HEARTH_OK || hearth_engine_start(engine) != HEARTH_OK) {
        hearth_engine_error(engine, sentence, sizeof sentence);
        fprintf(stderr, "drain-c: %s\n", sentence);
        return 1;
    }
    printf("port %d\n", hearth_server_port(server));
    fflush(stdout);

    sigwait(&signals, &signal);
    hearth_server_drain(server, NULL);
    hearth_server_wait(server, -1);
    hearth_engine_free(engine);
    hearth_config_free(config);
    return 0;
}
