import Testing

@testable import HearthBytes

@Suite("Slab")
struct SlabTests {
    /// Counts how many elements are alive.
    final class Counter {
        var alive = 0
    }

    struct Element: ~Copyable {
        let counter: Counter
        var value: Int

        init(_ counter: Counter, _ value: Int) {
            self.counter = counter
            self.value = value
            counter.alive += 1
        }

        deinit { counter.alive -= 1 }
    }

    @Test("gives indices that are used again after a removal")
    func reusesIndices() {
        let counter = Counter()
        let slab = Slab<Element>()
        let first = slab.insert(Element(counter, 1))
        let expected = slab.nextIndex
        let second = slab.insert(Element(counter, 2))
        #expect(first != second && second == expected)
        slab.remove(first)
        let (hasFirst, hasSecond, next) = (slab.contains(first), slab.contains(second), slab.nextIndex)
        #expect(!hasFirst && hasSecond && next == first && counter.alive == 1)
        let third = slab.insert(Element(counter, 3))
        let (value, count, end) = (slab[third].value, slab.count, slab.endIndex)
        #expect(third == first && value == 3 && count == 2 && end == 2)
        #expect(counter.alive == 2)
    }

    @Test("never moves an element, however many there are")
    func keepsAddresses() {
        let counter = Counter()
        let slab = Slab<Element>()
        var addresses: [UnsafeMutablePointer<Element>] = []
        for number in 0..<5000 { addresses.append(slab.place(slab.insert(Element(counter, number)))) }
        var isUnmoved = true
        for number in 0..<5000 {
            if slab.place(UInt32(number)) != addresses[number] || slab[UInt32(number)].value != number {
                isUnmoved = false
            }
        }
        slab[17].value = -1
        let changed = addresses[17].pointee.value
        #expect(isUnmoved && changed == -1 && counter.alive == 5000)
    }

    @Test("releases what is left at its own end, and each element once")
    func releasesElements() {
        let counter = Counter()
        do {
            let slab = Slab<Element>()
            for number in 0..<600 { _ = slab.insert(Element(counter, number)) }
            for index in stride(from: 0, to: 600, by: 2) { slab.remove(UInt32(index)) }
            #expect(counter.alive == 300)
        }
        #expect(counter.alive == 0)
    }

    @Test("does not contain what was never there")
    func knowsWhatIsThere() {
        let slab = Slab<Int>()
        let (hasZero, hasMany, next) = (slab.contains(0), slab.contains(.max), slab.nextIndex)
        #expect(!hasZero && !hasMany && next == 0)
    }
}
