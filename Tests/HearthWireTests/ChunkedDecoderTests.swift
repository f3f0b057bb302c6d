import HearthBytes
import HearthWire
import Testing

@Suite("Bodies in chunks (RFC 9112 7.1)")
struct ChunkedDecoderTests {
    private struct Outcome: Equatable {
        var result: ChunkedResult
        var body: String
    }

    private func decode(_ bytes: [UInt8], _ pieces: [Range<Int>], maxBytes: Int) -> Outcome {
        var decoder = ChunkedDecoder(maxBytes: maxBytes)
        var body: [UInt8] = []
        var result = ChunkedResult.needMore
        for piece in pieces where result == .needMore {
            let part = Array(bytes[piece])
            result = decoder.decode(part.span, into: &body)
            if case .complete(let count) = result { result = .complete(count: piece.lowerBound + count) }
        }
        return Outcome(result: result, body: string(body))
    }

    /// The outcome, which is the same whatever pieces the bytes come in.
    private func decode(_ text: String, maxBytes: Int = 1000) -> Outcome {
        let bytes = utf8(text)
        let whole = decode(bytes, [0..<bytes.count], maxBytes: maxBytes)
        var differing: [Outcome] = []
        everyCut(bytes.count) { pieces in
            let cut = decode(bytes, pieces, maxBytes: maxBytes)
            if cut != whole { differing.append(cut) }
        }
        #expect(differing.isEmpty)
        return whole
    }

    private func fault(_ text: String, maxBytes: Int = 1000) -> HTTPFault? {
        if case .rejected(let fault) = decode(text, maxBytes: maxBytes).result { fault } else { nil }
    }

    @Test("joins chunks and leaves what follows the body")
    func joinsChunks() {
        let body = "4\r\nWiki\r\n7;name=\"a b\"\r\npedia i\r\nB \r\nn \r\nchunks.\r\n0\r\n\r\n"
        #expect(
            decode(body + "GET /").self
                == Outcome(result: .complete(count: body.utf8.count), body: "Wikipedia in \r\nchunks."))
        #expect(decode("0\r\n\r\n") == Outcome(result: .complete(count: 5), body: ""))
        #expect(decode("000a\r\n0123456789\r\n00\r\n\r\n").body == "0123456789")
    }

    @Test("blanks behind a size go before an extension or the end of the line, and nothing else")
    func refusesWordsBehindTheSize() {
        #expect(decode("1 \r\na\r\n0 \t;x\r\n\r\n").body == "a")
        for text in ["1 1\r\na\r\n0\r\n\r\n", "1\tx\r\n", "1 \t=\r\n"] {
            #expect(fault(text) == .badChunk)
        }
    }

    @Test("reads over trailer fields")
    func readsOverTrailers() {
        let body = "1\r\na\r\n0\r\nX-A: b\r\nX-B: c\r\n\r\n"
        #expect(decode(body) == Outcome(result: .complete(count: body.utf8.count), body: "a"))
    }

    @Test(
        "waits for the rest of a body that is not whole",
        arguments: ["", "5", "5\r\n", "5\r\nabcde", "5\r\nabcde\r\n0\r\n"])
    func waits(_ text: String) {
        #expect(decode(text).result == .needMore)
    }

    @Test(
        "refuses malformed bodies",
        arguments: [
            "\r\n", "g\r\n", "-1\r\n", "0x5\r\n", "5\nabcde\r\n", "5\rabcde\r\n", "5\r\nabcdef\r\n",
            "5\r\nabcde\n",
            ";a\r\n", "5;\u{0}\r\n", "0\r\nX: a\n", "0\r\nX: \u{1}\r\n\r\n", "0\r\n\rX",
            "00000000000000000\r\n",
        ])
    func refusesMalformedBodies(_ text: String) {
        #expect(fault(text) == .badChunk)
    }

    @Test("takes a body of the greatest size and refuses one byte more at the chunk's size")
    func limitsSize() {
        #expect(decode("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", maxBytes: 5).body == "abcde")
        #expect(fault("6\r\n", maxBytes: 5) == .contentTooLarge)
        #expect(
            decode("3\r\nabc\r\n3", maxBytes: 5) == Outcome(result: .rejected(.contentTooLarge), body: "abc"))
        #expect(fault("1\r\n", maxBytes: 0) == .contentTooLarge)
        #expect(fault("ffffffffffffffff\r\n", maxBytes: Int.max) == .contentTooLarge)
        #expect(fault("7fffffffffffffff\r\n", maxBytes: Int.max) == nil)
    }

    @Test(
        "refuses trailers that are no fields",
        arguments: ["no colon", ": empty", "X: a\r\n folded", "X : blank", "GET / HTTP/1.1"])
    func refusesTrailers(_ trailer: String) {
        #expect(fault("0\r\n\(trailer)\r\n\r\n") == .badChunk)
    }

    @Test("bounds extensions and trailers")
    func boundsOverhead() {
        let longest = String(repeating: "a", count: ChunkedDecoder.extensionBytesMax - 1)
        #expect(fault("1;\(longest)\r\na\r\n1;\(longest)\r\n") == nil)
        #expect(fault("1;\(longest)a\r\n") == .badChunk)
        let trailer = "X: " + String(repeating: "a", count: ChunkedDecoder.trailerBytesMax - 7) + "\r\n"
        func result(_ text: String) -> ChunkedResult {
            decode(utf8(text), [0..<text.utf8.count], maxBytes: 9).result
        }
        #expect(result("0\r\n\(trailer)\r\n") == .complete(count: 3 + ChunkedDecoder.trailerBytesMax))
        #expect(result("0\r\nX\(trailer)\r\n") == .rejected(.headTooLarge))
    }
}
