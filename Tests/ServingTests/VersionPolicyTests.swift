import Serving
import Testing

@Test func aPolicyChoosesAmongWhatIsThere() {
    let versions = ["1", "2", "9", "10"]
    #expect(VersionPolicy.all.select(versions) == versions)
    #expect(VersionPolicy.latest(2).select(versions) == ["9", "10"])
    #expect(VersionPolicy.latest(9).select(versions) == versions)
    #expect(VersionPolicy.latest(1).select([]) == [])
    #expect(VersionPolicy.listed(["9", "1", "7"]).select(versions) == ["1", "9"])
}
