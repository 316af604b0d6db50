import CLinux
import Glibc
import Primitives

/// A joinable operating-system thread.
public final class Thread {
    private var handle: pthread_t
    private var isJoined = false

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts `body` on a new thread. `name` is what `top -H` shows (15 bytes at most).
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        handle = pthread_t()
        let code = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                martlet_name_thread(String(start.name.prefix(15)))
                start.body()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw SystemError(call: "pthread_create", code)
        }
    }

    /// Waits for the thread to end. Once.
    public func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(handle, nil)
    }

    /// Makes the calling thread give way to others of this process when all want a processor: 0 to 19,
    /// as nice(1). Best effort.
    public static func giveWay(nice: Int) { martlet_set_thread_nice(Int32(clamping: nice)) }

    /// Lets the calling thread sleep.
    public static func sleep(milliseconds: UInt32) { usleep(milliseconds * 1000) }

    /// Processors this process may use: its affinity, and the quota of its control group (`cpu.max`)
    /// rounded up.
    public static var processorCount: Int {
        ControlGroup.current.processorCount(available: Int(martlet_processor_count()))
    }
}
