import IO
import Primitives

/// The threads that help with one call at a time, as the process's team.
struct IntraThreads {
    static let countMax = Limits.standard.intraThreadsMax

    private let team: ThreadTeam?
    private let threads: [Thread]

    /// Starts `count` - 1 helpers (0: as many threads as processors may be used) and installs them. Ends
    /// the process when they cannot be started.
    static func start(_ count: Int) -> IntraThreads {
        let count = count > 0 ? count : min(Thread.processorCount, countMax)
        guard count > 1 else { return IntraThreads(team: nil, threads: []) }
        do throws(SystemError) {
            let team = try ThreadTeam(laneCount: count)
            var threads: [Thread] = []
            for index in 0..<count - 1 {
                threads.append(try Thread(name: "intra-\(index)") { team.help(index) })
            }
            ThreadTeam.install(team)
            return IntraThreads(team: team, threads: threads)
        } catch {
            Exit.failure("threads for --intra-threads cannot be started: \(error.reason)")
        }
    }

    /// Threads that compute a call, the caller among them.
    var laneCount: Int { team?.laneCount ?? 1 }

    /// Takes the team away and ends its threads. No model computes any more.
    func stop() {
        ThreadTeam.install(nil)
        team?.stop()
        for thread in threads { thread.join() }
    }
}
