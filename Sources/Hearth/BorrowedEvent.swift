// An event in place: nothing is copied until it is asked for.

internal import CHearth

/// An event as a handler given to `Server.onEvent(_:)` sees it. It cannot be kept; `copy()` can.
public struct BorrowedEvent: ~Copyable {
    private let event: UnsafePointer<hearth_event>
    public let kind: EventKind

    @inline(__always)
    init?(_ event: UnsafePointer<hearth_event>) {
        guard let kind = EventKind(rawValue: event.pointee.type) else { return nil }
        self.event = event
        self.kind = kind
    }

    public var connection: Connection { Connection(id: event.pointee.connection) }

    /// Kind of a message; `.binary` for other events.
    public var opcode: Opcode { event.pointee.opcode == Opcode.text.rawValue ? .text : .binary }

    /// Payload of a message, reason of a close. Good until the handler returns.
    public var payload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: event.pointee.data, count: event.pointee.data_length)
    }

    /// Close code, or how many: dropped messages, connections cut, seconds left.
    public var code: Int { Int(event.pointee.code) }

    /// Of a change of who is in a room; 0 for other events. See `Room.presence`.
    public var presenceVersion: UInt64 { event.pointee.presence_version }

    /// Number of the route, as `Server.route` returned it.
    public var route: Int? { event.pointee.route < 0 ? nil : Int(event.pointee.route) }

    /// Milliseconds since 1970.
    public var time: UInt64 { event.pointee.time_ms }

    /// Payload as text.
    public var text: String { String(decoding: payload, as: UTF8.self) }

    /// Name of an event of the json dialect, whose data is the payload; "" for other messages.
    public var eventName: String { copyText(event.pointee.event_name, event.pointee.event_name_length) }

    public var room: String { copyText(event.pointee.room, event.pointee.room_length) }

    public var user: String { copyText(event.pointee.user, event.pointee.user_length) }

    /// All of it, to be kept.
    public func copy() -> Event {
        // Not nil: the kind is known.
        Event(event)!
    }
}
