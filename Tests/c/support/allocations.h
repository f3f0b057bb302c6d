/* How many allocations the whole process has made so far. */
#ifndef HEARTH_TESTS_ALLOCATIONS_H
#define HEARTH_TESTS_ALLOCATIONS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdlib.h>

static long allocations_made;

static inline long count_allocations(void) {
    return __atomic_load_n(&allocations_made, __ATOMIC_RELAXED);
}

#define COUNTED(type, name, parameters, arguments)                  \
    type name parameters {                                          \
        static type(*original) parameters;                          \
        if (!original)                                              \
            original = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
        __atomic_fetch_add(&allocations_made, 1, __ATOMIC_RELAXED); \
        return original arguments;                                  \
    }

COUNTED(void *, malloc, (size_t size), (size))
COUNTED(void *, realloc, (void *memory, size_t size), (memory, size))
COUNTED(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
COUNTED(int, posix_memalign, (void **memory, size_t alignment, size_t size), (memory, alignment, size))

#endif
