// The sockets of one loop in an epoll set of our own. A uv_poll_t takes 160 bytes and five system calls from
// its opening to its end; here a socket takes two and no memory of ours. A set is watched as one descriptor:
// by libuv, or with libuv's own descriptor in it (EventLoop).

internal import CLibuv

package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
    /// The descriptor reports an error. It stays ready until it is not watched any more.
    package static let broken = Readiness(rawValue: 4)
}

/// A socket that is ready, by the name that it was watched with.
package struct ReadySocket {
    package let name: UInt64
    package let readiness: Readiness
}

final class SocketSet {
    /// So many at once; the others come with the next call.
    static let foundMax = 512

    let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event> = .allocate(capacity: foundMax)
    let found: UnsafeMutablePointer<ReadySocket> = .allocate(capacity: foundMax)

    init() throws(SystemError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        // Where it fails, `deinit` frees what there is.
        if descriptor < 0 { throw SystemError.last }
    }

    deinit {
        if descriptor >= 0 { Socket.close(descriptor) }
        events.deallocate()
        found.deallocate()
    }

    func add(_ socket: Int32, _ interest: Readiness, name: UInt64) throws(SystemError) {
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(socket) { return simulated.watch(interest, name: name) }
        #endif
        if hearth_shim_epoll_control(descriptor, EPOLL_CTL_ADD, socket, Self.mask(interest), name) != 0 {
            throw SystemError.last
        }
    }

    /// From one interest to another. An empty one is no entry at all, because an error or a hang-up would be
    /// reported with any entry, again and again.
    /// False: the system refuses it, for want of memory or watches.
    func change(_ socket: Int32, from old: Readiness, to new: Readiness, name: UInt64) -> Bool {
        if old == new { return true }
        #if HEARTH_SIMULATION
            if let simulated = Simulation.socket(socket) {
                simulated.watch(new, name: name)
                return true
            }
        #endif
        let operation = old.isEmpty ? EPOLL_CTL_ADD : new.isEmpty ? EPOLL_CTL_DEL : EPOLL_CTL_MOD
        return hearth_shim_epoll_control(descriptor, operation, socket, Self.mask(new), name) == 0
    }

    /// Puts those that are ready into `found`. Returns how many: 0 too when a signal came.
    func wait(milliseconds: Int32) -> Int {
        let count = Int(epoll_wait(descriptor, events, Int32(Self.foundMax), milliseconds))
        if count <= 0 { return 0 }
        for index in 0..<count {
            let readiness = Self.readiness(hearth_shim_epoll_events(events, Int32(index)))
            found[index] = ReadySocket(
                name: hearth_shim_epoll_name(events, Int32(index)), readiness: readiness)
        }
        return count
    }

    /// Whether others than the one with this name are ready. What `wait` has found stays.
    func isAnyReady(but name: UInt64) -> Bool {
        switch epoll_wait(descriptor, events, 2, 0) {
        case 1: hearth_shim_epoll_name(events, 0) != name
        case let count: count > 0
        }
    }

    @inline(__always)
    private static func mask(_ interest: Readiness) -> UInt32 {
        (interest.contains(.readable) ? EPOLLIN.rawValue : 0)
            | (interest.contains(.writable) ? EPOLLOUT.rawValue : 0)
    }

    @inline(__always)
    private static func readiness(_ events: UInt32) -> Readiness {
        if events & EPOLLERR.rawValue != 0 { return .broken }
        // Who has hung up can be read and written: that is how it is found out.
        if events & EPOLLHUP.rawValue != 0 { return [.readable, .writable] }
        var readiness: Readiness = []
        if events & EPOLLIN.rawValue != 0 { readiness.insert(.readable) }
        if events & EPOLLOUT.rawValue != 0 { readiness.insert(.writable) }
        return readiness
    }
}
