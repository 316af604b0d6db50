import Primitives
import Serving
import Synchronization

/// The access policy of the process, and its replacement when the file changes.
///
/// Any thread may reload; loops keep an `AccessView` and compare a generation.
package final class AccessStore: Sendable {
    /// What came of looking at the file again.
    package enum Reload: Sendable, Equatable {
        case unchanged
        /// Counts for the log, and what is wrong with the file's permissions.
        case replaced(tokens: Int, clients: Int, warning: String?)
        /// The file is no good: the policy before it stays. Told once for each state of the file.
        case kept(ConfigurationError)
    }

    private let path: String?
    private let limits: Limits
    /// What is wrong with the permissions of the file at the start.
    package let warning: String?
    private let current: Mutex<AccessPolicy>
    private let generationCell = Atomic<UInt64>(0)
    /// Of the file at the last attempt. Its lock is held while the file is read, so that of two
    /// reloads the later one wins; loops never take it.
    private let stamp: Mutex<FileStamp?>

    /// Everybody may do everything, for ever.
    package init() {
        path = nil
        limits = .standard
        warning = nil
        current = Mutex(.open)
        stamp = Mutex(nil)
    }

    /// Reads the file, which must be good.
    package init(path: String, limits: Limits) throws(ConfigurationError) {
        // The stamp comes first: a file that changes while it is read has changed since.
        let stamp = FileStamp(path: path)
        let file = try AccessFile(path: path, limits: limits)
        self.path = path
        self.limits = limits
        warning = file.warning
        current = Mutex(file.policy)
        self.stamp = Mutex(stamp)
    }

    /// Changes whenever the policy does. Costs a load.
    package var generation: UInt64 { generationCell.load(ordering: .acquiring) }

    package var policy: AccessPolicy { current.withLock { $0 } }

    /// Reads the file again if it is another than at the last attempt, or in any case when asked to
    /// (SIGHUP). Costs one system call when nothing has changed. A file that is gone is a bad file.
    package func reload(always: Bool = false) -> Reload {
        guard let path else { return .unchanged }
        return stamp.withLock { stamp in
            let now = FileStamp(path: path)
            guard always || now != stamp else { return .unchanged }
            stamp = now
            do throws(ConfigurationError) {
                let file = try AccessFile(path: path, limits: limits)
                current.withLock { $0 = file.policy }
                generationCell.wrappingAdd(1, ordering: .releasing)
                return .replaced(
                    tokens: file.tokens.count, clients: file.clients.count, warning: file.warning)
            } catch {
                return .kept(error)
            }
        }
    }
}

/// One loop's copy of the policy.
package struct AccessView {
    package private(set) var policy: AccessPolicy
    private var generation: UInt64

    package init(_ store: AccessStore) {
        // In this order a policy that changes in between is taken at the next refresh.
        generation = store.generation
        policy = store.policy
    }

    /// Takes the store's policy when it is a new one; once a turn. Costs a load when it is not.
    package mutating func refresh(_ store: AccessStore) {
        let now = store.generation
        guard now != generation else { return }
        generation = now
        policy = store.policy
    }
}
