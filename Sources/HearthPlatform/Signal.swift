// A descriptor that one thread makes readable and another waits for: how a started engine says that events
// wait.

internal import CLibuv

package final class ReadinessSignal: @unchecked Sendable {
    /// Readable while raised.
    package let descriptor: Int32
    private let writeEnd: Int32

    package init() throws(SystemError) {
        var ends: (Int32, Int32) = (-1, -1)
        let status = withUnsafeMutableBytes(of: &ends) {
            hearth_shim_pipe($0.baseAddress!.assumingMemoryBound(to: Int32.self))
        }
        if status != 0 { throw SystemError.last }
        descriptor = ends.0
        writeEnd = ends.1
    }

    deinit {
        Socket.close(descriptor)
        Socket.close(writeEnd)
    }

    /// Raising twice is the same as once: the pipe holds more than one byte.
    package func raise() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    package func lower() {
        var bytes: UInt64 = 0
        while withUnsafeMutableBytes(of: &bytes, { read(descriptor, $0.baseAddress!, 8) }) == 8 {}
    }

    /// Waits until a descriptor is readable; -1: for ever. False: the time is over.
    package static func wait(for descriptor: Int32, milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }
}
