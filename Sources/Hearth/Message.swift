// What travels between a peer and the host.

internal import CHearth

/// The kind of a message (RFC 6455 5.6).
public enum Opcode: UInt32, Sendable {
    case text = 1
    case binary = 2
}

/// One message.
public enum Message: Hashable, Sendable {
    case text(String)
    case binary([UInt8])

    public var opcode: Opcode {
        switch self {
        case .text: .text
        case .binary: .binary
        }
    }

    /// The text of a text message.
    public var text: String? {
        if case .text(let text) = self { text } else { nil }
    }

    /// The payload, of either kind.
    public var bytes: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .binary(let bytes): bytes
        }
    }

    /// Lends the payload without a copy where the text is stored as UTF-8.
    func withPayload<Result>(_ body: (Opcode, UnsafeRawBufferPointer) -> Result) -> Result {
        switch self {
        case .text(var text):
            return text.withUTF8 { body(.text, UnsafeRawBufferPointer($0)) }
        case .binary(let bytes):
            return bytes.withUnsafeBytes { body(.binary, $0) }
        }
    }
}

extension Message: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self = .text(value)
    }
}

/// Who does not get a broadcast.
public struct Except: Hashable, Sendable {
    var connection: Connection?
    var user: String?

    public static let nobody = Except(connection: nil, user: nil)

    public static func connection(_ connection: Connection) -> Except {
        Except(connection: connection, user: nil)
    }

    /// All connections of a user.
    public static func user(_ user: String) -> Except {
        Except(connection: nil, user: user)
    }
}
