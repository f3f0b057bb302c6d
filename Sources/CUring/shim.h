/* io_uring by its three system calls: the kernel's own header, and inline functions for what Swift cannot import
 * (variadic syscalls, unions, memory order). Elsewhere than on Linux the ring is refused at setup. */
#ifndef HEARTH_CURING_SHIM_H
#define HEARTH_CURING_SHIM_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* A ring for sends: what the kernel shares with us, as pointers. */
struct hearth_ring {
    int descriptor;
    unsigned entries;
    unsigned mask;
    unsigned completion_mask;
    void *submissions;              /* io_uring_sqe[] */
    size_t submissions_bytes;
    void *rings;                    /* both queues */
    size_t rings_bytes;
    unsigned *submission_head;
    unsigned *submission_tail;
    unsigned *completion_head;
    unsigned *completion_tail;
    void *completions;              /* io_uring_cqe[] */
};

#if defined(__linux__) && __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#include <sys/syscall.h>

#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IOSQE_CQE_SKIP_SUCCESS
#define IOSQE_CQE_SKIP_SUCCESS (1U << 6)
#endif
#ifndef IORING_FEAT_CQE_SKIP
#define IORING_FEAT_CQE_SKIP (1U << 11)
#endif

static inline void hearth_ring_close(struct hearth_ring *ring) {
    if (ring->submissions) munmap(ring->submissions, ring->submissions_bytes);
    if (ring->rings) munmap(ring->rings, ring->rings_bytes);
    if (ring->descriptor >= 0) close(ring->descriptor);
    ring->submissions = NULL;
    ring->rings = NULL;
    ring->descriptor = -1;
}

/* 0, or the errno of what was refused: then nothing is left open. The memory is not given to a forked child. */
static inline int hearth_ring_open(struct hearth_ring *ring, unsigned entries) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof(parameters));
    memset(ring, 0, sizeof(*ring));
    parameters.flags = IORING_SETUP_SUBMIT_ALL;
    ring->descriptor = (int)syscall(__NR_io_uring_setup, entries, &parameters);
    if (ring->descriptor < 0) {
        int error = errno;
        ring->descriptor = -1;
        return error;
    }
    /* One mapping for both queues is Linux 5.4, completions of failures only is 5.17. */
    if (!(parameters.features & IORING_FEAT_SINGLE_MMAP) || !(parameters.features & IORING_FEAT_CQE_SKIP)) {
        hearth_ring_close(ring);
        return ENOSYS;
    }
    size_t submission_bytes = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned);
    size_t completion_bytes = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
    ring->rings_bytes = submission_bytes > completion_bytes ? submission_bytes : completion_bytes;
    ring->submissions_bytes = parameters.sq_entries * sizeof(struct io_uring_sqe);
    const int protection = PROT_READ | PROT_WRITE;
    const int flags = MAP_SHARED | MAP_POPULATE;
    void *rings = mmap(NULL, ring->rings_bytes, protection, flags, ring->descriptor, IORING_OFF_SQ_RING);
    if (rings != MAP_FAILED) ring->rings = rings;
    void *submissions =
        rings == MAP_FAILED
            ? MAP_FAILED
            : mmap(NULL, ring->submissions_bytes, protection, flags, ring->descriptor, IORING_OFF_SQES);
    if (submissions == MAP_FAILED) {
        int error = errno;
        hearth_ring_close(ring);
        return error;
    }
    ring->submissions = submissions;
    madvise(rings, ring->rings_bytes, MADV_DONTFORK);
    madvise(submissions, ring->submissions_bytes, MADV_DONTFORK);
    char *base = (char *)rings;
    ring->entries = parameters.sq_entries;
    ring->mask = *(unsigned *)(base + parameters.sq_off.ring_mask);
    ring->completion_mask = *(unsigned *)(base + parameters.cq_off.ring_mask);
    ring->submission_head = (unsigned *)(base + parameters.sq_off.head);
    ring->submission_tail = (unsigned *)(base + parameters.sq_off.tail);
    ring->completion_head = (unsigned *)(base + parameters.cq_off.head);
    ring->completion_tail = (unsigned *)(base + parameters.cq_off.tail);
    ring->completions = base + parameters.cq_off.cqes;
    unsigned *order = (unsigned *)(base + parameters.sq_off.array);
    for (unsigned index = 0; index < ring->entries; index++) order[index] = index;
    return 0;
}

/* One send that is done, as far as it goes, when `hearth_ring_enter` returns: MSG_DONTWAIT keeps the kernel from
 * waiting for the socket, and MSG_WAITALL makes it report a part as what it is instead of as a success, of which
 * nothing is reported. */
static inline void hearth_ring_send(struct hearth_ring *ring, unsigned index, int descriptor, const void *base,
                                    size_t count, int is_message) {
    unsigned tail = *ring->submission_tail + index;
    struct io_uring_sqe *entry = &((struct io_uring_sqe *)ring->submissions)[tail & ring->mask];
    memset(entry, 0, sizeof(*entry));
    entry->opcode = is_message ? IORING_OP_SENDMSG : IORING_OP_SEND;
    entry->flags = IOSQE_CQE_SKIP_SUCCESS;
    entry->fd = descriptor;
    entry->addr = (uint64_t)(uintptr_t)base;
    entry->len = is_message ? 1 : (unsigned)count;
    entry->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL;
    entry->user_data = index;
}

/* Hands over the first `count` entries. Returns how many the kernel took, or a negative errno. What it did not take
 * is taken back. */
static inline int hearth_ring_enter(struct hearth_ring *ring, unsigned count) {
    __atomic_store_n(ring->submission_tail, *ring->submission_tail + count, __ATOMIC_RELEASE);
    long taken = syscall(__NR_io_uring_enter, ring->descriptor, count, 0, 0, NULL, 0);
    int result = taken < 0 ? -errno : (int)taken;
    unsigned head = __atomic_load_n(ring->submission_head, __ATOMIC_ACQUIRE);
    __atomic_store_n(ring->submission_tail, head, __ATOMIC_RELEASE);
    return result;
}

/* The next completion: 1 and what it says, or 0. */
static inline int hearth_ring_reap(struct hearth_ring *ring, uint64_t *index, int *result) {
    unsigned head = *ring->completion_head;
    if (head == __atomic_load_n(ring->completion_tail, __ATOMIC_ACQUIRE)) return 0;
    struct io_uring_cqe *entry = &((struct io_uring_cqe *)ring->completions)[head & ring->completion_mask];
    *index = entry->user_data;
    *result = entry->res;
    __atomic_store_n(ring->completion_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}
#else
static inline void hearth_ring_close(struct hearth_ring *ring) { (void)ring; }
static inline int hearth_ring_open(struct hearth_ring *ring, unsigned entries) {
    (void)entries;
    memset(ring, 0, sizeof(*ring));
    ring->descriptor = -1;
    return ENOSYS;
}
static inline void hearth_ring_send(struct hearth_ring *ring, unsigned index, int descriptor, const void *base,
                                    size_t count, int is_message) {
    (void)ring, (void)index, (void)descriptor, (void)base, (void)count, (void)is_message;
}
static inline int hearth_ring_enter(struct hearth_ring *ring, unsigned count) {
    (void)ring, (void)count;
    return -ENOSYS;
}
static inline int hearth_ring_reap(struct hearth_ring *ring, uint64_t *index, int *result) {
    (void)ring, (void)index, (void)result;
    return 0;
}
#endif
#endif
