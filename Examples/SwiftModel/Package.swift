// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "SwiftModel",
    dependencies: [
        .package(name: "martlet", path: "../.."),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "SwiftModel",
            dependencies: [
                .product(name: "Martlet", package: "martlet"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
