// Elements at fixed addresses, named by small numbers that are used again. Pages are never moved or given
// back, so a pointer to an element stays good until the element is released.

package final class Slab<Element: ~Copyable> {
    private static var pageShift: Int { 8 }
    private static var pageCount: Int { 1 << pageShift }

    private var pages: UnsafeMutablePointer<UnsafeMutablePointer<Element>>
    private var pagesCapacity = 8
    private var pagesCount = 0
    private var isLive: [Bool] = []
    private var free: [UInt32] = []
    /// How many elements there are.
    package private(set) var count = 0

    package init() {
        pages = .allocate(capacity: pagesCapacity)
    }

    deinit {
        for index in 0..<isLive.count where isLive[index] {
            (pages[index >> Self.pageShift] + (index & (Self.pageCount - 1))).deinitialize(count: 1)
        }
        for page in 0..<pagesCount { pages[page].deallocate() }
        pages.deallocate()
    }

    /// One past the highest index that was ever used.
    package var endIndex: Int { isLive.count }

    /// Whether the index names an element.
    package func contains(_ index: UInt32) -> Bool { Int(index) < isLive.count && isLive[Int(index)] }

    /// Where the next element will be put.
    package var nextIndex: UInt32 { free.last ?? UInt32(isLive.count) }

    /// Puts an element in and says where.
    @_optimize(speed)
    package func insert(_ element: consuming Element) -> UInt32 {
        let index = free.popLast() ?? UInt32(isLive.count)
        if Int(index) == isLive.count {
            if isLive.count == pagesCount << Self.pageShift { addPage() }
            isLive.append(true)
        } else {
            isLive[Int(index)] = true
        }
        place(index).initialize(to: element)
        count += 1
        return index
    }

    package func remove(_ index: UInt32) {
        precondition(contains(index), "no element there")
        place(index).deinitialize(count: 1)
        isLive[Int(index)] = false
        free.append(index)
        count -= 1
    }

    package subscript(_ index: UInt32) -> Element {
        @inline(__always)
        unsafeAddress {
            assert(contains(index))
            return UnsafePointer(place(index))
        }
        @inline(__always)
        unsafeMutableAddress {
            assert(contains(index))
            return place(index)
        }
    }

    /// The element's address: good until it is removed.
    @inline(__always)
    package func place(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        precondition(Int(index) < pagesCount << Self.pageShift, "index beyond the last page")
        return pages[Int(index) >> Self.pageShift] + (Int(index) & (Self.pageCount - 1))
    }

    private func addPage() {
        if pagesCount == pagesCapacity {
            let larger = UnsafeMutablePointer<UnsafeMutablePointer<Element>>.allocate(
                capacity: pagesCapacity * 2)
            larger.moveInitialize(from: pages, count: pagesCount)
            pages.deallocate()
            pages = larger
            pagesCapacity *= 2
        }
        (pages + pagesCount).initialize(to: .allocate(capacity: Self.pageCount))
        pagesCount += 1
    }
}
