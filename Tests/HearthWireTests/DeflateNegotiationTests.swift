import HearthBytes
import HearthWire
import Testing

/// What a server with these settings answers to a request with these fields; nil: nothing.
private func answer(_ fields: [String], _ settings: DeflateSettings) -> (String, DeflateParameters)? {
    let lines = fields.map { "Sec-WebSocket-Extensions: \($0)\r\n" }.joined()
    let bytes = utf8("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
    var head = RequestHead()
    var scanned = 0
    let limits = HeadLimits(maxBytes: 8192, maxFields: 64)
    guard case .complete = head.parse(bytes.span, limits: limits, scanned: &scanned) else {
        Issue.record("not a request: \(fields)")
        return nil
    }
    var answer: [UInt8] = []
    let agreed = DeflateNegotiation.accept(head, bytes.span, settings, answer: &answer)
    #expect((agreed == nil) == answer.isEmpty)
    return agreed.map { (string(answer), $0) }
}

private let sparing = DeflateSettings(sendsTakeover: false, receivesTakeover: false, windowBits: 15)
private let keeping = DeflateSettings(sendsTakeover: true, receivesTakeover: true, windowBits: 15)
private let small = DeflateSettings(sendsTakeover: true, receivesTakeover: true, windowBits: 10)

@Suite("RFC 7692 5.1 and 7.1: offers that a server reads")
struct DeflateOfferTests {
    private func expectAnswer(
        to offers: String..., with settings: DeflateSettings = keeping, gives expected: String?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let text = answer(offers, settings)?.0
        #expect(text == expected.map { "permessage-deflate" + $0 }, sourceLocation: sourceLocation)
    }

    @Test("answers the plain offer, and says what it does not take over")
    func answersPlainOffer() {
        expectAnswer(to: "permessage-deflate", gives: "")
        expectAnswer(
            to: "permessage-deflate", with: sparing,
            gives: "; server_no_context_takeover; client_no_context_takeover")
    }

    @Test("meets what the client asks of the server")
    func meetsServerParameters() {
        expectAnswer(
            to: "permessage-deflate; server_no_context_takeover", gives: "; server_no_context_takeover")
        expectAnswer(to: "permessage-deflate; server_max_window_bits=9", gives: "; server_max_window_bits=9")
        expectAnswer(
            to: "permessage-deflate; server_max_window_bits=15", gives: "; server_max_window_bits=15")
        expectAnswer(
            to: "permessage-deflate; server_max_window_bits=12", with: small,
            gives: "; server_max_window_bits=10")
        expectAnswer(to: "permessage-deflate", with: small, gives: "; server_max_window_bits=10")
    }

    @Test("binds the client to what it says of itself, and limits its window only where it may")
    func bindsClient() {
        expectAnswer(
            to: "permessage-deflate; client_no_context_takeover", gives: "; client_no_context_takeover")
        expectAnswer(to: "permessage-deflate; client_max_window_bits", gives: "")
        expectAnswer(
            to: "permessage-deflate; client_max_window_bits", with: small,
            gives: "; server_max_window_bits=10; client_max_window_bits=10")
        expectAnswer(
            to: "permessage-deflate; client_max_window_bits=9", with: small,
            gives: "; server_max_window_bits=10")
        expectAnswer(
            to: "permessage-deflate; client_max_window_bits; client_no_context_takeover", with: small,
            gives: "; client_no_context_takeover; server_max_window_bits=10")
    }

    @Test("knows afterwards what was agreed on")
    func knowsWhatWasAgreed() {
        let offer = "permessage-deflate; server_max_window_bits=11; client_max_window_bits=8"
        #expect(
            answer([offer], keeping)?.1
                == DeflateParameters(
                    serverTakesOver: true, clientTakesOver: true, serverWindowBits: 11, clientWindowBits: 8))
        #expect(
            answer([offer], sparing)?.1
                == DeflateParameters(
                    serverTakesOver: false, clientTakesOver: false, serverWindowBits: 11, clientWindowBits: 8)
        )
    }

    @Test(
        "passes over an offer with a parameter that is unknown, repeated or wrong",
        arguments: [
            "x", "x=1", "server_no_context_takeover=1", "client_no_context_takeover=\"1\"",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits", "server_max_window_bits=7", "server_max_window_bits=16",
            "server_max_window_bits=010", "server_max_window_bits=9a", "server_max_window_bits=100",
            "server_max_window_bits=9; server_max_window_bits=9", "client_max_window_bits=7",
            "client_max_window_bits=16", "client_max_window_bits; client_max_window_bits",
            "client_max_window_bits=1x", "Server_No_Context_Takeover", "server_max_window_bits=-9",
        ])
    func passesOverBadOffers(_ parameter: String) {
        expectAnswer(to: "permessage-deflate; \(parameter)", gives: nil)
        expectAnswer(to: "permessage-deflate; \(parameter), permessage-deflate", gives: "")
        expectAnswer(to: "permessage-deflate; \(parameter)", "permessage-deflate", gives: "")
        expectAnswer(
            to: "permessage-deflate; client_max_window_bits; \(parameter), permessage-deflate; "
                + "server_max_window_bits=\"9\"", gives: "; server_max_window_bits=9")
    }

    @Test("declines a window of 8 bits for its own messages, and takes the next offer")
    func declinesWindowOf8() {
        expectAnswer(to: "permessage-deflate; server_max_window_bits=8", gives: nil)
        expectAnswer(to: "permessage-deflate; server_max_window_bits=8, permessage-deflate", gives: "")
    }

    @Test("takes the first offer that it can meet, from lists and from several fields")
    func takesFirstGoodOffer() {
        expectAnswer(
            to: "foo; a=\"12\"; b, permessage-deflate; server_max_window_bits=12, permessage-deflate",
            gives: "; server_max_window_bits=12")
        expectAnswer(
            to: "foo", "permessage-deflate; server_max_window_bits=12", gives: "; server_max_window_bits=12")
        expectAnswer(to: "x-webkit-deflate-frame", gives: nil)
        expectAnswer(to: "permessage-deflate2", gives: nil)
        expectAnswer(to: "Permessage-Deflate", gives: nil)
    }

    @Test("reads values that are quoted, with escapes and with space around")
    func readsQuotedValues() {
        expectAnswer(
            to: "permessage-deflate;server_max_window_bits=\"10\"", gives: "; server_max_window_bits=10")
        expectAnswer(
            to: "permessage-deflate ;\tserver_max_window_bits = \"\\1\\0\" ",
            gives: "; server_max_window_bits=10")
        expectAnswer(to: " , ,permessage-deflate,, ", gives: "")
    }

    @Test(
        "answers nothing behind what is no list of extensions",
        arguments: [
            "permessage-deflate; ", "permessage-deflate;;", "permessage-deflate; =", "permessage-deflate x",
            "permessage-deflate; server_max_window_bits=", "permessage-deflate; server_max_window_bits=\"9",
            "permessage-deflate; server_max_window_bits=\"9\\", "permessage-deflate; a=\"\"",
            "permessage-deflate; server_max_window_bits=\"9 \"", "\"permessage-deflate\"", "; a", "=",
            "foo; a=\"1,2\"", "foo; a=\"1;2\"",
        ])
    func answersNothingToMalformed(_ value: String) {
        expectAnswer(to: value, gives: nil)
        expectAnswer(to: value + ", permessage-deflate", gives: nil)
        // Another field is another chance.
        expectAnswer(to: value, "permessage-deflate", gives: "")
    }

    @Test(
        "knows the browsers whose compression fails",
        arguments: [
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML) Version/15.0 Safari/605.1.15",
                true
            ),
            ("Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Version/15.3 Mobile/15E148 Safari/604.1", true),
            ("Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Version/15.2.1 Mobile/15E148 Safari/604.1", true),
            ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/15.4 Safari/605.1.15", false),
            ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/15.10 Safari/605.1.15", false),
            ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/14.1 Safari/605.1.15", false),
            ("Version/15.0", false), ("Version/15.", false), ("", false), ("Safari/ Version/15.1", true),
        ])
    func knowsFailingBrowsers(_ agent: String, _ isFailing: Bool) {
        let bytes = utf8(agent)
        #expect(DeflateNegotiation.isKnownToFail(bytes.span, userAgent: 0..<bytes.count) == isFailing)
    }
}

@Suite("RFC 7692 5.2 and 7.1: answers that a client checks")
struct DeflateAnswerTests {
    private func offer(_ settings: DeflateSettings) -> String {
        var bytes: [UInt8] = []
        DeflateNegotiation.writeOffer(settings, into: &bytes)
        return string(bytes)
    }

    private func read(
        _ value: String, _ offered: DeflateSettings? = keeping
    ) -> Result<DeflateParameters?, DeflateFault> {
        let bytes = utf8(value)
        do throws(DeflateFault) {
            return .success(
                try DeflateNegotiation.readAnswer(bytes.span, value: 0..<bytes.count, offered: offered))
        } catch {
            return .failure(error)
        }
    }

    @Test("offers what the settings say")
    func offersSettings() {
        #expect(offer(keeping) == "permessage-deflate; client_max_window_bits")
        #expect(
            offer(sparing)
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                + "client_max_window_bits")
        #expect(
            offer(small)
                == "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10")
    }

    @Test("agrees with our own server, whatever both want")
    func agreesWithOurServer() {
        let all = [false, true].flatMap { sends in
            [false, true].flatMap { receives in
                [9, 10, 15].map {
                    DeflateSettings(sendsTakeover: sends, receivesTakeover: receives, windowBits: $0)
                }
            }
        }
        for client in all {
            for server in all {
                guard let (text, agreed) = answer([offer(client)], server) else {
                    Issue.record("\(server) declines \(client)")
                    continue
                }
                guard case .success(let known?) = read(text, client) else {
                    Issue.record("\(client) does not take \(text)")
                    continue
                }
                #expect(known.serverTakesOver == agreed.serverTakesOver)
                #expect(known.clientTakesOver == agreed.clientTakesOver)
                #expect(known.serverWindowBits == agreed.serverWindowBits)
                // The server reads at least the window that the client writes with.
                #expect(known.clientWindowBits <= agreed.clientWindowBits)
            }
        }
    }

    @Test("takes what a server may say without being asked, and what it forgot to")
    func takesUnaskedParameters() {
        #expect(
            read("permessage-deflate; client_no_context_takeover; server_max_window_bits=8")
                == .success(
                    DeflateParameters(
                        serverTakesOver: true, clientTakesOver: false, serverWindowBits: 8,
                        clientWindowBits: 15)))
        #expect(
            read("permessage-deflate", sparing)
                == .success(
                    DeflateParameters(
                        serverTakesOver: true, clientTakesOver: false, serverWindowBits: 15,
                        clientWindowBits: 15)))
    }

    @Test("takes an answer without extensions")
    func takesNone() {
        #expect(read("") == .success(nil))
        #expect(read(" , ", nil) == .success(nil))
    }

    @Test("refuses extensions that were not offered, and one that comes twice")
    func refusesUnoffered() {
        #expect(read("permessage-deflate", nil) == .failure(.unrequestedExtension))
        #expect(read("foo") == .failure(.unrequestedExtension))
        #expect(read("permessage-deflate, foo") == .failure(.unrequestedExtension))
        #expect(read("permessage-deflate, permessage-deflate") == .failure(.repeatedExtension))
    }

    @Test("refuses parameters that are wrong, and windows that are larger than was offered")
    func refusesWrongParameters() {
        for parameter in [
            "x", "client_max_window_bits", "server_max_window_bits", "client_max_window_bits=16",
            "client_no_context_takeover=1", "server_no_context_takeover; server_no_context_takeover",
        ] {
            #expect(read("permessage-deflate; \(parameter)") == .failure(.badParameter))
        }
        #expect(read("permessage-deflate; server_max_window_bits=11", small) == .failure(.windowTooLarge))
        #expect(read("permessage-deflate; client_max_window_bits=11", small) == .failure(.windowTooLarge))
        #expect(read("permessage-deflate; client_max_window_bits=8") == .failure(.windowOf8))
        for value in ["permessage-deflate;", "permessage-deflate; a=\"", "permessage-deflate b"] {
            #expect(read(value) == .failure(.malformed))
        }
    }

    @Test("has a sentence for every fault", arguments: DeflateFault.allCases)
    func hasSentences(_ fault: DeflateFault) { #expect("\(fault.sentence)".hasPrefix("the server")) }
}
