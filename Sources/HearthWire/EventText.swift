// Events as the json dialect writes them: the envelope around data, and what the server itself puts into a
// room's message.

internal import HearthBytes

/// Writes envelopes with the keys of one server.
package struct EventText: Sendable {
    package let keys: EnvelopeKeys
    /// {"type":
    private let start: [UInt8]
    /// ,"data":
    private let middle: [UInt8]

    package init(_ keys: EnvelopeKeys) {
        self.keys = keys
        var start = [UInt8(ascii: "{")]
        JSONString.write(keys.event, into: &start)
        start.append(UInt8(ascii: ":"))
        self.start = start
        var middle: [UInt8] = []
        if !keys.isFlat {
            middle.append(UInt8(ascii: ","))
            JSONString.write(keys.data, into: &middle)
            middle.append(UInt8(ascii: ":"))
        }
        self.middle = middle
    }

    /// Appends the envelope of an event. The data is a JSON value that was checked, or empty for none. False:
    /// a flat envelope takes the members of an object only.
    package func write(
        _ name: borrowing Span<UInt8>, data: borrowing Span<UInt8>, into json: inout [UInt8]
    ) -> Bool {
        json.reserveCapacity(json.count + start.count + name.count + middle.count + data.count + 8)
        json += start
        JSONString.write(name, into: &json)
        var index = 0
        JSONScanner.skipSpace(data, &index)
        if index < data.count {
            if keys.isFlat {
                guard data[index] == UInt8(ascii: "{") else { return false }
                writeMembers(data, at: index, into: &json)
            } else {
                json += middle
                append(data, index, data.count, to: &json)
            }
        }
        json.append(UInt8(ascii: "}"))
        return true
    }

    /// The members of a flat event, without one that would be the event's name.
    private func writeMembers(_ data: borrowing Span<UInt8>, at start: Int, into json: inout [UInt8]) {
        var members = JSONMembers(at: start, depth: 0, depthMax: JSONScanner.depthLimit)
        while let member = try? members.next(data) {
            if JSONString.equals(data, member.name, keys.event) { continue }
            json.append(UInt8(ascii: ","))
            append(data, member.name.lowerBound - 1, member.value.upperBound, to: &json)
        }
    }

    /// Begins an event whose data the caller writes, an object: the place where that begins is returned.
    /// Flat, it is the envelope itself, and its first member has been written.
    package func begin(_ name: [UInt8], into json: inout [UInt8]) -> Int {
        let place = json.count
        json += start
        JSONString.write(name, into: &json)
        if keys.isFlat { return place }
        json += middle
        json.append(UInt8(ascii: "{"))
        return json.count - 1
    }

    /// Appends a member of the data that `begin` began: its name, to be followed by the value.
    package func member(_ name: [UInt8], into json: inout [UInt8]) {
        if json.last != UInt8(ascii: "{") { json.append(UInt8(ascii: ",")) }
        JSONString.write(name, into: &json)
        json.append(UInt8(ascii: ":"))
    }

    /// Ends it. Returns where the data ends.
    package func end(into json: inout [UInt8]) -> Int {
        json.append(UInt8(ascii: "}"))
        let end = json.count
        if !keys.isFlat { json.append(UInt8(ascii: "}")) }
        return end
    }
}

/// The members of a room's message that the server writes, whatever the client wrote there.
package struct StampKeys: Sendable {
    package let identifier: [UInt8]
    package let user: [UInt8]
    package let time: [UInt8]
    package let text: [UInt8]

    package init(identifier: [UInt8], user: [UInt8], time: [UInt8], text: [UInt8]) {
        self.identifier = identifier
        self.user = user
        self.time = time
        self.text = text
    }
}

/// Who sent a message, where and when.
package struct Stamp {
    package let room: [UInt8]
    /// Empty: nobody in particular.
    package let user: [UInt8]
    package let identifier: [UInt8]
    package let time: [UInt8]

    package init(room: [UInt8], user: [UInt8], identifier: [UInt8], time: [UInt8]) {
        self.room = room
        self.user = user
        self.identifier = identifier
        self.time = time
    }
}

extension EventText {
    /// Appends the event with the stamp and what the client wrote beside it: the other members of its data,
    /// the text without the white space around it. Returns where the data lies. `data` is a range of `bytes`
    /// with an object or a string, `text` the string's inside.
    package func writeMessage(
        _ name: [UInt8], _ stamp: Stamp, _ stampKeys: StampKeys, _ bytes: borrowing Span<UInt8>,
        data: Range<Int>, text: Range<Int>?, into json: inout [UInt8]
    ) -> Range<Int> {
        let place = begin(name, into: &json)
        member(stampKeys.identifier, into: &json)
        JSONString.write(stamp.identifier, into: &json)
        member(keys.room, into: &json)
        JSONString.write(stamp.room, into: &json)
        member(stampKeys.user, into: &json)
        if stamp.user.isEmpty { append("null", to: &json) } else { JSONString.write(stamp.user, into: &json) }
        member(stampKeys.time, into: &json)
        JSONString.write(stamp.time, into: &json)
        if let text, !stampKeys.text.isEmpty {
            member(stampKeys.text, into: &json)
            json.append(UInt8(ascii: "\""))
            append(bytes, text.lowerBound, text.upperBound, to: &json)
            json.append(UInt8(ascii: "\""))
        }
        if !data.isEmpty, bytes[data.lowerBound] == UInt8(ascii: "{") {
            var members = JSONMembers(at: data.lowerBound, depth: 0, depthMax: JSONScanner.depthLimit)
            while let member = try? members.next(bytes) {
                if isServers(bytes, member.name, stampKeys, hasText: text != nil) { continue }
                json.append(UInt8(ascii: ","))
                append(bytes, member.name.lowerBound - 1, member.value.upperBound, to: &json)
            }
        }
        return place..<end(into: &json)
    }

    /// Whether a member of that name is written by the server.
    private func isServers(
        _ bytes: borrowing Span<UInt8>, _ name: Range<Int>, _ stampKeys: StampKeys, hasText: Bool
    ) -> Bool {
        JSONString.equals(bytes, name, stampKeys.identifier) || JSONString.equals(bytes, name, keys.room)
            || JSONString.equals(bytes, name, stampKeys.user)
            || JSONString.equals(bytes, name, stampKeys.time)
            || (hasText && JSONString.equals(bytes, name, stampKeys.text))
            || (keys.isFlat && JSONString.equals(bytes, name, keys.event))
    }
}
