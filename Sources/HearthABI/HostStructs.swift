// Structs that the host passes by pointer, with their size in the first field. They grow at their end, so a
// host that was compiled with another version of the header passes a shorter or a longer one.

public import CHearth

/// Reads a struct of the host's: what a shorter one lacks is 0. Nil: it is shorter than `least`, the bytes of
/// the fields that no call can do without.
func read<Struct: BitwiseCopyable>(_ given: UnsafePointer<Struct>, least: Int, into empty: Struct) -> Struct?
{
    let size = Int(UnsafeRawPointer(given).load(as: UInt32.self))
    if size < least { return nil }
    var result = empty
    withUnsafeMutableBytes(of: &result) {
        $0.copyMemory(from: UnsafeRawBufferPointer(start: given, count: min(size, $0.count)))
    }
    return result
}

/// Fills a struct of the host's, as far as it reaches, and says in its size how far that is. False: it is
/// shorter than `least`.
func write<Struct: BitwiseCopyable>(
    _ value: Struct, least: Int, to target: UnsafeMutablePointer<Struct>
) -> Bool {
    let target = UnsafeMutableRawPointer(target)
    let size = Int(target.load(as: UInt32.self))
    if size < least { return false }
    let known = min(size, MemoryLayout<Struct>.size)
    withUnsafeBytes(of: value) { target.copyMemory(from: $0.baseAddress!, byteCount: known) }
    target.storeBytes(of: UInt32(known), as: UInt32.self)
    return true
}
