import Glibc
import IO
import Testing

@Test func theSoftLimitOfFilesIsRaisedToTheHardOne() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var before = rlimit()
    #expect(getrlimit(resource, &before) == 0)
    defer { setrlimit(resource, &before) }
    var low = before
    low.rlim_cur = min(before.rlim_max, 200)
    #expect(setrlimit(resource, &low) == 0)
    let allowed = DescriptorLimit.raise()
    var after = rlimit()
    #expect(getrlimit(resource, &after) == 0)
    #expect(after.rlim_cur == before.rlim_max && after.rlim_max == before.rlim_max)
    #expect(allowed == Int(clamping: after.rlim_cur))
    // Nothing to raise: the same again.
    #expect(DescriptorLimit.raise() == allowed)
}
