import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// What happens in folders, as the kernel tells it (inotify(7)).
///
/// Owned by one thread. A folder is watched, not what is below it. The kernel drops what does not fit
/// its queue: `read` then says so, and the caller looks at everything again.
@safe public final class FolderWatch {
    public enum Kind: Sendable, Equatable {
        /// Something was made or written to, and may still be.
        case written
        /// Something came in under its name at once (a rename).
        case arrived
        /// Something was removed or renamed away.
        case left
        /// The folder itself is gone, or no longer where it was: the watch is over.
        case ended
    }

    public struct Event: Sendable, Equatable {
        /// What `add` gave.
        public let watch: Int32
        /// In the folder; empty for `ended`.
        public let name: String
        public let kind: Kind
    }

    /// Readable when something happened.
    public let descriptor: Int32

    private static let bufferBytes = 64 << 10
    private let buffer = UnsafeMutableRawPointer.allocate(
        byteCount: bufferBytes, alignment: 8)

    /// Throws when the user has no inotify instance left (fs.inotify.max_user_instances).
    public init() throws(SystemError) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "inotify_init1", errno) }
    }

    deinit {
        buffer.deallocate()
        close(descriptor)
    }

    /// Watches a folder, following symbolic links; the same number for a folder that is watched
    /// already. Throws when it is none, or the user has no watches left (fs.inotify.max_user_watches).
    public func add(_ path: String) throws(SystemError) -> Int32 {
        let mask =
            IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE
            | IN_DELETE_SELF | IN_MOVE_SELF
        let watch = inotify_add_watch(descriptor, path, UInt32(mask) | Self.onlyFolders)
        guard watch >= 0 else { throw SystemError(call: "watch \(path)", errno) }
        return watch
    }

    /// Ends a watch; nothing happens when it is over already.
    public func remove(_ watch: Int32) { _ = inotify_rm_watch(descriptor, watch) }

    private static let onlyFolders: UInt32 = 0x0100_0000

    /// Hands over what happened since the last call, without waiting. False: the kernel's queue ran
    /// over and events are missing.
    public func read(_ body: (Event) -> Void) -> Bool {
        var isComplete = true
        while true {
            let count = Glibc.read(descriptor, buffer, Self.bufferBytes)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return isComplete }
            var offset = 0
            let head = MemoryLayout<inotify_event>.size
            while offset + head <= count {
                let event = (buffer + offset).loadUnaligned(as: inotify_event.self)
                let length = Int(event.len)
                precondition(offset + head + length <= count, "the kernel gives whole events")
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    isComplete = false
                } else if let kind = Self.kind(event.mask) {
                    let name =
                        length == 0
                        ? ""
                        : String(
                            cString: (buffer + offset + head).assumingMemoryBound(to: CChar.self))
                    body(Event(watch: event.wd, name: name, kind: kind))
                }
                offset += head + length
            }
        }
    }

    private static func kind(_ mask: UInt32) -> Kind? {
        if mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT) != 0 {
            return .ended
        }
        if mask & UInt32(IN_MOVED_TO) != 0 { return .arrived }
        if mask & UInt32(IN_DELETE | IN_MOVED_FROM) != 0 { return .left }
        if mask & UInt32(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE) != 0 { return .written }
        return nil
    }
}
