// A piece of memory to be written; laid out as the system's iovec.

package struct Piece {
    package var base: UnsafeMutableRawPointer?
    package var count: Int

    package init(base: UnsafeMutableRawPointer?, count: Int) {
        self.base = base
        self.count = count
    }
}
