import Primitives

/// What the container may use: the limits of the process's control group and of those above it.
///
/// Reads cgroup v2 (Linux kernel documentation, admin-guide/cgroup-v2: `cpu.max` and `memory.max`). A
/// process without limits, or under cgroup v1, has none here.
public struct ControlGroup: Sendable, Equatable {
    /// Processors worth of time, such as 1.5; nil without a limit.
    public var processors: Double?
    /// Bytes before the kernel kills the process; nil without a limit.
    public var memoryBytesMax: Int?

    /// The limits of this process.
    public static let current = ControlGroup(
        membership: "/proc/self/cgroup", root: "/sys/fs/cgroup")

    /// Reads the limits of the group that the file `membership` names, below the mount point `root`. The
    /// tightest one on the way up holds. What cannot be read is no limit.
    public init(membership: String, root: String) {
        var path = Self.path(Self.text(membership) ?? "") ?? "/"
        while true {
            let folder = path == "/" ? root : root + path
            if let text = Self.text(folder + "/cpu.max"), let share = Self.processors(text) {
                processors = min(processors ?? share, share)
            }
            if let text = Self.text(folder + "/memory.max"), let bytes = Self.bytes(text) {
                memoryBytesMax = min(memoryBytesMax ?? bytes, bytes)
            }
            guard path != "/" else { return }
            let parent = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
            path = parent.isEmpty ? "/" : String(parent)
        }
    }

    /// Threads that make sense: whole processors, rounded up, of those `available`; at least one.
    public func processorCount(available: Int) -> Int {
        guard let processors else { return max(available, 1) }
        return max(1, min(available, Int(processors.rounded(.up))))
    }

    /// The path behind `0::` in /proc/self/cgroup; a path that leaves its root (seen from inside a
    /// container) is the root.
    static func path(_ membership: String) -> String? {
        for line in membership.split(separator: "\n") where line.hasPrefix("0::/") {
            let path = line.dropFirst(3)
            return path.contains("..") ? "/" : String(path)
        }
        return nil
    }

    /// `cpu.max`: quota and period in microseconds, or `max` for no limit.
    static func processors(_ text: String) -> Double? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]),
            quota > 0, period > 0
        else { return nil }
        return quota / period
    }

    /// `memory.max`: bytes, or `max` for no limit.
    static func bytes(_ text: String) -> Int? {
        guard let line = text.split(separator: "\n").first, let bytes = Int(line), bytes > 0 else {
            return nil
        }
        return bytes
    }

    private static func text(_ path: String) -> String? {
        guard let bytes = try? FileSystem.contents(of: path, byteCountMax: 64 << 10) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
