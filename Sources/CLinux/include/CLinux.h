// What Linux offers and SwiftGlibc's module map leaves out. Declarations and one-line shims only.
#ifndef MARTLET_CLINUX_H
#define MARTLET_CLINUX_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

/// accept4(2), which needs _GNU_SOURCE: that macro is set in CLinux.c only, since in a header it
/// clashes with SwiftGlibc's fd_set.
int martlet_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

/// The number of processors this thread may run on (sched_getaffinity), at least 1.
int martlet_processor_count(void);

/// Names the calling thread, at most 15 bytes (shown by top -H and perf).
void martlet_name_thread(const char *name);

/// The instruction-set level of this processor: 1 baseline, 3 = x86-64-v3 (AVX2, FMA), 4 = x86-64-v4.
int martlet_cpu_level(void);

/// Gives free heap pages back to the system (malloc_trim).
void martlet_trim_heap(void);

/// Blocks from this size on are mapped one by one and unmapped when freed (mallopt M_MMAP_THRESHOLD).
void martlet_set_mmap_threshold(int byte_count);

#endif
