import HearthBytes
import Testing

@testable import HearthEngine

@Suite("Route")
struct RouteTests {
    private func route(_ pattern: String, _ options: String = "") throws -> Route {
        try Route.parse(pattern: Array(pattern.utf8), options: Array(options.utf8))
    }

    /// With which status and sentence a route is refused; nil: it is accepted.
    private func refusal(_ pattern: String, _ options: String) -> (status: Status, sentence: String)? {
        do throws(Route.Fault) {
            _ = try Route.parse(pattern: Array(pattern.utf8), options: Array(options.utf8))
            return nil
        } catch {
            return (error.status, String(decoding: error.sentence, as: UTF8.self))
        }
    }

    /// The room's template as it was written.
    private func room(_ options: String, pattern: String = "/r/{room}/{id}") throws -> String? {
        let route = try route(pattern, options)
        return route.room.map { parts in
            parts.map { part in
                switch part {
                case .text(let text): String(decoding: text, as: UTF8.self)
                case .capture(let index):
                    "<\(String(decoding: route.pattern.names[index].bytes, as: UTF8.self))>"
                }
            }.joined()
        }
    }

    @Test("without options a route takes WebSockets, joins nothing and tells the host of messages")
    func defaults() throws {
        let route = try route("/echo")
        #expect(!route.isHTTP && !route.joinsPath && !route.asksHost)
        #expect(route.room == nil && route.methods.isEmpty && route.subprotocols.isEmpty)
        #expect(route.relay == .none)
        #expect(route.emitsMessages)
    }

    @Test(
        "spaces around commas mean nothing",
        arguments: ["", " relay=none", "relay=none , event=on", "event=on,  relay=none "])
    func spacesAroundCommas(options: String) throws {
        #expect(try route("/echo", options).relay == .none)
    }

    @Test(
        "options that are not well formed are refused with the character of the mistake",
        arguments: [
            ("join=auto relay=all", 10), ("join=auto ", 0), ("relay=all,join=the lobby", 19),
            ("relay=all, join=auto event=on", 21), (",", 1), ("relay=all,", 11), ("relay=all,,event=on", 11),
            ("relay=all,accept", 11), ("relay=all,relay=all", 11), ("relay=all,event=yes", 17),
            ("join=a\tb", 7), ("join=a}b", 7), ("join=chat:{id}", 11), ("subprotocols=a||b", 16),
            ("scopes=a+", 10), ("scopes=a b", 9), ("tokens=", 8), ("tokens=header+body", 15),
            ("dialect=json,events=join+jump", 26), ("dialect=json,rooms=", 20), ("claim:sub=a join=b", 12),
            ("http=GET||POST", 10), ("=x", 1),
        ])
    func malformedOptions(options: String, character: Int) {
        let refused = refusal("/r/{room}", options)
        if character == 0 { return #expect(refused == nil) }
        let place = "route options \"\(options)\", character \(character): "
        #expect(refused?.status == .invalidValue)
        #expect(refused?.sentence.hasPrefix(place) == true, "\(refused?.sentence ?? "accepted")")
    }

    // MARK: join

    @Test("join=auto joins the room that the path captures, or the path itself")
    func joinAuto() throws {
        #expect(try room("join=auto") == "<room>")
        let route = try route("/lobby", "join=auto")
        #expect(route.joinsPath && route.room == nil)
    }

    @Test("join= takes any text with captures in braces")
    func joinTemplate() throws {
        #expect(try room("join=lobby") == "lobby")
        #expect(try room("join=chat:{id}") == "chat:<id>")
        #expect(try room("join={room}-{id}") == "<room>-<id>")
        #expect(try room("join={room}{id}") == "<room><id>")
        #expect(try room("join=a=b") == "a=b")
    }

    @Test("join= refuses an open brace, a capture that the pattern has not, and an empty name")
    func joinErrors() {
        #expect(refusal("/r/{room}", "join={room")?.sentence.contains("{ without }") == true)
        #expect(refusal("/r/{room}", "join={id}")?.sentence.contains("captures no {id}") == true)
        #expect(refusal("/r/{room}", "join={}")?.status == .invalidValue)
        #expect(refusal("/r/{room}", "join=")?.sentence.contains("has no value") == true)
    }

    // MARK: relay, event, accept

    @Test("a route that relays tells the host of no message, unless it says event=on")
    func relayAndEvent() throws {
        for (value, relay) in [("all", Relay.all), ("others", .others)] {
            #expect(try route("/r/{room}", "join=auto,relay=\(value)").relay == relay)
            #expect(try !route("/r/{room}", "join=auto,relay=\(value)").emitsMessages)
            #expect(try route("/r/{room}", "relay=\(value),event=on").emitsMessages)
            #expect(try route("/r/{room}", "event=on,relay=\(value)").emitsMessages)
        }
        #expect(try route("/r", "relay=none").emitsMessages)
        #expect(try !route("/r", "event=off").emitsMessages)
    }

    @Test("accept=ask asks the host, accept=auto does not")
    func accept() throws {
        #expect(try route("/r", "accept=ask").asksHost)
        #expect(try !route("/r", "accept=auto").asksHost)
    }

    @Test(
        "a value that an option does not take is refused with those that it does",
        arguments: [
            ("relay=some", "all, others, none"),
            ("relay=ALL", "all, others, none"),
            ("event=yes", "on, off"), ("accept=no", "ask, auto"),
        ])
    func badChoice(option: String, words: String) {
        let refused = refusal("/r", option)
        #expect(refused?.status == .invalidValue)
        #expect(refused?.sentence.hasSuffix("is not one of \(words)") == true)
    }

    // MARK: subprotocols and http

    @Test("subprotocols keep the order of preference")
    func subprotocols() throws {
        let route = try route("/r", "subprotocols=chat.v2|chat.v1|x")
        #expect(
            route.subprotocols.map { String(decoding: $0, as: UTF8.self) } == ["chat.v2", "chat.v1", "x"])
    }

    @Test("a subprotocol is a token of RFC 9110", arguments: ["a b", "a/b", "\"a\"", "ä", "a@b", "a|b c"])
    func subprotocolIsToken(value: String) {
        #expect(refusal("/r", "subprotocols=\(value)")?.status == .invalidValue)
    }

    @Test("http= names methods in capitals, and goes with no other option")
    func http() throws {
        let route = try route("/healthz", "http=GET|POST")
        #expect(route.isHTTP)
        #expect(route.methods.map { String(decoding: $0, as: UTF8.self) } == ["GET", "POST"])
        for value in ["", "|", "get", "GET|post", "GE T", "M-SEARCH"] {
            #expect(refusal("/healthz", "http=\(value)")?.status == .invalidValue)
        }
        for other in ["join=auto", "join=x", "relay=all", "event=on", "accept=ask", "subprotocols=x"] {
            #expect(refusal("/healthz", "http=GET,\(other)")?.sentence.contains("no other option") == true)
            #expect(refusal("/healthz", "\(other),http=GET")?.sentence.contains("no other option") == true)
        }
    }

    // MARK: What is no option and no pattern

    @Test(
        "an unknown option is refused with the names that there are",
        arguments: ["jion=auto", "JOIN=auto", "join =x"])
    func unknownOption(option: String) {
        let refused = refusal("/r", option)
        #expect(refused?.status == .unknownKey)
        #expect(
            refused?.sentence.contains(
                "there are join, relay, event, accept, subprotocols, dialect, events, echo, rooms, http, auth, "
            )
                == true)
    }

    @Test("an option without a value is refused")
    func optionWithoutValue() {
        #expect(refusal("/r", "join")?.status == .invalidValue)
        #expect(refusal("/r", "relay=all,accept")?.sentence.contains("\"accept\" is not name=value") == true)
    }

    @Test("a bad pattern is refused with the place that is wrong, counted from 1")
    func badPattern() {
        #expect(refusal("", "")?.status == .invalidValue)
        #expect(refusal("echo", "")?.sentence.contains("character 1") == true)
        #expect(refusal("/a/{b", "")?.sentence.contains("character 5") == true)
        #expect(refusal("/a/{b*}/c", "")?.sentence.contains("character 8") == true)
    }

    // MARK: Byte text

    @Test("numbers, splitting and trimming are those of any text")
    func byteText() {
        for number in [0, 7, 10, 4_294_967_296, -1, -120] {
            #expect(decimal(number) == Array("\(number)".utf8))
        }
        let parts = split(Array(",a,,b".utf8), at: UInt8(ascii: ",")).map {
            String(decoding: $0, as: UTF8.self)
        }
        #expect(parts == ["", "a", "", "b"])
        #expect(trim(Array(" \t a b\t".utf8)) == Array("a b".utf8))
        #expect(trim(Array(" \t ".utf8)).isEmpty)
        #expect(matches(Array("on".utf8), "on"))
        #expect(!matches(Array("on".utf8), "one") && !matches(Array("one".utf8), "on"))
    }
}

@Suite("Connection id")
struct ConnectionIDTests {
    @Test("an id gives back what it was made of, at every bound")
    func partsComeBack() {
        let serials: [UInt64] = [1, 2, 1 << 33, 1 << 34 - 1]
        let loops = [0, 1, ConnectionID.loopCount - 1]
        let slots: [UInt32] = [0, 1, UInt32(ConnectionID.slotCount - 1)]
        var seen: Set<UInt64> = []
        for serial in serials {
            for loop in loops {
                for slot in slots {
                    let id = ConnectionID(serial: serial, loop: loop, slot: slot)
                    #expect(id.serial == serial && id.loop == loop && id.slot == slot)
                    #expect(id != .none)
                    #expect(seen.insert(id.raw).inserted)
                }
            }
        }
    }

    @Test("any number is an id that names some place, and 0 is none")
    func anyNumberIsSafe() {
        for raw in [0, 1, .max, 0xFFFF_FFFF, 1 << 63] as [UInt64] {
            let id = ConnectionID(raw: raw)
            #expect(id.loop < ConnectionID.loopCount)
            #expect(id.slot < UInt32(ConnectionID.slotCount))
        }
        #expect(ConnectionID.none.raw == 0)
    }
}
