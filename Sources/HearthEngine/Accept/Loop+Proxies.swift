// Whose a connection is that a proxy passes on. Only what a trusted proxy says counts; what others write into
// the same places is their own invention.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

/// The proxies that a server believes.
final class TrustedProxies: @unchecked Sendable {
    let networks: [Network]
    private let trustsUnix: Bool
    let field: ForwardedField
    /// Connections of trusted proxies begin with a PROXY header.
    let sendHeader: Bool

    /// Nil: there are none.
    init?(_ configuration: Configuration) throws(Route.Fault) {
        networks = configuration.networks(.trustedProxies)
        trustsUnix = configuration.list(.trustedProxies).contains { matches($0, "unix") }
        field = ForwardedField(rawValue: UInt8(configuration.choice(.forwardedHeader))) ?? .none
        sendHeader = configuration.flag(.proxyProtocol)
        if !networks.isEmpty || trustsUnix { return }
        if sendHeader {
            throw Route.Fault(
                .invalidValue,
                [ascii("proxy_protocol needs trusted_proxies: set it to the addresses of the proxies")])
        }
        return nil
    }

    func trust(_ address: PeerAddress) -> Bool {
        guard let ip = address.ip else { return trustsUnix && address.family == .unix }
        return networks.contains { $0.contains(ip) }
    }
}

extension PeerAddress {
    /// Nil: it is none of the Internet protocol.
    var ip: IPAddress? {
        switch family {
        case .none, .unix: nil
        case .ipv4: IPAddress(ipv4: UInt32(bigEndian: UInt32(truncatingIfNeeded: bytes.0)))
        case .ipv6: IPAddress(high: UInt64(bigEndian: bytes.0), low: UInt64(bigEndian: bytes.1))
        }
    }

    init(_ peer: ProxiedPeer) {
        self.init()
        port = peer.port
        if peer.address.isIPv6 {
            family = .ipv6
            bytes = (peer.address.high.bigEndian, peer.address.low.bigEndian)
        } else {
            family = .ipv4
            bytes = (UInt64(UInt32(truncatingIfNeeded: peer.address.low).bigEndian), 0)
        }
    }
}

extension Loop {
    func setAddress(_ place: ConnectionRef, _ address: PeerAddress) {
        port.lock.withLock { place.pointee.address = address }
    }

    // MARK: Forwarding fields

    /// Before anything asks for the address: what do the fields of this request say? The head was just read.
    func resolvePeer(
        _ place: ConnectionRef, _ server: Server, _ bytes: UnsafeBufferPointer<UInt8>
    ) {
        guard let proxies = server.proxies, proxies.field != .none else { return }
        let exchange = exchange(of: place)
        let hop = exchange.hop ?? place.pointee.address
        guard proxies.trust(hop) else { return }
        exchange.hop = hop
        // Behind a Unix socket there is no address: any that the fields name is nearer.
        let known = ProxiedPeer(address: hop.ip ?? IPAddress(ipv4: 0), port: hop.port)
        let peer = head.forwardedPeer(in: bytes.span, proxies.field, trusted: proxies.networks, hop: known)
        setAddress(place, peer == known ? hop : PeerAddress(peer))
    }

    // MARK: The PROXY protocol

    /// The first bytes of a trusted proxy's connection. Only those of the header are taken from the socket.
    func receiveProxyHeader(_ place: ConnectionRef) {
        let exchange = exchange(of: place)
        while place.pointee.phase == .proxy {
            switch Socket.peek(place.pointee.descriptor, input, ProxyHeader.bytesMax) {
            case .bytes(0), .failed: return release(place)
            case .blocked: return
            case .bytes(let count):
                let before = exchange.head.count
                exchange.head.append(contentsOf: UnsafeBufferPointer(start: input, count: count))
                let bytes = exchange.head
                let result = ProxyHeader.parse(bytes.span)
                var used = count
                if case .complete(let length, _) = result { used = length - before }
                if used > 0 { _ = Socket.receive(place.pointee.descriptor, input, used) }
                switch result {
                case .needMore: continue
                case .rejected: return refuseProxy(place)
                case .complete(_, let peer): proxyHeaderRead(place, peer)
                }
            }
        }
    }

    private func refuseProxy(_ place: ConnectionRef) {
        context.log(
            .warning, "server", "connection refused", place, reason: "no PROXY header where one must be")
        release(place)
    }

    private func proxyHeaderRead(_ place: ConnectionRef, _ peer: ProxiedPeer?) {
        let server = place.pointee.server.takeUnretainedValue()
        exchange(of: place).head = []
        place.pointee.phase = .request
        if let peer { setAddress(place, PeerAddress(peer)) }
        if place.pointee.refusal == .none { countAddress(place, server) }
    }
}
