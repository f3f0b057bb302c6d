import HearthBytes
import Testing

@Suite("Slab")
struct SlabTests {
    /// Counts how many of its kind there are.
    private final class Counted {
        final class Counter { var count = 0 }

        let counter: Counter
        let number: Int

        init(_ counter: Counter, _ number: Int) {
            self.counter = counter
            self.number = number
            counter.count += 1
        }

        deinit { counter.count -= 1 }
    }

    @Test("an element is found by its number until it is removed")
    func elementsAreFound() {
        let slab = Slab<Int>()
        let first = slab.insert(10)
        let second = slab.insert(20)
        #expect(slab[first] == 10 && slab[second] == 20)
        slab[first] += 1
        #expect(slab[first] == 11)
        slab.remove(first)
        #expect(!slab.contains(first) && slab.contains(second))
        #expect(slab.count == 1)
    }

    @Test("numbers are small, told before, and used again")
    func numbersAreReused() {
        let slab = Slab<Int>()
        for number in UInt32(0)..<1_000 {
            #expect(slab.nextIndex == number)
            #expect(slab.insert(0) == number)
        }
        slab.remove(17)
        #expect(slab.nextIndex == 17)
        #expect(slab.insert(1) == 17)
        #expect(slab.endIndex == 1_000)
    }

    @Test("no number but one that was given out names an element")
    func unknownNumbersAreEmpty() {
        let slab = Slab<Int>()
        #expect(!slab.contains(0))
        #expect(!slab.contains(.max))
        let only = slab.insert(1)
        #expect(!slab.contains(only + 1))
    }

    @Test("an element never moves, however many come after it")
    func elementsStay() {
        let slab = Slab<Int>()
        let places = (0..<10_000).map { slab.place(slab.insert($0)) }
        for (index, place) in places.enumerated() {
            #expect(place == slab.place(UInt32(index)))
            #expect(place.pointee == index)
        }
    }

    @Test("elements end when they are removed, and with the slab")
    func elementsEnd() {
        let counter = Counted.Counter()
        do {
            let slab = Slab<Counted>()
            let numbers = (0..<600).map { slab.insert(Counted(counter, $0)) }
            #expect(counter.count == 600)
            for number in numbers.prefix(100) { slab.remove(number) }
            #expect(counter.count == 500)
            #expect(slab[numbers[300]].number == 300)
            withExtendedLifetime(slab) {}
        }
        #expect(counter.count == 0)
    }
}
