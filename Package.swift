// swift-tools-version: 6.2
import PackageDescription

// Every module of ours builds with warnings as errors and may declare lifetimes of spans.
let common: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// Classes of a loop or a worker are confined to one thread, and the run-time check of exclusive access
// to their properties costs 6 % of a small request. `make sanitize` builds with the checks on.
let confined: [SwiftSetting] =
    Context.environment["MARTLET_CHECKS"] == nil
    ? [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))] : []

// Modules outside the five islands of raw pointers (see ARCHITECTURE.md).
let strict: [SwiftSetting] = common + confined + [.strictMemorySafety()]

// The kernels are the only code built without overflow checks; the facade `Kernels` checks every
// bound before it calls them. KernelsV3 is the same source (a symbolic link) for AVX2 + FMA.
let kernel: [SwiftSetting] =
    common + [
        .unsafeFlags(["-Ounchecked"], .when(configuration: .release)),
        // A square root that need not set errno is one instruction.
        .unsafeFlags(["-Xcc", "-fno-math-errno"]),
    ]
let kernelV3: [SwiftSetting] =
    kernel + [
        .define("MARTLET_FMA"),
        .unsafeFlags(["-Xcc", "-march=x86-64-v3"], .when(platforms: [.linux])),
    ]
// The kernels for bytes once more, for AVX-512 with VNNI (a link to their folder).
let kernelVNNI: [SwiftSetting] =
    kernel + [
        .define("MARTLET_VNNI", .when(platforms: [.linux])),
        .unsafeFlags(
            ["-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512vnni"], .when(platforms: [.linux])),
    ]

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .library(name: "Martlet", targets: ["MartletCommand", "Models", "Serving"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        // C
        .target(name: "CLinux"),
        .systemLibrary(
            name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CVector"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // L0
        .target(
            name: "Primitives", dependencies: ["CLinux"], exclude: ["Numbers/PowersOfTen.py"],
            swiftSettings: common),
        // L1
        .target(
            name: "Telemetry",
            dependencies: [
                "Primitives", .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        .target(
            name: "KernelsPortable", dependencies: ["Primitives", "CVector"], swiftSettings: kernel),
        .target(
            name: "KernelsV3", dependencies: ["Primitives", "CVector"], swiftSettings: kernelV3),
        .target(
            name: "KernelsVNNI", dependencies: ["Primitives", "CVector"], swiftSettings: kernelVNNI),
        .target(
            name: "Kernels",
            dependencies: ["Primitives", "KernelsPortable", "KernelsV3", "KernelsVNNI", "CLinux"],
            swiftSettings: common),
        .target(
            name: "ONNXProto",
            dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["README.md", "onnx.proto"]),
        // L2
        .target(name: "IO", dependencies: ["Primitives", "CLinux"], swiftSettings: common),
        .target(name: "TLS", dependencies: ["Primitives", "COpenSSL"], swiftSettings: common),
        .target(
            name: "HTTP", dependencies: ["Primitives", "CNghttp2", "CZlib"],
            swiftSettings: common + confined),
        .target(
            name: "GraphRuntime", dependencies: ["Primitives", "Kernels"], swiftSettings: strict),
        .target(
            name: "Models",
            dependencies: [
                "Primitives", "Kernels", "GraphRuntime", "ONNXProto",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict),
        .target(
            name: "Load", dependencies: ["Primitives", "IO", "TLS", "HTTP"],
            swiftSettings: strict),
        // L3
        .target(
            name: "Serving", dependencies: ["Primitives", "Telemetry", "Models"],
            swiftSettings: strict),
        // L4
        .target(
            name: "HTTPServer",
            dependencies: ["Primitives", "Telemetry", "IO", "TLS", "HTTP", "Models", "Serving"],
            swiftSettings: strict),
        // L5
        .target(
            name: "MartletCommand",
            dependencies: [
                "Primitives", "Telemetry", "IO", "TLS", "HTTP", "Kernels", "GraphRuntime", "Models",
                "Serving", "HTTPServer", "Load",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(name: "martlet", dependencies: ["MartletCommand"], swiftSettings: strict),
        // Examples/SwiftModel is a package of its own; this builds the same file for the tests.
        .executableTarget(
            name: "SwiftModelExample",
            dependencies: [
                "MartletCommand", "Models", "Serving",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            path: "Examples/SwiftModel/Sources/SwiftModel"),
        // Tests: without settings, since the Test macro does not expand under them.
        .testTarget(name: "TidyTests", dependencies: ["Primitives"]),
        .testTarget(name: "PrimitivesTests", dependencies: ["Primitives"]),
        .testTarget(
            name: "TelemetryTests",
            dependencies: [
                "Primitives", "Telemetry", .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ]),
        .testTarget(name: "IOTests", dependencies: ["Primitives", "IO"]),
        .testTarget(name: "LoadTests", dependencies: ["Primitives", "IO", "HTTP", "Load"]),
        .testTarget(name: "HTTPTests", dependencies: ["Primitives", "HTTP", "CNghttp2"]),
        .testTarget(name: "TLSTests", dependencies: ["Primitives", "COpenSSL", "TLS"]),
        .testTarget(
            name: "ServingTests",
            dependencies: ["Primitives", "Telemetry", "IO", "Models", "Serving"]),
        .testTarget(
            name: "KernelsTests",
            dependencies: ["Primitives", "Kernels", "KernelsPortable", "KernelsV3"]),
        .testTarget(
            name: "ModelsTests",
            dependencies: [
                "Primitives", "GraphRuntime", "Models", "ONNXProto",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .testTarget(
            name: "GraphRuntimeTests", dependencies: ["Primitives", "Kernels", "GraphRuntime"]),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: ["Primitives", "HTTP", "Models", "Serving", "HTTPServer"]),
    ],
    swiftLanguageModes: [.v6]
)
