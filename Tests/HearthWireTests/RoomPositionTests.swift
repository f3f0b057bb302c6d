import HearthWire
import Testing

private func read(_ text: String) -> RoomPosition? {
    let bytes = Array(text.utf8)
    return RoomPosition(bytes.span, 0..<bytes.count)
}

private func written(_ position: RoomPosition) -> String {
    var text: [UInt8] = []
    position.write(into: &text)
    return String(decoding: text, as: UTF8.self)
}

@Suite("Positions in a room")
struct RoomPositionTests {
    @Test(
        "a position is read as it was written",
        arguments: ["Qm_x-1Az.0.00000000", "AAAAAAAA.41.9f2c07d1", "zzzzzzzz.18446744073709551615.ffffffff"])
    func readsWhatWasWritten(text: String) throws {
        let position = try #require(read(text))
        #expect(written(position) == text)
        #expect(text.utf8.count <= RoomPosition.countMax)
    }

    @Test(
        "a text that is no position in its one spelling is refused",
        arguments: [
            "", ".", "..", "AAAAAAAA", "AAAAAAAA.1", "AAAAAAAA.1.9f2c07d", "AAAAAAAA.1.9f2c07d10",
            "AAAAAAAA.1.9F2C07D1", "AAAAAAAA.01.9f2c07d1", "AAAAAAAA.+1.9f2c07d1", "AAAAAAAA.-1.9f2c07d1",
            "AAAAAAAA..9f2c07d1", "AAAAAAA.11.9f2c07d1", "AAAAAAA=.1.9f2c07d1", "AAAA+AAA.1.9f2c07d1",
            "AAAAAAAA.18446744073709551616.9f2c07d1", "AAAAAAAA.99999999999999999999.9f2c07d1",
            "AAAAAAAA.1.9f2c07g1", "AAAAAAAA 1.9f2c07d1", "AAAAAAAA.1x9f2c07d1", " AAAAAAAA.1.9f2c07d1",
        ])
    func refusesOtherTexts(text: String) { #expect(read(text) == nil) }

    @Test("a position that is cut at any byte is refused, or is the same one")
    func refusesCuts() {
        let text = "Qm_x-1Az.18446744073709551615.9f2c07d1"
        for count in 0..<text.utf8.count { #expect(read(String(text.prefix(count))) == nil) }
    }

    @Test("an epoch is 8 characters of base64url, whatever the random number")
    func epochsAreTexts() throws {
        for random: UInt64 in [0, .max, 0x0123_4567_89AB_CDEF, 0xFBEF_BEFB_EFBE] {
            let epoch = RoomEpoch(random: random)
            let position = RoomPosition(epoch: epoch, offset: 1, mark: 2)
            #expect(try #require(read(written(position))) == position)
        }
        #expect(RoomEpoch(random: 1) != RoomEpoch(random: 2))
    }
}
