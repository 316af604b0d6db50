// What Linux offers and SwiftGlibc's module map leaves out. Declarations and one-line shims only.
#ifndef MARTLET_CLINUX_H
#define MARTLET_CLINUX_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/// accept4(2), which needs _GNU_SOURCE: that macro is set in CLinux.c only, since in a header it
/// clashes with SwiftGlibc's fd_set.
int martlet_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

/// The number of processors this thread may run on (sched_getaffinity), at least 1.
int martlet_processor_count(void);

/// Names the calling thread, at most 15 bytes (shown by top -H and perf).
void martlet_name_thread(const char *name);

/// The instruction-set level of this processor: 1 baseline, 3 = x86-64-v3 (AVX2, FMA), 4 = x86-64-v4.
int martlet_cpu_level(void);

/// Whether this processor multiplies bytes as AVX-512 VNNI does, beside x86-64-v4; 1 or 0.
int martlet_cpu_has_vnni(void);

/// Waits until a descriptor is readable or this time is over (ppoll(2)); 1, 0 or -1 as poll(2) says.
int martlet_wait_readable(int descriptor, int64_t nanoseconds);

/// Lowers the calling thread's share of the processors: setpriority(2) on the thread. Best effort.
void martlet_set_thread_nice(int nice);

/// Makes the calling thread give way to all others: SCHED_BATCH, nice 10, a long slice. The priority of the other
/// threads of the process does not change (Linux keeps it a thread).
void martlet_lower_thread_priority(void);

/// Makes the calling thread run only while a processor has nothing else to do: SCHED_IDLE. It cannot be taken
/// back without CAP_SYS_NICE.
void martlet_idle_thread_priority(void);

/// Whether one of the two above was called on this thread; 1 or 0.
int martlet_thread_gives_way(void);

/// flock(LOCK_EX | LOCK_NB): 1 when the lock was taken. It is let go when the descriptor is closed, also
/// by the end of the process.
int martlet_lock_file(int descriptor);

/// What the allocator has, over all heaps (mallinfo2): bytes in use, bytes free, and bytes of blocks that are
/// mapped one by one (in use, too).
void martlet_heap_figures(unsigned long long *used, unsigned long long *free_bytes, unsigned long long *mapped);

/// Gives free heap pages back to the system (malloc_trim).
void martlet_trim_heap(void);

/// Gives the free end of the calling thread's heap back; `trim_bytes` is the trim threshold in force.
void martlet_trim_own_heap(int trim_bytes);

/// Blocks from the first size on are mapped one by one and unmapped when freed; a heap whose free end
/// reaches the second gives it back (mallopt M_MMAP_THRESHOLD, M_TRIM_THRESHOLD).
void martlet_set_heap_thresholds(int mmap_bytes, int trim_bytes);

/// Tells the processor that a loop waits (PAUSE, YIELD).
static inline void martlet_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
