// What happened, as values of their own that may be kept.

internal import CHearth

/// Something that happened in a server. Each connection has exactly one `open` and one `close`, and `close`
/// is its last.
public enum Event: Sendable {
    /// A peer asks to connect on a route with `accept: .ask`. Answer with `accept` or `reject`, now or
    /// before `open_timeout` is over.
    case connect(Connection, Request)
    case open(Connection, Request, user: String?)
    case message(Connection, Message)
    /// An event of the json dialect came. data: its data as JSON, empty for none.
    case named(Connection, name: String, data: String)
    case close(Connection, Closing)
    case joined(Connection, Room, user: String?)
    case left(Connection, Room, user: String?)
    /// The user's first connection joined the room. data: see `User.setPresence(_:)`.
    case userJoined(Room, user: String, version: UInt64, data: [UInt8])
    /// The user's last connection left the room, or was lost `presence_grace` ago.
    case userLeft(Room, user: String, version: UInt64)
    /// What is shown with a user has changed; one for each of its rooms.
    case presenceUpdated(Room, user: String, version: UInt64, data: [UInt8])
    case http(HTTPRequest)
    /// The `slow_consumer` policy dropped messages to this connection: how many since the last such event.
    case dropped(Connection, count: Int)
    /// The peer sends more than the rate of a key allows; `dropped`: how many of its messages since the last
    /// such event. Zero, with a key: a warning; the key is empty where it is within its rates again.
    case limited(Connection, key: String, dropped: Int)
    /// A message for connections of a channel, to be sent by the program.
    case channelSend(Message, to: [Connection], channel: String)
    /// The connection has so much time left, in whole seconds, for a new token: `expiry_notice_interval`.
    case expiring(Connection, user: String?, left: Duration)
    /// Its time is over; it is closed after this event.
    case expired(Connection, user: String?)
    /// Every connection has ended. cut: how many did not close in time.
    case stopped(cut: Int)
}

/// How a connection ended.
public struct Closing: Hashable, Sendable {
    /// The close code; 1005 if there was none, 1006 if the connection was lost (RFC 6455 7.4.1).
    public let code: UInt16
    public let reason: String
    /// Whether both sides sent a close frame.
    public let isClean: Bool
    public let isByPeer: Bool
    /// Whose connection it was.
    public let user: String?
}

/// The kinds of events.
public enum EventKind: UInt32, Sendable {
    case connect = 1
    case open, message, close, joined, left, userJoined, userLeft, http, stopped, dropped
    case presenceUpdated, limited, channelSend
    case expiring = 19
    case expired
}

extension Event {
    /// Copies an event of the library; nil for a kind that this version does not know.
    init?(_ event: UnsafePointer<hearth_event>) {
        guard let kind = EventKind(rawValue: event.pointee.type) else { return nil }
        let connection = Connection(id: event.pointee.connection)
        let name = copyText(event.pointee.user, event.pointee.user_length)
        let user = name.isEmpty ? nil : name
        switch kind {
        case .connect: self = .connect(connection, Request(event))
        case .open: self = .open(connection, Request(event), user: user)
        case .message where event.pointee.event_name_length > 0:
            self = .named(
                connection, name: copyText(event.pointee.event_name, event.pointee.event_name_length),
                data: String(
                    decoding: copyBytes(event.pointee.data, event.pointee.data_length), as: UTF8.self))
        case .message: self = .message(connection, Message(event))
        case .close: self = .close(connection, Closing(event, user: user))
        case .joined: self = .joined(connection, Room(event), user: user)
        case .left: self = .left(connection, Room(event), user: user)
        case .userJoined:
            self = .userJoined(
                Room(event), user: name, version: event.pointee.presence_version,
                data: copyBytes(event.pointee.data, event.pointee.data_length))
        case .userLeft:
            self = .userLeft(Room(event), user: name, version: event.pointee.presence_version)
        case .presenceUpdated:
            self = .presenceUpdated(
                Room(event), user: name, version: event.pointee.presence_version,
                data: copyBytes(event.pointee.data, event.pointee.data_length))
        case .http: self = .http(HTTPRequest(event))
        case .stopped: self = .stopped(cut: Int(event.pointee.code))
        case .dropped: self = .dropped(connection, count: Int(event.pointee.code))
        case .channelSend:
            let ids = UnsafeBufferPointer(
                start: event.pointee.connections, count: event.pointee.connections_length)
            self = .channelSend(
                Message(event), to: ids.map(Connection.init(id:)),
                channel: copyText(event.pointee.path, event.pointee.path_length))
        case .limited:
            let key = copyBytes(event.pointee.data, event.pointee.data_length)
            self = .limited(
                connection, key: String(decoding: key, as: UTF8.self), dropped: Int(event.pointee.code))
        case .expiring: self = .expiring(connection, user: user, left: .seconds(Int(event.pointee.code)))
        case .expired: self = .expired(connection, user: user)
        }
    }
}

extension Message {
    init(_ event: UnsafePointer<hearth_event>) {
        let payload = UnsafeBufferPointer(start: event.pointee.data, count: event.pointee.data_length)
        if event.pointee.opcode == Opcode.text.rawValue {
            self = .text(String(decoding: payload, as: UTF8.self))
        } else {
            self = .binary(Array(payload))
        }
    }
}

extension Room {
    init(_ event: UnsafePointer<hearth_event>) {
        self.init(
            server: ServerHandle(pointer: event.pointee.server),
            name: copyText(event.pointee.room, event.pointee.room_length))
    }
}

extension Closing {
    init(_ event: UnsafePointer<hearth_event>, user: String?) {
        self.init(
            code: UInt16(truncatingIfNeeded: event.pointee.code),
            reason: String(decoding: copyBytes(event.pointee.data, event.pointee.data_length), as: UTF8.self),
            isClean: event.pointee.flags & HEARTH_EVENT_CLEAN.rawValue != 0,
            isByPeer: event.pointee.flags & HEARTH_EVENT_BY_PEER.rawValue != 0, user: user)
    }
}
