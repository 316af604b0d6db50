import Primitives

/// What the system says of this process, under the names that Prometheus client libraries use.
struct ProcessFigures {
    var cpuSeconds = 0.0
    var residentBytes = 0
    var virtualBytes = 0
    var openDescriptors = 0
    var descriptorsMax = 0
    var threadCount = 0

    /// Reads /proc; figures that cannot be read stay 0.
    init() {
        if let text = Self.text("/proc/self/stat"), let close = text.lastIndex(of: ")") {
            // Fields behind the command name, counted from the third (proc_pid_stat(5)).
            let fields = text[close...].split(separator: " ").dropFirst()
            func field(_ number: Int) -> Int {
                let index = fields.startIndex + number - 3
                return index < fields.endIndex ? Int(fields[index]) ?? 0 : 0
            }
            cpuSeconds = Double(field(14) + field(15)) / 100
            threadCount = field(20)
            virtualBytes = field(23)
            residentBytes = field(24) * 4096
        }
        openDescriptors = ((try? FileSystem.names(in: "/proc/self/fd").count) ?? 1) - 1
        if let text = Self.text("/proc/self/limits") {
            for line in text.split(separator: "\n") where line.hasPrefix("Max open files") {
                let words = line.split(separator: " ")
                if words.count > 3 { descriptorsMax = Int(words[3]) ?? 0 }
            }
        }
    }

    private static func text(_ path: String) -> String? {
        guard let bytes = try? FileSystem.contents(of: path, byteCountMax: 64 << 10) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
