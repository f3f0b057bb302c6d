// What stands in the place of the C library's allocator in libhearth.so (docs/decisions/0030). The linker
// gives all calls of malloc that are linked into the library to these functions.

#if hasFeature(Embedded)
    internal import CMemory

    @c(__wrap_malloc) public func memoryTake(_ bytes: Int) -> UnsafeMutableRawPointer? {
        hearth_memory_take(bytes)
    }

    @c(__wrap_calloc) public func memoryTakeCleared(_ count: Int, _ bytes: Int) -> UnsafeMutableRawPointer? {
        let (total, isTooMuch) = count.multipliedReportingOverflow(by: bytes)
        guard !isTooMuch, let block = hearth_memory_take(total) else { return nil }
        memset(block, 0, total)
        return block
    }

    @c(__wrap_realloc) public func memoryResize(
        _ block: UnsafeMutableRawPointer?, _ bytes: Int
    ) -> UnsafeMutableRawPointer? {
        hearth_memory_resize(block, bytes)
    }

    @c(__wrap_posix_memalign) public func memoryTakeAligned(
        _ place: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ bytes: Int
    ) -> Int32 {
        guard let block = hearth_memory_take_aligned(alignment, bytes) else { return ENOMEM }
        place.pointee = block
        return 0
    }

    @c(__wrap_free) public func memoryGiveBack(_ block: UnsafeMutableRawPointer?) {
        hearth_memory_give_back(block)
    }

    // MARK: For the library itself

    @c(memory_used) public func memoryUsed() -> Int { hearth_memory_used() }
    @c(memory_limit) public func memoryLimit() -> Int { hearth_memory_limit() }
    @c(memory_set_limit) public func memorySetLimit(_ bytes: Int) { hearth_memory_set_limit(bytes) }
    @c(memory_is_low) public func memoryIsLow() -> Int32 { hearth_memory_is_low() }
    @c(memory_failures_here) public func memoryFailuresHere() -> Int { hearth_memory_failures_here() }
    @c(memory_announce) public func memoryAnnounce(_ isLow: Int32) -> Int32 { hearth_memory_announce(isLow) }
    @c(memory_recover) public func memoryRecover() -> Int32 { hearth_memory_recover() }
    @c(memory_fetch) public func memoryFetch(_ bytes: Int) -> Int32 { hearth_memory_fetch(bytes) }
    @c(memory_let_go) public func memoryLetGo() { hearth_memory_let_go() }

    @c(memory_ask) public func memoryAsk(_ bytes: Int) -> UnsafeMutableRawPointer? {
        hearth_memory_ask(bytes)
    }

    @c(memory_ask_resized) public func memoryAskResized(
        _ block: UnsafeMutableRawPointer?, _ bytes: Int
    ) -> UnsafeMutableRawPointer? {
        hearth_memory_ask_resized(block, bytes)
    }

    @c(memory_give_back) public func memoryReturn(_ block: UnsafeMutableRawPointer?) {
        hearth_memory_give_back(block)
    }
#endif
