// The json dialect's envelope: an object with the name of an event and its data, {"type":"chat","data":…},
// or, flat, the data's members beside the name, {"type":"chat","text":"…"}.

internal import HearthBytes

/// How the members of an envelope are called.
package struct EnvelopeKeys: Sendable {
    package let event: [UInt8]
    /// Empty: flat, the whole object is the data.
    package let data: [UInt8]
    package let room: [UInt8]

    package init(event: [UInt8], data: [UInt8], room: [UInt8]) {
        self.event = event
        self.data = data
        self.room = room
    }

    package var isFlat: Bool { data.isEmpty }
}

/// Why a text is no envelope.
package enum EnvelopeFault: Error, Equatable {
    case notJSON
    case tooDeep
    case notObject
    /// The event has no name, or one that is no string.
    case noEvent
    /// A member of the envelope is there twice: two readers may see two different events.
    case duplicateKey

    init(_ fault: JSONFault) {
        switch fault {
        case .malformed: self = .notJSON
        case .tooDeep: self = .tooDeep
        }
    }
}

/// Where the parts of an envelope lie.
package struct Envelope: Equatable {
    /// The name, between its quotation marks.
    package private(set) var event = 0..<0
    /// The data as it is written; empty: there is none.
    package private(set) var data = 0..<0
    /// The room named beside the data, between its quotation marks.
    package private(set) var room: Range<Int>?

    /// Reads and checks the whole text.
    package static func read(
        _ bytes: borrowing Span<UInt8>, _ keys: EnvelopeKeys, depthMax: Int
    ) throws(EnvelopeFault) -> Envelope {
        var envelope = Envelope()
        let fault: EnvelopeFault?
        do throws(JSONFault) {
            fault = try envelope.scan(bytes, keys, depthMax)
        } catch {
            throw EnvelopeFault(error)
        }
        if let fault { throw fault }
        return envelope
    }

    /// Throws what is wrong with the text as JSON, returns what is wrong with it as an envelope.
    private mutating func scan(
        _ bytes: borrowing Span<UInt8>, _ keys: EnvelopeKeys, _ depthMax: Int
    ) throws(JSONFault) -> EnvelopeFault? {
        var start = 0
        JSONScanner.skipSpace(bytes, &start)
        guard start < bytes.count, bytes[start] == UInt8(ascii: "{") else {
            try JSONScanner.check(bytes, depthMax: depthMax)
            return .notObject
        }
        var members = JSONMembers(at: start, depth: 0, depthMax: depthMax)
        var hasEvent = false
        var isAmbiguous = false
        while let member = try members.next(bytes) {
            if JSONString.equals(bytes, member.name, keys.event) {
                isAmbiguous = isAmbiguous || hasEvent
                hasEvent = true
                if let name = Self.string(bytes, member.value) { event = name }
            } else if !keys.isFlat, JSONString.equals(bytes, member.name, keys.data) {
                isAmbiguous = isAmbiguous || !data.isEmpty
                data = member.value
            } else if JSONString.equals(bytes, member.name, keys.room) {
                room = Self.string(bytes, member.value)
            }
        }
        try JSONScanner.expectEnd(bytes, members.index)
        if keys.isFlat { data = start..<members.index }
        if isAmbiguous { return .duplicateKey }
        return event.isEmpty ? .noEvent : nil
    }

    /// What lies between the quotation marks, if the value is a string.
    package static func string(_ bytes: borrowing Span<UInt8>, _ value: Range<Int>) -> Range<Int>? {
        guard value.count >= 2, bytes[value.lowerBound] == UInt8(ascii: "\"") else { return nil }
        return (value.lowerBound + 1)..<(value.upperBound - 1)
    }

    /// The value of a member of an object that was checked; nil: there is none, or it is no object. The last
    /// counts, as readers of JSON do it.
    package static func member(
        _ bytes: borrowing Span<UInt8>, of object: Range<Int>, _ name: [UInt8]
    ) -> Range<Int>? {
        guard !object.isEmpty, bytes[object.lowerBound] == UInt8(ascii: "{") else { return nil }
        var found: Range<Int>?
        var members = JSONMembers(at: object.lowerBound, depth: 0, depthMax: JSONScanner.depthLimit)
        while let member = try? members.next(bytes) {
            if JSONString.equals(bytes, member.name, name) { found = member.value }
        }
        return found
    }
}
