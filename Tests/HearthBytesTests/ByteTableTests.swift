import Testing

@testable import HearthBytes

@Suite("Table of names")
struct ByteTableTests {
    private let seed: (UInt64, UInt64) = (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)

    private func name(_ number: Int) -> [UInt8] { Array("room-\(number)".utf8) }

    /// Deterministic numbers that look random.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 11 ^ state << 32
        }
    }

    @Test("finds what was put in and nothing else")
    func findsWhatIsThere() {
        let table = Table(seed: seed)
        #expect(table.find([1]) == nil)
        #expect(table.remove([1]) == nil)
        table.insert(name(1), 10)
        table.insert([], 11)
        #expect(table.count == 2)
        #expect(table.find(name(1)) == 10)
        #expect(table.find([]) == 11)
        #expect(table.find(name(2)) == nil)
        #expect(table.update(name(1), 12))
        #expect(!table.update(name(2), 12))
        #expect(table.remove(name(1)) == 12)
        #expect(table.remove(name(1)) == nil)
        #expect(table.entries == [[]: 11])
    }

    @Test("agrees with a dictionary through thousands of changes", arguments: [1, 2, 3] as [UInt64])
    func agreesWithDictionary(_ run: UInt64) {
        var numbers = Numbers(state: run)
        let table = Table(seed: (run, ~run))
        var model: [[UInt8]: UInt32] = [:]
        for step in 0..<20_000 {
            // The names wander, and their number rises and falls.
            let key = name(Int.random(in: 0..<(step % 6000 < 3000 ? 900 : 40), using: &numbers))
            switch (Int.random(in: 0..<3, using: &numbers), model[key]) {
            case (0, _), (1, .some):
                #expect(table.remove(key) == model.removeValue(forKey: key))
            case (_, nil):
                table.insert(key, UInt32(step))
                model[key] = UInt32(step)
            case (_, .some):
                #expect(table.update(key, UInt32(step)))
                model[key] = UInt32(step)
            }
            #expect(table.find(key) == model[key])
            #expect(table.count == model.count)
        }
        #expect(table.entries == model)
    }

    @Test("gives memory back when its entries go")
    func shrinks() {
        let table = Table(seed: seed)
        for number in 0..<10_000 { table.insert(name(number), UInt32(number)) }
        #expect(table.slotCount <= 10_000 * 4)
        for number in 1..<10_000 { #expect(table.remove(name(number)) == UInt32(number)) }
        #expect(table.slotCount <= 16)
        #expect(table.find(name(0)) == 0)
    }

    @Test("hashes by the seed, as SipHash-1-3 does")
    func hashesAsSipHash() {
        func hash(_ text: String, _ seed: (UInt64, UInt64)) -> UInt64 {
            SipHash.hash(Array(text.utf8).span, seed: seed)
        }
        #expect(hash("a", (0, 0)) == 0x4074_48d2_b89b_1813)
        #expect(hash("abcdefg", (0, 0)) == 0x6db1_2aae_9070_f506)
        #expect(hash("abcdefgh", (0, 0)) == 0x3f7b_849c_0b8e_35ea)
        #expect(hash("the quick brown fox jumps over", (0, 0)) == 0xad7d_bf39_b6f5_e689)
        #expect(hash("", seed) == 0xabac_0158_050f_c4dc)
    }

    @Test("compares names by their bytes")
    func comparesNames() {
        let name = ByteString("name")
        #expect(name == ByteString(Array("name".utf8)))
        func equals(_ text: String) -> Bool { name.equals(Array(text.utf8).span) }
        #expect(equals("name") && !equals("nam") && !equals("namf") && !equals("names"))
        let part = ByteString(Array("a name".utf8).span, 2..<6)
        #expect(part == name && part.hashValue == name.hashValue)
        #expect(ByteString("").isEmpty && name.count == 4)
    }

    @Test(
        "writes numbers in decimal",
        arguments: [(0, "0"), (7, "7"), (10, "10"), (99, "99"), (Int.max, "\(Int.max)")])
    func writesDecimals(_ number: Int, _ text: String) {
        var bytes: [UInt8] = []
        append(decimal: number, to: &bytes)
        #expect(bytes == Array(text.utf8))
    }
}
