// What a host is told. The pointers are good until the host's callback returns or, in a queue, until they are
// copied.

package enum EventType: UInt32 {
    case connect = 1, open, message, close, joined, left, userJoined, userLeft, httpRequest, serverStopped,
        dropped, presenceUpdated, limited, channelSend, clientState, clientPrepare, clientSent,
        clientDropped, expiring, expired, clusterAnswer

    /// Whether it is a change of who is in a room, with a version.
    var isPresence: Bool { self == .userJoined || self == .userLeft || self == .presenceUpdated }
}

/// Bytes that somebody else owns.
package struct Borrowed {
    package var base: UnsafePointer<UInt8>?
    package var count: Int

    @inline(__always)
    package init(_ base: UnsafePointer<UInt8>?, _ count: Int) {
        self.base = base
        self.count = count
    }

    package static var empty: Borrowed { Borrowed(nil, 0) }

    package var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }
}

package struct EngineEvent {
    package static var isClean: UInt32 { 1 }
    package static var isByPeer: UInt32 { 2 }
    package static var isFromElsewhere: UInt32 { 8 }
    package static var isOfChannel: UInt32 { 4 }

    package var type: EventType
    package var endpoint: Unmanaged<Endpoint>
    package var connection: UInt64 = 0
    package var context: UnsafeMutableRawPointer?
    package var wallMilliseconds: UInt64
    package var opcode: UInt32 = 0
    package var flags: UInt32 = 0
    package var code: Int32 = 0
    package var route: Int32 = -1
    package var data = Borrowed.empty
    // The following end with a NUL that is not counted.
    package var room = Borrowed.empty
    package var user = Borrowed.empty
    package var method = Borrowed.empty
    package var path = Borrowed.empty
    package var query = Borrowed.empty
    package var headers = Borrowed.empty
    package var captures = Borrowed.empty
    package var address = Borrowed.empty
    /// Of the room's presence.
    package var version: UInt64 = 0
    package var eventName = Borrowed.empty
    package var client = ClientFields()

    @inline(__always)
    init(_ type: EventType, _ endpoint: Unmanaged<Endpoint>, wallMilliseconds: UInt64) {
        self.type = type
        self.endpoint = endpoint
        self.wallMilliseconds = wallMilliseconds
    }
}

/// What only events of clients have.
package struct ClientFields {
    package var message: UInt64 = 0
    package var delayMilliseconds: UInt64 = 0
    package var state: UInt32 = 0
    package var attempt: UInt32 = 0
    package var error: Int32 = 0
    package var httpStatus: UInt32 = 0

    init() {}
}

/// What an EngineEvent says of a message, and no more.
package struct MessageEvent {
    package let connection: UInt64
    package let context: UnsafeMutableRawPointer?
    package let wallMilliseconds: UInt64
    package let data: Borrowed
    package let opcode: UInt32
    package let route: Int32
    /// The number of the loop that tells, of those of its engine. It tells of nothing else meanwhile.
    package let loop: Int
}

/// How events reach the host: its context and a pointer to an EngineEvent (or to a MessageEvent).
package typealias EventCallback = @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer) -> Void
