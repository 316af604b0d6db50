import Primitives

/// Versions that no request gets any more, until nobody holds them; and the indices of versions.
///
/// Loops and workers hold a version for as long as a batch of it is under way. The list holds each once
/// more, so that the last reference is its own: freeing happens on the loader's thread, never on a loop.
/// Owned by that thread.
struct Retirement {
    /// A version that was freed.
    struct Freed: Equatable {
        let model: String
        let version: String
        let byteCount: Int
    }

    private struct Entry {
        var version: ModelVersion
        /// Nil for a view, which lives and leaves with its version.
        var life: Lifecycle?
        let byteCount: Int
    }

    private var entries: [Entry] = []
    private var freeIndices: [Int] = []
    private var nextIndex = 0

    var isEmpty: Bool { entries.isEmpty }

    func holds(_ model: String, _ version: String) -> Bool {
        entries.contains { $0.version.name == model && $0.version.version == version }
    }

    /// An index that no version that somebody holds has; the lowest, so that they stay dense.
    mutating func takeIndex() -> Int {
        if let lowest = freeIndices.indices.min(by: { freeIndices[$0] < freeIndices[$1] }) {
            return freeIndices.remove(at: lowest)
        }
        nextIndex += 1
        return nextIndex - 1
    }

    /// A version that was never given to a request leaves again.
    mutating func giveIndex(_ index: Int) { freeIndices.append(index) }

    /// Takes a version that was just unpublished. `life` is ready.
    mutating func retire(
        _ version: ModelVersion, life: Lifecycle, byteCount: Int, now: UInt64
    ) {
        var life = life
        let action = try? life.handle(.withdraw, now: now)
        precondition(action == .unpublish, "what is served is ready")
        version.retire()
        entries.append(Entry(version: version, life: life, byteCount: byteCount))
        // Behind their version, which holds them: they can be freed once it was.
        for view in version.views {
            entries.append(Entry(version: view.version, life: nil, byteCount: 0))
        }
    }

    /// Frees what nobody else holds.
    mutating func reap(now: UInt64) -> [Freed] {
        var freed: [Freed] = []
        var index = 0
        while index < entries.count {
            guard isKnownUniquelyReferenced(&entries[index].version) else {
                index += 1
                continue
            }
            let entry = entries.remove(at: index)
            freeIndices.append(entry.version.index)
            guard var life = entry.life else { continue }
            let action = try? life.handle(.released, now: now)
            precondition(action == .free, "what is retired drains")
            freed.append(
                Freed(
                    model: entry.version.name, version: entry.version.version,
                    byteCount: entry.byteCount))
        }
        return freed
    }
}
