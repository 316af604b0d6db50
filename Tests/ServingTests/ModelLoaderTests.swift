import Models
import Primitives
import Serving
import Testing

@Suite(.serialized) struct ModelLoaderTests {
    @Test func everythingThatIsThereIsLoadedAtTheStart() throws {
        let bench = try LoaderBench([
            "a/1/model.test": "2", "a/2/model.test": "3", "b/1/model.test": "bad", "c/x": "",
        ])
        #expect(!bench.registry.snapshot.isReady)
        bench.loader.start()
        #expect(bench.registry.snapshot.isReady)
        #expect(bench.states("a") == "1 ready, 2 ready")
        #expect(bench.standard("a") == "2")
        #expect(try bench.answer("a") == 3)
        #expect(bench.states("b") == "1 failed")
        #expect(bench.model("c") == nil)
        #expect(bench.lines.all.count == 1)
        #expect(bench.lines.all.first?.contains("'b' version 1") ?? false)
        #expect(bench.page.contains("martlet_model_load_failures_total{model=\"b\"} 1\n"))
        #expect(bench.page.contains("martlet_model_loads_total{model=\"a\"} 2\n"))
    }

    @Test func aRequiredModelThatFailsKeepsTheServerUnready() throws {
        let bench = try LoaderBench([
            "a/1/model.test": "2", "b/1/model.test": "bad", "b/model.json": #"{"required": true}"#,
        ])
        bench.loader.start()
        #expect(!bench.registry.snapshot.isReady)
        #expect(bench.registry.snapshot.missing == "b")
        try bench.write("5", to: "b/1/model.test")
        bench.ask(.load(model: "b", version: nil))
        #expect(bench.registry.snapshot.isReady)
    }

    @Test func aFailedReloadLeavesTheOldOneServingAndSaysWhy() throws {
        let bench = try LoaderBench(["a/1/model.test": "2"])
        bench.loader.start()
        try bench.write("bad", to: "a/1/model.test")
        #expect(bench.refusal(.load(model: "a", version: nil)) == .loadFailed)
        #expect(bench.states("a") == "1 ready")
        #expect(try bench.answer("a") == 2)
        #expect(bench.model("a")?.versions[0].lastFailure?.contains("it is bad") ?? false)
        #expect(bench.lines.all.contains { $0.contains("was not replaced") })
        #expect(bench.page.contains("martlet_model_load_failures_total{model=\"a\"} 1\n"))
        try bench.write("4", to: "a/1/model.test")
        guard case .done = bench.ask(.load(model: "a", version: nil)) else {
            Issue.record("the repaired model was not loaded")
            return
        }
        #expect(try bench.answer("a") == 4)
        #expect(bench.model("a")?.versions[0].lastFailure == nil)
    }

    @Test func aTouchDoesNotReloadAndOtherContentDoes() throws {
        let bench = try LoaderBench(["a/1/model.test": "2"])
        bench.loader.start()
        #expect(bench.turn { bench.model("a")?.versions[0].digest != nil })
        let before = bench.model("a")?.defaultVersion
        try bench.write("2", to: "a/1/model.test")
        bench.ask(.load(model: "a", version: nil))
        #expect(bench.model("a")?.defaultVersion === before)
        try bench.write("3", to: "a/1/model.test")
        bench.ask(.load(model: "a", version: nil))
        #expect(bench.model("a")?.defaultVersion !== before)
        #expect(try bench.answer("a") == 3)
    }

    @Test func versionsThatFailDoNotPushOutThoseThatServe() throws {
        let bench = try LoaderBench([
            "a/1/model.test": "2", "a/model.json": #"{"version_policy": {"latest": 1}}"#,
        ])
        bench.loader.start()
        try bench.write("bad", to: "a/2/model.test")
        bench.ask(.rescan)
        #expect(bench.states("a") == "1 ready, 2 failed")
        #expect(bench.standard("a") == "1")
        try bench.write("7", to: "a/2/model.test")
        bench.ask(.rescan)
        #expect(bench.standard("a") == "2")
        #expect(bench.turn { bench.states("a") == "1 found, 2 ready" })
    }

    @Test func aVersionInUseIsFreedOnlyWhenItIsLetGo() throws {
        let bench = try LoaderBench(["a/1/model.test": "2"])
        bench.loader.start()
        var held = bench.model("a")?.defaultVersion
        let index = held?.index
        bench.ask(.unload(model: "a", version: "1"))
        #expect(bench.states("a") == "1 draining")
        for _ in 0..<5 { bench.loader.turn(atMost: 1) }
        #expect(bench.states("a") == "1 draining")
        #expect(held?.isRetired ?? false)
        held = nil
        #expect(bench.turn { bench.states("a") == "1 found" })
        // Its number is used again.
        bench.ask(.load(model: "a", version: "1"))
        #expect(bench.model("a")?.defaultVersion?.index == index)
    }

    @Test func manySwapsLeaveNothingBehind() throws {
        let bench = try LoaderBench(["a/1/model.test": "1", "b/1/model.test": "1"])
        bench.loader.start()
        let before = FileModel.count.load(ordering: .relaxed)
        var indices: Set<Int> = []
        for swap in 0..<200 {
            try bench.write("\(swap)", to: "a/1/model.test")
            bench.ask(.load(model: "a", version: nil))
            indices.insert(bench.model("a")?.defaultVersion?.index ?? -1)
            #expect(try bench.answer("a") == Float(swap))
        }
        #expect(bench.turn { FileModel.count.load(ordering: .relaxed) == before })
        #expect((indices.max() ?? 99) < 4)
        let series = bench.page.split(separator: "\n").filter {
            $0.hasPrefix("martlet_model_state{model=\"a\"")
        }
        #expect(series.count == 6)
    }

    @Test func modelsComeAndGoWithTheirFolders() throws {
        let bench = try LoaderBench(["a/1/model.test": "1"])
        bench.loader.start()
        try bench.write("2", to: "b/1/model.test")
        bench.ask(.rescan)
        #expect(bench.registry.snapshot.models.map(\.name) == ["a", "b"])
        try FileSystem.removeTree("\(bench.folder)/a")
        bench.ask(.rescan)
        #expect(bench.turn { bench.registry.snapshot.models.map(\.name) == ["b"] })
        #expect(!bench.page.contains("model=\"a\""))
    }

    @Test func aFolderThatVanishesChangesNothing() throws {
        let bench = try LoaderBench(["a/1/model.test": "1"])
        bench.loader.start()
        try FileSystem.rename(bench.folder, to: bench.folder + "-away")
        bench.ask(.rescan)
        #expect(bench.states("a") == "1 ready")
        #expect(bench.lines.all.contains { $0.contains("what is loaded stays") })
        try FileSystem.rename(bench.folder + "-away", to: bench.folder)
        bench.ask(.rescan)
        #expect(bench.states("a") == "1 ready")
    }

    @Test func compiledModelsAreServedBesideTheFolder() throws {
        let bench = try LoaderBench(
            ["a/1/model.test": "1", "twice/1/model.test": "9"],
            compiled: [
                CompiledModel(Doubler.self, name: "twice"),
                CompiledModel(Unloadable.self, name: "bad"),
            ])
        bench.loader.start()
        #expect(bench.registry.snapshot.models.map(\.name) == ["a", "bad", "twice"])
        #expect(bench.states("bad") == "1 failed")
        #expect(bench.model("twice")?.defaultVersion?.model is Doubler)
        bench.ask(.rescan)
        #expect(bench.states("twice") == "1 ready")
        bench.ask(.unload(model: "twice", version: nil))
        #expect(bench.turn { bench.states("twice") == "1 found" })
        bench.ask(.load(model: "twice", version: nil))
        #expect(bench.states("twice") == "1 ready")
    }

    @Test func aChangedConfigurationIsServedWithTheSameModel() throws {
        let bench = try LoaderBench(["a/1/model.test": "2"])
        bench.loader.start()
        let before = FileModel.count.load(ordering: .relaxed)
        try bench.write(#"{"labels": ["x", "y"]}"#, to: "a/model.json")
        bench.ask(.rescan)
        #expect(bench.model("a")?.defaultVersion?.configuration.labels == ["x", "y"])
        #expect(FileModel.count.load(ordering: .relaxed) == before)
        try bench.write("{", to: "a/model.json")
        bench.ask(.rescan)
        #expect(bench.model("a")?.defaultVersion?.configuration.labels == ["x", "y"])
        #expect(bench.model("a")?.problem?.contains("model.json") ?? false)
        FileSystem.remove("\(bench.folder)/a/model.json")
        bench.ask(.rescan)
        #expect(bench.model("a")?.defaultVersion?.configuration.labels == [])
        #expect(bench.model("a")?.problem == nil)
    }

    @Test(arguments: [
        (#"{"outputs": ["z"]}"#, "outputs: the model has no 'z'; it has y"),
        (#"{"warm_up": {"samples": [[1, 2, 3]]}}"#, "warm_up.samples[0] is of shape [3]"),
        (#"{"warm_up": {"samples": [{"z": [1, 2]}]}}"#, "warm_up.samples[0] has no 'x'"),
        (#"{"warm_up": {"samples": [["a", "b"]]}}"#, "is to hold numbers"),
        (#"{"version_policy": 3}"#, "version_policy: expected \"all\""),
    ])
    func aConfigurationThatDoesNotFitSaysSo(text: String, reason: String) throws {
        let bench = try LoaderBench(["a/1/model.test": "2", "a/model.json": text])
        bench.loader.start()
        guard case .failed(let why) = bench.model("a")?.versions[0].state else {
            Issue.record("it is \(bench.states("a"))")
            return
        }
        #expect(why.contains(reason), "\(why)")
    }
}

@Suite(.serialized) struct ModelLoaderManagingTests {
    @Test func aRollbackGoesBackStepByStepUntilSomethingNewerComes() throws {
        let bench = try LoaderBench(["a/1/model.test": "1"])
        bench.loader.start()
        for version in ["2", "3"] {
            try bench.write(version, to: "a/\(version)/model.test")
            bench.ask(.rescan)
        }
        #expect(bench.standard("a") == "3")
        bench.ask(.rollback(model: "a"))
        #expect(bench.standard("a") == "2")
        bench.ask(.rollback(model: "a"))
        #expect(bench.standard("a") == "1")
        #expect(bench.refusal(.rollback(model: "a")) == .nothingBefore)
        bench.ask(.rescan)
        #expect(bench.standard("a") == "1")
        try bench.write("4", to: "a/4/model.test")
        bench.ask(.rescan)
        #expect(bench.standard("a") == "4")
    }

    @Test func aRollbackLoadsWhatWasUnloaded() throws {
        let bench = try LoaderBench([
            "a/1/model.test": "1", "a/model.json": #"{"version_policy": {"latest": 1}}"#,
        ])
        bench.loader.start()
        try bench.write("2", to: "a/2/model.test")
        bench.ask(.rescan)
        #expect(bench.turn { bench.states("a") == "1 found, 2 ready" })
        bench.ask(.rollback(model: "a"))
        #expect(bench.standard("a") == "1")
        // Also after a further look: the operator's word counts.
        bench.ask(.rescan)
        #expect(bench.standard("a") == "1")
    }

    @Test func aLabelMovesOnlyToALoadedVersion() throws {
        let bench = try LoaderBench([
            "a/1/model.test": "1", "a/2/model.test": "bad",
            "a/model.json": #"{"version_labels": {"stable": "1", "next": "2"}}"#,
        ])
        bench.loader.start()
        #expect(bench.model("a")?.labels.map(\.label) == ["stable"])
        #expect(bench.refusal(.setLabel(model: "a", label: "stable", version: "2")) == .notLoaded)
        #expect(
            bench.refusal(.setLabel(model: "a", label: "x", version: "9")) == .versionNotFound)
        #expect(bench.refusal(.setLabel(model: "a", label: "7", version: "1")) == .badRequest)
        #expect(bench.refusal(.setLabel(model: "z", label: "x", version: "1")) == .modelNotFound)
        #expect(bench.refusal(.removeLabel(model: "a", label: "x")) == .labelNotFound)
        try bench.write("2", to: "a/2/model.test")
        bench.ask(.load(model: "a", version: "2"))
        #expect(bench.model("a")?.labels.map(\.version) == ["2", "1"])
        bench.ask(.setLabel(model: "a", label: "stable", version: "2"))
        let label = Array("stable".utf8)
        #expect(bench.model("a")?.version(labelled: label.span)?.version == "2")
        bench.ask(.removeLabel(model: "a", label: "stable"))
        #expect(bench.model("a")?.version(labelled: label.span) == nil)
    }

    @Test func unloadedVersionsStayOutUntilTheyAreAskedFor() throws {
        let bench = try LoaderBench(["a/1/model.test": "1", "a/2/model.test": "2"])
        bench.loader.start()
        bench.ask(.unload(model: "a", version: "2"))
        bench.ask(.rescan)
        #expect(bench.standard("a") == "1")
        #expect(bench.refusal(.unload(model: "a", version: "2")) == .notLoaded)
        bench.ask(.unload(model: "a", version: nil))
        #expect(bench.turn { bench.states("a") == "1 found, 2 found" })
        #expect(!bench.registry.snapshot.isReady)
        bench.ask(.rescan)
        #expect(bench.states("a") == "1 found, 2 found")
        bench.ask(.load(model: "a", version: "1"))
        #expect(bench.standard("a") == "1")
        bench.ask(.load(model: "a", version: nil))
        #expect(bench.states("a") == "1 ready, 2 ready")
    }

    @Test func versionsInUseAreNotRemoved() throws {
        let bench = try LoaderBench([
            "a/1/model.test": "1", "a/2/model.test": "2", "a/3/model.test": "3",
            "a/model.json": #"{"version_labels": {"stable": "1"}}"#,
        ])
        bench.loader.start()
        #expect(bench.refusal(.removeVersion(model: "a", version: "1")) == .inUse)
        #expect(bench.refusal(.removeVersion(model: "a", version: "3")) == .inUse)
        #expect(bench.refusal(.removeVersion(model: "a", version: "9")) == .versionNotFound)
        bench.ask(.removeVersion(model: "a", version: "2"))
        #expect(FileSystem.kind(of: "\(bench.folder)/a/2") == nil)
        #expect(bench.turn { bench.states("a") == "1 ready, 3 ready" })
        #expect(try FileSystem.names(in: bench.folder) == ["a"])
    }

    @Test func whatIsNotThereIsNotFound() throws {
        let bench = try LoaderBench(["a/1/model.test": "1"])
        bench.loader.start()
        #expect(bench.refusal(.load(model: "z", version: nil)) == .modelNotFound)
        #expect(bench.refusal(.load(model: "a", version: "4")) == .versionNotFound)
        #expect(bench.refusal(.unload(model: "z", version: nil)) == .modelNotFound)
        #expect(bench.refusal(.rollback(model: "z")) == .modelNotFound)
        #expect(bench.refusal(.rollback(model: "a")) == .nothingBefore)
    }

    @Test func eachRefusalHasAStatusAndACodeOfItsOwn() {
        var codes: Set<String> = []
        for kind in ManagementRefusal.Kind.allCases {
            let refusal = ManagementRefusal(kind, "m")
            #expect([400, 404, 409, 422, 500, 503].contains(refusal.status))
            #expect(codes.insert(refusal.code).inserted)
        }
    }

    @Test func aQueueThatIsFullTakesNothing() throws {
        var limits = Limits()
        limits.loaderQueueMax = 2
        let queue = try LoaderQueue(limits: limits)
        #expect(queue.add(ManagementRequest(.rescan)) && queue.add(ManagementRequest(.rescan)))
        #expect(!queue.add(ManagementRequest(.rescan)))
    }
}
