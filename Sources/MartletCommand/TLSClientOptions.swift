import ArgumentParser
import TLS

/// Whom a command trusts, and what it shows of itself, at servers behind TLS.
struct TLSClientOptions: ParsableArguments {
    @Option(help: "TLS: authorities to trust, PEM; else the system's. [MARTLET_CA]")
    var ca: String?

    @Flag(help: "TLS: take any certificate. [MARTLET_INSECURE=1]")
    var insecure = false

    @Option(help: "TLS: the client's own certificate, PEM. [MARTLET_CERT]")
    var cert: String?

    @Option(help: "TLS: its key, PEM. [MARTLET_KEY]")
    var key: String?

    /// What TLS needs, with one protocol to offer. Ends the process with a sentence when files are no good.
    func context(speaksHTTP2: Bool = false) -> TLSClientContext {
        var tls = TLSClientConfiguration()
        tls.authorityPath = ca ?? Environment.text("MARTLET_CA")
        tls.verifiesServer = !insecure && Environment.text("MARTLET_INSECURE") != "1"
        tls.certificatePath = cert ?? Environment.text("MARTLET_CERT")
        tls.keyPath = key ?? Environment.text("MARTLET_KEY")
        guard (tls.certificatePath == nil) == (tls.keyPath == nil) else {
            Exit.usage("--cert and --key are given together")
        }
        tls.applicationProtocol = speaksHTTP2 ? .http2 : .http1
        do throws(TLSError) {
            return try TLSClientContext(tls)
        } catch {
            Exit.failure(error.description)
        }
    }
}
