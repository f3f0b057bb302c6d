/* What answering costs in memory grows with what is asked, not with its square, and a file of any length goes
 * out in a small part of its length.
 * Variants: pipelined file */
#include "client.h"
#include "world.h"
#include <dlfcn.h>
#include <malloc.h>

enum { requests = 8000, file_bytes = 1 << 29, block_bytes = 1 << 20 };

static const char request[] = "GET /none HTTP/1.1\r\nHost: a\r\n\r\n";
/* Bytes asked of the allocator, ever, and of them in use, and the most of these there were. */
static long asked, in_use, most;

static void *counted(void *memory) {
    long size = (long)malloc_usable_size(memory);
    __atomic_fetch_add(&asked, size, __ATOMIC_RELAXED);
    long now = __atomic_add_fetch(&in_use, size, __ATOMIC_RELAXED);
    if (now > __atomic_load_n(&most, __ATOMIC_RELAXED))
        __atomic_store_n(&most, now, __ATOMIC_RELAXED);
    return memory;
}

static void uncount(void *memory) {
    __atomic_fetch_sub(&in_use, (long)malloc_usable_size(memory), __ATOMIC_RELAXED);
}

#define ORIGINAL(result, name, parameters) \
    static result(*original) parameters;   \
    if (!original)                         \
    original = (result(*) parameters)dlsym(RTLD_NEXT, #name)

void *malloc(size_t size) {
    ORIGINAL(void *, malloc, (size_t));
    return counted(original(size));
}

void free(void *memory) {
    ORIGINAL(void, free, (void *));
    uncount(memory);
    original(memory);
}

void *realloc(void *memory, size_t size) {
    ORIGINAL(void *, realloc, (void *, size_t));
    uncount(memory);
    return counted(original(memory, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    ORIGINAL(void *, aligned_alloc, (size_t, size_t));
    return counted(original(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    ORIGINAL(int, posix_memalign, (void **, size_t, size_t));
    int status = original(memory, alignment, size);
    if (status == 0)
        counted(*memory);
    return status;
}

static void *send_requests(void *context) {
    static char block[requests * (sizeof request - 1)];
    for (size_t i = 0; i < requests; i++)
        memcpy(block + i * (sizeof request - 1), request, sizeof request - 1);
    client_write(*(int *)context, block, sizeof block);
    return NULL;
}

static void ask_many(int fd) {
    pthread_t thread;
    long before = __atomic_load_n(&asked, __ATOMIC_RELAXED);
    CHECK(pthread_create(&thread, NULL, send_requests, &fd) == 0);
    for (int i = 0; i < requests; i++)
        CHECK_NUMBER(http_ask(fd, "", 1)->status, 404);
    pthread_join(thread, NULL);
    long cost = __atomic_load_n(&asked, __ATOMIC_RELAXED) - before;
    fprintf(stderr, "%ld bytes for each of %d requests\n", cost / requests, requests);
    CHECK(cost < requests * 8192L);
}

static void ask_for_file(int fd) {
    static char block[block_bytes];
    char head[8192];
    long before = __atomic_load_n(&in_use, __ATOMIC_RELAXED);
    client_write_text(fd, "GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_NUMBER(client_read_head(fd, head, sizeof head), 200);
    for (long at = 0; at < file_bytes; at += block_bytes)
        CHECK(client_read(fd, block, sizeof block));
    long cost = __atomic_load_n(&most, __ATOMIC_RELAXED) - before;
    fprintf(stderr, "at most %ld bytes for %d\n", cost, file_bytes);
    CHECK(cost < 8 << 20);
}

int main(int count, char **arguments) {
    char root[] = "/tmp/hearth-test-XXXXXX", path[64], setting[64];
    CHECK(count == 2);
    CHECK(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a.bin", root);
    FILE *file = fopen(path, "w");
    CHECK(file && ftruncate(fileno(file), file_bytes) == 0 && fclose(file) == 0);
    snprintf(setting, sizeof setting, "server_root=%s", root);
    struct world *world = world_new(setting);
    int fd = client_connect(world_start(world));
    if (strcmp(arguments[1], "pipelined") == 0)
        ask_many(fd);
    else
        ask_for_file(fd);
    close(fd);
    world_free(world);
    CHECK(unlink(path) == 0 && rmdir(root) == 0);
    return 0;
}
