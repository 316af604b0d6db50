import Glibc
import Primitives
import Serving
import Testing

/// The folder changes and nobody asks: what `--model-control watch` takes, and when.
@Suite(.serialized) struct ModelLoaderWatchingTests {
    private func limits() -> Limits {
        var limits = Limits()
        limits.settleMilliseconds = 150
        return limits
    }

    private func bench(_ files: [String: String]) throws -> LoaderBench {
        let bench = try LoaderBench(files, control: .watch, limits: limits())
        bench.loader.start()
        return bench
    }

    @Test func aVersionThatIsRenamedIntoPlaceIsTaken() throws {
        let bench = try bench(["a/1/model.test": "1"])
        try FileSystem.createFolder("\(bench.folder)/.new")
        try bench.write("2", to: ".new/model.test")
        try FileSystem.rename("\(bench.folder)/.new", to: "\(bench.folder)/a/2")
        #expect(bench.turn { bench.standard("a") == "2" })
    }

    @Test func aFileThatIsStillWrittenIsNotTaken() throws {
        let bench = try bench(["a/1/model.test": "1"])
        try FileSystem.createFolder("\(bench.folder)/a/2")
        let file = try #require(fopen("\(bench.folder)/a/2/model.test", "w"))
        // Read too early it would be `bad`.
        fputs("bad", file)
        fflush(file)
        for _ in 0..<10 {
            bench.loader.turn(atMost: 20)
            fputs(" ", file)
            fflush(file)
        }
        #expect(bench.standard("a") == "1")
        #expect(bench.lines.all.isEmpty)
        rewind(file)
        fputs("2", file)
        fflush(file)
        ftruncate(fileno(file), 1)
        fclose(file)
        #expect(bench.turn { bench.standard("a") == "2" })
        #expect(try bench.answer("a") == 2)
    }

    @Test func removedVersionsAndModelsLeave() throws {
        let bench = try bench([
            "a/1/model.test": "1", "a/2/model.test": "2", "b/1/model.test": "1",
        ])
        try FileSystem.removeTree("\(bench.folder)/a/2")
        #expect(bench.turn { bench.states("a") == "1 ready" })
        try FileSystem.removeTree("\(bench.folder)/b")
        #expect(bench.turn { bench.registry.snapshot.models.map(\.name) == ["a"] })
    }

    @Test func newModelsAndChangedConfigurationsAreTaken() throws {
        let bench = try bench(["a/1/model.test": "1"])
        try bench.write("1", to: "b/1/model.test")
        #expect(bench.turn { bench.states("b") == "1 ready" })
        try bench.write(#"{"description": "new"}"#, to: "a/model.json")
        #expect(bench.turn { bench.model("a")?.configuration.description == "new" })
        FileSystem.remove("\(bench.folder)/a/model.json")
        #expect(bench.turn { bench.model("a")?.configuration.description == "" })
    }

    @Test func aLinkThatIsSwappedIsFollowed() throws {
        // As Kubernetes mounts a volume: files are links into `..data`, a link that is renamed over.
        let bench = try LoaderBench(control: .watch, limits: limits())
        try bench.write("1", to: "a/1/..2024/model.test")
        try bench.write("5", to: "a/1/..2025/model.test")
        let version = "\(bench.folder)/a/1"
        #expect(symlink("..2024", "\(version)/..data") == 0)
        #expect(symlink("..data/model.test", "\(version)/model.test") == 0)
        bench.loader.start()
        #expect(try bench.answer("a") == 1)
        #expect(symlink("..2025", "\(version)/..data_tmp") == 0)
        try FileSystem.rename("\(version)/..data_tmp", to: "\(version)/..data")
        #expect(bench.turn { (try? bench.answer("a")) == 5 })
    }

    @Test func aVersionFolderThatIsALinkIsFollowed() throws {
        let bench = try LoaderBench(control: .watch, limits: limits())
        try bench.write("1", to: ".store/x/model.test")
        try bench.write("2", to: ".store/y/model.test")
        try FileSystem.createFolder("\(bench.folder)/a")
        #expect(symlink("../.store/x", "\(bench.folder)/a/1") == 0)
        bench.loader.start()
        #expect(try bench.answer("a") == 1)
        #expect(symlink("../.store/y", "\(bench.folder)/a/.new") == 0)
        try FileSystem.rename("\(bench.folder)/a/.new", to: "\(bench.folder)/a/1")
        #expect(bench.turn { (try? bench.answer("a")) == 2 })
        // The new folder is watched, too.
        try bench.write("3", to: ".store/y/model.test")
        #expect(bench.turn { (try? bench.answer("a")) == 3 })
    }

    @Test func aFolderThatVanishesAndComesBackIsWatchedAgain() throws {
        var limits = limits()
        limits.pollMilliseconds = 50
        let bench = try LoaderBench(["a/1/model.test": "1"], control: .watch, limits: limits)
        bench.loader.start()
        try FileSystem.rename(bench.folder, to: bench.folder + "-away")
        #expect(bench.turn { bench.lines.all.contains { $0.contains("what is loaded stays") } })
        #expect(bench.states("a") == "1 ready")
        try FileSystem.rename(bench.folder + "-away", to: bench.folder)
        try bench.write("2", to: "a/2/model.test")
        #expect(bench.turn { bench.standard("a") == "2" })
        try bench.write("3", to: "a/3/model.test")
        #expect(bench.turn { bench.standard("a") == "3" })
    }

    @Test func whatCannotBeWatchedIsLookedAtFromTimeToTime() throws {
        var limits = limits()
        limits.watchesMax = 1
        limits.pollMilliseconds = 50
        let bench = try LoaderBench(["a/1/model.test": "1"], control: .watch, limits: limits)
        bench.loader.start()
        try bench.write("2", to: "a/2/model.test")
        #expect(bench.turn { bench.standard("a") == "2" })
    }

    @Test func manyChangesAtOnceAreAllTaken() throws {
        let bench = try bench(["a/1/model.test": "1"])
        for number in 0..<100 { try bench.write("\(number)", to: "m\(number)/1/model.test") }
        #expect(bench.turn { bench.registry.snapshot.models.count == 101 })
        #expect(
            bench.turn { bench.registry.snapshot.models.allSatisfy { $0.defaultVersion != nil } })
    }

    @Test func anUnreadableModelLeavesTheOthersAlone() throws {
        let bench = try bench(["a/1/model.test": "1"])
        try FileSystem.createFolder("\(bench.folder)/b")
        // A link onto itself cannot be looked into by anybody, root included.
        #expect(symlink("1", "\(bench.folder)/b/1") == 0)
        try bench.write("2", to: "a/2/model.test")
        #expect(bench.turn { bench.standard("a") == "2" })
        #expect(bench.model("b") == nil)
    }
}
