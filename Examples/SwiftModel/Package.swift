// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "SwiftModel",
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(
            name: "SwiftModel", dependencies: [.product(name: "Martlet", package: "martlet")])
    ],
    swiftLanguageModes: [.v6]
)
