import Primitives
import Synchronization
import Telemetry

/// Where an upload goes, and who waits for it.
public struct UploadOrder: Sendable {
    /// What `UploadWriter.admit` gave.
    public let identifier: UInt64
    public let model: String
    public let version: String
    /// What its file is called in the version's folder.
    public let fileName: String
    /// What the client says its bytes are.
    public let expected: SHA256.Digest?
    /// Whether it is to be loaded, too.
    public let loads: Bool
    public let address: ReplyAddress

    public init(
        identifier: UInt64, model: String, version: String, fileName: String,
        expected: SHA256.Digest?, loads: Bool, address: ReplyAddress
    ) {
        self.identifier = identifier
        self.model = model
        self.version = version
        self.fileName = fileName
        self.expected = expected
        self.loads = loads
        self.address = address
    }
}

/// Writes uploads to the source on a thread of its own, so that no loop waits for a disk.
///
/// An upload is written and hashed under a hidden name, made to outlive a power failure, and then put in
/// its place by one rename. A loop sends its bytes in pieces and holds its client back while
/// `Limits.uploadBufferedBytesMax` of them wait here.
public final class UploadWriter: Sendable {
    /// What a loop sends, for each upload in this order: one `begin`, pieces, one `end` or `abandon`.
    public enum Message: Sendable {
        case begin(UploadOrder)
        case piece(UInt64, [UInt8])
        /// All bytes were sent.
        case end(UInt64)
        /// The client left, or sent something wrong: nobody waits for an answer.
        case abandon(UInt64)
    }

    private struct State {
        var messages: [Message] = []
        var isStopped = false
        var nextIdentifier: UInt64 = 0
        /// Admitted and not over.
        var count = 0
    }

    private let source: any ModelSource
    private let loader: LoaderQueue
    private let countMax: Int
    private let log: Log
    private let wakeup: Wakeup
    private let state = Mutex(State())

    public init(
        source: any ModelSource, loader: LoaderQueue, limits: Limits, log: Log
    ) throws(SystemError) {
        self.source = source
        self.loader = loader
        self.log = log
        countMax = limits.uploadsMax
        wakeup = try Wakeup(.polled)
    }

    /// Takes a place for an upload: its identifier, or nil when as many as may are under way.
    public func admit() -> UInt64? {
        state.withLock { state in
            guard state.count < countMax else { return nil }
            state.count += 1
            state.nextIdentifier += 1
            return state.nextIdentifier
        }
    }

    public func send(_ message: Message) {
        state.withLock { $0.messages.append(message) }
        wakeup.raise()
    }

    /// Lets the thread end; uploads that are under way are given up.
    public func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.raise()
    }

    // MARK: The thread

    /// An upload on its way to the disk.
    private final class Upload {
        let order: UploadOrder
        let folder: String
        var writer: FileWriter

        init(_ order: UploadOrder, folder: String) throws(SystemError) {
            self.order = order
            self.folder = folder
            writer = try FileWriter(path: "\(folder)/\(order.fileName)")
        }
    }

    /// The thread's life, until `stop`.
    public func run() {
        ThreadPriority.lower()
        var uploads: [UInt64: Upload] = [:]
        var messages: [Message] = []
        while true {
            wakeup.wait(timeoutMilliseconds: -1)
            wakeup.take()
            messages.removeAll(keepingCapacity: true)
            let isStopped = state.withLock { state in
                swap(&state.messages, &messages)
                return state.isStopped
            }
            guard !isStopped else {
                for upload in uploads.values { source.discard(upload.folder) }
                return
            }
            for message in messages { handle(message, &uploads) }
        }
    }

    private func handle(_ message: Message, _ uploads: inout [UInt64: Upload]) {
        switch message {
        case .begin(let order):
            do throws(SystemError) {
                let folder = try source.makeUploadFolder()
                uploads[order.identifier] = try Upload(order, folder: folder)
            } catch {
                refuse(order, .storage, error.description)
            }
        case .piece(let identifier, let bytes):
            guard let upload = uploads[identifier] else { return }
            do throws(SystemError) {
                try upload.writer.append(bytes.span)
                let address = upload.order.address
                address.home.send(
                    .uploadWritten(
                        connection: address.connection, sequence: address.sequence,
                        byteCount: bytes.count))
            } catch {
                uploads[identifier] = nil
                source.discard(upload.folder)
                refuse(upload.order, .storage, error.description)
            }
        case .end(let identifier):
            guard let upload = uploads.removeValue(forKey: identifier) else { return }
            finish(upload)
        case .abandon(let identifier):
            guard let upload = uploads.removeValue(forKey: identifier) else { return }
            source.discard(upload.folder)
            state.withLock { $0.count -= 1 }
        }
    }

    private func refuse(_ order: UploadOrder, _ kind: ManagementRefusal.Kind, _ message: String) {
        state.withLock { $0.count -= 1 }
        let refusal = ManagementRefusal(kind, message)
        order.address.home.send(.managed(ManagementAnswer(order.address, .refused(refusal))))
    }

    /// Checks what was written, puts it in its place and hands over to the loader, who answers.
    private func finish(_ upload: Upload) {
        let order = upload.order
        let digest = upload.writer.digest
        let count = upload.writer.byteCount
        let refusal: ManagementRefusal?
        if count == 0 {
            refusal = ManagementRefusal(.badRequest, "the upload is empty")
        } else if let expected = order.expected, expected != digest {
            refusal = ManagementRefusal(
                .checksumMismatch,
                "the checksum of what came is \(digest), the request says \(expected)")
        } else {
            refusal = install(upload, digest)
        }
        source.discard(upload.folder)
        if let refusal { return refuse(order, refusal.kind, refusal.message) }
        log.info(
            "model '\(order.model)' version \(order.version): \(count) bytes uploaded, SHA-256 "
                + digest.description)
        state.withLock { $0.count -= 1 }
        let request = ManagementRequest(
            .stored(model: order.model, version: order.version, loads: order.loads),
            to: order.address)
        if !loader.add(request) {
            let refusal = ManagementRefusal(
                .busy, "the version is in its place; the loader has too much to do to look at it")
            order.address.home.send(.managed(ManagementAnswer(order.address, .refused(refusal))))
        }
    }

    /// The same bytes again are no mistake; others under the same number are.
    private func install(_ upload: Upload, _ digest: SHA256.Digest) -> ManagementRefusal? {
        let order = upload.order
        do throws(SystemError) {
            try upload.writer.synchronize()
            try source.install(upload.folder, as: order.version, of: order.model)
            return nil
        } catch {
            let known = source.digest(
                ofVersion: order.version, model: order.model, fileName: order.fileName)
            if known == digest { return nil }
            guard known == nil else {
                return ManagementRefusal(
                    .versionExists,
                    "version \(order.version) of model '\(order.model)' is there with other "
                        + "content: take another number, or DELETE it first")
            }
            return ManagementRefusal(.storage, error.description)
        }
    }
}
