// What the TLS streams of one loop share: OpenSSL reads from a window onto the bytes just received and writes
// to one buffer, so a connection has no buffers of its own.

internal import COpenSSL

package final class TLSBuffers {
    /// So many bytes may be given to a stream at once.
    package static let receiveMax = 256 << 10
    /// What a stream seals at once, at most: what is sealed is held twice until the system has taken it.
    package static let sealMax = 64 << 10
    /// RFC 8446 5.1: the plain bytes of one record.
    package static let recordBytesMax = 16 << 10

    /// Plain bytes that were received. All of a window fits, and the rest of a record that began before it.
    package let plain: UnsafeMutablePointer<UInt8>
    static let plainCapacity = receiveMax + 2 * recordBytesMax
    /// Where pieces are put together to records.
    let staging: UnsafeMutablePointer<UInt8>
    let window: UnsafeMutablePointer<TLSWindow>

    package init() {
        plain = .allocate(capacity: Self.plainCapacity)
        staging = .allocate(capacity: Self.recordBytesMax)
        window = .allocate(capacity: 1)
        window.initialize(to: TLSWindow())
    }

    /// Whether so many plain bytes can be sealed and staged beside what is staged already.
    package func hasRoom(forStaging plainBytes: Int) -> Bool {
        let records = plainBytes / Self.recordBytesMax + 1
        // Once, so that it does not grow step by step under what is staged.
        if window.pointee.outputCount == 0 { window.pointee.reserve(Self.stagedMax + 2 * Self.sealMax) }
        return window.pointee.outputCount + plainBytes + records * 64 <= Self.stagedMax
    }

    private static let stagedMax = 512 << 10

    /// What was staged has been sent, or kept by its stream.
    package func clearStaged() { window.pointee.clearStaged() }

    deinit {
        plain.deallocate()
        staging.deallocate()
        window.pointee.clearStaged()
        window.pointee.output.deallocate()
        window.deinitialize(count: 1)
        window.deallocate()
    }
}

/// What OpenSSL reads, and what it has written, during a call. Before that lies what other streams have
/// staged.
struct TLSWindow {
    var input: UnsafePointer<UInt8>?
    var inputCount = 0
    var output: UnsafeMutablePointer<UInt8> = .allocate(capacity: 4 << 10)
    var outputCapacity = 4 << 10
    var outputCount = 0
    /// Up to here it is staged.
    var stagedCount = 0
    /// What staged pieces still point into.
    private var outgrown: [UnsafeMutablePointer<UInt8>] = []

    /// What the stream that was called last has produced.
    var producedCount: Int { outputCount - stagedCount }
    var produced: UnsafeMutablePointer<UInt8> { output + stagedCount }

    mutating func clearStaged() {
        outputCount = 0
        stagedCount = 0
        for memory in outgrown { memory.deallocate() }
        outgrown.removeAll(keepingCapacity: true)
    }

    mutating func reserve(_ capacity: Int) {
        if capacity > outputCapacity {
            while capacity > outputCapacity { outputCapacity *= 2 }
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: outputCapacity)
            UnsafeMutableRawPointer(larger).copyMemory(from: output, byteCount: outputCount)
            if stagedCount > 0 { outgrown.append(output) } else { output.deallocate() }
            output = larger
        }
    }

    mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
        reserve(outputCount + count)
        UnsafeMutableRawPointer(output + outputCount).copyMemory(from: bytes, byteCount: count)
        outputCount += count
    }
}

/// The kind of BIO through which OpenSSL reaches a window. It takes everything and has what the window has.
enum TLSWindowMethod {
    nonisolated(unsafe) static let shared: OpaquePointer? = make()

    /// A BIO onto the window. Memory: the caller hands it to SSL_set_bio. The window must outlive it.
    static func open(_ window: UnsafeMutablePointer<TLSWindow>) -> OpaquePointer? {
        guard let shared, let bio = BIO_new(shared) else { return nil }
        BIO_set_data(bio, window)
        BIO_set_init(bio, 1)
        return bio
    }

    private static func make() -> OpaquePointer? {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hearth window") else {
            return nil
        }
        BIO_meth_set_write_ex(method) { bio, bytes, count, written in
            guard let window = TLSWindowMethod.window(of: bio), let bytes, let written else { return 0 }
            window.pointee.append(bytes, count)
            written.pointee = count
            return 1
        }
        BIO_meth_set_read_ex(method) { bio, place, capacity, taken in
            guard let window = TLSWindowMethod.window(of: bio), let place, let taken else { return 0 }
            BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
            let count = min(capacity, window.pointee.inputCount)
            guard count > 0, let input = window.pointee.input else {
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
                return 0
            }
            UnsafeMutableRawPointer(place).copyMemory(from: input, byteCount: count)
            window.pointee.input = input + count
            window.pointee.inputCount -= count
            taken.pointee = count
            return 1
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }

    private static func window(of bio: OpaquePointer?) -> UnsafeMutablePointer<TLSWindow>? {
        BIO_get_data(bio)?.assumingMemoryBound(to: TLSWindow.self)
    }
}
