// host-swift PORT [key=value ...]: a server on 127.0.0.1 that echoes on /echo and relays in /room/NAME.
// SIGTERM or SIGINT ends it.

import Hearth

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Takes a signal when `wait()` is called. The signals are blocked here and in every thread made from here.
struct Signals {
    private var set = sigset_t()

    init() {
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    mutating func wait() {
        var signal: Int32 = 0
        sigwait(&set, &signal)
    }
}

func configuration(_ arguments: [String]) -> Configuration {
    var configuration = Configuration()
    configuration.listen = "127.0.0.1:\(arguments[1])"
    for argument in arguments.dropFirst(2) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        configuration.set(String(parts[0]), parts.count > 1 ? String(parts[1]) : "on")
    }
    return configuration
}

func fail(_ sentence: String, _ status: Int32) -> Never {
    let line = Array("\(sentence)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(status)
}

guard CommandLine.arguments.count > 1 else {
    fail("usage: host-swift PORT [key=value ...]", 2)
}
var signals = Signals()
do {
    let server = try Server(configuration(CommandLine.arguments))
    try server.route("/echo")
    try server.route("/room/{room}", join: .auto, relay: .all)
    try server.onEvent { event in
        // A peer that has just gone does not need its echo.
        if event.kind == .message { _ = try? event.connection.send(event.opcode, event.payload) }
    }
    try server.start()
    signals.wait()
    withExtendedLifetime(server) {}
} catch {
    fail("host-swift: \(error)", 1)
}
