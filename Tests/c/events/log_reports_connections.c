/* At the level debug the log has a line for each connection that opens and each that ends, with who it was
 * and why; at the level info it has none. */
#include "client.h"
#include "world.h"

static char lines[65536];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_line(void *context, const hearth_log_entry *entry) {
    (void)context;
    pthread_mutex_lock(&lock);
    size_t used = strlen(lines);
    int head = snprintf(lines + used, sizeof lines - used, "%s:", entry->message);
    for (size_t i = 0; i < entry->fields_length; i++)
        lines[used + (size_t)head + i] = entry->fields[i] ? entry->fields[i] : '|';
    strcpy(lines + used + (size_t)head + entry->fields_length, "\n");
    pthread_mutex_unlock(&lock);
}

static void accept_ann(struct world *world, const hearth_event *event) {
    (void)world;
    if (event->type == HEARTH_EVENT_CONNECT)
        hearth_connection_accept(event->connection, "ann", NULL);
}

static void run(const char *settings) {
    struct world *world = world_new(settings);
    lines[0] = '\0';
    world->on_event = accept_ann;
    world_route(world, "/", "accept=ask");
    CHECK_NUMBER(hearth_engine_on_log(world->engine, keep_line, NULL), HEARTH_OK);
    int fd = client_open(world_start(world), "/?token=secret");
    client_send_text(fd, "hello");
    client_close(fd, 3999);
    world_wait(world, HEARTH_EVENT_CLOSE, 1);
    world_free(world);
}

int main(void) {
    run("log_level=debug");
    CHECK(strstr(lines, "a connection is open:peer|127.0.0.1:"));
    CHECK(strstr(lines, "|user|ann|route|0|\n"));
    const char *end = strstr(lines, "a connection has ended:peer|127.0.0.1:");
    CHECK(end && strstr(end, "|user|ann|code|3999|reason||by_peer|yes|received|1|sent|0|\n"));
    CHECK(!strstr(lines, "secret"));
    run("log_level=info");
    CHECK(!strstr(lines, "connection"));
    return 0;
}
