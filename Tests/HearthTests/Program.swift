// A program of the examples as a process of its own.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs until it is told to end, or this goes away.
final class Program {
    private var process: pid_t = 0
    private let output: Int32

    /// name: of a product of this package, which lies beside the test bundle.
    init(_ name: String, _ arguments: [String]) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ClientFault(description: "pipe: errno \(errno)") }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        output = ends[0]
        defer { close(ends[1]) }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addclose(&actions, ends[1])
        defer { posix_spawn_file_actions_destroy(&actions) }
        let path = "\(Self.folder)/\(name)"
        var texts = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        // What an asynchronous main holds when exit() ends it looks lost to the leak sanitizer.
        var settings = [strdup("LSAN_OPTIONS=detect_leaks=0")]
        defer { free(settings[0]) }
        var variable = environ
        while let setting = variable.pointee {
            settings.append(setting)
            variable += 1
        }
        settings.append(nil)
        let status = posix_spawn(&process, path, &actions, nil, &texts, &settings)
        if status != 0 { throw ClientFault(description: "\(path) does not start: \(status)") }
    }

    deinit {
        if process > 0 {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        close(output)
    }

    /// The first line that it prints.
    func line() async throws -> String {
        var text: [UInt8] = []
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(20) {
            var byte: UInt8 = 0
            let count = read(output, &byte, 1)
            if count == 1 && byte == UInt8(ascii: "\n") { return String(decoding: text, as: UTF8.self) }
            if count == 1 { text.append(byte) } else { try await Task.sleep(for: .milliseconds(1)) }
        }
        throw ClientFault(description: "it prints nothing")
    }

    /// Sends the signal and gives the exit status, or minus the signal that ended it.
    func end(with signal: Int32) async throws -> Int32 {
        kill(process, signal)
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(20) {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process {
                process = 0
                return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw ClientFault(description: "it does not end")
    }

    /// Where the products of this build lie: the folder of the test bundle.
    private static var folder: String {
        let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
        let parts = bundle.split(separator: "/", omittingEmptySubsequences: false)
        let end = parts.firstIndex { $0.hasSuffix(".xctest") } ?? parts.count - 1
        return parts[..<end].joined(separator: "/")
    }
}

/// A port of 127.0.0.1 at which nobody listens, below the range from which the system gives ports to others.
func freePort() throws -> UInt16 {
    for _ in 0..<100 {
        let port = UInt16.random(in: 10_000..<32_000)
        if (try? Client(port: port)) == nil { return port }
    }
    throw ClientFault(description: "no port is free")
}
