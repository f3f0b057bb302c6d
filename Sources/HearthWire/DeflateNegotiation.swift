// Agreeing on permessage-deflate (RFC 7692 5 and 7.1): an offer is read and answered, or made and its answer
// checked. Compressing is the caller's.

internal import HearthBytes

/// What one side wants.
package struct DeflateSettings: Equatable, Sendable {
    /// Whether our compressor may refer to earlier messages.
    package var sendsTakeover: Bool
    /// Whether the peer's may.
    package var receivesTakeover: Bool
    /// Of both windows at most, 9 to 15.
    package var windowBits: Int

    package init(sendsTakeover: Bool, receivesTakeover: Bool, windowBits: Int) {
        self.sendsTakeover = sendsTakeover
        self.receivesTakeover = receivesTakeover
        self.windowBits = windowBits
    }
}

/// What was agreed on.
package struct DeflateParameters: Equatable, Sendable {
    package var serverTakesOver: Bool
    package var clientTakesOver: Bool
    /// 8 to 15, of our own side never 8.
    package var serverWindowBits: Int
    package var clientWindowBits: Int

    package init(serverTakesOver: Bool, clientTakesOver: Bool, serverWindowBits: Int, clientWindowBits: Int) {
        self.serverTakesOver = serverTakesOver
        self.clientTakesOver = clientTakesOver
        self.serverWindowBits = serverWindowBits
        self.clientWindowBits = clientWindowBits
    }
}

/// What is wrong with a server's answer.
package enum DeflateFault: Error, Equatable, CaseIterable {
    case malformed
    case unrequestedExtension
    case repeatedExtension
    case badParameter
    case windowTooLarge
    case windowOf8

    package var sentence: StaticString {
        switch self {
        case .malformed: "the server's list of extensions is malformed"
        case .unrequestedExtension: "the server chose an extension that was not offered"
        case .repeatedExtension: "the server chose permessage-deflate more than once"
        case .badParameter: "the server's permessage-deflate has a parameter that it must not have"
        case .windowTooLarge: "the server's permessage-deflate has a larger window than was offered"
        case .windowOf8: "the server asks for a window of 8 bits, which cannot be compressed with"
        }
    }
}

package enum DeflateNegotiation {
    // MARK: The server's side

    /// Takes the first offer of the request that can be met and appends the answer to it, the field's value,
    /// to `answer`. nil: none, and nothing is to be answered. An offer with a parameter that is unknown,
    /// repeated or wrong is passed over (RFC 7692 7.1).
    package static func accept(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, _ settings: DeflateSettings,
        answer: inout [UInt8]
    ) -> DeflateParameters? {
        for index in 0..<head.fieldCount {
            let field = head.field(at: index)
            guard HTTPSyntax.matches(bytes, field.name, "sec-websocket-extensions") else { continue }
            var cursor = ExtensionCursor(field.value)
            while let name = cursor.nextExtension(bytes) {
                guard HTTPSyntax.equals(bytes, name, "permessage-deflate"),
                    let offer = Terms.read(&cursor, bytes, isAnswer: false),
                    let agreed = meet(offer, settings, answer: &answer)
                else { continue }
                return agreed
            }
        }
        return nil
    }

    private static func meet(
        _ offer: Terms, _ settings: DeflateSettings, answer: inout [UInt8]
    ) -> DeflateParameters? {
        // Our compressor cannot do with 8 bits.
        if offer.serverWindowBits == 8 { return nil }
        var agreed = DeflateParameters(
            serverTakesOver: settings.sendsTakeover && !offer.serverStartsAnew,
            clientTakesOver: settings.receivesTakeover && !offer.clientStartsAnew,
            serverWindowBits: min(settings.windowBits, offer.serverWindowBits ?? 15),
            // 7.1.2.2: a hint that the client goes no further, whatever is answered.
            clientWindowBits: offer.clientWindowBits ?? 15)
        append("permessage-deflate", to: &answer)
        if !agreed.serverTakesOver { append("; server_no_context_takeover", to: &answer) }
        if !agreed.clientTakesOver { append("; client_no_context_takeover", to: &answer) }
        if agreed.serverWindowBits < 15 || offer.serverWindowBits != nil {
            append("; server_max_window_bits=", to: &answer)
            append(decimal: agreed.serverWindowBits, to: &answer)
        }
        // Only a window that is kept between messages costs us memory.
        if agreed.clientTakesOver, offer.limitsClientWindow, settings.windowBits < agreed.clientWindowBits {
            agreed.clientWindowBits = settings.windowBits
            append("; client_max_window_bits=", to: &answer)
            append(decimal: agreed.clientWindowBits, to: &answer)
        }
        return agreed
    }

    /// Whether the value of User-Agent is one of Safari 15.0 to 15.3, whose permessage-deflate breaks
    /// messages.
    package static func isKnownToFail(_ bytes: borrowing Span<UInt8>, userAgent: Range<Int>) -> Bool {
        guard let version = find(bytes, userAgent, "Version/15."), version < userAgent.upperBound,
            bytes[version] >= UInt8(ascii: "0"), bytes[version] <= UInt8(ascii: "3")
        else { return false }
        if version + 1 < userAgent.upperBound, HTTPSyntax.isDigit(bytes[version + 1]) { return false }
        return find(bytes, userAgent, "Safari/") != nil
    }

    /// Where the bytes behind the word are.
    private static func find(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString
    ) -> Int? {
        let count = word.utf8CodeUnitCount
        var start = range.lowerBound
        while start + count <= range.upperBound {
            if HTTPSyntax.equals(bytes, start..<(start + count), word) { return start + count }
            start += 1
        }
        return nil
    }

    // MARK: The client's side

    /// Appends the value of Sec-WebSocket-Extensions.
    package static func writeOffer(_ settings: DeflateSettings, into offer: inout [UInt8]) {
        append("permessage-deflate", to: &offer)
        if !settings.receivesTakeover { append("; server_no_context_takeover", to: &offer) }
        if !settings.sendsTakeover { append("; client_no_context_takeover", to: &offer) }
        if settings.windowBits < 15 {
            append("; server_max_window_bits=", to: &offer)
            append(decimal: settings.windowBits, to: &offer)
        }
        append("; client_max_window_bits", to: &offer)
        if settings.windowBits < 15 {
            append("=", to: &offer)
            append(decimal: settings.windowBits, to: &offer)
        }
    }

    /// Reads one field of the response. nil: no extension is in it. `offered` is nil where nothing was. A
    /// parameter that was asked for and is not answered is no fault: the peer's window is then read in full.
    package static func readAnswer(
        _ bytes: borrowing Span<UInt8>, value: Range<Int>, offered: DeflateSettings?
    ) throws(DeflateFault) -> DeflateParameters? {
        var cursor = ExtensionCursor(value)
        var agreed: DeflateParameters?
        while let name = cursor.nextExtension(bytes) {
            guard let offered, HTTPSyntax.equals(bytes, name, "permessage-deflate") else {
                throw .unrequestedExtension
            }
            if agreed != nil { throw .repeatedExtension }
            guard let answer = Terms.read(&cursor, bytes, isAnswer: true) else {
                throw cursor.isMalformed ? .malformed : .badParameter
            }
            agreed = try check(answer, offered)
        }
        if cursor.isMalformed { throw .malformed }
        return agreed
    }

    private static func check(
        _ answer: Terms, _ offered: DeflateSettings
    ) throws(DeflateFault) -> DeflateParameters {
        let serverWindow = answer.serverWindowBits ?? 15
        let clientWindow = answer.clientWindowBits ?? 15
        if answer.serverWindowBits != nil, offered.windowBits < 15, serverWindow > offered.windowBits {
            throw .windowTooLarge
        }
        if answer.clientWindowBits != nil, offered.windowBits < 15, clientWindow > offered.windowBits {
            throw .windowTooLarge
        }
        if clientWindow == 8 { throw .windowOf8 }
        return DeflateParameters(
            serverTakesOver: !answer.serverStartsAnew,
            clientTakesOver: offered.sendsTakeover && !answer.clientStartsAnew,
            serverWindowBits: serverWindow, clientWindowBits: min(clientWindow, offered.windowBits))
    }
}

/// The parameters of one offer or answer (RFC 7692 7.1.1, 7.1.2).
private struct Terms {
    var serverStartsAnew = false
    var clientStartsAnew = false
    var serverWindowBits: Int?
    var clientWindowBits: Int?
    /// client_max_window_bits is there, with a value or, in an offer, without.
    var limitsClientWindow = false

    /// nil: a parameter is unknown, repeated or wrong.
    static func read(
        _ cursor: inout ExtensionCursor, _ bytes: borrowing Span<UInt8>, isAnswer: Bool
    ) -> Terms? {
        var terms = Terms()
        while let parameter = cursor.nextParameter(bytes) {
            if !terms.take(parameter, bytes, isAnswer: isAnswer) { return nil }
        }
        return cursor.isMalformed ? nil : terms
    }

    private mutating func take(
        _ parameter: ExtensionParameter, _ bytes: borrowing Span<UInt8>, isAnswer: Bool
    ) -> Bool {
        let window = parameter.number.flatMap { $0 >= 8 && $0 <= 15 ? $0 : nil }
        if HTTPSyntax.equals(bytes, parameter.name, "server_no_context_takeover") {
            if serverStartsAnew || parameter.hasValue { return false }
            serverStartsAnew = true
        } else if HTTPSyntax.equals(bytes, parameter.name, "client_no_context_takeover") {
            if clientStartsAnew || parameter.hasValue { return false }
            clientStartsAnew = true
        } else if HTTPSyntax.equals(bytes, parameter.name, "server_max_window_bits") {
            if serverWindowBits != nil || window == nil { return false }
            serverWindowBits = window
        } else if HTTPSyntax.equals(bytes, parameter.name, "client_max_window_bits") {
            if limitsClientWindow || window == nil && (parameter.hasValue || isAnswer) { return false }
            limitsClientWindow = true
            clientWindowBits = window
        } else {
            return false
        }
        return true
    }
}
