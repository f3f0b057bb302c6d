// A WebSocket peer for tests: one socket, frames as RFC 6455 5.2 draws them, and a limit on every wait.

#if canImport(Glibc)
    import Glibc

    private let streamSocket = Int32(SOCK_STREAM.rawValue)
    private let sendFlags = Int32(MSG_NOSIGNAL)
    private let sendBytes = Glibc.send
    private let endSocket = Glibc.close
    private let makeSocket = Glibc.socket
#else
    import Darwin

    private let streamSocket = SOCK_STREAM
    private let sendFlags: Int32 = 0
    private let sendBytes = Darwin.send
    private let endSocket = Darwin.close
    private let makeSocket = Darwin.socket
#endif

/// What a peer sees.
enum Received: Equatable {
    case text(String)
    case binary([UInt8])
    case close(Int, String)
    /// The server ended the TCP connection.
    case end
}

struct ClientFault: Error, CustomStringConvertible {
    let description: String
}

/// It never blocks a thread: a wait is a suspension, so it may share the threads of the tasks with what it
/// waits for.
final class Client: @unchecked Sendable {
    private static let waitSecondsMax = 20
    private let socket: Int32
    private var buffer: [UInt8] = []
    private var answersPings = false
    /// Status line and fields of the server's answer.
    private(set) var head = ""

    init(port: UInt16) throws {
        socket = makeSocket(AF_INET, streamSocket, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port.bigEndian)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status != 0 { throw ClientFault(description: "connect: errno \(errno)") }
    }

    /// A connection that a listener of the test has accepted.
    init(accepted socket: Int32) {
        self.socket = socket
    }

    deinit {
        _ = endSocket(socket)
    }

    /// An open WebSocket.
    static func open(
        _ port: UInt16, _ path: String, protocols: String? = nil, answersPings: Bool = false
    ) async throws -> Client {
        let client = try await upgrade(port, path, protocols: protocols)
        client.answersPings = answersPings
        guard client.head.hasPrefix("HTTP/1.1 101 ") else {
            throw ClientFault(description: "not upgraded: \(client.head)")
        }
        return client
    }

    /// A connection on which the server has answered the handshake, whatever it said. `fields` are lines of
    /// the request, each with its end.
    static func upgrade(
        _ port: UInt16, _ path: String, protocols: String? = nil, fields: String = ""
    ) async throws -> Client {
        let client = try Client(port: port)
        try client.write(
            """
            GET \(path) HTTP/1.1\r
            Host: 127.0.0.1\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Version: 13\r
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
            \(protocols.map { "Sec-WebSocket-Protocol: \($0)\r\n" } ?? "")\(fields)\r\n
            """)
        try await client.readHead()
        return client
    }

    /// The answer to one plain request: its head and its body.
    static func request(_ port: UInt16, _ text: String) async throws -> (head: String, body: String) {
        let client = try Client(port: port)
        try client.write(text)
        try await client.readHead()
        while try await client.fill() {}
        return (client.head, String(decoding: client.buffer, as: UTF8.self))
    }

    // MARK: Sending

    func write(_ text: String) throws {
        try write(Array(text.utf8))
    }

    func write(_ bytes: [UInt8]) throws {
        let count = bytes.withUnsafeBytes { sendBytes(socket, $0.baseAddress, $0.count, sendFlags) }
        if count != bytes.count { throw ClientFault(description: "send: \(count) of \(bytes.count)") }
    }

    /// One masked frame that is a whole message.
    func send(opcode: UInt8, _ payload: [UInt8]) throws {
        let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        var frame: [UInt8] = [0x80 | opcode]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        frame += mask
        frame += payload.enumerated().map { $1 ^ mask[$0 & 3] }
        try write(frame)
    }

    func send(_ text: String) throws {
        try send(opcode: 1, Array(text.utf8))
    }

    func close(code: Int) throws {
        try send(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xFF)])
    }

    // MARK: Receiving

    /// The next message, close or end. Pings are answered if it was opened so.
    func receive() async throws -> Received {
        while true {
            guard try await fill(to: 2) else { return .end }
            var length = Int(buffer[1])
            var start = 2
            if length >= 126 {
                let count = length == 126 ? 2 : 8
                guard try await fill(to: 2 + count) else { return .end }
                length = buffer[2..<2 + count].reduce(0) { $0 << 8 | Int($1) }
                start += count
            }
            guard try await fill(to: start + length) else { return .end }
            let opcode = buffer[0] & 0x0F
            let payload = Array(buffer[start..<start + length])
            buffer.removeFirst(start + length)
            switch opcode {
            case 1: return .text(String(decoding: payload, as: UTF8.self))
            case 2: return .binary(payload)
            case 8 where payload.count >= 2:
                let code = Int(payload[0]) << 8 | Int(payload[1])
                return .close(code, String(decoding: payload[2...], as: UTF8.self))
            case 8: return .close(1005, "")
            case 9 where answersPings: try send(opcode: 10, payload)
            default: continue
            }
        }
    }

    /// Where a listener of the test has the other side: what it asks for.
    func readRequest() async throws -> String {
        try await readHead()
        return head
    }

    /// Carries bytes in both directions until one side ends.
    func exchange(with other: Client) async throws {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            var isIdle = true
            for (source, target) in [(self, other), (other, self)] {
                let count = recv(source.socket, &chunk, chunk.count, Int32(MSG_DONTWAIT))
                if count == 0 { return }
                if count < 0 { continue }
                try target.write(Array(chunk[..<count]))
                isIdle = false
            }
            if isIdle { try await Task.sleep(for: .milliseconds(1)) }
        }
    }

    private func readHead() async throws {
        let end: [UInt8] = [13, 10, 13, 10]
        var length = 4
        while buffer.count < length || Array(buffer[length - 4..<length]) != end {
            if buffer.count < length {
                guard try await fill() else { throw ClientFault(description: "no answer") }
            } else {
                length += 1
            }
        }
        head = String(decoding: buffer[..<length], as: UTF8.self)
        buffer.removeFirst(length)
    }

    private func fill(to count: Int) async throws -> Bool {
        while buffer.count < count {
            guard try await fill() else { return false }
        }
        return true
    }

    /// Waits for more bytes; false: the server has ended the connection.
    private func fill() async throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(Self.waitSecondsMax) {
            let count = recv(socket, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                buffer += chunk[..<count]
                return true
            }
            if count == 0 || (errno != EAGAIN && errno != EINTR) { return false }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw ClientFault(description: "nothing received for \(Self.waitSecondsMax) seconds")
    }
}
