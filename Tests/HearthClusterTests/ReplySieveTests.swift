import HearthCluster
import Testing

@Suite("Replies of Redis before they are read")
struct ReplySieveTests {
    /// What the sieve lets through of bytes that come in pieces of so many.
    private func sift(_ bytes: [UInt8], pieces: Int, max: Int = 10) -> String? {
        var sieve = ReplySieve(stringBytesMax: max)
        var passed: [UInt8] = []
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
            start += pieces
            var index = 0
            reading: while true {
                switch sieve.next(piece.span, from: &index) {
                case .pass(let range): passed += piece[range]
                case .insert: passed += sieve.inserted
                case .end: break reading
                case .broken: return nil
                }
            }
        }
        return String(decoding: passed, as: UTF8.self)
    }

    private let short =
        "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$10\r\n$9\r\n\r\n*1\r\n\r\n"
        + ":12\r\n+OK\r\n-ERR $99\r\n$-1\r\n$0\r\n\r\n"
    private let long = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$11\r\n$1\r\n\r\n+OK\r\n\r\n"
    private let cut = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n-SKIPPED 11 bytes\r\n"

    @Test("what is small enough goes through as it is, cut anywhere")
    func passing() {
        for pieces in 1...(short.utf8.count) { #expect(sift(utf8(short), pieces: pieces) == short) }
    }

    @Test("a string that is too long is passed over, and nothing of what follows, cut anywhere")
    func skipping() {
        let bytes = utf8(long + short + long)
        for pieces in 1...bytes.count { #expect(sift(bytes, pieces: pieces) == cut + short + cut) }
    }

    @Test("of a string of two and a half megabytes nothing is kept")
    func large() {
        let count = 2_500_000
        let bytes = utf8("$\(count)\r\n") + [UInt8](repeating: 36, count: count) + utf8("\r\n:1\r\n")
        #expect(sift(bytes, pieces: 65536, max: 1 << 20) == "-SKIPPED 2500000 bytes\r\n:1\r\n")
    }

    @Test(
        "a length that is none is refused",
        arguments: ["$x\r\n", "$\r\n", "$1 \r\n", "$99999999999999999999999\r\n"])
    func lengths(_ text: String) {
        for pieces in 1...text.utf8.count { #expect(sift(utf8(text), pieces: pieces) == nil) }
    }
}
