/* What a peer sends wrong gets the close code of RFC 6455 and is logged with peer and reason; others are not
 * harmed. */
#include "client.h"
#include "world.h"

static int lines;

static void on_log(void *context, const hearth_log_entry *entry) {
    (void)context;
    if (entry->level < HEARTH_LOG_INFO)
        return;
    const char *end = entry->fields + entry->fields_length;
    int has_peer = 0, has_reason = 0;
    for (const char *name = entry->fields; name < end;) {
        const char *value = name + strlen(name) + 1;
        has_peer |= strcmp(name, "peer") == 0 && strncmp(value, "127.0.0.1:", 10) == 0;
        has_reason |= strcmp(name, "reason") == 0 && *value;
        name = value + strlen(value) + 1;
    }
    __atomic_fetch_add(&lines, has_peer && has_reason, __ATOMIC_SEQ_CST);
}

static const struct {
    const char *name;
    const char *bytes;
    size_t length;
    int code;
} wrong[] = {
    {"an unmasked frame",
     "\x81\x01"
     "a",
     3, 1002},
    {"a reserved bit", "\xC1\x81\0\0\0\0a", 7, 1002},
    {"an unknown opcode", "\x83\x80\0\0\0\0", 6, 1002},
    {"a fragmented ping", "\x09\x80\0\0\0\0", 6, 1002},
    {"a ping of 126 bytes", "\x89\xFE\0\x7E\0\0\0\0", 8, 1002},
    {"a continuation of nothing", "\x80\x80\0\0\0\0", 6, 1002},
    {"a length that is not the shortest", "\x82\xFE\0\x01\0\0\0\0a", 9, 1002},
    {"a length of 2^63", "\x82\xFF\x80\0\0\0\0\0\0\0\0\0\0\0", 14, 1002},
    {"text that is not UTF-8", "\x81\x81\0\0\0\0\xFF", 7, 1007},
    {"a close body of one byte", "\x88\x81\0\0\0\0\x03", 7, 1002},
    {"the close code 1005", "\x88\x82\0\0\0\0\x03\xED", 8, 1002},
    {"a close reason that is not UTF-8", "\x88\x83\0\0\0\0\x03\xE8\xFF", 9, 1007},
    {"a message that is too large", "\x82\xFF\0\0\0\0\x7F\xFF\xFF\xFF\0\0\0\0", 14, 1009},
};

int main(void) {
    struct world *world = world_new("");
    size_t count = sizeof wrong / sizeof wrong[0];
    world->on_event = echo;
    CHECK_NUMBER(hearth_engine_on_log(world->engine, on_log, NULL), HEARTH_OK);
    int port = world_start(world), bystander = client_open(port, "/");
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%s\n", wrong[i].name);
        int fd = client_open(port, "/");
        client_write(fd, wrong[i].bytes, wrong[i].length);
        client_expect_close(fd, wrong[i].code);
        client_expect_end(fd);
        world_wait(world, HEARTH_EVENT_CLOSE, i + 1);
    }
    /* A line may come after the event that ends the connection. */
    for (int i = 0; i < 10000 && (size_t)__atomic_load_n(&lines, __ATOMIC_SEQ_CST) < count; i++)
        usleep(1000);
    CHECK_NUMBER(__atomic_load_n(&lines, __ATOMIC_SEQ_CST), count);
    client_send_text(bystander, "unharmed");
    client_expect_text(bystander, "unharmed");
    client_close(bystander, 1000);
    world_free(world);
    return 0;
}
