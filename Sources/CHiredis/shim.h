/* hiredis: its reader of RESP alone. What it reads is given on piece by piece, so that it allocates nothing for a
 * reply; the functions that take the pieces have other types in its version 1. */
#ifndef HEARTH_CHIREDIS_SHIM_H
#define HEARTH_CHIREDIS_SHIM_H

#include <hiredis/hiredis.h>
#include <hiredis/read.h>
#include <stddef.h>

/* Types are those of REDIS_REPLY_. */
typedef void (*hearth_shim_redis_piece)(void *owner, int type, const char *bytes, size_t count, long long number);

typedef struct hearth_shim_redis_owner {
    hearth_shim_redis_piece piece;
    void *owner;
} hearth_shim_redis_owner;

static inline void *hearth_shim_redis_give(const redisReadTask *task, const char *bytes, size_t count,
                                           long long number) {
    hearth_shim_redis_owner *whom = task->privdata;
    whom->piece(whom->owner, task->type, bytes, count, number);
    /* Anything but NULL, which stands for a lack of memory. */
    return whom;
}

static inline void *hearth_shim_redis_string(const redisReadTask *task, char *bytes, size_t count) {
    return hearth_shim_redis_give(task, bytes, count, 0);
}

#if HIREDIS_MAJOR >= 1
static inline void *hearth_shim_redis_array(const redisReadTask *task, size_t count) {
    return hearth_shim_redis_give(task, NULL, 0, (long long)count);
}
#else
static inline void *hearth_shim_redis_array(const redisReadTask *task, int count) {
    return hearth_shim_redis_give(task, NULL, 0, count);
}
#endif

static inline void *hearth_shim_redis_integer(const redisReadTask *task, long long number) {
    return hearth_shim_redis_give(task, NULL, 0, number);
}

/* The type of its task is that of a string or an array. */
static inline void *hearth_shim_redis_nil(const redisReadTask *task) {
    hearth_shim_redis_owner *whom = task->privdata;
    whom->piece(whom->owner, REDIS_REPLY_NIL, NULL, 0, 0);
    return whom;
}

static inline void hearth_shim_redis_free(void *object) { (void)object; }

static inline redisReader *hearth_shim_redis_reader(hearth_shim_redis_owner *owner) {
    static redisReplyObjectFunctions functions;
    functions.createString = hearth_shim_redis_string;
    functions.createArray = hearth_shim_redis_array;
    functions.createInteger = hearth_shim_redis_integer;
    functions.createNil = hearth_shim_redis_nil;
    functions.freeObject = hearth_shim_redis_free;
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (reader)
        reader->privdata = owner;
    return reader;
}

#endif
