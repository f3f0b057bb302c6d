// Socket.IO v5: the packets inside of Engine.IO messages (https://socket.io/docs/v4/socket-io-protocol/):
//
//     type [attachments "-"] [namespace ","] [id] [JSON]
//
// Read where they lie and checked as the reference's decoder checks them; where it is laxer, the packet is
// refused. What a packet means is for others.

internal import HearthBytes

package enum SocketPacketType: UInt8, CaseIterable, Sendable {
    case connect = 0x30
    case disconnect = 0x31
    case event = 0x32
    case ack = 0x33
    case connectError = 0x34
    case binaryEvent = 0x35
    case binaryAck = 0x36

    package var isBinary: Bool { self == .binaryEvent || self == .binaryAck }
}

package struct SocketPacketLimits: Sendable {
    /// Binary parts of one packet.
    package var attachmentsMax: Int
    /// Arrays and objects in each other.
    package var depthMax: Int
    /// Bytes of a namespace with its slash.
    package var namespaceMax: Int

    package init(attachmentsMax: Int, depthMax: Int, namespaceMax: Int) {
        self.attachmentsMax = attachmentsMax
        self.depthMax = depthMax
        self.namespaceMax = namespaceMax
    }
}

/// Why a packet is refused: the connection is closed.
package enum SocketPacketFault: Error, Equatable {
    case unknownType
    /// The number of attachments is missing, malformed or above the limit.
    case attachments
    case namespace
    /// An acknowledgement has none, or a packet has one that may have none, or it is above 2^53 - 1.
    case id
    case notJSON
    case tooDeep
    /// The JSON is not what a packet of this type has.
    case payload
    /// The name of an event that both sides use for themselves.
    case reservedEvent
    /// A place for an attachment that the packet does not have.
    case placeholder
}

package struct SocketPacket: Equatable, Sendable {
    package let type: SocketPacketType
    /// Binary messages that follow, one for each.
    package fileprivate(set) var attachments = 0
    /// With its slash and without a query; empty: "/".
    package fileprivate(set) var namespace = 0..<0
    package fileprivate(set) var id: UInt64?
    /// As it is written; empty: there is none.
    package fileprivate(set) var data = 0..<0
    /// Of an event with a name: it, between its quotation marks. Empty: its name is a number.
    package fileprivate(set) var event = 0..<0

    fileprivate init(_ type: SocketPacketType) { self.type = type }

    /// Reads and checks the whole text, which is UTF-8.
    package static func read(
        _ text: borrowing Span<UInt8>, _ limits: SocketPacketLimits
    ) throws(SocketPacketFault) -> SocketPacket {
        guard text.count > 0, let type = SocketPacketType(rawValue: text[0]) else { throw .unknownType }
        var packet = SocketPacket(type)
        var index = 1
        if type.isBinary { packet.attachments = try readAttachments(text, &index, limits) }
        packet.namespace = try readNamespace(text, &index, limits)
        packet.id = try readID(text, &index)
        switch type {
        case .event, .binaryEvent: break
        case .ack, .binaryAck: if packet.id == nil { throw .id }
        case .connect, .disconnect, .connectError: if packet.id != nil { throw .id }
        }
        packet.data = index..<text.count
        try packet.checkData(text, limits)
        return packet
    }

    // MARK: The head

    private static func readAttachments(
        _ text: borrowing Span<UInt8>, _ index: inout Int, _ limits: SocketPacketLimits
    ) throws(SocketPacketFault) -> Int {
        guard let count = digits(text, &index, digitsMax: 6), index < text.count,
            text[index] == UInt8(ascii: "-"), count <= UInt64(limits.attachmentsMax)
        else { throw .attachments }
        index += 1
        return Int(count)
    }

    private static func readNamespace(
        _ text: borrowing Span<UInt8>, _ index: inout Int, _ limits: SocketPacketLimits
    ) throws(SocketPacketFault) -> Range<Int> {
        guard index < text.count, text[index] == UInt8(ascii: "/") else { return index..<index }
        let start = index
        var end = index
        var hasQuery = false
        while index < text.count, text[index] != UInt8(ascii: ",") {
            if text[index] < 0x20 { throw .namespace }
            // Older clients write a query behind the name.
            if text[index] == UInt8(ascii: "?") { hasQuery = true }
            index += 1
            if !hasQuery { end = index }
        }
        if index < text.count { index += 1 }
        if end - start > limits.namespaceMax { throw .namespace }
        return end - start == 1 ? start..<start : start..<end
    }

    private static func readID(
        _ text: borrowing Span<UInt8>, _ index: inout Int
    ) throws(SocketPacketFault) -> UInt64? {
        guard index < text.count, isDigit(text[index]) else { return nil }
        guard let id = digits(text, &index, digitsMax: 16), id < 1 << 53 else { throw .id }
        return id
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// nil: there are none, or too many.
    private static func digits(
        _ text: borrowing Span<UInt8>, _ index: inout Int, digitsMax: Int
    ) -> UInt64? {
        let start = index
        var number: UInt64 = 0
        while index < text.count, isDigit(text[index]) {
            if index - start == digitsMax { return nil }
            number = number * 10 + UInt64(text[index] - 0x30)
            index += 1
        }
        return index > start ? number : nil
    }
}

// MARK: The data

extension SocketPacket {
    private static func isReserved(_ text: borrowing Span<UInt8>, _ event: Range<Int>) -> Bool {
        equals(text, event, "connect") || equals(text, event, "connect_error")
            || equals(text, event, "disconnect") || equals(text, event, "disconnecting")
            || equals(text, event, "newListener") || equals(text, event, "removeListener")
    }

    private static func equals(
        _ text: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString
    ) -> Bool {
        JSONString.equals(text, range, ByteString(word).bytes)
    }

    fileprivate mutating func checkData(
        _ text: borrowing Span<UInt8>, _ limits: SocketPacketLimits
    ) throws(SocketPacketFault) {
        if data.isEmpty {
            if type == .connect || type == .disconnect { return }
            throw .payload
        }
        let first = text[data.lowerBound]
        do throws(JSONFault) {
            var index = data.lowerBound
            try JSONScanner.skipValue(text, &index, depth: 0, depthMax: limits.depthMax)
            try JSONScanner.expectEnd(text, index)
        } catch {
            throw error == .tooDeep ? .tooDeep : .notJSON
        }
        switch type {
        case .connect: if first != UInt8(ascii: "{") { throw .payload }
        case .disconnect: throw .payload
        case .connectError: if first != UInt8(ascii: "{") && first != UInt8(ascii: "\"") { throw .payload }
        case .ack, .binaryAck: if first != UInt8(ascii: "[") { throw .payload }
        case .event, .binaryEvent: try checkEvent(text)
        }
        if type.isBinary {
            var index = data.lowerBound
            try Self.checkPlaceholders(text, &index, attachments, depth: 0)
        }
    }

    /// An array whose first element is the name.
    private mutating func checkEvent(_ text: borrowing Span<UInt8>) throws(SocketPacketFault) {
        guard text[data.lowerBound] == UInt8(ascii: "[") else { throw .payload }
        var index = data.lowerBound + 1
        JSONScanner.skipSpace(text, &index)
        let start = index
        switch text[index] {
        case UInt8(ascii: "\""):
            // It was checked as part of the whole.
            try? JSONScanner.skipString(text, &index)
            event = (start + 1)..<(index - 1)
        case UInt8(ascii: "-"), 0x30...0x39: return
        default: throw .payload
        }
        if Self.isReserved(text, event) { throw .reservedEvent }
    }

    /// What lies behind the name of an event, without the comma; empty: nothing does.
    package func arguments(_ text: borrowing Span<UInt8>) -> Range<Int> {
        var index = data.lowerBound + 1
        JSONScanner.skipSpace(text, &index)
        try? JSONScanner.skipValue(text, &index, depth: 1, depthMax: JSONScanner.depthLimit)
        JSONScanner.skipSpace(text, &index)
        guard index < data.upperBound, text[index] == UInt8(ascii: ",") else { return index..<index }
        index += 1
        JSONScanner.skipSpace(text, &index)
        var end = data.upperBound - 1
        while end > index, text[end] != UInt8(ascii: "]") { end -= 1 }
        return index..<end
    }

    // MARK: Places of attachments

    /// Walks a value that was checked. Each object that says {"_placeholder":true} names an attachment that
    /// there is. The reference does not ask that each attachment is named.
    private static func checkPlaceholders(
        _ text: borrowing Span<UInt8>, _ index: inout Int, _ attachments: Int, depth: Int
    ) throws(SocketPacketFault) {
        switch text[index] {
        case UInt8(ascii: "{"): try checkObject(text, &index, attachments, depth: depth)
        case UInt8(ascii: "["):
            index += 1
            JSONScanner.skipSpace(text, &index)
            while text[index] != UInt8(ascii: "]") {
                try checkPlaceholders(text, &index, attachments, depth: depth + 1)
                JSONScanner.skipSpace(text, &index)
                if text[index] == UInt8(ascii: ",") { index += 1 }
                JSONScanner.skipSpace(text, &index)
            }
            index += 1
        default: try? JSONScanner.skipValue(text, &index, depth: depth, depthMax: JSONScanner.depthLimit)
        }
    }

    private static func checkObject(
        _ text: borrowing Span<UInt8>, _ index: inout Int, _ attachments: Int, depth: Int
    ) throws(SocketPacketFault) {
        var members = JSONMembers(at: index, depth: depth, depthMax: JSONScanner.depthLimit)
        var isNamed = false
        var isKnown = false
        while let member = try? members.next(text) {
            if equals(text, member.name, "_placeholder") {
                isNamed = text[member.value.lowerBound] == UInt8(ascii: "t")
            } else if equals(text, member.name, "num") {
                isKnown = isIndex(text, member.value, below: attachments)
            }
            var inside = member.value.lowerBound
            try checkPlaceholders(text, &inside, attachments, depth: depth + 1)
        }
        index = members.index
        if isNamed, !isKnown { throw .placeholder }
    }

    private static func isIndex(_ text: borrowing Span<UInt8>, _ value: Range<Int>, below count: Int) -> Bool
    {
        if value.count > 6 { return false }
        var number = 0
        for index in value {
            if !isDigit(text[index]) { return false }
            number = number * 10 + Int(text[index] - 0x30)
        }
        return number < count
    }
}

// MARK: Writing

extension SocketPacket {
    /// Appends the head of a packet; its JSON follows. `namespace` with its slash, or "/".
    package static func writeHead(
        _ type: SocketPacketType, attachments: Int, namespace: borrowing Span<UInt8>, id: UInt64?,
        into text: inout [UInt8]
    ) {
        text.append(type.rawValue)
        if type.isBinary {
            append(decimal: attachments, to: &text)
            text.append(UInt8(ascii: "-"))
        }
        if namespace.count > 1 {
            append(namespace, 0, namespace.count, to: &text)
            text.append(UInt8(ascii: ","))
        }
        if let id { append(decimal: Int(id), to: &text) }
    }

    /// Appends the data of an event: its name, and arguments as they stand between the brackets of an array.
    package static func writeEvent(
        _ name: borrowing Span<UInt8>, arguments: borrowing Span<UInt8>, into text: inout [UInt8]
    ) {
        text.append(UInt8(ascii: "["))
        JSONString.write(name, into: &text)
        if arguments.count > 0 {
            text.append(UInt8(ascii: ","))
            append(arguments, 0, arguments.count, to: &text)
        }
        text.append(UInt8(ascii: "]"))
    }
}
