// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nothing of the sanitizers and of libFuzzer reaches the product.
// Fuzz/run.sh builds it, with the flags that instrument all modules. A new target is a folder in
// Sources, a line here, a line in run.sh and a folder in corpus.
let fuzzer: [SwiftSetting] = [
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // The entry is libFuzzer's driver.
    .unsafeFlags(["-parse-as-library"]),
]

func target(_ name: String) -> Target {
    .executableTarget(
        name: name, dependencies: [.product(name: "Martlet", package: "martlet")],
        swiftSettings: fuzzer)
}

let package = Package(
    name: "martlet-fuzz",
    dependencies: [.package(name: "martlet", path: "..")],
    targets: [
        target("FuzzChunkedDecoder"),
        target("FuzzContentCoding"),
        target("FuzzGraph"),
        target("FuzzHTTP1Answer"),
        target("FuzzHTTP1Session"),
        target("FuzzHTTP2Session"),
        target("FuzzJSONReader"),
        target("FuzzONNXModel"),
        target("FuzzPredictDecoder"),
        target("FuzzTabularModel"),
    ],
    swiftLanguageModes: [.v6]
)
