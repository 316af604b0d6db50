/// Every limit of the program, with its default and its reason. A flag or a `MARTLET_…` variable
/// changes those an operator may want to change.
public struct Limits: Sendable {
    /// A request line and all header fields (nginx: 4 × 8 KiB).
    public var headerBytesMax = 32 << 10
    /// A request target; longer is 414.
    public var targetBytesMax = 8 << 10
    /// Header fields in a request.
    public var headerCountMax = 100
    /// A request body after transfer decoding. 1,000 rows of 1,000 numbers as text are about 10 MB.
    public var bodyBytesMax = 16 << 20
    /// Nesting of arrays and objects in JSON.
    public var jsonDepthMax = 32
    /// Rows in one request.
    public var requestRowsMax = 100_000
    /// Requests of one HTTP/2 connection at the same time.
    public var http2StreamsMax = 128
    /// What a client may send on a stream before it hears from us: a body of 1 MiB without waiting.
    public var http2StreamWindowBytes = 1 << 20
    /// The same for all streams of a connection together.
    public var http2ConnectionWindowBytes = 8 << 20
    /// Bytes of requests that are arriving on an HTTP/2 connection, and on all those of a loop.
    public var http2BufferedBytesMax = 128 << 20
    public var http2LoopBufferedBytesMax = 512 << 20
    /// Frames that cost us work and a client nothing: so many at once, so many a second.
    public var http2ControlFramesMax = 2_000
    public var http2ControlFramesPerSecond = 200
    /// Free memory that a loop keeps for nghttp2, and the same for the buffers of streams.
    public var http2KeptBytesMax = 8 << 20
    /// Open connections of the whole server.
    public var connectionsMax = 10_000
    /// Pipelined requests of one connection that wait for their answers at the same time.
    public var pipelineMax = 64
    /// Answer bytes a connection may owe before it reads no further requests.
    public var outputBytesMax = 4 << 20
    /// From the first byte of a request to the end of its header.
    public var headerMilliseconds = 10_000
    /// From the end of the header to the end of the body.
    public var bodyMilliseconds = 60_000
    /// Between two requests of a connection.
    public var idleMilliseconds = 75_000
    /// A client that takes none of its answer.
    public var writeMilliseconds = 30_000
    /// After the last answer of a connection: how long, and for how many bytes, what the client still
    /// sends is read and thrown away, so that it can read the answer before a reset reaches it.
    public var lingerMilliseconds = 2_000
    public var lingerBytesMax = 32 << 20
    /// Between the signal to stop and the end of the last request.
    public var drainMilliseconds = 30_000
    /// A model file.
    public var modelBytesMax = 4 << 30
    /// A JSON configuration file.
    public var configurationBytesMax = 1 << 20
    /// Elements of one tensor in a graph: 2^31 floats are 8 GiB.
    public var tensorElementsMax = 1 << 31
    /// Intermediate values of one run of a graph.
    public var arenaBytesMax = 4 << 30
    /// Nodes of one graph. Exporters stay below 10,000.
    public var graphNodesMax = 50_000
    /// What folding constants may add to a model's own weights.
    public var foldedBytesMax = 64 << 20
    /// Nodes of all trees of an ensemble together.
    public var treeNodesMax = 1 << 27
    /// Requests waiting for the compute pool, a model.
    public var queueItemsMax = 1_024
    /// Input bytes waiting for the compute pool, a model.
    public var queueBytesMax = 256 << 20

    public init() {}

    public static let standard = Limits()
}
