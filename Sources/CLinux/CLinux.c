#define _GNU_SOURCE
#include "CLinux.h"

#include <malloc.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int martlet_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
    return accept4(listener, address, length, flags);
}

int martlet_processor_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

void martlet_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int martlet_cpu_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return 4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        return 3;
#endif
    return 1;
}

int martlet_cpu_has_vnni(void) {
#if defined(__x86_64__)
    return martlet_cpu_level() >= 4 && __builtin_cpu_supports("avx512vnni") ? 1 : 0;
#else
    return 0;
#endif
}

int martlet_wait_readable(int descriptor, int64_t nanoseconds) {
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return ppoll(&entry, 1, &time, NULL);
}

// On Linux a nice value belongs to a thread, and `who` 0 is the calling one.
void martlet_set_thread_nice(int nice) { setpriority(PRIO_PROCESS, 0, nice); }

// The first version of struct sched_attr; glibc 2.36 has none.
struct martlet_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static _Thread_local int gives_way;

int martlet_thread_gives_way(void) { return gives_way; }

void martlet_lower_thread_priority(void) {
    gives_way = 1;
    struct martlet_sched_attr attributes = {
        .size = sizeof attributes, .policy = SCHED_BATCH, .nice = 10, .runtime = 100000000};
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return;
    struct sched_param param = {0};
    sched_setscheduler(0, SCHED_BATCH, &param);
    setpriority(PRIO_PROCESS, (id_t)gettid(), 10);
}

void martlet_idle_thread_priority(void) {
    gives_way = 1;
    struct sched_param param = {0};
    sched_setscheduler(0, SCHED_IDLE, &param);
}

int martlet_lock_file(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

void martlet_heap_figures(
    unsigned long long *used, unsigned long long *free_bytes, unsigned long long *mapped) {
    struct mallinfo2 info = mallinfo2();
    *used = info.uordblks;
    *free_bytes = info.fordblks;
    *mapped = info.hblkhd;
}

void martlet_trim_heap(void) { malloc_trim(0); }

void martlet_trim_own_heap(int trim_bytes) {
    // malloc_trim leaves the end of every heap but the first alone. Freeing a block of 64 KiB or more
    // gives the end of its heap back, when it has reached the threshold.
    mallopt(M_TRIM_THRESHOLD, 64 << 10);
    void *volatile block = malloc(256 << 10);
    free(block);
    mallopt(M_TRIM_THRESHOLD, trim_bytes);
}

void martlet_set_heap_thresholds(int mmap_bytes, int trim_bytes) {
    mallopt(M_MMAP_THRESHOLD, mmap_bytes);
    mallopt(M_TRIM_THRESHOLD, trim_bytes);
}
