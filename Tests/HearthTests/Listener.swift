// A port on which a test answers by itself: servers that redirect, proxies.

#if canImport(Glibc)
    import Glibc

    private let streamSocket = Int32(SOCK_STREAM.rawValue)
    private let endSocket = Glibc.close
    private let makeSocket = Glibc.socket
    private let startListening = Glibc.listen
    private let acceptSocket = Glibc.accept
#else
    import Darwin

    private let streamSocket = SOCK_STREAM
    private let endSocket = Darwin.close
    private let makeSocket = Darwin.socket
    private let startListening = Darwin.listen
    private let acceptSocket = Darwin.accept
#endif

final class Listener: Sendable {
    private static let waitSecondsMax = 20
    private let socket: Int32
    let port: UInt16

    init() throws {
        socket = makeSocket(AF_INET, streamSocket, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (socket, size) = (socket, length)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(socket, address, size) | startListening(socket, 16)
                    | getsockname(socket, address, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        if status != 0 || fcntl(socket, F_SETFL, O_NONBLOCK) != 0 {
            throw ClientFault(description: "listen: errno \(errno)")
        }
    }

    deinit {
        _ = endSocket(socket)
    }

    /// The next connection.
    func accept() async throws -> Client {
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(Self.waitSecondsMax) {
            let descriptor = acceptSocket(socket, nil, nil)
            if descriptor >= 0 { return Client(accepted: descriptor) }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw ClientFault(description: "nobody came for \(Self.waitSecondsMax) seconds")
    }
}
