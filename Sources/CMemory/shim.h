/* The memory of the library, counted, with a reserve for what cannot be refused. Embedded Swift ends the process when it
 * gets no memory, so the linker puts these functions in the place of malloc, calloc, realloc, posix_memalign and free
 * (--wrap) for everything that is linked into the library. Inline functions, as Swift has no thread-local variables
 * without its runtime, and no way to name what the linker makes of a symbol. */
#ifndef HEARTH_CMEMORY_SHIM_H
#define HEARTH_CMEMORY_SHIM_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The system's own functions, as the linker names them. */
extern void *__real_malloc(size_t bytes);
extern void *__real_realloc(void *block, size_t bytes);
extern int __real_posix_memalign(void **block, size_t alignment, size_t bytes);
extern void __real_free(void *block);

/* At a fixed distance from the thread's pointer: no call of the dynamic loader, which the library would have to need. */
#define HEARTH_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

enum { HEARTH_BLOCK_HEAD = 16, HEARTH_RESERVE_BYTES = 4 << 20, HEARTH_RESERVE_STEP = 64 };

/* Lies directly before each block. `kind`: a mark, and how far before the block its memory begins; 0: in the reserve. */
struct hearth_block {
    size_t bytes;
    uint64_t kind;
};

#define HEARTH_BLOCK_MARK 0x68656d7200000000u

/* `limit`: bytes from which on memory is low; 0: none. `is_low`: an allocation failed, or the limit was reached. */
struct hearth_memory {
    size_t used;
    size_t limit;
    size_t failures;
    int is_low;
    int is_told;
    /* Blocks in the reserve. Under the mutex. */
    size_t reserved;
    pthread_mutex_t mutex;
};

static struct hearth_memory hearth_memory = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Of failures on this thread, and memory that was fetched for its next large allocation. */
static HEARTH_THREAD_LOCAL size_t hearth_failures = 0;
static HEARTH_THREAD_LOCAL void *hearth_fetched = NULL;
static HEARTH_THREAD_LOCAL size_t hearth_fetched_bytes = 0;

/* The reserve is part of the library: it is there before any allocation, and takes no memory until it is used. Each run of
 * it begins with a head: `bytes` of it as a whole, `kind` 1 if it is taken. */
static _Alignas(HEARTH_RESERVE_STEP) unsigned char hearth_reserve[HEARTH_RESERVE_BYTES] = {0};

static inline struct hearth_block *hearth_block_of(void *block) {
    return (struct hearth_block *)((unsigned char *)block - HEARTH_BLOCK_HEAD);
}

static inline struct hearth_block *hearth_run(size_t offset) {
    return (struct hearth_block *)(hearth_reserve + offset);
}

static inline void *hearth_reserve_take(size_t bytes) {
    const size_t needed =
        (bytes + HEARTH_RESERVE_STEP + HEARTH_RESERVE_STEP - 1) / HEARTH_RESERVE_STEP * HEARTH_RESERVE_STEP;
    void *block = NULL;
    if (bytes > HEARTH_RESERVE_BYTES) return NULL;
    pthread_mutex_lock(&hearth_memory.mutex);
    if (hearth_memory.reserved == 0) *hearth_run(0) = (struct hearth_block){HEARTH_RESERVE_BYTES, 0};
    for (size_t at = 0; at < HEARTH_RESERVE_BYTES && !block; at += hearth_run(at)->bytes) {
        struct hearth_block *run = hearth_run(at);
        if (run->kind) continue;
        /* Runs that were given back are joined as they are met. */
        while (at + run->bytes < HEARTH_RESERVE_BYTES && hearth_run(at + run->bytes)->kind == 0)
            run->bytes += hearth_run(at + run->bytes)->bytes;
        if (run->bytes < needed) continue;
        if (run->bytes > needed) {
            *hearth_run(at + needed) = (struct hearth_block){run->bytes - needed, 0};
            run->bytes = needed;
        }
        run->kind = 1;
        hearth_memory.reserved++;
        block = (unsigned char *)run + HEARTH_RESERVE_STEP;
        *hearth_block_of(block) = (struct hearth_block){bytes, HEARTH_BLOCK_MARK};
    }
    pthread_mutex_unlock(&hearth_memory.mutex);
    return block;
}

static inline void hearth_reserve_give_back(void *block) {
    pthread_mutex_lock(&hearth_memory.mutex);
    ((struct hearth_block *)((unsigned char *)block - HEARTH_RESERVE_STEP))->kind = 0;
    hearth_memory.reserved--;
    pthread_mutex_unlock(&hearth_memory.mutex);
}

static inline void hearth_count(size_t bytes) {
    size_t used = __atomic_add_fetch(&hearth_memory.used, bytes, __ATOMIC_RELAXED);
    size_t limit = __atomic_load_n(&hearth_memory.limit, __ATOMIC_RELAXED);
    if (limit && used > limit) __atomic_store_n(&hearth_memory.is_low, 1, __ATOMIC_RELAXED);
}

static inline void hearth_note_failure(void) {
    hearth_failures++;
    __atomic_fetch_add(&hearth_memory.failures, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&hearth_memory.is_low, 1, __ATOMIC_RELAXED);
}

/* Marks what the system gave as a block that begins `offset` bytes behind it. */
static inline void *hearth_mark(void *memory, size_t offset, size_t bytes) {
    void *block = (unsigned char *)memory + offset;
    *hearth_block_of(block) = (struct hearth_block){bytes, HEARTH_BLOCK_MARK | offset};
    hearth_count(bytes);
    return block;
}

/* Memory that may be refused. */
static inline void *hearth_memory_ask(size_t bytes) {
    void *memory = bytes > SIZE_MAX / 2 ? NULL : __real_malloc(bytes + HEARTH_BLOCK_HEAD);
    if (!memory) {
        hearth_note_failure();
        errno = ENOMEM;
        return NULL;
    }
    return hearth_mark(memory, HEARTH_BLOCK_HEAD, bytes);
}

static inline void *hearth_memory_take(size_t bytes) {
    if (hearth_fetched && bytes <= hearth_fetched_bytes && bytes >= hearth_fetched_bytes / 4) {
        void *block = hearth_fetched;
        hearth_fetched = NULL;
        return block;
    }
    void *block = hearth_memory_ask(bytes);
    return block ? block : hearth_reserve_take(bytes);
}

static inline void hearth_memory_give_back(void *block) {
    if (!block) return;
    struct hearth_block head = *hearth_block_of(block);
    if ((head.kind & ~(uint64_t)UINT32_MAX) != HEARTH_BLOCK_MARK) return __real_free(block);
    if (head.kind == HEARTH_BLOCK_MARK) return hearth_reserve_give_back(block);
    hearth_block_of(block)->kind = 0;
    __atomic_fetch_sub(&hearth_memory.used, head.bytes, __ATOMIC_RELAXED);
    __real_free((unsigned char *)block - (head.kind & UINT32_MAX));
}

static inline void *hearth_memory_take_aligned(size_t alignment, size_t bytes) {
    void *memory = NULL;
    if (alignment <= HEARTH_BLOCK_HEAD) return hearth_memory_take(bytes);
    if (bytes > SIZE_MAX / 2 || __real_posix_memalign(&memory, alignment, bytes + alignment) != 0) {
        hearth_note_failure();
        return alignment <= HEARTH_RESERVE_STEP ? hearth_reserve_take(bytes) : NULL;
    }
    return hearth_mark(memory, alignment, bytes);
}

/* A block of another size that may be refused: the old one is then as it was. */
static inline void *hearth_memory_ask_resized(void *block, size_t bytes) {
    if (!block) return hearth_memory_ask(bytes);
    struct hearth_block head = *hearth_block_of(block);
    if (head.kind != (HEARTH_BLOCK_MARK | HEARTH_BLOCK_HEAD)) {
        void *other = hearth_memory_ask(bytes);
        if (!other) return NULL;
        memcpy(other, block, head.bytes < bytes ? head.bytes : bytes);
        hearth_memory_give_back(block);
        return other;
    }
    void *memory =
        bytes > SIZE_MAX / 2 ? NULL : __real_realloc((unsigned char *)block - HEARTH_BLOCK_HEAD, bytes + HEARTH_BLOCK_HEAD);
    if (!memory) {
        hearth_note_failure();
        errno = ENOMEM;
        return NULL;
    }
    __atomic_fetch_sub(&hearth_memory.used, head.bytes, __ATOMIC_RELAXED);
    return hearth_mark(memory, HEARTH_BLOCK_HEAD, bytes);
}

static inline void *hearth_memory_resize(void *block, size_t bytes) {
    void *resized = hearth_memory_ask_resized(block, bytes);
    if (resized) return resized;
    resized = hearth_reserve_take(bytes);
    if (!resized || !block) return resized;
    size_t old = hearth_block_of(block)->bytes;
    memcpy(resized, block, old < bytes ? old : bytes);
    hearth_memory_give_back(block);
    return resized;
}

/* Fetches memory for the thread's next allocation of about so many bytes. 0: there is none, or less than the limit
 * leaves. */
static inline int hearth_memory_fetch(size_t bytes) {
    size_t limit = __atomic_load_n(&hearth_memory.limit, __ATOMIC_RELAXED);
    if (hearth_fetched) {
        hearth_memory_give_back(hearth_fetched);
        hearth_fetched = NULL;
    }
    if (limit && __atomic_load_n(&hearth_memory.used, __ATOMIC_RELAXED) + bytes > limit) {
        hearth_note_failure();
        return 0;
    }
    hearth_fetched = hearth_memory_ask(bytes);
    hearth_fetched_bytes = bytes;
    return hearth_fetched != NULL;
}

/* The thread ends: what was fetched for it is not needed. */
static inline void hearth_memory_let_go(void) {
    hearth_memory_give_back(hearth_fetched);
    hearth_fetched = NULL;
}

static inline size_t hearth_memory_used(void) { return __atomic_load_n(&hearth_memory.used, __ATOMIC_RELAXED); }
static inline size_t hearth_memory_limit(void) { return __atomic_load_n(&hearth_memory.limit, __ATOMIC_RELAXED); }
static inline void hearth_memory_set_limit(size_t limit) {
    __atomic_store_n(&hearth_memory.limit, limit, __ATOMIC_RELAXED);
}
static inline int hearth_memory_is_low(void) { return __atomic_load_n(&hearth_memory.is_low, __ATOMIC_RELAXED); }
static inline size_t hearth_memory_failures_here(void) { return hearth_failures; }

/* Says that it is told that memory is low, or no longer. 0: it was told already. */
static inline int hearth_memory_announce(int is_low) {
    return __atomic_exchange_n(&hearth_memory.is_told, is_low, __ATOMIC_RELAXED) != is_low;
}

/* Whether memory is no longer low: as much as the reserve can be had again, and an eighth of the limit is free. */
static inline int hearth_memory_recover(void) {
    size_t limit = hearth_memory_limit();
    if (limit && hearth_memory_used() > limit - limit / 8) return 0;
    void *probe = __real_malloc(HEARTH_RESERVE_BYTES / 4);
    if (!probe) return 0;
    __real_free(probe);
    __atomic_store_n(&hearth_memory.is_low, 0, __ATOMIC_RELAXED);
    return 1;
}

/* The functions above, made once, in Sources/HearthPlatform/Allocation.swift: a module of Swift that inlines one of them
 * has its own copy of the variables. */
extern size_t memory_used(void);
extern size_t memory_limit(void);
extern void memory_set_limit(size_t limit);
extern int memory_is_low(void);
extern size_t memory_failures_here(void);
extern int memory_announce(int is_low);
extern int memory_recover(void);
extern int memory_fetch(size_t bytes);
extern void *memory_ask(size_t bytes);
extern void *memory_ask_resized(void *block, size_t bytes);
extern void memory_give_back(void *block);
extern void memory_let_go(void);
#endif
