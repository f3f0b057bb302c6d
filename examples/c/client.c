/* An echo client for a conformance suite: asks URL/getCaseCount how many cases there are, echoes what comes,
 * and lets the suite write its report.
 *   client-c URL AGENT */
#include <hearth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URL_LENGTH_MAX = 1024 };

struct visit {
    hearth_engine *engine;
    int cases; /* answered by getCaseCount, -1: not asked for */
};

static void on_event(void *context, const hearth_event *event) {
    struct visit *visit = context;
    if (event->type == HEARTH_EVENT_MESSAGE && visit->cases == 0) {
        char text[16] = "";
        memcpy(text, event->data, event->data_length < sizeof text ? event->data_length : sizeof text - 1);
        visit->cases = atoi(text);
    } else if (event->type == HEARTH_EVENT_MESSAGE) {
        hearth_client_send(event->client, event->opcode, event->data, event->data_length, 0);
    } else if (event->type == HEARTH_EVENT_CLIENT_STATE && event->state >= HEARTH_CLIENT_CLOSED) {
        if (event->state == HEARTH_CLIENT_GAVE_UP)
            fprintf(stderr, "%s: %.*s\n", hearth_error_name(event->error), (int)event->data_length,
                    (const char *)event->data);
        hearth_engine_stop(visit->engine);
    }
}

/* Connects, echoes until the connection ends, and answers whether it was open. */
static int make(hearth_engine *engine, hearth_config *config, const char *url, struct visit *visit) {
    char sentence[512];
    hearth_client *client = NULL;
    hearth_client_info info = {.size = sizeof info};
    if (hearth_config_set(config, "url", url) == HEARTH_OK)
        client = hearth_client_new(engine, config);
    if (!client) {
        if (hearth_config_error(config, sentence, sizeof sentence) == 0)
            hearth_engine_error(engine, sentence, sizeof sentence);
        fprintf(stderr, "%s\n", sentence);
        return 0;
    }
    hearth_client_on_event(client, on_event, visit);
    hearth_client_open(client);
    hearth_engine_run(engine);
    hearth_client_get_info(client, &info);
    hearth_client_free(client);
    return info.opens > 0;
}

int main(int argc, char **argv) {
    char url[URL_LENGTH_MAX];
    struct visit visit = {NULL, 0};
    if (argc != 3) {
        fprintf(stderr, "usage: client-c URL AGENT\n");
        return 2;
    }
    hearth_config *config = hearth_config_new();
    hearth_config_set(config, "reconnect_enabled", "off");
    hearth_config_set(config, "max_message_size", "64MiB");
    hearth_config_set(config, "compression", "on");
    hearth_config_set(config, "compression_threshold", "0");
    hearth_engine *engine = visit.engine = hearth_engine_new(config);
    if (!engine)
        return 1;
    snprintf(url, sizeof url, "%s/getCaseCount", argv[1]);
    int is_good = make(engine, config, url, &visit);
    int count = visit.cases;
    visit.cases = -1;
    for (int i = 1; i <= count && is_good; i++) {
        snprintf(url, sizeof url, "%s/runCase?case=%d&agent=%s", argv[1], i, argv[2]);
        is_good = make(engine, config, url, &visit);
    }
    snprintf(url, sizeof url, "%s/updateReports?agent=%s", argv[1], argv[2]);
    is_good = make(engine, config, url, &visit) && is_good;
    hearth_engine_free(engine);
    hearth_config_free(config);
    return is_good && count > 0 ? 0 : 1;
}
