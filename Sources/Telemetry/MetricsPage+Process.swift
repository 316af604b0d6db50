import Primitives

/// What the system says of the process.
extension MetricsPage {
    mutating func process(_ metrics: ServerMetrics) {
        let figures = ProcessFigures()
        family("process_cpu_seconds_total", "counter", "User and system CPU time spent.")
        buffer.append("process_cpu_seconds_total \(figures.cpuSeconds)\n")
        single(
            "process_resident_memory_bytes", "gauge", "Resident memory.",
            UInt64(figures.residentBytes))
        single(
            "process_virtual_memory_bytes", "gauge", "Virtual memory.",
            UInt64(figures.virtualBytes))
        single(
            "process_open_fds", "gauge", "Open file descriptors.", UInt64(figures.openDescriptors))
        single(
            "process_max_fds", "gauge", "The most file descriptors this process may open.",
            UInt64(figures.descriptorsMax))
        let heap = Heap.figures()
        family("martlet_allocator_bytes", "gauge", "Memory of the C library's allocator, by state.")
        for (state, bytes) in [
            ("used", heap.usedBytes), ("free", heap.freeBytes), ("mapped", heap.mappedBytes),
        ] {
            buffer.append("martlet_allocator_bytes{state=\"\(state)\"} \(bytes)\n")
        }
        single("process_threads", "gauge", "Threads.", UInt64(figures.threadCount))
        single(
            "process_start_time_seconds", "gauge", "Start time, seconds since 1970.",
            UInt64(metrics.startSeconds))
    }
}
