// swift-tools-version: 6.2
// One source, two builds. The ordinary build serves Swift users, the tests and the sanitizers. With
// HEARTH_EMBEDDED set, CMake builds the C library from the same core in Embedded Swift mode; only then
// are unsafe flags used, so that the package can be depended on by version.
import PackageDescription

let environment = Context.environment
let isEmbedded = environment["HEARTH_EMBEDDED"] != nil
let isCLibrary = isEmbedded || environment["HEARTH_C_LIBRARY"] != nil
let isFuzzing = environment["HEARTH_FUZZ"] != nil
/// JSON Web Tokens need libjose and Jansson; without them the calls for tokens answer "unsupported".
let hasJWT = environment["HEARTH_WITHOUT_JWT"] == nil
/// Scale-out over Redis needs hiredis; without it a server with a redis_url does not start.
let hasRedis = environment["HEARTH_WITHOUT_REDIS"] == nil

var coreSettings: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
]
if hasJWT { coreSettings.append(.define("HEARTH_JWT")) }
if hasRedis { coreSettings.append(.define("HEARTH_REDIS")) }
if isEmbedded {
    coreSettings += [
        .enableExperimentalFeature("Embedded"),  // SE-0454 and the Embedded Swift vision document
        // For size, which makes the library a quarter smaller. What messages and heads go through is marked
        // @_optimize(speed) (docs/decisions/0020).
        .unsafeFlags(["-wmo", "-Osize", "-enforce-exclusivity=unchecked", "-Xfrontend", "-function-sections"]
        ),
    ]
}
if !isCLibrary && !isFuzzing {
    // Tests of the engine run on a system without a kernel (docs/decisions/0043).
    coreSettings.append(.define("HEARTH_SIMULATION", .when(configuration: .debug)))
}
if isFuzzing {
    coreSettings += [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"])]
}
/// What reads a peer's bytes is checked for unsafe constructs; what owns raw memory (Bytes, Hub) cannot be.
let parserSettings = coreSettings + [.strictMemorySafety()]  // SE-0458

var platformDependencies: [Target.Dependency] = [
    "HearthBytes", "CLibuv", "CMemory", "COpenSSL", "CUring", "CZlib",
]
if hasJWT { platformDependencies += ["CJansson", "CJose"] }
if hasRedis { platformDependencies += ["CHiredis"] }
/// The C library is given hiredis by CMake, as an archive where there is one.
let platformLinks: [LinkerSetting] = hasRedis && !isCLibrary ? [.linkedLibrary("hiredis")] : []

/// The core, bottom up: each target imports only what stands above it here (ARCHITECTURE.md draws the walls).
var targets: [Target] = [
    .systemLibrary(name: "CHearth", path: "include"),
    .systemLibrary(
        name: "CLibuv", pkgConfig: "libuv",
        providers: [.apt(["libuv1-dev"]), .brew(["libuv"])]),
    .systemLibrary(
        name: "COpenSSL", pkgConfig: "openssl",
        providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
    .systemLibrary(name: "CUring"),
    .systemLibrary(name: "CMemory"),
    .systemLibrary(
        name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .target(name: "HearthBytes", swiftSettings: coreSettings),
    .target(name: "HearthWire", dependencies: ["HearthBytes"], swiftSettings: parserSettings),
    .target(
        name: "HearthSession", dependencies: ["HearthBytes", "HearthWire"], swiftSettings: parserSettings),
    .target(
        name: "HearthHub", dependencies: ["HearthBytes", "HearthWire"],
        swiftSettings: coreSettings),
    .target(
        name: "HearthCluster", dependencies: ["HearthBytes", "HearthWire"], swiftSettings: parserSettings),
    .target(
        name: "HearthPlatform", dependencies: platformDependencies, swiftSettings: coreSettings,
        linkerSettings: platformLinks),
    .target(
        name: "HearthEngine",
        dependencies: [
            "HearthBytes", "HearthWire", "HearthSession", "HearthHub", "HearthCluster", "HearthPlatform",
        ],
        swiftSettings: coreSettings),
    .target(
        name: "HearthABI", dependencies: ["CHearth", "HearthBytes", "HearthPlatform", "HearthEngine"],
        swiftSettings: coreSettings),
]
if hasJWT {
    targets += [
        .systemLibrary(
            name: "CJansson", pkgConfig: "jansson",
            providers: [.apt(["libjansson-dev"]), .brew(["jansson"])]),
        .systemLibrary(
            name: "CJose", pkgConfig: "jose", providers: [.apt(["libjose-dev"]), .brew(["jose"])]),
    ]
}
if hasRedis {
    // No pkg-config: its flags ask for the folder of the headers, which stands in their names here.
    targets += [
        .systemLibrary(
            name: "CHiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])])
    ]
}
var products: [Product] = []

if isCLibrary {
    products.append(.library(name: "hearth", type: .dynamic, targets: ["HearthABI"]))
} else {
    products.append(.library(name: "Hearth", targets: ["Hearth"]))
    targets += [
        .target(name: "Hearth", dependencies: ["CHearth", "HearthABI"], swiftSettings: coreSettings),
        .testTarget(name: "HearthBytesTests", dependencies: ["HearthBytes"]),
        .testTarget(name: "HearthWireTests", dependencies: ["HearthWire", "HearthBytes"]),
        .testTarget(
            name: "HearthSessionTests", dependencies: ["HearthSession", "HearthWire", "HearthBytes"]),
        .testTarget(
            name: "HearthClusterTests", dependencies: ["HearthCluster", "HearthWire", "HearthBytes"]),
        .testTarget(name: "HearthHubTests", dependencies: ["HearthHub", "HearthWire", "HearthBytes"]),
        .testTarget(
            name: "HearthPlatformTests", dependencies: ["HearthPlatform", "HearthBytes"],
            swiftSettings: hasJWT ? [.define("HEARTH_JWT")] : []),
        .testTarget(
            name: "HearthEngineTests",
            dependencies: ["HearthEngine", "HearthPlatform", "HearthSession", "HearthWire", "HearthBytes"],
            swiftSettings: [.define("HEARTH_SIMULATION", .when(configuration: .debug))]),
        .testTarget(
            name: "HearthTests", dependencies: ["Hearth"],
            swiftSettings: (hasJWT ? [.define("HEARTH_JWT")] : [])
                + (hasRedis ? [.define("HEARTH_REDIS")] : [])),
        .executableTarget(name: "host-swift", dependencies: ["Hearth"], path: "examples/swift/host"),
        .executableTarget(name: "chat-swift", dependencies: ["Hearth"], path: "examples/swift/chat"),
        .executableTarget(name: "client-swift", dependencies: ["Hearth"], path: "examples/swift/client"),
        .executableTarget(name: "actors-swift", dependencies: ["Hearth"], path: "examples/swift/actors"),
        .executableTarget(name: "hello-swift", dependencies: ["Hearth"], path: "examples/swift/hello"),
    ]
}

if isFuzzing {
    // libFuzzer brings its own main: script/fuzz links each of these libraries with it.
    let names = [
        "ClientHandshake", "Cluster", "Configuration", "Envelope", "Extension", "Frames", "Handshake",
        "Inflate", "JSON",
        "Positions", "Proxy", "SocketIO",
        "Tokens", "UTF8",
    ]
    for name in names {
        products.append(.library(name: "Fuzz\(name)", type: .static, targets: ["Fuzz\(name)"]))
        targets.append(
            .target(
                name: "Fuzz\(name)",
                dependencies: [
                    "HearthBytes", "HearthWire", "HearthCluster", "HearthPlatform", "HearthEngine",
                ],
                path: "Fuzz/\(name)", swiftSettings: coreSettings))
    }
}

let package = Package(
    name: "hearth",
    platforms: [.macOS(.v15)],
    products: products,
    targets: targets,
    swiftLanguageModes: [.v6]
)
