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
    /// A request body after its content coding was undone.
    public var decompressedBytesMax = 64 << 20
    /// How many times its size a body may become beyond `decompressionFreeBytes`: a deflate bomb
    /// reaches 1,032, text of numbers 2 to 20. (Apache's mod_deflate: 200.)
    public var decompressionRatioMax = 200
    /// What any body may become, whatever its ratio: a sample of zeros is no attack.
    public var decompressionFreeBytes = 4 << 20
    /// An answer below this goes out as it is: it fits a packet, and compressing costs more.
    public var compressionBytesMin = 1 << 10
    /// An answer above this goes out as it is: compressing it takes its loop 6 ms a MiB.
    public var compressionBytesMax = 2 << 20
    /// Nesting of arrays and objects in JSON.
    public var jsonDepthMax = 32
    /// Columns of a CSV header that are looked at, though the model takes fewer: some may be passed
    /// over.
    public var csvHeaderColumnsMin = 4_096
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
    /// Answers to PING and SETTINGS that wait because the client does not read.
    public var http2AcknowledgementsMax = 256
    /// CONTINUATION frames of one header block: 16 KiB each hold the largest header list.
    public var http2ContinuationsMax = 8
    /// Free memory that a loop keeps for nghttp2, and the same for the buffers of streams.
    public var http2KeptBytesMax = 8 << 20
    /// Open connections of the whole server.
    public var connectionsMax = 10_000
    /// Descriptors that connections leave free for models, certificates, logs and the admin address:
    /// where the system allows no more, there are fewer connections.
    public var descriptorsReserved = 64
    /// How long no connection is accepted after descriptors ran out; trying at once would spin.
    public var acceptPauseMilliseconds = 100
    /// Open connections of one client address (an IPv6 client counts by its /64); 0 is no limit, since
    /// behind a proxy all clients have one address.
    public var connectionsPerAddressMax = 0
    /// Requests of one connection before it is closed; 0 is no limit.
    public var requestsPerConnectionMax = 0
    /// After this time a connection's next answer is its last, so that long-lived clients spread over
    /// new replicas; a tenth more or less by chance. 0 is no limit.
    public var connectionAgeMilliseconds = 0
    /// Pipelined requests of one connection that wait for their answers at the same time.
    public var pipelineMax = 64
    /// Answer bytes a connection may owe before it reads no further requests.
    public var outputBytesMax = 4 << 20
    /// What a loop's scratch buffers for one request and its answer keep between turns, each.
    public var scratchBytesMax = 4 << 20
    /// Blocks of memory from this size on go back to the system when they are freed. A body of a
    /// megabyte and its answer stay below, so that they need no new pages each time.
    public var heapBlockBytesMax = 4 << 20
    /// Memory of the buffers that a loop keeps for its connections.
    public var pooledBytesMax = 8 << 20
    /// From the first byte of a request to the end of its header.
    public var headerMilliseconds = 10_000
    /// From the first byte of a request to the end of its body, at most.
    public var bodyMilliseconds = 60_000
    /// A body that is slower than this after its first ten seconds is given up.
    public var bodyBytesPerSecondMin = 1_000
    public var bodyGraceMilliseconds = 10_000
    /// A TLS handshake.
    public var handshakeMilliseconds = 10_000
    /// Between two requests of a connection.
    public var idleMilliseconds = 75_000
    /// A client that takes none of its answer.
    public var writeMilliseconds = 30_000
    /// After the last answer of a connection: how long, and for how many bytes, what the client still
    /// sends is read and thrown away, so that it can read the answer before a reset reaches it. After
    /// the early answer of an HTTP/2 stream: how long the client may pause, for as many bytes.
    public var lingerMilliseconds = 2_000
    public var lingerBytesMax = 32 << 20
    /// Between the signal to stop and the closing of the listeners: readiness is 503 and requests are
    /// answered, while load balancers take this server out.
    public var drainDelayMilliseconds = 5_000
    /// Between the closing of the listeners and the end of the last request.
    public var drainMilliseconds = 30_000
    /// A model file.
    public var modelBytesMax = 4 << 30
    /// A JSON configuration file.
    public var configurationBytesMax = 1 << 20
    /// Tokens, and client subjects, of an access file: each request with a token is compared with all.
    public var accessEntriesMax = 1_000
    /// A token's name and a client's subject.
    public var accessNameBytesMax = 512
    /// A bearer token. 16 characters of base64 are 96 bits; a signed token (JWT) is no token here.
    public var tokenBytesMin = 16
    public var tokenBytesMax = 1_024
    /// Elements of one tensor in a graph: 2^31 floats are 8 GiB.
    public var tensorElementsMax = 1 << 31
    /// Intermediate values of one run of a graph.
    public var arenaBytesMax = 4 << 30
    /// Elements of an ONNX Range, whose size is a value, not a shape.
    public var rangeElementsMax = 1 << 27
    /// Turns of one ONNX Loop.
    public var loopTurnsMax = 1_000_000
    /// Graphs inside of graphs, and functions inside of functions.
    public var graphDepthMax = 32
    /// Nodes of one graph. Exporters stay below 10,000.
    public var graphNodesMax = 50_000
    /// What folding constants may add to a model's own weights.
    public var foldedBytesMax = 64 << 20
    /// Files of a version's folder that are looked into for a model.
    public var versionFilesMax = 64
    /// Nesting of a JSON or UBJSON model: a LightGBM dump nests as deep as its trees. More than
    /// 1,000 is cut to that, which the stack bears.
    public var modelDepthMax = 1_000
    /// Branches between root and leaf in a forest that is to explain its predictions: its cost grows
    /// with the square.
    public var explanationDepthMax = 512
    /// Columns of a tabular model's input: a batch of 64 rows is then 128 MiB.
    public var modelFeaturesMax = 1 << 18
    /// Contributions of one row: features by classes.
    public var contributionsMax = 1 << 20
    /// Scores a row of a tabular model: classes or targets.
    public var modelTargetsMax = 1 << 16
    /// A category's number in a set; XGBoost itself stops at 2^24.
    public var categoryMax = 1 << 24
    /// Nodes of all trees of an ensemble together.
    public var treeNodesMax = 1 << 27
    /// Requests waiting for the compute pool, a model.
    public var queueItemsMax = 1_024
    /// Input bytes waiting for the compute pool, a model.
    public var queueBytesMax = 256 << 20
    /// Requests waiting for the compute pool, of all models together.
    public var queueItemsTotalMax = 16_384
    /// Input bytes waiting for the compute pool, of all models together.
    public var queueBytesTotalMax = 1 << 30
    /// From a prediction's parsing to its answer when neither the request nor its model says.
    public var requestMilliseconds = 30_000
    /// The longest time a request or a model may ask for; a request's longer one is cut to it.
    public var requestMillisecondsMax = 600_000
    /// The longest run of one model while another wants the workers too; as long as a run of the other,
    /// when that is shorter, but not below a fifth of this.
    public var sliceMilliseconds = 10
    /// Rows of the higher priority computed for each of the lower while both wait.
    public var priorityShare = 4
    /// Lengths rows of one model may be padded to.
    public var paddingBucketsMax = 64
    /// The longest time a refused client is asked to stay away.
    public var retrySecondsMax = 60
    /// How long after its time a returning client's ticket is good.
    public var retryGraceMilliseconds = 10_000
    /// What one request may become by padding.
    public var paddedBytesMax = 256 << 20
    /// Predictions a second of one client (its token's name, else its address) before it gets 429; half
    /// a second's worth may come at once. 0 is no limit.
    public var clientRequestsPerSecond = 0
    /// Predictions that one client (as above) may wait for at a time, in queues and in runs, before it
    /// gets 429. 0 is no limit.
    public var clientRequestsInFlight = 0
    /// Clients whose rate, and clients whose waiting requests, are remembered at a time.
    public var clientsMax = 65_536
    /// Batches a loop keeps for reuse, a model: as many as one turn of busy connections fills.
    public var freeBatchesMax = 64
    /// Memory of those batches together.
    public var freeBatchBytesMax = 16 << 20
    /// Example instances of a model's first runs.
    public var warmUpSamplesMax = 1_000
    /// Models of a server, and versions of a model.
    public var modelsMax = 10_000
    public var modelVersionsMax = 1_000
    /// Files of one version that count towards its checksum.
    public var artifactFilesMax = 1_000
    /// Folders that are watched for changes; beyond it all are looked at every few seconds.
    public var watchesMax = 16_384
    /// How long a model's files rest before what was written into them counts as complete.
    public var settleMilliseconds = 1_000
    /// How often the whole folder is looked at, whatever the kernel says (network file systems).
    public var rescanMilliseconds = 30_000
    /// The same when folders cannot be watched, or the models folder is not there.
    public var pollMilliseconds = 2_000
    /// Management requests waiting for the loader.
    public var loaderQueueMax = 256
    /// Share of their time that loops or workers are busy, from which on models are not loaded in spare time
    /// alone: there is none.
    public var spareTimeUtilizationMax = 0.85
    /// Former default versions that a rollback remembers, a model.
    public var rollbackDepthMax = 16
    /// Labels of a model.
    public var versionLabelsMax = 100
    /// Uploads at the same time.
    public var uploadsMax = 4
    /// Bytes of one upload that wait to be written; its client is not read from meanwhile.
    public var uploadBufferedBytesMax = 4 << 20
    /// An upload of which nothing comes for so long is given up.
    public var uploadIdleMilliseconds = 30_000
    /// Freeing an artifact of this size also gives the heap's free pages back to the system.
    public var trimBytesMin = 16 << 20
    /// Requests, and their bytes, waiting for a shadow version; more are dropped and counted.
    public var shadowItemsMax = 256
    public var shadowBytesMax = 64 << 20
    /// Characters of one line for the operator.
    public var logLineCharactersMax = 4_096
    /// Lines about requests that wait to be written, in bytes; more are dropped and counted: a log
    /// that nobody reads holds no request up.
    public var logBufferedBytesMax = 1 << 20
    /// Lines about requests that failed, a loop a second.
    public var logFailuresPerSecond = 10
    /// A client's `X-Request-Id`; a longer one is replaced.
    public var requestIDBytesMax = 128
    /// What a loop keeps for reuse of the notes on requests for the log.
    public var freeTracesMax = 1_024
    /// Series that Swift models add to the metrics through swift-metrics; more are counted and
    /// lost.
    public var customSeriesMax = 1_000

    /// A file of certificates or a private key. A hundred authorities are about 200 KB.
    public var tlsFileBytesMax = 4 << 20
    /// Ciphertext a TLS session keeps until it is read: two records.
    public var tlsInputBytesMax = 34 << 10
    /// Ciphertext a TLS session keeps until it is drained, one flight or record more. The longest
    /// flight is the server's certificate chain.
    public var tlsOutputBytesMax = 64 << 10
    /// The certificate chain a client sends.
    public var tlsClientChainBytesMax = 64 << 10
    /// Certificates between a client's own and its authority.
    public var tlsClientChainDepthMax = 4
    /// TLS 1.2 sessions remembered for clients that do not take tickets.
    public var tlsSessionsMax = 4_096
    /// How long a TLS session can be resumed. A client certificate is not checked again within it.
    public var tlsSessionSeconds = 3_600
    /// How long one key seals session tickets: who steals it can read the TLS 1.2 sessions it sealed.
    public var tlsTicketKeySeconds = 86_400

    /// Threads that compute one call together.
    public var intraThreadsMax = 64

    /// `martlet load`: the head of an answer, and interim answers (1xx) before one.
    public var answerHeadBytesMax = 64 << 10
    public var interimAnswersMax = 64
    /// Requests of one thread of `martlet load` that wait for a connection; later ones are counted as
    /// a failure.
    public var loadQueueMax = 1 << 18
    /// Connections, and clients, of `martlet load`.
    public var loadConnectionsMax = 10_000
    /// Arrivals a second. 10^7 is ten times what a core can send.
    public var loadRateMax = 10_000_000
    /// A connection of `martlet load` that does not come about.
    public var loadConnectMilliseconds = 5_000
    /// After a failed connection, before the same client tries again.
    public var loadReconnectMilliseconds = 50
    /// After the last request of a run without `--timeout-ms`: how long answers are waited for.
    public var loadDrainMilliseconds = 10_000
    /// A file that `martlet load` sends.
    public var loadBodyBytesMax = 1 << 30
    /// Distinct bodies that `martlet load` makes.
    public var loadBodiesMax = 4_096
    /// Memory of those bodies together.
    public var loadBodiesBytesMax = 256 << 20
    /// Metadata of a model that `martlet load` reads.
    public var loadMetadataBytesMax = 16 << 20

    public init() {}

    public static let standard = Limits()
}
