// Tells the thread sanitizer about the slow path of Swift's Mutex; tools/sanitize.sh preloads it.
//
// On Linux an uncontended Mutex is an atomic exchange that is compiled into our code, where the sanitizer
// sees it. A contended one is locked and unlocked by the kernel (futex(2), FUTEX_LOCK_PI and
// FUTEX_UNLOCK_PI), from a library that is not instrumented: to the sanitizer two threads then touch what
// the lock protects with nothing between them. This puts the release and the acquire where they happen.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>

static long (*real)(long, ...);
static void (*acquire)(void *);
static void (*release)(void *);

__attribute__((constructor)) static void find(void) {
    *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    // Absent in programs without the sanitizer, such as the shell that runs the tests.
    *(void **)&acquire = dlsym(RTLD_DEFAULT, "__tsan_acquire");
    *(void **)&release = dlsym(RTLD_DEFAULT, "__tsan_release");
}

long syscall(long number, ...) {
    long a[6];
    va_list list;
    va_start(list, number);
    for (int index = 0; index < 6; index++) a[index] = va_arg(list, long);
    va_end(list);
    if (!real) find();
    if (number != SYS_futex) return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    int operation = (int)a[1] & FUTEX_CMD_MASK;
    if (operation == FUTEX_UNLOCK_PI && release) release((void *)a[0]);
    long result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if ((operation == FUTEX_LOCK_PI || operation == FUTEX_TRYLOCK_PI) && result == 0 && acquire)
        acquire((void *)a[0]);
    return result;
}
