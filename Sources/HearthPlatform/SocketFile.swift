// The file of a Unix socket that this process has bound.

internal import CLibuv

package struct SocketFile: Sendable {
    private let path: [UInt8]
    private let device: UInt64
    private let inode: UInt64

    /// What lies at the path now; nil: no socket.
    package init?(path: [UInt8]) {
        guard let (device, inode) = Self.identity(path) else { return nil }
        self.path = path
        self.device = device
        self.inode = inode
    }

    /// Takes the file away. Another one that lies there by now stays, also another process's socket.
    package func remove() {
        guard let (device, inode) = Self.identity(path), device == self.device, inode == self.inode else {
            return
        }
        Socket.unlink(path: path)
    }

    private static func identity(_ path: [UInt8]) -> (device: UInt64, inode: UInt64)? {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        let status = (path + [0]).withUnsafeBytes {
            hearth_shim_socket_file(
                $0.baseAddress!.assumingMemoryBound(to: CChar.self), &device, &inode)
        }
        return status == 0 ? (device, inode) : nil
    }
}
