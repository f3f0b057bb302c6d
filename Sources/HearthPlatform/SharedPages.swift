// The same bytes to many sockets without a copy for each: they are written once, to a file in memory, and
// sendfile() gives its pages to every socket. The system keeps them until the last peer has read them, so
// nothing has to be waited for.

internal import CLibuv
package import HearthBytes

package final class SharedPages {
    /// A file, and pages counted for each receiver, cost more than copies of what is smaller, and as much for
    /// fewer.
    package static let bytesMin = 32 << 10
    package static let receiversMin = 8
    /// What lies in more pieces is copied.
    package static let piecesMax = 64

    private let pieces: UnsafeMutablePointer<Piece>
    private var count = 0
    private var bytes = 0
    /// -1: none is open.
    private var file: Int32 = -1
    private var held = hearth_held_signal()
    /// Sockets that were sent the file.
    private var receivers = 0
    /// The system has no such files, or gives no pages of them: not to be used again.
    package private(set) var isRefused = false
    /// There was no memory or descriptor for a file, or too few in a row got it: none before `close`.
    private var isExhausted = false

    package init() {
        pieces = .allocate(capacity: Self.piecesMax)
        pieces.initialize(repeating: Piece(base: nil, count: 0), count: Self.piecesMax)
    }

    deinit { pieces.deallocate() }

    package var isUsed: Bool { file >= 0 || isExhausted }
    package var isUsable: Bool { !isRefused && !isExhausted }
    package var isOpen: Bool { file >= 0 }

    /// Whether the file has these very bytes: those that lie there, and not equal ones.
    package func has(_ others: UnsafeMutableBufferPointer<Piece>) -> Bool {
        if file < 0 || others.count != count { return false }
        for index in 0..<count
        where others[index].base != pieces[index].base || others[index].count != pieces[index].count {
            return false
        }
        return true
    }

    /// Makes the file. The bytes do not change, and their memory is not used for anything else, before
    /// `close`. Until then SIGPIPE is held back on this thread. False: send them as usual.
    package func open(_ shared: UnsafeMutableBufferPointer<Piece>, bytes: Int) -> Bool {
        if shared.count > Self.piecesMax { return false }
        let made = hearth_shim_memory_file(shared.baseAddress!, Int32(shared.count), bytes)
        if made < 0 {
            isRefused = Self.isRefusal(-made)
            isExhausted = true
            return false
        }
        file = made
        count = shared.count
        self.bytes = bytes
        for index in 0..<count { pieces[index] = shared[index] }
        receivers = 0
        hearth_shim_hold_signal(&held)
        return true
    }

    /// Sends the whole file, as far as the socket takes it, which does not block. nil: send as usual.
    package func send(to socket: Int32) -> Transfer? {
        receivers += 1
        while true {
            let sent = hearth_shim_send_file(socket, file, bytes)
            if sent >= 0 { return .bytes(sent) }
            let error = Int32(-sent)
            switch error {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .blocked
            case ENOMEM: return nil
            default: isRefused = Self.isRefusal(error)
            }
            return isRefused ? nil : .failed(SystemError(number: error))
        }
    }

    /// The next socket gets other bytes. Where few in a row get the same there is no other file.
    package func end() {
        let isWorthIt = file < 0 || receivers >= Self.receiversMin
        close()
        isExhausted = !isWorthIt
    }

    /// Lets go of the file. Who was sent its pages has them.
    package func close() {
        isExhausted = false
        if file < 0 { return }
        Socket.close(file)
        file = -1
        hearth_shim_let_signals_go(&held)
    }

    private static func isRefusal(_ error: Int32) -> Bool {
        error == EINVAL || error == EOPNOTSUPP || error == EPERM || error == EACCES || error == ENOSYS
    }
}
