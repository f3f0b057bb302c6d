/* Where the system refuses io_uring, at whichever call and whenever, everything is sent all the same; with
 * io_uring=on an engine that cannot have it does not start.
 * Variants: setup rings submissions enter later passing required */
#include "client.h"
#include "world.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { members = 12, messages = 200 };

/* From now on the system call of that number fails in all threads, if its argument `index` is `value`
 * (index -1: always). */
static void refuse(int number, int index, uint32_t value, int error) {
    struct sock_filter always[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter some[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(index < 0 ? 0 : index))),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {index < 0 ? 4 : 6, index < 0 ? always : some};
    CHECK_NUMBER(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_NUMBER(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program), 0);
}

/* Every member gets every message of one of them, in order. */
static void exchange(int *fds) {
    char text[32];
    for (int number = 0; number < messages; number++) {
        snprintf(text, sizeof text, "%d", number);
        client_send_text(fds[0], text);
    }
    for (int index = 0; index < members; index++)
        for (int number = 0; number < messages; number++) {
            struct client_frame *frame = client_receive(fds[index]);
            CHECK(frame);
            CHECK_NUMBER(frame->opcode, CLIENT_TEXT);
            CHECK_NUMBER(atoi((char *)frame->data), number);
        }
}

static int is_available(void) {
    struct io_uring_params parameters = {0};
    int fd = (int)syscall(SYS_io_uring_setup, 8, &parameters);
    /* Not closed: the kernel would interrupt a later system call of this thread. */
    return fd >= 0;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *variant = arguments[1];
    if (strcmp(variant, "required") == 0) {
        struct world *world = world_new("io_uring=on");
        char sentence[256] = "";
        refuse(SYS_io_uring_setup, -1, 0, EPERM);
        CHECK_NUMBER(hearth_engine_start(world->engine), HEARTH_ERR_SYSTEM);
        hearth_engine_error(world->engine, sentence, sizeof sentence);
        CHECK(strstr(sentence, "Operation not permitted"));
        world_free(world);
        return 0;
    }
    int had_it = is_available(), fds[members];
    if (strcmp(variant, "setup") == 0)
        refuse(SYS_io_uring_setup, -1, 0, EPERM);
    if (strcmp(variant, "rings") == 0)
        refuse(SYS_mmap, 3, MAP_SHARED | MAP_POPULATE, ENOMEM);
    if (strcmp(variant, "submissions") == 0)
        refuse(SYS_mmap, 5, (uint32_t)IORING_OFF_SQES, ENOMEM);
    if (strcmp(variant, "enter") == 0)
        refuse(SYS_io_uring_enter, -1, 0, ENOSYS);
    struct world *world = world_new("");
    world_route(world, "/room/{room}", "join=auto,relay=all");
    int port = world_start(world);
    for (int index = 0; index < members; index++)
        fds[index] = client_open(port, "/room/one");
    world_wait(world, HEARTH_EVENT_JOINED, members);
    exchange(fds);
    if (strcmp(variant, "later") == 0 && had_it) {
        refuse(SYS_io_uring_enter, -1, 0, EPERM);
        exchange(fds);
    }
    if (strcmp(variant, "passing") == 0 && had_it) {
        /* A passing want of memory: what the ring did not take is sent one by one, and the ring is kept. */
        refuse(SYS_io_uring_enter, 1, members, EBUSY);
        exchange(fds);
    }
    for (int index = 0; index < members; index++)
        client_close(fds[index], 1000);
    world_free(world);
    return 0;
}
