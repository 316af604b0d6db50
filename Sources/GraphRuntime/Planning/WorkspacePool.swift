import Synchronization

/// Workspaces that wait for a thread. As many exist as threads ever ran the model at once.
public final class WorkspacePool: Sendable {
    /// Idle workspaces. Taken and given back by any thread, under the lock.
    private let idle = Mutex<[Workspace]>([])

    public init() {}

    /// A workspace for the calling thread alone, until it gives it back.
    public func take() -> Workspace {
        idle.withLock { $0.popLast() } ?? Workspace()
    }

    public func giveBack(_ workspace: Workspace) {
        idle.withLock { $0.append(workspace) }
    }
}
