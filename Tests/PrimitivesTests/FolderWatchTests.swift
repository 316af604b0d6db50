import Primitives
import Testing

/// Reads until nothing is left; the events of a watch and whether none was lost.
private func events(_ watch: FolderWatch) -> [FolderWatch.Event] {
    var events: [FolderWatch.Event] = []
    let isComplete = watch.read { events.append($0) }
    #expect(isComplete)
    return events
}

@Test func aWatchTellsWritesRenamesAndRemovalsApart() throws {
    try withFolder { folder in
        let watch = try FolderWatch()
        let number = try watch.add(folder)
        #expect(try watch.add(folder) == number)
        try writeText("x", to: "\(folder)/a")
        #expect(Set(events(watch).map(\.kind)) == [.written])
        try FileSystem.rename("\(folder)/a", to: "\(folder)/b")
        let renamed = events(watch)
        #expect(renamed.map(\.kind) == [.left, .arrived])
        #expect(renamed.map(\.name) == ["a", "b"])
        FileSystem.remove("\(folder)/b")
        let removed = events(watch)
        #expect(removed.count == 1 && removed[0].watch == number)
        #expect(removed.first?.name == "b" && removed.first?.kind == .left)
        #expect(events(watch).isEmpty)
    }
}

@Test func aWatchEndsWithItsFolder() throws {
    try withFolder { folder in
        try FileSystem.createFolder("\(folder)/inner")
        let watch = try FolderWatch()
        let number = try watch.add("\(folder)/inner")
        try FileSystem.removeTree("\(folder)/inner")
        let ended = events(watch)
        #expect(!ended.isEmpty && ended.allSatisfy { $0.kind == .ended && $0.watch == number })
        watch.remove(number)
    }
}

@Test func onlyFoldersAreWatched() throws {
    try withFolder { folder in
        try writeText("x", to: "\(folder)/file")
        let watch = try FolderWatch()
        #expect(throws: SystemError.self) { try watch.add("\(folder)/file") }
        #expect(throws: SystemError.self) { try watch.add("\(folder)/nothing") }
    }
}

@Test func aWaitEndsWhenEitherIsReadable() throws {
    try withFolder { folder in
        let watch = try FolderWatch()
        _ = try watch.add(folder)
        let wakeup = try Wakeup(.polled)
        try writeText("x", to: "\(folder)/a")
        // Without end: it returns because of the event.
        wakeup.wait(orReadable: watch.descriptor, timeoutMilliseconds: -1)
        #expect(!events(watch).isEmpty)
        wakeup.raise()
        wakeup.wait(orReadable: watch.descriptor, timeoutMilliseconds: -1)
        wakeup.take()
        wakeup.wait(orReadable: watch.descriptor, timeoutMilliseconds: 1)
        #expect(events(watch).isEmpty)
    }
}
