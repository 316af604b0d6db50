import Glibc
import IO
import Testing

@Suite struct ControlGroupTests {
    /// A made-up mount with these files.
    private func folder(_ files: [String: String]) -> String {
        var template = Array("/tmp/martlet-cgroup-XXXXXX".utf8CString)
        let root = String(cString: mkdtemp(&template))
        for (path, text) in files {
            var made = root
            for part in path.split(separator: "/").dropLast() {
                made += "/" + part
                mkdir(made, 0o755)
            }
            let file = fopen("\(root)/\(path)", "w")!
            fputs(text, file)
            fclose(file)
        }
        return root
    }

    @Test func theTightestLimitOnTheWayUpHolds() {
        let root = folder([
            "membership": "0::/pods/pod1/container\n",
            "pods/cpu.max": "400000 100000\n", "pods/memory.max": "1073741824\n",
            "pods/pod1/cpu.max": "150000 100000\n", "pods/pod1/memory.max": "max\n",
            "pods/pod1/container/cpu.max": "max 100000\n",
            "pods/pod1/container/memory.max": "536870912\n",
        ])
        let group = ControlGroup(membership: "\(root)/membership", root: root)
        #expect(group.processors == 1.5)
        #expect(group.memoryBytesMax == 536_870_912)
        #expect(group.processorCount(available: 8) == 2)
        #expect(group.processorCount(available: 1) == 1)
    }

    @Test func insideAContainerTheRootHasTheLimits() {
        let root = folder([
            "membership": "0::/\n", "cpu.max": "50000 100000\n", "memory.max": "1000000\n",
        ])
        let group = ControlGroup(membership: "\(root)/membership", root: root)
        #expect(group.processors == 0.5)
        #expect(group.processorCount(available: 4) == 1)
        #expect(group.memoryBytesMax == 1_000_000)
    }

    @Test func aPathThatLeavesItsRootIsTheRoot() {
        let root = folder(["membership": "0::/../../other\n", "cpu.max": "100000 100000\n"])
        let group = ControlGroup(membership: "\(root)/membership", root: root)
        #expect(group.processors == 1)
    }

    @Test(arguments: [
        "", "max", "max 100000", "0 100000", "100000", "x y", "-1 100000", "1 0", "nan 1",
    ])
    func whatIsNoQuotaIsNoLimit(_ text: String) {
        let root = folder(["membership": "0::/\n", "cpu.max": text, "memory.max": text])
        let group = ControlGroup(membership: "\(root)/membership", root: root)
        #expect(group.processors == nil)
        #expect(group.processorCount(available: 3) == 3)
    }

    @Test func withoutControlGroupsNothingIsLimited() {
        let group = ControlGroup(membership: "/no/such/file", root: "/no/such/folder")
        #expect(group.processors == nil)
        #expect(group.memoryBytesMax == nil)
    }
}
