import Glibc
import Primitives

/// An access file under /tmp; who makes it removes it.
struct TokensFile {
    let path = "/tmp/martlet-access-\(getpid())-\(UInt64.random(in: 0 ... .max)).json"

    init(_ text: String, mode: mode_t = 0o600) throws { try write(text, mode: mode) }

    /// In place of the old one, as a deployment does.
    func write(_ text: String, mode: mode_t = 0o600) throws {
        var buffer = ByteBuffer()
        buffer.append(text)
        try FileSystem.write(buffer, to: path + ".new")
        chmod(path + ".new", mode)
        rename(path + ".new", path)
    }

    func remove() { unlink(path) }

    static let example = """
        {"tokens": [
          {"name": "ci", "token": "ci-token-0123456789", "scopes": ["predict", "admin", "metrics"]},
          {"name": "web", "scopes": ["predict"],
           "sha256": "192af96bae217e6efb418f76aa9fdfbf277bd9ac16726960d69ebc73bc27d44b"},
          {"name": "prometheus", "token": "prometheus+token/42==", "scopes": ["metrics"]}],
         "clients": [{"subject": "CN=scorer,O=Example", "scopes": ["predict"]}]}
        """
}
