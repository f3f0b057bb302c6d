import HearthBytes
import Testing

@Suite("Index table")
struct IndexTableTests {
    /// Against a set, with few hashes and with many.
    @Test("it finds what is in it and nothing else", arguments: [1, 3, 64, 100_000] as [UInt32])
    func findsWhatIsThere(hashes: UInt32) {
        var random = SystemRandomNumberGenerator()
        var table = IndexTable()
        var there: Set<UInt32> = []
        func hash(_ element: UInt32) -> UInt32 { (element &* 2_654_435_761) % hashes }
        for _ in 0..<20_000 {
            let element = UInt32.random(in: 0..<300, using: &random)
            if there.remove(element) != nil {
                table.remove(element, hashOf: hash)
            } else {
                there.insert(element)
                table.insert(element, hashOf: hash)
            }
            let asked = UInt32.random(in: 0..<300, using: &random)
            let found = table.find(hash(asked)) { $0 == asked }
            #expect(found == (there.contains(asked) ? asked : nil))
        }
        #expect(table.count == there.count)
        for element in there { table.remove(element, hashOf: hash) }
        #expect(table.count == 0)
        #expect(table.find(0) { _ in true } == nil)
    }
}
