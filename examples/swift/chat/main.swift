// chat-swift [PORT]: rooms in which people talk, with the page and the protocol of examples/chat.

import Hearth

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// The page lies beside the source: examples/swift/chat/main.swift and examples/chat/page.
let examples = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

var signals = sigset_t()
sigemptyset(&signals)
sigaddset(&signals, SIGTERM)
sigaddset(&signals, SIGINT)
pthread_sigmask(SIG_BLOCK, &signals, nil)

do {
    let port = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "8080"
    let server = try Server(listen: "127.0.0.1:\(port)") {
        $0.serverRoot = "/\(examples)/chat/page"
        $0.maxMessageSize = 8 * 1024
        $0.pingInterval = .seconds(20)
    }
    let chat = Chat(server)
    try server.route("/chat/{room}", join: .auto, accept: .ask)
    try server.onEvent { chat.handle($0) }
    try server.start()
    print("http://127.0.0.1:\(server.port)/")
    fflush(nil)
    var signal: Int32 = 0
    sigwait(&signals, &signal)
    try await server.stop()
} catch {
    let line = Array("chat-swift: \(error)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(1)
}
