// From names that peers choose to the elements that carry them. The hash is keyed by the seed, so that nobody
// outside can make names collide.

internal import HearthBytes

protocol Named: ~Copyable {
    var name: ByteString { get }
    var hash: UInt32 { get }
}

struct NameTable: ~Copyable {
    private let seed: (UInt64, UInt64)
    private var table = IndexTable()

    init(seed: (UInt64, UInt64)) { self.seed = seed }

    var count: Int { table.count }

    func hash(_ name: borrowing Span<UInt8>) -> UInt32 {
        UInt32(truncatingIfNeeded: SipHash.hash(name, seed: seed))
    }

    func find<Element: Named & ~Copyable>(
        _ name: borrowing Span<UInt8>, in elements: Slab<Element>
    ) -> UInt32? {
        let hash = hash(name)
        return unsafe name.withUnsafeBufferPointer { bytes in
            table.find(hash) { elements[$0].hash == hash && elements[$0].name.equals(unsafe bytes.span) }
        }
    }

    /// Its name must not be in the table.
    mutating func insert<Element: Named & ~Copyable>(_ index: UInt32, in elements: Slab<Element>) {
        table.insert(index) { elements[$0].hash }
    }

    mutating func remove<Element: Named & ~Copyable>(_ index: UInt32, in elements: Slab<Element>) {
        table.remove(index) { elements[$0].hash }
    }
}
