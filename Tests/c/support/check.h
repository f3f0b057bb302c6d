/* What a test says: a check that does not hold ends the program with its place and status 1. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

#define CHECK_NUMBER(found, wanted)                                                                        \
    do {                                                                                                   \
        long long found_ = (long long)(found), wanted_ = (long long)(wanted);                              \
        if (found_ != wanted_) {                                                                           \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #found, found_, wanted_); \
            exit(1);                                                                                       \
        }                                                                                                  \
    } while (0)

#define CHECK_TEXT(found, wanted)                                                                    \
    do {                                                                                             \
        const char *found_ = (found), *wanted_ = (wanted);                                           \
        if (strcmp(found_, wanted_) != 0) {                                                          \
            fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #found, found_, \
                    wanted_);                                                                        \
            exit(1);                                                                                 \
        }                                                                                            \
    } while (0)

#endif
