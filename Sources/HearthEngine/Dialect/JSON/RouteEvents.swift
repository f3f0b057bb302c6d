// What a route of the json dialect does with events by itself.

internal import HearthBytes

/// The events that the library can handle without the host.
struct BuiltIns {
    private var bits: UInt8 = 0

    static var join: BuiltIns { BuiltIns(bits: 1) }
    static var leave: BuiltIns { BuiltIns(bits: 2) }
    static var message: BuiltIns { BuiltIns(bits: 4) }
    static var typing: BuiltIns { BuiltIns(bits: 8) }
    static var presence: BuiltIns { BuiltIns(bits: 16) }
    static var authenticate: BuiltIns { BuiltIns(bits: 32) }

    func contains(_ other: BuiltIns) -> Bool { bits & other.bits != 0 }

    mutating func insert(_ other: BuiltIns) { bits |= other.bits }

    /// nil: there is none of that name.
    static func named(_ name: UnsafeBufferPointer<UInt8>) -> BuiltIns? {
        switch true {
        case isEqual(name, "join"): .join
        case isEqual(name, "leave"): .leave
        case isEqual(name, "message"): .message
        case isEqual(name, "typing"): .typing
        case isEqual(name, "presence"): .presence
        case isEqual(name, "authenticate"): .authenticate
        default: nil
        }
    }
}

struct RouteEvents {
    /// One of the options was given.
    var isSet = false
    var builtIns = BuiltIns()
    /// The host gets events that the library handled, too.
    var areTold = false
    /// A room's message comes back to its sender.
    var echoes = true
    /// Rooms that a peer may join by name; a last * stands for any rest. Empty: all.
    var openRooms: [[UInt8]] = []

    /// "join+leave+message"
    mutating func setBuiltIns(_ option: Option) throws(Route.Fault) {
        isSet = true
        var offset = 0
        for word in try option.words(separatedBy: "+") {
            guard let builtIn = word.withUnsafeBufferPointer({ BuiltIns.named($0) }) else {
                throw option.isNoneOf(
                    word, "join, leave, message, typing, presence, authenticate", at: offset)
            }
            builtIns.insert(builtIn)
            offset += word.count + 1
        }
    }

    func isOpen(_ room: [UInt8]) -> Bool {
        openRooms.isEmpty
            || openRooms.contains { pattern in
                pattern.last == UInt8(ascii: "*") ? room.starts(with: pattern.dropLast()) : room == pattern
            }
    }
}

func isEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: StaticString) -> Bool {
    left.count == right.utf8CodeUnitCount && right.withUTF8Buffer { $0.elementsEqual(left) }
}
