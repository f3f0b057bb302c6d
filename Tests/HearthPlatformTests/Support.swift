import HearthBytes
import HearthPlatform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The certificates that the tests share, made once.
enum Certificates {
    static let folder: String = {
        var name = Array("/tmp/hearth-tls-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { fatalError("no temporary folder") }
        let folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let script = "\(#filePath)/../../tls/make_certificates.sh".withoutDots
        var process: pid_t = 0
        var arguments = [strdup("bash"), strdup(script), strdup(folder), nil]
        defer { for argument in arguments { free(argument) } }
        let status = posix_spawnp(&process, "bash", nil, nil, &arguments, environ)
        var result: Int32 = 0
        waitpid(process, &result, 0)
        guard status == 0, result == 0 else { fatalError("\(script) failed") }
        return folder
    }()

    static func file(_ name: String) -> [UInt8] { Array("\(folder)/\(name)".utf8) }
}

extension String {
    /// "a/b.swift/../../c" as "c".
    fileprivate var withoutDots: String {
        var parts: [Substring] = []
        for part in split(separator: "/", omittingEmptySubsequences: false) {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}

func serverSettings(_ certificates: String..., key: String? = nil) -> TLSServerSettings {
    var settings = TLSServerSettings()
    settings.certificateFiles = certificates.map { Certificates.file("\($0).pem") }
    settings.privateKeyFiles = certificates.map { Certificates.file("\(key ?? $0).key") }
    return settings
}

func clientSettings(authority: String = "ca") -> TLSClientSettings {
    var settings = TLSClientSettings()
    settings.authoritiesFile = Certificates.file("\(authority).pem")
    return settings
}

/// One side: its stream, its end of a socket pair, and the plain bytes that have come.
final class Side {
    let stream: TLSStream
    let buffers: TLSBuffers
    let descriptor: Int32
    var received: [UInt8] = []
    /// Ciphertext that came, for tests that change or repeat it.
    var wire: [UInt8] = []

    init(_ stream: TLSStream, _ buffers: TLSBuffers, _ descriptor: Int32) {
        self.stream = stream
        self.buffers = buffers
        self.descriptor = descriptor
    }

    deinit { Socket.close(descriptor) }

    /// Reads at most `step` bytes and handles them. Whether there were any.
    func read(step: Int) -> Bool {
        var bytes = [UInt8](repeating: 0, count: step)
        let count = recv(descriptor, &bytes, step, Int32(MSG_DONTWAIT))
        if count <= 0 { return false }
        wire += bytes[..<count]
        take(Array(bytes[..<count]))
        return true
    }

    func take(_ bytes: [UInt8]) {
        let count = bytes.withUnsafeBufferPointer { stream.receive($0.baseAddress!, $0.count) }
        received += UnsafeBufferPointer(start: buffers.plain, count: count)
        _ = stream.flush(to: descriptor)
    }

    @discardableResult
    func send(_ text: [UInt8]) -> TLSStream.Flushed {
        var text = text
        let isSealed = text.withUnsafeMutableBytes {
            stream.seal(Piece(base: $0.baseAddress, count: $0.count))
        }
        if !isSealed { return .failed(SystemError(number: EPIPE)) }
        return stream.flush(to: descriptor)
    }
}

struct Pair {
    let client: Side
    let server: Side

    /// A client that wants `host` and a server, joined by a socket pair. Nothing has been said yet.
    init(
        _ server: TLSServerSettings, _ client: TLSClientSettings = clientSettings(),
        host: String = "localhost"
    ) throws {
        try self.init(TLSContext.server(server), TLSContext.client(client), host: host, resuming: nil)
    }

    init(_ server: TLSContext, _ client: TLSContext, host: String, resuming session: TLSSession?) throws {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw SystemError(number: errno)
        }
        let (forClient, forServer) = (TLSBuffers(), TLSBuffers())
        self.client = Side(
            try TLSStream(client: client, host: Array(host.utf8), resuming: session, forClient), forClient,
            ends[0])
        self.server = Side(try TLSStream(server: server, forServer), forServer, ends[1])
    }

    /// Lets both talk, `step` bytes at a time, until neither has anything to say.
    func pump(step: Int = 65536) {
        while true {
            let clientRead = client.read(step: step)
            let serverRead = server.read(step: step)
            if !clientRead && !serverRead { return }
        }
    }

    func shakeHands(step: Int = 65536) {
        client.stream.start()
        _ = client.stream.flush(to: client.descriptor)
        pump(step: step)
    }
}

/// The sentence with which something was refused; empty: it was not.
func sentence(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch let fault as TLSFault {
        return String(decoding: fault.sentence, as: UTF8.self)
    } catch {
        return "\(error)"
    }
}

extension Side {
    var fault: String { String(decoding: stream.fault, as: UTF8.self) }
    var subject: String { String(decoding: stream.details.subject, as: UTF8.self) }
    var version: String { stream.details.version.map { String(cString: $0) } ?? "" }
}
