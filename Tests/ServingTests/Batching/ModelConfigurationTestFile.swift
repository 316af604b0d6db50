import Glibc
import Primitives
import Serving
import Testing

/// A `model.json` in a file of its own under /tmp, removed at the end.
enum ModelConfigurationTestFile {
    static func read(_ text: String) throws -> ModelConfiguration {
        let path = "/tmp/martlet-test-\(getpid())-\(UInt64.random(in: 0 ... .max)).json"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        defer { unlink(path) }
        return try ModelConfiguration(path: path, limits: Limits())
    }
}
