import Primitives

/// Where models come from: a folder today, an object store some day.
///
/// The loader's thread alone asks it, so it may take its time.
public protocol ModelSource: Sendable {
    /// What is there now, models in the order of their names. Throws when the source as a whole cannot
    /// be looked at: then nothing is known, and nothing is to be changed.
    func scan() throws(SystemError) -> [FoundModel]

    /// The SHA-256 of a version's content. Reads all of it.
    func digest(of version: FoundVersion) throws(SystemError) -> SHA256.Digest

    /// How a version's files look now; reads none of them.
    func stamps(of version: FoundVersion) -> [FileStamp]

    /// Tells what changed; nil for a source that can only be scanned.
    func makeWatch() -> (any SourceWatch)?

    /// Removes a version's content. Throws when the source cannot be written to.
    func remove(_ version: FoundVersion, of model: String) throws(SystemError)

    /// What was kept of what operators said of a model; nil when there is nothing.
    func state(of model: String) throws(SystemError) -> [UInt8]?

    /// Keeps it, in one step, in place of what was kept before; nil: nothing is to be kept. Throws when the
    /// source cannot be written to.
    func keep(_ state: [UInt8]?, of model: String) throws(SystemError)

    /// A folder for an upload to be written in. Throws when the source takes none.
    func makeUploadFolder() throws(SystemError) -> String

    /// Puts an upload folder in its place, in one step: from then on it is a version of a model. Throws
    /// (EEXIST) when that version is there.
    func install(_ folder: String, as version: String, of model: String) throws(SystemError)

    /// Takes an upload back that will not be installed.
    func discard(_ folder: String)

    /// The SHA-256 of a version that is there; nil when there is none.
    func digest(ofVersion version: String, model: String, fileName: String) -> SHA256.Digest?

    /// Takes away what interrupted uploads and removals left. Returns how many there were.
    func clean() -> Int
}

/// What a source says of its changes. Owned by the loader's thread.
public protocol SourceWatch: AnyObject {
    /// Readable when something happened.
    var descriptor: Int32 { get }

    /// Watches what is there now. Call it before a scan: then nothing falls between the two. False: not
    /// all of it can be watched, so scan from time to time.
    func synchronize() -> Bool

    /// Hands over the models that something happened to, by name (nil: any of them), and whether it
    /// happened in one step. False: something was missed, look at everything.
    func take(_ body: (_ model: String?, _ isWhole: Bool) -> Void) -> Bool
}

/// A model version as it lies in its source, not loaded.
public struct FoundVersion: Sendable, Equatable {
    public let version: String
    /// The model's file.
    public let path: String
    public let format: String
    /// What tells this content from another without reading it, a file each.
    public let stamps: [FileStamp]

    public init(version: String, path: String, format: String, stamps: [FileStamp] = []) {
        self.version = version
        self.path = path
        self.format = format
        self.stamps = stamps
    }

    /// Of all its files.
    public var byteCount: Int { stamps.reduce(0) { $0 + Int($1.byteCount) } }
}

/// A model as it lies in its source.
public struct FoundModel: Sendable, Equatable {
    public let name: String
    /// `model.json`, when there is one.
    public let configurationPath: String?
    public let configurationStamp: FileStamp?
    /// In ascending order of their numbers.
    public let versions: [FoundVersion]
    /// Why it cannot be looked at; it is then left as it is.
    public let problem: String?

    public init(
        name: String, configurationPath: String? = nil, configurationStamp: FileStamp? = nil,
        versions: [FoundVersion] = [], problem: String? = nil
    ) {
        self.name = name
        self.configurationPath = configurationPath
        self.configurationStamp = configurationStamp
        self.versions = versions
        self.problem = problem
    }
}
