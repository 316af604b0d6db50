// Tells the thread sanitizer about the slow path of Swift's Mutex; tools/sanitize.sh preloads it.
//
// On Linux an uncontended Mutex is an atomic exchange that is compiled into our code, where the sanitizer
// sees it. A contended one is locked and unlocked by libswiftSynchronization (it spins, then asks the
// kernel), which is not instrumented: to the sanitizer two threads then touch what the lock protects with
// nothing between them. This puts the acquire and the release where they happen. Needs clang, for Swift's
// calling convention: a method's self is the context.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self

typedef SWIFT void LockSlow(uint32_t thread, SELF);
typedef SWIFT bool TryLockSlow(SELF);
typedef SWIFT void UnlockSlow(SELF);

// Absent in programs without the sanitizer, such as the one that runs the tests.
extern uint32_t __tsan_atomic32_load(const volatile uint32_t *, int order) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

// Not __tsan_acquire: that returns at once while the first release of a mutex is still being written down,
// which is after the mutex itself is free. A load waits for it.
static void acquire(void *self) {
    if (__tsan_atomic32_load) __tsan_atomic32_load(self, __ATOMIC_ACQUIRE);
}

static void *next(const char *symbol) {
    void *found = dlsym(RTLD_NEXT, symbol);
    if (!found) abort();
    return found;
}

SWIFT void lockSlow(uint32_t thread, SELF)
    __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT void lockSlow(uint32_t thread, SELF) {
    LockSlow *real = (LockSlow *)next("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
    real(thread, self);
    acquire(self);
}

SWIFT bool tryLockSlow(SELF) __asm__("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
SWIFT bool tryLockSlow(SELF) {
    TryLockSlow *real = (TryLockSlow *)next("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
    bool locked = real(self);
    if (locked) acquire(self);
    return locked;
}

SWIFT void unlockSlow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
SWIFT void unlockSlow(SELF) {
    if (__tsan_release) __tsan_release(self);
    UnlockSlow *real = (UnlockSlow *)next("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
    real(self);
}
