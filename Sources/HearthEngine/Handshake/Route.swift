// Which path is what: routes with their options, as hearth_server_route takes them.

internal import HearthBytes
internal import HearthWire

enum Relay: UInt8 { case none = 0, all, others }

/// What a template like "chat:{id}" is made of.
enum TemplatePart {
    case text([UInt8])
    /// The capture at that place in the pattern.
    case capture(Int)
}

/// A class, as it is looked at often and never changes once it was read.
final class Route {
    let pattern: RoutePattern
    var isHTTP = false
    /// Methods of an HTTP route, upper case.
    var methods: [[UInt8]] = []
    /// The room to join at open; nil: none.
    var room: [TemplatePart]?
    /// `join=auto` without a capture named room: the path is the room.
    var joinsPath = false
    var relay = Relay.none
    var emitsMessages = true
    var asksHost = false
    var dialect = Dialect.raw
    var events = RouteEvents()
    var subprotocols: [[UInt8]] = []
    var access = RouteAccess()

    /// Why a route was not understood.
    struct Fault: Error {
        let status: Status
        let sentence: [UInt8]
        /// Bytes of the option before the mistake.
        let offset: Int

        init(_ status: Status, _ parts: [[UInt8]], at offset: Int = 0) {
            self.status = status
            self.offset = offset
            sentence = parts.reduce(into: []) { $0.append(contentsOf: $1) }
        }
    }

    /// There is a room to join at open.
    var joins: Bool { joinsPath || room != nil }

    private init(_ pattern: RoutePattern) { self.pattern = pattern }

    static func parse(pattern text: [UInt8], options: [UInt8]) throws(Fault) -> Route {
        let route: Route
        do throws(RoutePatternError) {
            route = Route(try RoutePattern.parse(ByteString(text)))
        } catch {
            throw Fault(
                .invalidValue,
                [
                    ascii("route pattern \""), text, ascii("\", character "), decimal(error.position + 1),
                    ascii(": "),
                    ascii(error.sentence),
                ])
        }
        try route.apply(options)
        return route
    }

    private func apply(_ options: [UInt8]) throws(Fault) {
        var reader = OptionReader(options)
        var setsEvent = false
        do throws(Fault) {
            while let option = try reader.next() { try apply(option, &setsEvent) }
        } catch {
            throw reader.placed(error, in: "route")
        }
        if relay != .none, !setsEvent { emitsMessages = false }
        events.areTold = setsEvent && emitsMessages
        if dialect != .json, events.isSet {
            throw Fault(
                .invalidValue, [ascii("route options events, echo and rooms need dialect=json")])
        }
        try access.check()
        if isHTTP, reader.count > 1 {
            throw Fault(.invalidValue, [ascii("route option http=… goes with no other option")])
        }
    }

    private func apply(_ option: Option, _ setsEvent: inout Bool) throws(Fault) {
        let value = option.value
        switch true {
        case option.isNamed("join"):
            try setRoom(option)
        case option.isNamed("relay"):
            relay = [.all, .others, .none][try option.choice("all, others, none")]
        case option.isNamed("event"):
            emitsMessages = try option.choice("on, off") == 0
            setsEvent = true
        case option.isNamed("accept"):
            asksHost = try option.choice("ask, auto") == 0
        case option.isNamed("subprotocols"):
            subprotocols = try option.words(separatedBy: "|")
            if subprotocols.contains(where: { !isToken($0) }) {
                throw option.fault([
                    ascii("\""), value, ascii("\" has a character that no subprotocol may have"),
                ])
            }
        case option.isNamed("dialect"):
            dialect = try option.choice("json, raw") == 0 ? .json : .raw
        case option.isNamed("events"):
            try events.setBuiltIns(option)
        case option.isNamed("echo"):
            events.isSet = true
            events.echoes = try option.choice("on, off") == 0
        case option.isNamed("rooms"):
            events.isSet = true
            events.openRooms = try option.words(separatedBy: "+")
        case option.isNamed("http"):
            isHTTP = true
            methods = try option.words(separatedBy: "|")
            if methods.contains(where: { !$0.allSatisfy { (0x41...0x5A).contains($0) } }) {
                throw option.fault([ascii("write methods in capitals, http=GET|POST")])
            }
        default:
            if try applyAccess(option) { return }
            throw Fault(
                .unknownKey,
                [
                    ascii("no route option \""), option.name,
                    ascii("\": there are join, relay, event, accept, subprotocols, dialect, events, echo, "),
                    ascii("rooms, http, auth, scopes, claim:NAME, tokens and reject"),
                ])
        }
    }

    private func setRoom(_ option: Option) throws(Fault) {
        if option.isValue("auto") {
            if let index = captureIndex(ascii("room")) {
                room = [.capture(index)]
            } else {
                joinsPath = true
            }
            return
        }
        try option.refuseBlanks()
        room = try template(option)
    }

    /// Text with captures in it.
    func template(_ option: Option) throws(Fault) -> [TemplatePart] {
        let value = option.value
        var parts: [TemplatePart] = []
        var text: [UInt8] = []
        var index = 0
        while index < value.count {
            if value[index] == UInt8(ascii: "}") {
                throw option.fault([ascii("\""), value, ascii("\" has a } without {")], at: index)
            }
            guard value[index] == UInt8(ascii: "{") else {
                text.append(value[index])
                index += 1
                continue
            }
            guard let end = value[index...].firstIndex(of: UInt8(ascii: "}")) else {
                throw option.fault([ascii("\""), value, ascii("\" has a { without }")], at: index)
            }
            let name = Array(value[(index + 1)..<end])
            guard let capture = captureIndex(name) else {
                throw option.fault([ascii("the pattern captures no {"), name, ascii("}")], at: index)
            }
            if !text.isEmpty { parts.append(.text(text)) }
            text = []
            parts.append(.capture(capture))
            index = end + 1
        }
        if !text.isEmpty { parts.append(.text(text)) }
        return parts
    }

    private func captureIndex(_ name: [UInt8]) -> Int? { pattern.names.firstIndex { $0.bytes == name } }
}

// MARK: Byte text, without String

@inline(never)
func ascii(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer { Array($0) } }

func decimal(_ value: Int) -> [UInt8] {
    if value < 0 { return [UInt8(ascii: "-")] + decimal(-value) }
    return value < 10
        ? [UInt8(ascii: "0") + UInt8(value)] : decimal(value / 10) + [UInt8(ascii: "0") + UInt8(value % 10)]
}

func matches(_ left: [UInt8], _ right: StaticString) -> Bool {
    left.count == right.utf8CodeUnitCount && right.withUTF8Buffer { $0.elementsEqual(left) }
}

func split(_ text: [UInt8], at separator: UInt8) -> [[UInt8]] {
    var parts: [[UInt8]] = [[]]
    for byte in text {
        if byte == separator { parts.append([]) } else { parts[parts.count - 1].append(byte) }
    }
    return parts
}

func trim(_ text: [UInt8]) -> [UInt8] {
    var start = 0
    var end = text.count
    while start < end, text[start] == 0x20 || text[start] == 0x09 { start += 1 }
    while end > start, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
    return Array(text[start..<end])
}

/// RFC 9110 5.6.2.
func isToken(_ text: [UInt8]) -> Bool {
    !text.isEmpty
        && text.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
            default: false
            }
        }
}
