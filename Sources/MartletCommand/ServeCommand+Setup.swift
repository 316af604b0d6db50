import HTTP
import HTTPServer
import IO
import Models
import Primitives
import Serving
import TLS
import Telemetry

/// From flags to the server's configuration; what cannot be used ends the process with one line.
extension ServeCommand {
    /// Certificate and key, when TLS was asked for.
    func certificates(_ limits: Limits) -> TLSCertificateStore? {
        let certificate = tlsCert ?? Environment.text("MARTLET_TLS_CERT")
        let key = tlsKey ?? Environment.text("MARTLET_TLS_KEY")
        guard let certificate, let key else {
            if certificate != nil || key != nil {
                Exit.usage("--tls-cert and --tls-key are given together")
            }
            return nil
        }
        var configuration = TLSConfiguration(certificatePath: certificate, keyPath: key)
        if let authority = tlsClientCa ?? Environment.text("MARTLET_TLS_CLIENT_CA") {
            configuration.clientCAPath = authority
            switch tlsClientAuth {
            case "required": configuration.clientAuthentication = .required
            case "optional": configuration.clientAuthentication = .optional
            default: Exit.usage("--tls-client-auth is '\(tlsClientAuth)'; required or optional")
            }
        }
        do throws(TLSError) {
            return try TLSCertificateStore(configuration, limits: limits)
        } catch {
            Exit.failure(error.description)
        }
    }

    func crossOrigin() -> CORSPolicy {
        var origins = corsOrigin
        if origins.isEmpty, let text = Environment.text("MARTLET_CORS_ORIGIN") {
            origins = text.split(separator: " ").map(String.init)
        }
        do throws(CORSOriginError) {
            return try CORSPolicy(origins: origins)
        } catch {
            Exit.usage("--cors-origin: \(error.description)")
        }
    }

    func access(_ log: Log) -> ServerAccess {
        guard let path = tokens ?? Environment.text("MARTLET_TOKENS") else { return ServerAccess() }
        do throws(ConfigurationError) {
            let access = try ServerAccess(path: path, limits: .standard)
            if let warning = access.warning { log.info("access file: \(warning)") }
            return access
        } catch {
            Exit.failure(error.description)
        }
    }

    func listeners(isTLS: Bool) -> [ListenerConfiguration] {
        let secondPort =
            tlsPort
            ?? (Environment.text("MARTLET_TLS_PORT") == nil
                ? nil : Environment.integer("MARTLET_TLS_PORT", default: 0))
        let main = ListenAddress(host: host, port: UInt16(port))
        // Sockets of the service manager stand for --host and --port.
        let inherited = ServiceManager.listeningDescriptors()
        var listeners = inherited.map {
            ListenerConfiguration(.inherited($0), isTLS: isTLS && secondPort == nil)
        }
        if listeners.isEmpty {
            listeners = [ListenerConfiguration(.tcp(main), isTLS: isTLS && secondPort == nil)]
        }
        if let secondPort {
            guard isTLS else { Exit.usage("--tls-port needs --tls-cert and --tls-key") }
            let address = ListenAddress(host: host, port: UInt16(clamping: secondPort))
            listeners.append(ListenerConfiguration(.tcp(address), isTLS: true))
        }
        if let path = unix ?? Environment.text("MARTLET_UNIX") {
            listeners.append(ListenerConfiguration(.unix(path)))
        }
        if let text = adminListen ?? Environment.text("MARTLET_ADMIN_LISTEN") {
            guard let address = ListenAddress(parsing: text) else {
                Exit.usage(
                    "--admin-listen is '\(text)'; expected HOST:PORT, such as 127.0.0.1:9090")
            }
            listeners.append(ListenerConfiguration(.tcp(address), isAdmin: true))
        }
        return listeners
    }

    /// The container's limits. MARTLET_CGROUP_ROOT is for mounts elsewhere than /sys/fs/cgroup, and
    /// for tests.
    private var group: ControlGroup {
        guard let root = Environment.text("MARTLET_CGROUP_ROOT") else { return .current }
        return ControlGroup(membership: "/proc/self/cgroup", root: root)
    }

    func configuration(_ log: Log) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.certificates = certificates(configuration.limits)
        configuration.listeners = listeners(isTLS: configuration.certificates != nil)
        configuration.crossOrigin = crossOrigin()
        configuration.sharesPort = reusePort || Environment.text("MARTLET_REUSE_PORT") == "1"
        let cores = Thread.processorCount
        configuration.loopCount = threads > 0 ? threads : cores
        configuration.workerCount = workers > 0 ? workers : cores
        configuration.control = control
        configuration.loadContext = LoadContext(passes: passOptions.set)
        configuration.inlineMicroseconds = inlineMicroseconds
        configuration.workerNice = workerNice
        queueOptions.apply(to: &configuration.limits)
        limitOptions.apply(to: &configuration.limits)
        configuration.limits.drainDelayMilliseconds = drainDelay * 1000
        configuration.limits.drainMilliseconds = drainTimeout * 1000
        configuration.group = group
        configuration.version = MartletVersion.text
        logOptions.apply(to: &configuration)
        fitDescriptors(&configuration.limits, log)
        return configuration
    }

    /// Raises the limit of open files, and takes fewer connections where it does not reach: those
    /// above get a 503 then, and models, certificates and the admin address keep what they need.
    private func fitDescriptors(_ limits: inout Limits, _ log: Log) {
        let descriptors = DescriptorLimit.raise()
        let room = descriptors - min(limits.descriptorsReserved, descriptors / 2)
        guard room < limits.connectionsMax else { return }
        log.info(
            "the limit of open files (\(descriptors)) leaves room for \(room) connections, not "
                + "\(limits.connectionsMax): raise it with ulimit -n or LimitNOFILE=, or lower --connections"
        )
        limits.connectionsMax = room
    }
}
