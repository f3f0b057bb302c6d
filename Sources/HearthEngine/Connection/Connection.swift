// One connection, in its slot of a loop. It does not move; the set of sockets knows it by its id.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

/// Why a connection that was accepted by the system gets no further.
enum Refusal: UInt8 { case none, server, address }

/// Where a connection is in its life.
enum Phase: UInt8 {
    /// A client's socket is connecting.
    case connecting
    /// A client's: the proxy is asked for a tunnel.
    case tunnel
    /// A client's: TLS is being agreed on.
    case sealing
    /// A client's: the server is asked for a WebSocket.
    case handshake
    /// A request head is awaited, or coming.
    case request
    /// The body of a plain HTTP request is coming.
    case body
    /// The host is to answer: an upgrade (accept or reject) or a plain request (respond).
    case host
    /// WebSocket; the session says whether open or closing.
    case open
    /// The host was told of the end, or there was nothing to tell: write what waits, then let the peer go.
    case finishing
    /// The descriptor is closed; the slot is free at the end of the turn.
    case released
    /// The header of a proxy is awaited, or coming; the request begins behind it.
    case proxy
}

/// Where a connection lies in its loop's slab. It does not move until the slot is free.
typealias ConnectionRef = UnsafeMutablePointer<Connection>

struct Holds: OptionSet {
    let rawValue: UInt8
    /// A client's program takes no more messages for now.
    static let program = Holds(rawValue: 1)
    /// What has been read before is not handled yet: `Ingress` has it.
    static let backlog = Holds(rawValue: 2)
}

struct Connection: ~Copyable {
    // In an order that leaves no gaps: an idle connection is mostly this. What comes first is the loop's own,
    // as the thread sanitizer takes a change of anything in it for one of its first bytes.

    /// Milliseconds, monotonic: when the current phase ends by itself; 0: the session says.
    var deadline: UInt64 = 0
    var id: ConnectionID
    let endpoint: Unmanaged<Endpoint>
    var session: Session
    var context: UnsafeMutableRawPointer?
    /// What it has instead of a socket, if it is of a channel.
    var link: ChannelLink?
    /// Only where rates are limited, from the opening to the release.
    var limiter: UnsafeMutablePointer<Limiter>?
    /// What only some connections have: a request in progress, events of the json dialect, metadata.
    var exchange: Exchange?
    var tls: TLSStream?
    var speaker: Speaker?
    var identity: Identity?
    var metadata: [UInt8] = []
    /// permessage-deflate, if it was agreed on.
    var compression: Compression?
    // What other threads may read at any time.
    let openedAtWall = Atomic<UInt64>(0)
    /// Of the last ping that was answered, microseconds; -1: none yet.
    let latency = Atomic<Int64>(-1)
    /// Whom a trusted proxy names, or else the socket. Other threads read it under the port's lock.
    var address: PeerAddress
    /// Other threads may read it at any time.
    let isOpenFlag = Atomic<Bool>(false)
    /// The transport is read until the peer ends it, so that what was written last is not lost to a reset.
    var lingers = false
    /// The outbox was found full with a policy that closes.
    var isTooSlow = false
    /// It asked for a WebSocket, and the answer is to be counted.
    var isUpgrade = false
    /// A limit was reached before it came: its request is answered with that.
    var refusal = Refusal.none

    // What every write takes is from here on, 64 bytes: with thousands of connections in turns, none of it is
    // in the processor's caches any more.

    let counters: Counters
    // Other threads may read these four at any time.
    let lastReceivedWall = Atomic<UInt64>(0)
    let messagesReceived = Atomic<UInt64>(0)
    let messagesSent = Atomic<UInt64>(0)
    let waitingBytes = Atomic<UInt64>(0)
    var phase = Phase.request
    /// What is watched for at the moment.
    var interest = Readiness.readable
    /// The peer sent its last byte.
    var isInputEnded = false
    /// Why it is not read, while its socket may be readable.
    var holds = Holds()
    /// It is counted among the connections of its address.
    var hasAddressPlace = false
    /// It has TLS; `tls` is there from its first bytes on.
    var isSealed = false
    /// A client's: its frames out are masked.
    let isClient: Bool
    /// A route's relay, copied here for the hot path.
    var relay = Relay.none
    var emitsMessages = true
    var dialect = Dialect.raw
    let slot: UInt32
    let descriptor: Int32
    /// Other threads may read it at any time.
    let routeIndex = Atomic<Int32>(-1)

    init(
        loop: Unmanaged<Loop>, id: ConnectionID, slot: UInt32, descriptor: Int32,
        endpoint: Unmanaged<Endpoint>,
        address: PeerAddress, now: UInt64
    ) {
        self.id = id
        self.slot = slot
        self.descriptor = descriptor
        self.endpoint = endpoint
        counters = endpoint._withUnsafeGuaranteedRef { endpoint in
            loop._withUnsafeGuaranteedRef {
                endpoint.kind == .server ? endpoint.counters(ofLoop: $0.index) : $0.clients.counters
            }
        }
        isClient = endpoint._withUnsafeGuaranteedRef { $0.kind == .client }
        self.address = address
        session = Session(now: now)
    }

    /// It is written to soon: what that takes is fetched meanwhile.
    @inline(__always)
    static func prefetch(_ place: ConnectionRef) {
        let end = UnsafeRawPointer(place + 1)
        Memory.prefetch(end - 64)
        Memory.prefetch(end - 1)
    }

    /// Its place among the server's routes; -1: none is known yet, or the server takes every path.
    @inline(__always)
    var route: Int32 { routeIndex.load(ordering: .relaxed) }

    /// A client's that is not open yet.
    var isOfAttempt: Bool {
        phase == .connecting || phase == .tunnel || phase == .sealing || phase == .handshake
    }

    /// Of a connection that was accepted.
    @inline(__always)
    var server: Unmanaged<Server> { .fromOpaque(endpoint.toOpaque()) }
}

extension Atomic where Value == UInt64 {
    /// For a value that one thread writes and others read.
    @inline(__always)
    func increase() { store(load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
}

/// A request in progress: bytes that came before they could be used, and what the host has to answer.
final class Exchange {
    /// The head so far, or of the request that the host is to answer.
    var head: [UInt8] = []
    var scanned = 0
    var headCount = 0
    /// Bytes after the request, for the next one or for the WebSocket.
    var leftover: [UInt8] = []
    var body: [UInt8] = []
    var bodyLeft = 0
    var chunked: ChunkedDecoder?
    var isHead = false
    var keepsAlive = false
    var isUpgrade = false
    /// The host is in its CONNECT callback.
    var isAsking = false
    var decision = Decision.none
    /// It waits for one of its user's places.
    var placeRequest: PlaceRequest?
    /// The proxy that brings the requests, where `address` is what it says.
    var hop: PeerAddress?
    /// The file that is being sent.
    var file: ServedFile?
    var fileOffset = 0
    /// The decision is the library's, and waits for `reject_delay`.
    var isHeldBack = false
    /// Between two requests: `keep_alive_timeout` runs.
    var isIdle = false

    init() {}

    deinit {
        if let file { Socket.close(file.descriptor) }
    }

    func closeFile() {
        if let file { Socket.close(file.descriptor) }
        file = nil
    }
}
