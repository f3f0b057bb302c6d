// The system calls of a socket, one thin function each. Descriptors are non-blocking and close-on-exec, and
// no call raises SIGPIPE.

internal import CLibuv
package import HearthBytes

package enum Transfer {
    /// So many bytes went through; 0 from a receive: the peer has sent its last.
    case bytes(Int)
    /// The system takes or has nothing at the moment.
    case blocked
    case failed(SystemError)
}

package enum Accepted {
    case connection(Int32, PeerAddress)
    case none
    case failed(SystemError)
}

package enum Socket {
    /// How many pieces one call of `send` takes at most.
    package static let piecesMax = 1024

    /// A listening socket and the address that it got. With `isShared`, several sockets of this process may
    /// listen on the same port and the system spreads connections over them (SO_REUSEPORT). `unixMode`: of
    /// the file of a Unix socket.
    package static func listen(
        _ address: ListenAddress, backlog: Int32, isShared: Bool, isIPv6Only: Bool, unixMode: UInt32
    ) throws(SystemError) -> (descriptor: Int32, port: UInt16) {
        #if HEARTH_SIMULATION
            if let simulated = SimulatedSocket.listen() { return (simulated, 1) }
        #endif
        switch address {
        case .unix(let path): return (try listenUnix(path, backlog: backlog, mode: unixMode), 0)
        case .ip(let host, let port, let isIPv6):
            let descriptor = try open(isIPv6 ? AF_INET6 : AF_INET)
            do throws(SystemError) {
                try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
                if isShared { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
                if isIPv6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isIPv6Only ? 1 : 0) }
                // Accepted sockets inherit it on Linux: small frames must not wait for an acknowledgement.
                try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
                try bind(descriptor, host: host, port: port, isIPv6: isIPv6)
                if system_listen(descriptor, backlog) != 0 { throw SystemError.last }
                return (descriptor, try localPort(descriptor))
            } catch {
                close(descriptor)
                throw error
            }
        }
    }

    /// The next connection that waits on a listening socket.
    package static func accept(_ listener: Int32) -> Accepted {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(listener) { return simulated.accept() }
        #endif
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        while true {
            let descriptor = withUnsafeMutablePointer(to: &storage) { place in
                hearth_shim_accept(listener, place, &length)
            }
            if descriptor >= 0 {
                if length == 0 { storage.ss_family = sa_family_t(AF_UNIX) }
                return .connection(descriptor, withUnsafePointer(to: &storage) { PeerAddress($0) })
            }
            switch hearth_shim_errno() {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return .none
            default: return .failed(SystemError.last)
            }
        }
    }

    @inline(__always)
    package static func receive(
        _ descriptor: Int32, _ place: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Transfer {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) {
                return simulated.receive(place, count, takes: true)
            }
        #endif
        while true {
            let received = recv(descriptor, place, count, Int32(MSG_DONTWAIT))
            if received >= 0 { return .bytes(received) }
            switch hearth_shim_errno() {
            case EINTR: continue
            case EAGAIN: return .blocked
            default: return .failed(SystemError.last)
            }
        }
    }

    /// Whether bytes wait to be read.
    package static func hasInput(_ descriptor: Int32) -> Bool {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) { return !simulated.incoming.isEmpty }
        #endif
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) > 0
    }

    /// The bytes that wait to be read, at most `count`, which stay where they are.
    package static func peek(
        _ descriptor: Int32, _ place: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Transfer {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) {
                return simulated.receive(place, count, takes: false)
            }
        #endif
        while true {
            let waiting = recv(descriptor, place, count, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
            if waiting >= 0 { return .bytes(waiting) }
            switch hearth_shim_errno() {
            case EINTR: continue
            case EAGAIN: return .blocked
            default: return .failed(SystemError(number: hearth_shim_errno()))
            }
        }
    }

    @inline(__always)
    package static func send(_ descriptor: Int32, _ place: UnsafePointer<UInt8>, _ count: Int) -> Transfer {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) {
                return simulated.send(UnsafeBufferPointer(start: place, count: count))
            }
        #endif
        while true {
            let sent = system_send(descriptor, place, count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            if sent >= 0 { return .bytes(sent) }
            switch hearth_shim_errno() {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .blocked
            default: return .failed(SystemError.last)
            }
        }
    }

    /// Sends the pieces in order, as one write.
    package static func send(_ descriptor: Int32, pieces: UnsafeMutableBufferPointer<Piece>) -> Transfer {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) { return simulated.send(pieces) }
        #endif
        var message = msghdr()
        message.msg_iov = UnsafeMutableRawPointer(pieces.baseAddress!).assumingMemoryBound(to: iovec.self)
        message.msg_iovlen = min(pieces.count, piecesMax)
        while true {
            let sent = sendmsg(descriptor, &message, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            if sent >= 0 { return .bytes(sent) }
            switch hearth_shim_errno() {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .blocked
            default: return .failed(SystemError.last)
            }
        }
    }

    /// Tells the peer that nothing more will be sent; what it sends can still be read.
    package static func shutdownSending(_ descriptor: Int32) {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) { return simulated.shutDown() }
        #endif
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    package static func close(_ descriptor: Int32) {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) { return simulated.close() }
        #endif
        _ = system_close(descriptor)
    }

    /// A second descriptor for the same socket.
    package static func duplicate(_ descriptor: Int32) throws(SystemError) -> Int32 {
        let copy = hearth_shim_duplicate(descriptor)
        if copy < 0 { throw SystemError.last }
        return copy
    }

    /// The peer of a socket that somebody else accepted, made ready as one of ours; nil: it is no connected
    /// stream socket.
    package static func adopt(_ descriptor: Int32) -> PeerAddress? {
        var kind: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &kind, &size) == 0,
            kind == Int32(SOCK_STREAM.rawValue)
        else { return nil }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            hearth_shim_getpeername(descriptor, $0, &length)
        }
        if status != 0 { return nil }
        _ = hearth_shim_close_on_exec(descriptor)
        _ = hearth_shim_do_not_block(descriptor)
        // Refused by a Unix socket, which has no need of it.
        try? set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        return withUnsafePointer(to: &storage) { PeerAddress($0) }
    }

    /// Takes the file of a Unix socket away. A file of another kind that lies there stays.
    static func unlink(path: [UInt8]) {
        if !isSocket(path: path) { return }
        (path + [0]).withUnsafeBytes {
            _ = system_unlink($0.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
    }

    /// Whether the file at a path is a socket, and not a link to one.
    package static func isSocket(path: [UInt8]) -> Bool {
        (path + [0]).withUnsafeBytes {
            hearth_shim_is_socket($0.baseAddress!.assumingMemoryBound(to: CChar.self)) != 0
        }
    }

    // MARK: Parts of listen

    static func open(_ family: Int32) throws(SystemError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        if descriptor < 0 { throw SystemError.last }
        return descriptor
    }

    static func set(
        _ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(SystemError) {
        var value = value
        if setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) != 0 {
            throw SystemError.last
        }
    }

    private static func bind(
        _ descriptor: Int32, host: [UInt8], port: UInt16, isIPv6: Bool
    ) throws(SystemError) {
        let status = (host + [0]).withUnsafeBytes { text -> Int32 in
            let name = text.baseAddress!.assumingMemoryBound(to: CChar.self)
            if isIPv6 {
                var address = sockaddr_in6()
                uv_ip6_addr(name, Int32(port), &address)
                return withUnsafePointer(to: &address) {
                    system_bind(
                        descriptor, UnsafeRawPointer($0),
                        socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
            var address = sockaddr_in()
            uv_ip4_addr(name, Int32(port), &address)
            return withUnsafePointer(to: &address) {
                system_bind(
                    descriptor, UnsafeRawPointer($0),
                    socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status != 0 { throw SystemError.last }
    }

    private static func localPort(_ descriptor: Int32) throws(SystemError) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) {
            hearth_shim_getsockname(descriptor, $0, &length)
        }
        if status != 0 { throw SystemError.last }
        return withUnsafePointer(to: &storage) { PeerAddress($0).port }
    }

    private static func listenUnix(_ path: [UInt8], backlog: Int32, mode: UInt32) throws(SystemError) -> Int32
    {
        let descriptor = try open(AF_UNIX)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let status = withUnsafePointer(to: &address) { place -> Int32 in
            let raw = UnsafeRawPointer(place)
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            // A socket file that nobody listens on is left over from a process that is gone. Connecting to a
            // file of another kind is refused, too.
            if system_bind(descriptor, raw, size) == 0 { return 0 }
            guard hearth_shim_errno() == EADDRINUSE else { return -1 }
            guard isSocket(path: path), isAbandoned(raw, size) else {
                hearth_shim_set_errno(EADDRINUSE)
                return -1
            }
            unlink(path: path)
            return system_bind(descriptor, raw, size)
        }
        // Nobody can connect before the socket listens: the mode is set in between. A umask would be the
        // process's, and other threads make files.
        let isBound = status == 0
        if !isBound || !setMode(path, mode) || system_listen(descriptor, backlog) != 0 {
            let error = SystemError.last
            if isBound { unlink(path: path) }
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func setMode(_ path: [UInt8], _ mode: UInt32) -> Bool {
        (path + [0]).withUnsafeBytes {
            chmod($0.baseAddress!.assumingMemoryBound(to: CChar.self), mode_t(mode)) == 0
        }
    }

    private static func isAbandoned(_ address: UnsafeRawPointer, _ size: socklen_t) -> Bool {
        guard let probe = try? open(AF_UNIX) else { return false }
        defer { close(probe) }
        return hearth_shim_connect(probe, address, size) != 0 && hearth_shim_errno() == ECONNREFUSED
    }
}

// The system's functions whose names the enum above takes for itself.
private func system_listen(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }
private func system_send(_ descriptor: Int32, _ place: UnsafeRawPointer, _ count: Int, _ flags: Int32) -> Int
{
    send(descriptor, place, count, flags)
}
private func system_close(_ descriptor: Int32) -> Int32 { close(descriptor) }
private func system_bind(_ descriptor: Int32, _ address: UnsafeRawPointer, _ size: socklen_t) -> Int32 {
    hearth_shim_bind(descriptor, address, size)
}
private func system_unlink(_ path: UnsafePointer<CChar>) -> Int32 { unlink(path) }
