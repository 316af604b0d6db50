// Counts a process's allocations from outside: run.py preloads it and reads the counts from a file that
// both sides have mapped. Every call is counted, realloc as one, whatever the size; frees are not.
//
//     gcc -O2 -shared -fPIC -o counter.so counter.c -ldl
//     ALLOCATION_COUNTS=FILE LD_PRELOAD=./counter.so martlet serve models
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// What the file holds: run.py knows this layout.
struct counts {
    uint64_t calls;
    // How many of the next allocations print where they come from; run.py sets it for --where.
    int64_t tracesLeft;
};

static struct counts unmapped, *counts = &unmapped;
// backtrace() allocates when it is first called, and must not count itself.
static __thread int isTracing __attribute__((tls_model("initial-exec")));

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

__attribute__((constructor)) static void mapCounts(void) {
    const char *path = getenv("ALLOCATION_COUNTS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED) counts = memory;
}

static void count(void) {
    if (isTracing) return;
    __atomic_fetch_add(&counts->calls, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&counts->tracesLeft, __ATOMIC_RELAXED) <= 0) return;
    if (__atomic_fetch_sub(&counts->tracesLeft, 1, __ATOMIC_RELAXED) <= 0) return;
    isTracing = 1;
    void *frames[24];
    int depth = backtrace(frames, 24);
    (void)!write(STDERR_FILENO, "allocation\n", 11);
    backtrace_symbols_fd(frames + 2, depth > 2 ? depth - 2 : 0, STDERR_FILENO);
    isTracing = 0;
}

void *malloc(size_t size) { count(); return __libc_malloc(size); }
void *calloc(size_t number, size_t size) { count(); return __libc_calloc(number, size); }
void *realloc(void *old, size_t size) { count(); return __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { count(); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) || alignment & (alignment - 1) || alignment == 0) return EINVAL;
    *result = memalign(alignment, size);
    return *result ? 0 : ENOMEM;
}
