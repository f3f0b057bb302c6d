// Names to addresses, on libuv's pool of threads. A lookup is always answered once, unless it is cancelled
// before.

internal import CLibuv

/// Called on the loop's thread with the owner and so many of RemoteAddress, in the system's order, or an
/// error.
package typealias Resolved =
    @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer?, Int, Int32) -> Void

/// A lookup that is on its way. It frees itself.
package struct Lookup {
    fileprivate let block: UnsafeMutablePointer<LookupBlock>
}

fileprivate struct LookupBlock {
    var request = uv_getaddrinfo_t()
    var owner: UnsafeMutableRawPointer?
    var resolved: Resolved
}

package enum Resolver {
    /// More addresses of one name are not tried.
    package static var addressesMax: Int { 16 }

    /// Why a lookup failed, in the system's words.
    package static func sentence(_ status: Int32) -> [UInt8] {
        guard status != 0, let text = uv_strerror(status) else {
            return Array("the name has no address".utf8)
        }
        return CString.bytes(text)
    }

    /// The address that the text is by itself: "127.0.0.1", "::1", "fe80::1%eth0".
    package static func literal(_ host: [UInt8], port: UInt16) -> RemoteAddress? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // Only what can be one is asked: names are the usual case.
        guard let first = host.first, first >= 0x30 && first <= 0x39 || host.contains(UInt8(ascii: ":"))
        else {
            return nil
        }
        var list: UnsafeMutablePointer<addrinfo>?
        let status = (host + [0]).withUnsafeBytes {
            getaddrinfo($0.baseAddress!.assumingMemoryBound(to: CChar.self), nil, &hints, &list)
        }
        defer { if list != nil { freeaddrinfo(list) } }
        guard status == 0, let entry = list else { return nil }
        return RemoteAddress(entry.pointee, port: port)
    }

    /// Asks for the addresses of a host. Thread: the loop's.
    package static func start(
        _ host: [UInt8], port: UInt16, on loop: EventLoop, owner: UnsafeMutableRawPointer,
        resolved: @escaping Resolved
    ) throws(SystemError) -> Lookup {
        let block = UnsafeMutablePointer<LookupBlock>.allocate(capacity: 1)
        block.initialize(to: LookupBlock(owner: owner, resolved: resolved))
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        block.pointee.request.data = UnsafeMutableRawPointer(bitPattern: UInt(port))
        let request = UnsafeMutableRawPointer(block).assumingMemoryBound(to: uv_getaddrinfo_t.self)
        let status = (host + [0]).withUnsafeBytes {
            uv_getaddrinfo(
                loop.handle, request,
                { request, status, list in Resolver.finish(request, status, list) },
                $0.baseAddress!.assumingMemoryBound(to: CChar.self), nil, &hints)
        }
        if status != 0 {
            block.deallocate()
            throw SystemError(number: -status)
        }
        return Lookup(block: block)
    }

    /// The owner is not told any more. What the system has begun ends by itself, later.
    package static func cancel(_ lookup: Lookup) {
        lookup.block.pointee.owner = nil
        let request = UnsafeMutableRawPointer(lookup.block).assumingMemoryBound(to: uv_req_t.self)
        uv_cancel(request)
    }

    private static func finish(
        _ request: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32,
        _ list: UnsafeMutablePointer<addrinfo>?
    ) {
        guard let request else { return }
        defer { if list != nil { uv_freeaddrinfo(list) } }
        // The request is the first stored property, so both have one address.
        let block = UnsafeMutableRawPointer(request).assumingMemoryBound(to: LookupBlock.self)
        let owner = block.pointee.owner
        let resolved = block.pointee.resolved
        let port = UInt16(truncatingIfNeeded: UInt(bitPattern: request.pointee.data))
        block.deinitialize(count: 1)
        block.deallocate()
        guard let owner else { return }
        var addresses: [RemoteAddress] = []
        var next = list
        while let entry = next, addresses.count < addressesMax {
            if let address = RemoteAddress(entry.pointee, port: port) { addresses.append(address) }
            next = entry.pointee.ai_next
        }
        addresses.withUnsafeBufferPointer {
            resolved(owner, UnsafeRawPointer($0.baseAddress), $0.count, status)
        }
    }
}

/// Where to connect to.
package struct RemoteAddress {
    package let peer: PeerAddress
    /// RFC 4007: the interface of a link-local address.
    fileprivate let scope: UInt32
    /// Of a Unix socket.
    fileprivate let path: [UInt8]

    package var family: PeerAddress.Family { peer.family }

    init?(_ entry: addrinfo, port: UInt16) {
        guard let address = entry.ai_addr else { return nil }
        var storage = sockaddr_storage()
        let size = min(Int(entry.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: UnsafeRawPointer(address), count: size))
        }
        var found = withUnsafePointer(to: storage) { PeerAddress($0) }
        guard found.family == .ipv4 || found.family == .ipv6 else { return nil }
        found.port = port
        peer = found
        path = []
        scope =
            found.family == .ipv6
            ? withUnsafeBytes(of: storage) { $0.loadUnaligned(as: sockaddr_in6.self).sin6_scope_id } : 0
    }

    /// nil: the path is too long.
    package init?(path: [UInt8]) {
        // sun_path holds 108 bytes with its NUL.
        if path.isEmpty || path.count > 107 { return nil }
        var unix = PeerAddress()
        unix.family = .unix
        peer = unix
        scope = 0
        self.path = path
    }

    /// As the system takes it.
    fileprivate func withSocketAddress(_ body: (UnsafeRawPointer, socklen_t) -> Int32) -> Int32 {
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = peer.port.bigEndian
            address.sin_addr.s_addr = UInt32(truncatingIfNeeded: peer.bytes.0)
            return withUnsafePointer(to: &address) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = peer.port.bigEndian
            address.sin6_scope_id = scope
            withUnsafeMutableBytes(of: &address.sin6_addr) {
                $0.storeBytes(of: peer.bytes.0, as: UInt64.self)
                $0.storeBytes(of: peer.bytes.1, toByteOffset: 8, as: UInt64.self)
            }
            return withUnsafePointer(to: &address) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
        case .unix, .none:
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
            return withUnsafePointer(to: &address) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}

extension Socket {
    /// Begins to connect. The descriptor becomes writable when that is decided: `connectResult` says how.
    package static func connect(_ address: RemoteAddress) throws(SystemError) -> Int32 {
        #if HEARTH_SIMULATION
            if let simulated = SimulatedSocket.dial() { return simulated }
        #endif
        let family: Int32 =
            switch address.family {
            case .ipv4: AF_INET
            case .ipv6: AF_INET6
            case .unix, .none: AF_UNIX
            }
        let descriptor = try open(family)
        if family != AF_UNIX { try? set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
        let status = address.withSocketAddress { hearth_shim_connect(descriptor, $0, $1) }
        if status == 0 || hearth_shim_errno() == EINPROGRESS || hearth_shim_errno() == EINTR {
            return descriptor
        }
        let error = SystemError.last
        close(descriptor)
        throw error
    }

    /// What came of `connect`; nil: it is connected.
    package static func connectResult(_ descriptor: Int32) -> SystemError? {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(descriptor) { return simulated.connectError }
        #endif
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length) != 0 { return SystemError.last }
        return number == 0 ? nil : SystemError(number: number)
    }
}
