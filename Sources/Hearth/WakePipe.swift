// Wakes a thread that waits on a descriptor.

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// A pipe that holds a byte while somebody should look.
final class WakePipe: Sendable {
    private let reading: Int32
    private let writing: Int32

    init() throws(HearthError) {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) != 0 { throw HearthError(.system) }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        reading = ends[0]
        writing = ends[1]
    }

    deinit {
        close(reading)
        close(writing)
    }

    func raise() {
        var byte: UInt8 = 0
        // A full pipe is raised already.
        _ = write(writing, &byte, 1)
    }

    /// Waits until this is raised or the other descriptor, if it is not negative, is readable; true: the
    /// other is. Lowers it.
    @discardableResult
    func wait(or other: Int32) -> Bool {
        var descriptors = [
            pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&descriptors, 2, -1) > 0 else { return false }
        if descriptors[0].revents != 0 {
            var bytes: [UInt8] = Array(repeating: 0, count: 64)
            while read(reading, &bytes, bytes.count) == bytes.count {}
        }
        return descriptors[1].revents != 0
    }
}
