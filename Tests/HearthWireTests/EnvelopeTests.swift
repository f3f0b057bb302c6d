import HearthWire
import Testing

private let keys = EnvelopeKeys(event: utf8("type"), data: utf8("data"), room: utf8("room"))
private let flat = EnvelopeKeys(event: utf8("type"), data: [], room: utf8("room"))
private let stampKeys = StampKeys(
    identifier: utf8("id"), user: utf8("user"), time: utf8("time"), text: utf8("text"))
private let stamp = Stamp(
    room: utf8("hall"), user: utf8("ann"), identifier: utf8("1"), time: utf8("now"))

private struct Parts: Equatable {
    var event: String?
    var data: String?
    var room: String?
}

private func read(_ text: String, _ keys: EnvelopeKeys) throws -> Parts {
    let bytes = utf8(text)
    let envelope = try Envelope.read(bytes.span, keys, depthMax: 32)
    return Parts(
        event: bytes.string(envelope.event), data: bytes.string(envelope.data),
        room: bytes.string(envelope.room))
}

@Suite("The envelope of the json dialect")
struct EnvelopeTests {
    @Test("name, data and room are found in any order")
    func findsParts() throws {
        for text in [
            "{\"type\":\"chat\",\"data\":{\"a\":[1]},\"room\":\"hall\"}",
            " { \"room\" : \"hall\" , \"x\":{\"type\":0}, \"data\" : {\"a\":[1]} , \"type\" : \"chat\" } ",
        ] {
            #expect(try read(text, keys) == Parts(event: "chat", data: "{\"a\":[1]}", room: "hall"))
        }
    }

    @Test("flat, the object is the data")
    func readsFlat() throws {
        let text = " {\"type\":\"chat\",\"data\":1} "
        #expect(
            try read(text, flat) == Parts(event: "chat", data: "{\"type\":\"chat\",\"data\":1}", room: nil))
    }

    @Test("an event needs no data")
    func needsNoData() throws {
        #expect(try read("{\"type\":\"ping\"}", keys) == Parts(event: "ping", data: "", room: nil))
    }

    @Test(
        "what is no envelope says why",
        arguments: [
            ("", EnvelopeFault.notJSON), ("{", .notJSON), ("{}x", .notJSON), ("[]", .notObject),
            ("1", .notObject),
            ("nul", .notJSON), ("{}", .noEvent), ("{\"type\":1}", .noEvent), ("{\"type\":\"\"}", .noEvent),
            ("{\"type\":\"a\",\"type\":\"b\"}", .duplicateKey),
            ("{\"type\":\"a\",\"t\\u0079pe\":\"b\"}", .duplicateKey),
            ("{\"type\":\"a\",\"data\":1,\"data\":2}", .duplicateKey),
            ("{\"type\":\"a\",\"x\":" + String(repeating: "[", count: 40), .tooDeep),
        ])
    func refuses(_ text: String, _ fault: EnvelopeFault) {
        #expect(throws: fault) { try read(text, keys) }
    }

    @Test("cut off anywhere it is no JSON")
    func refusesEveryCut() throws {
        let bytes = utf8("{\"type\":\"chat\",\"data\":{\"a\":[1,\"\\u00e9\"]},\"room\":\"hall\"}")
        for count in 0..<bytes.count {
            let start = Array(bytes[..<count])
            #expect(throws: EnvelopeFault.notJSON) { try read(string(start), keys) }
        }
    }

    @Test("the last of members with one name counts")
    func findsTheLastMember() {
        let bytes = utf8("{\"a\":1,\"b\":2,\"\\u0061\":3}")
        let found = Envelope.member(bytes.span, of: 0..<bytes.count, utf8("a"))
        let missing = Envelope.member(bytes.span, of: 0..<bytes.count, utf8("c"))
        #expect(bytes.string(found) == "3")
        #expect(missing == nil)
    }
}

@Suite("Events as they are written")
struct EventTextTests {
    private func write(_ name: String, _ data: String, _ keys: EnvelopeKeys) -> String? {
        var json: [UInt8] = []
        let isWritten = EventText(keys).write(utf8(name).span, data: utf8(data).span, into: &json)
        return isWritten ? string(json) : nil
    }

    @Test("an event has its data under its key, or none")
    func writesEnvelopes() {
        #expect(write("a\"b", " {\"x\":1}", keys) == "{\"type\":\"a\\\"b\",\"data\":{\"x\":1}}")
        #expect(write("ping", "", keys) == "{\"type\":\"ping\"}")
    }

    @Test("a flat event has the members of its data, and one name")
    func writesFlat() {
        #expect(
            write("chat", "{\"x\":1,\"type\":\"other\",\"t\\u0079pe\":2,\"y\":{}}", flat)
                == "{\"type\":\"chat\",\"x\":1,\"y\":{}}")
        #expect(write("chat", "[1]", flat) == nil)
        #expect(write("chat", "{}", flat) == "{\"type\":\"chat\"}")
    }

    @Test("what the server stamps is the server's, however the client writes it")
    func stamps() {
        let data = utf8(
            "{\"id\":9,\"us\\u0065r\":\"eve\",\"text\":\" hi \",\"time\":0,\"room\":\"x\",\"mood\":[1]}")
        let start = string(data).utf8.firstRange(of: Array("hi".utf8))!.lowerBound.utf16Offset(
            in: string(data))
        let text = start..<(start + 2)
        var json: [UInt8] = []
        let range = EventText(keys).writeMessage(
            utf8("message"), stamp, stampKeys, data.span, data: 0..<data.count, text: text, into: &json)
        let inner =
            "{\"id\":\"1\",\"room\":\"hall\",\"user\":\"ann\",\"time\":\"now\",\"text\":\"hi\",\"mood\":[1]}"
        #expect(json.string(range) == inner)
        #expect(string(json) == "{\"type\":\"message\",\"data\":\(inner)}")
    }

    @Test("a flat message is its own data")
    func stampsFlat() {
        let data = utf8("{\"type\":\"message\",\"text\":\"hi\",\"id\":0}")
        var json: [UInt8] = []
        let range = EventText(flat).writeMessage(
            utf8("message"), stamp, stampKeys, data.span, data: 0..<data.count, text: 26..<28, into: &json)
        let start = "{\"type\":\"message\",\"id\":\"1\",\"room\":\"hall\","
        let whole = start + "\"user\":\"ann\",\"time\":\"now\",\"text\":\"hi\"}"
        #expect(string(json) == whole)
        #expect(range == 0..<json.count)
    }
}

@Suite("Moments and identifiers")
struct TimestampTests {
    @Test("a moment is written in UTC with milliseconds")
    func writesMoments() {
        for (milliseconds, text) in [
            (UInt64(0), "1970-01-01T00:00:00.000Z"), (951_827_696_042, "2000-02-29T12:34:56.042Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (UInt64.max, "9999-12-31T23:59:59.999Z"),
        ] {
            var bytes: [UInt8] = []
            Timestamp.write(epochMilliseconds: milliseconds, into: &bytes)
            #expect(string(bytes) == text)
        }
    }

    @Test("identifiers differ and sort by time, though the clock stands still or goes back")
    func identifiersSort() {
        var identifiers = MessageIdentifiers(seed: 1)
        var texts = (0..<10_000).map { _ in string(identifiers.next(epochMilliseconds: 1_700_000_000_000)) }
        texts.append(string(identifiers.next(epochMilliseconds: 1_600_000_000_000)))
        #expect(texts == texts.sorted())
        #expect(Set(texts).count == texts.count)
        #expect(texts[0].count == 36 && texts[0].dropFirst(14).first == "7")
        #expect("89ab".contains(texts[0].dropFirst(19).first!))
    }
}
