// The buffer of hiredis' reader. Debian's archive has the strings of hiredis in one piece, of which the
// reader needs four functions and the rest would be 15 KB of the C library that nobody calls. So the four
// are here, and the linker takes nothing else. The form is that of hiredis/sds.h with the widest head: how
// many bytes there are, how many there is room for, 8 bytes each, a byte that says so, then the bytes and a
// NUL.

#if HEARTH_REDIS && hasFeature(Embedded)
    internal import CLibuv

    private var headBytes: Int { 17 }
    private var roomMin: Int { 64 }

    private func head(_ text: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer { text - headBytes }

    private func count(_ text: UnsafeMutableRawPointer) -> Int {
        head(text).loadUnaligned(as: Int.self)
    }

    private func setCount(_ count: Int, _ text: UnsafeMutableRawPointer) {
        head(text).storeBytes(of: count, as: Int.self)
        text.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
    }

    /// nil: there is no memory.
    private func resized(_ old: UnsafeMutableRawPointer?, room: Int) -> UnsafeMutableRawPointer? {
        guard let memory = Memory.resize(old.map { head($0) }, to: headBytes + room + 1) else { return nil }
        memory.storeBytes(of: room, toByteOffset: 8, as: Int.self)
        memory.storeBytes(of: 4, toByteOffset: 16, as: UInt8.self)
        return memory + headBytes
    }

    @c(sdsempty) public func redisBufferMake() -> UnsafeMutableRawPointer? {
        let text = resized(nil, room: roomMin)
        if let text { setCount(0, text) }
        return text
    }

    @c(sdsfree) public func redisBufferFree(_ text: UnsafeMutableRawPointer?) {
        if let text { Memory.giveBack(head(text)) }
    }

    @c(sdscatlen) public func redisBufferAppend(
        _ text: UnsafeMutableRawPointer, _ bytes: UnsafeRawPointer, _ added: Int
    ) -> UnsafeMutableRawPointer? {
        let old = count(text)
        var text = text
        if old + added > head(text).loadUnaligned(fromByteOffset: 8, as: Int.self) {
            guard let larger = resized(text, room: 2 * (old + added)) else { return nil }
            text = larger
        }
        (text + old).copyMemory(from: bytes, byteCount: added)
        setCount(old + added, text)
        return text
    }

    /// Keeps the bytes from one to another, both included; those from the end count below 0.
    @c(sdsrange) public func redisBufferCut(_ text: UnsafeMutableRawPointer, _ from: Int32, _ to: Int32) {
        let old = count(text)
        let start = min(max(from < 0 ? old + Int(from) : Int(from), 0), old)
        let end = min(max((to < 0 ? old + Int(to) : Int(to)) + 1, start), old)
        memmove(text, text + start, end - start)
        setCount(end - start, text)
    }
#endif
