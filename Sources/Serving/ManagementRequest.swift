import Primitives

/// How a running server's models may be changed.
public enum ModelControl: String, Sendable, CaseIterable {
    /// Not at all while it runs, SIGHUP aside.
    case none
    /// By the management API.
    case explicit
    /// By what happens in the models folder, and by the management API.
    case watch
}

/// What an operator asks of the loader.
public struct ManagementRequest: Sendable {
    public enum Action: Sendable, Equatable {
        /// Nil: what the model's policy wants, from what is there now.
        case load(model: String, version: String?)
        /// Nil: the whole model.
        case unload(model: String, version: String?)
        /// The default goes back to the version before.
        case rollback(model: String)
        case setLabel(model: String, label: String, version: String)
        case removeLabel(model: String, label: String)
        /// Unloads a version and removes its files.
        case removeVersion(model: String, version: String)
        /// An upload was put in its place.
        case stored(model: String, version: String, loads: Bool)
        /// Look at everything (SIGHUP).
        case rescan
    }

    public let action: Action
    /// Nil: nobody waits for an answer.
    public let address: ReplyAddress?

    public init(_ action: Action, to address: ReplyAddress? = nil) {
        self.action = action
        self.address = address
    }
}

/// Which request of which connection of which loop waits for an answer.
public struct ReplyAddress: Sendable {
    public let home: Mailbox<LoopMessage>
    public let connection: UInt64
    public let sequence: UInt32
    public let notes: UInt64

    public init(home: Mailbox<LoopMessage>, connection: UInt64, sequence: UInt32, notes: UInt64) {
        self.home = home
        self.connection = connection
        self.sequence = sequence
        self.notes = notes
    }
}

/// What came of a management request.
public struct ManagementAnswer: Sendable {
    public enum Outcome: Sendable {
        /// How the model stands now.
        case done(RegisteredModel)
        /// An upload is in its place; how its model stands now.
        case stored(RegisteredModel, version: String)
        /// The model is not there any more.
        case removed(String)
        case refused(ManagementRefusal)
    }

    public let address: ReplyAddress
    public let outcome: Outcome

    public init(_ address: ReplyAddress, _ outcome: Outcome) {
        self.address = address
        self.outcome = outcome
    }
}

/// Why a management request was not done.
public struct ManagementRefusal: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable, CaseIterable {
        case modelNotFound, versionNotFound, labelNotFound
        /// The version is not loaded, or there is none to go back to.
        case notLoaded, nothingBefore
        /// A label or the default stands at it.
        case inUse
        /// It is there already, with other content.
        case versionExists
        /// It could not be loaded.
        case loadFailed
        /// The upload is not what its checksum says.
        case checksumMismatch
        /// Name, number, label or body are no such thing.
        case badRequest
        /// The source cannot be read or written.
        case storage
        /// Too much is waiting.
        case busy
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The one map to HTTP.
    public var status: Int {
        switch kind {
        case .modelNotFound, .versionNotFound, .labelNotFound: 404
        case .notLoaded, .nothingBefore, .inUse, .versionExists: 409
        case .loadFailed, .checksumMismatch: 422
        case .badRequest: 400
        case .storage: 500
        case .busy: 503
        }
    }

    /// For programs.
    public var code: String {
        switch kind {
        case .modelNotFound: "model_not_found"
        case .versionNotFound: "version_not_found"
        case .labelNotFound: "label_not_found"
        case .notLoaded: "not_loaded"
        case .nothingBefore: "nothing_to_roll_back_to"
        case .inUse: "version_in_use"
        case .versionExists: "version_exists"
        case .loadFailed: "load_failed"
        case .checksumMismatch: "checksum_mismatch"
        case .badRequest: "bad_request"
        case .storage: "storage_failed"
        case .busy: "too_many_requests_waiting"
        }
    }
}
