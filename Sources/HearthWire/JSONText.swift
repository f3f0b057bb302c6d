// Whether a text is JSON (RFC 8259), and nothing about what it means: messages that go into one array, and
// pings that are messages, need no more. The text is UTF-8 by other means.

package enum JSONText {
    /// Arrays and objects in each other; what is deeper is not taken for JSON.
    package static var depthMax: Int { JSONScanner.depthLimit }

    private static let keys = EnvelopeKeys(
        event: [0x74, 0x79, 0x70, 0x65], data: [0x64, 0x61, 0x74, 0x61], room: [0x72, 0x6F, 0x6F, 0x6D])
    private static let ping: [UInt8] = [0x70, 0x69, 0x6E, 0x67]

    package static func isValid(_ text: borrowing Span<UInt8>) -> Bool {
        do throws(JSONFault) {
            try JSONScanner.check(text, depthMax: depthMax)
            return true
        } catch {
            return false
        }
    }

    /// Whether the text is an object with a member "type" that is "ping": what servers without control frames
    /// send and want answered. Not looked for in texts beyond 256 bytes.
    package static func isPing(_ text: borrowing Span<UInt8>) -> Bool {
        if text.count > 256 { return false }
        do throws(EnvelopeFault) {
            let envelope = try Envelope.read(text, keys, depthMax: depthMax)
            return JSONString.equals(text, envelope.event, ping)
        } catch {
            return false
        }
    }

    package static var pong: StaticString { "{\"type\":\"pong\"}" }
}
