import HearthBytes
import HearthWire
import Testing

private let limits = SocketPacketLimits(attachmentsMax: 10, depthMax: 16, namespaceMax: 40)

private struct Parts: Equatable {
    var type: SocketPacketType
    var attachments = 0
    var namespace = ""
    var id: UInt64?
    var data = ""
    var event = ""
    var arguments = ""
}

private func read(_ text: String) throws -> Parts {
    let bytes = Array(text.utf8)
    let packet = try SocketPacket.read(bytes.span, limits)
    func part(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    let isEvent = packet.type == .event || packet.type == .binaryEvent
    return Parts(
        type: packet.type, attachments: packet.attachments, namespace: part(packet.namespace), id: packet.id,
        data: part(packet.data), event: part(packet.event),
        arguments: isEvent ? part(packet.arguments(bytes.span)) : "")
}

private func packets(_ payload: String, packetsMax: Int = 16) throws -> [(EnginePacketType, String, Bool)] {
    let bytes = Array(payload.utf8)
    var found: [(EnginePacketType, String, Bool)] = []
    var walk = EnginePayload(packetsMax: packetsMax)
    while let packet = try walk.nextPacket(bytes.span) {
        found.append((packet.type, String(decoding: bytes[packet.data], as: UTF8.self), packet.isBase64))
    }
    return found
}

@Suite("Socket.IO packets")
struct SocketIOTests {
    @Test("packets of every type are read as the protocol writes them")
    func everyType() throws {
        #expect(try read("0") == Parts(type: .connect))
        #expect(try read(#"0{"token":"t"}"#) == Parts(type: .connect, data: #"{"token":"t"}"#))
        #expect(
            try read(#"0/admin,{"a":1}"#) == Parts(type: .connect, namespace: "/admin", data: #"{"a":1}"#))
        #expect(try read("0/admin") == Parts(type: .connect, namespace: "/admin"))
        #expect(try read("0/admin?token=1,") == Parts(type: .connect, namespace: "/admin"))
        #expect(try read("1") == Parts(type: .disconnect))
        #expect(try read("1/admin,") == Parts(type: .disconnect, namespace: "/admin"))
        #expect(
            try read(#"2["a b",{"x":[1]}, "y" ]"#)
                == Parts(
                    type: .event, data: #"["a b",{"x":[1]}, "y" ]"#, event: "a b",
                    arguments: #"{"x":[1]}, "y" "#))
        #expect(
            try read(#"2/n,12["q"]"#)
                == Parts(type: .event, namespace: "/n", id: 12, data: #"["q"]"#, event: "q"))
        #expect(try read("2[7,8]") == Parts(type: .event, data: "[7,8]", arguments: "8"))
        #expect(try read("31[]") == Parts(type: .ack, id: 1, data: "[]"))
        #expect(try read(#"4"no""#) == Parts(type: .connectError, data: #""no""#))
        let upload = #"["up",{"_placeholder":true,"num":0},[{"num":1,"_placeholder":true}]]"#
        #expect(
            try read("52-/admin,7" + upload)
                == Parts(
                    type: .binaryEvent, attachments: 2, namespace: "/admin", id: 7, data: upload, event: "up",
                    arguments: String(upload.dropFirst(6).dropLast())))
        #expect(try read(#"50-["none"]"#).attachments == 0)
        #expect(
            try read(#"61-3[{"_placeholder":true,"num":0}]"#).type == .binaryAck)
    }

    @Test(
        "a malformed packet has its fault",
        arguments: [
            ("", .unknownType), ("7", .unknownType), ("a", .unknownType), ("5", .attachments),
            ("5-[\"a\"]", .attachments), ("5x-[\"a\"]", .attachments), ("51[\"a\"]", .attachments),
            ("511-[\"a\"]", .attachments), ("59999999-[\"a\"]", .attachments), ("5-1-[\"a\"]", .attachments),
            ("0/\u{1},", .namespace), ("0/" + String(repeating: "n", count: 40) + ",", .namespace),
            ("29007199254740992[\"a\"]", .id), ("211111111111111111111[\"a\"]", .id), ("3[]", .id),
            ("01{}", .id), ("11", .id), ("2", .payload), ("2{}", .payload), ("2[]", .payload),
            ("2[null]", .payload), ("2[{}]", .payload), ("2[\"a\"", .notJSON), ("2[\"a\"]]", .notJSON),
            ("2[\"a\",]", .notJSON), ("2\"a\"", .payload), ("0[]", .payload), ("0\"a\"", .payload),
            ("1{}", .payload), ("31{}", .payload), ("4[]", .payload), ("4", .payload),
            ("2[\"connect\"]", .reservedEvent), ("2[\"disconnecting\",1]", .reservedEvent),
            ("2[\"c\\u006fnnect\"]", .reservedEvent), ("2[\"newListener\"]", .reservedEvent),
            ("2[\"a\"," + String(repeating: "[", count: 16) + String(repeating: "]", count: 17), .tooDeep),
            ("51-[\"a\",{\"_placeholder\":true}]", .placeholder),
            ("51-[\"a\",{\"_placeholder\":true,\"num\":1}]", .placeholder),
            ("51-[\"a\",{\"_placeholder\":true,\"num\":-1}]", .placeholder),
            ("51-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]", .placeholder),
            ("50-[\"a\",[[{\"_placeholder\":true,\"num\":0}]]]", .placeholder),
        ] as [(String, SocketPacketFault)])
    func faults(text: String, fault: SocketPacketFault) {
        #expect(throws: fault) { try read(text) }
    }

    @Test("an object with __proto__ or a false placeholder is data like any other")
    func plainData() throws {
        #expect(try read(#"2["a",{"__proto__":{"x":1}}]"#).arguments == #"{"__proto__":{"x":1}}"#)
        #expect(try read(#"51-["a",{"_placeholder":false,"num":9}]"#).attachments == 1)
    }

    @Test("a packet that is cut at any byte is refused, or is another packet that was read whole")
    func cuts() {
        let text = #"52-/admin,7["up",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#
        for count in 0..<text.utf8.count {
            #expect(throws: (any Error).self) { try read(String(text.prefix(count))) }
        }
    }

    @Test("what is written is read again")
    func written() throws {
        var text: [UInt8] = []
        SocketPacket.writeHead(
            .binaryEvent, attachments: 1, namespace: Array("/a".utf8).span, id: 5, into: &text)
        SocketPacket.writeEvent(
            Array("x\"y".utf8).span, arguments: Array(#"{"_placeholder":true,"num":0}"#.utf8).span,
            into: &text)
        let parts = try read(String(decoding: text, as: UTF8.self))
        #expect(parts.namespace == "/a" && parts.id == 5 && parts.event == #"x\"y"#)
    }
}

@Suite("Engine.IO payloads")
struct EnginePayloadTests {
    @Test("packets are taken one after the other, text and binary")
    func several() throws {
        let found = try packets("4hello\u{1e}bAQID\u{1e}2probe\u{1e}6")
        #expect(found.map(\.0) == [.message, .message, .ping, .noop])
        #expect(found.map(\.1) == ["hello", "AQID", "probe", ""])
        #expect(found.map(\.2) == [false, true, false, false])
    }

    @Test(
        "a payload with a packet that is none is refused",
        arguments: [
            ("", .noType), ("\u{1e}", .noType), ("4a\u{1e}", .noType), ("\u{1e}4a", .noType), ("7", .noType),
            ("4a\u{1e}x", .noType), ("b***", .notBase64), ("bAQI", .notBase64),
            ("4\u{1e}4\u{1e}4", .tooMany),
        ] as [(String, EnginePayloadFault)])
    func refused(payload: String, fault: EnginePayloadFault) {
        #expect(throws: fault) { try packets(payload, packetsMax: 2) }
    }

    @Test("what is written is read again")
    func written() throws {
        var payload: [UInt8] = []
        EnginePayload.append(.message, Array("hi".utf8).span, to: &payload)
        EnginePayload.append(binary: [1, 2, 3, 4], to: &payload)
        #expect(String(decoding: payload, as: UTF8.self) == "4hi\u{1e}bAQIDBA==")
    }
}

extension EnginePayload {
    fileprivate static func append(binary bytes: [UInt8], to payload: inout [UInt8]) {
        append(binary: bytes.span, to: &payload)
    }
}
