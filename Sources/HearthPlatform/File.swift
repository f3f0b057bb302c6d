// Files of the served folder, and the process's environment.

internal import CLibuv

/// A regular file, open for reading. The caller closes it.
package struct ServedFile {
    package let descriptor: Int32
    package let size: Int
    /// Seconds since 1970.
    package let modifiedAt: UInt64
    /// Of the last second.
    package let modifiedNanoseconds: UInt64
    /// Which file of its file system it is.
    package let number: UInt64

    package enum Failure: Error { case notFound, forbidden, descriptorsExhausted }

    /// Opens `root` + `path`, if what it names after all links lies in `root` (itself resolved) and is a
    /// regular file.
    package static func open(root: [UInt8], path: [UInt8]) throws(Failure) -> ServedFile {
        guard let resolved = resolve(root + path) else { throw .notFound }
        let prefix = root.last == UInt8(ascii: "/") ? root : root + [UInt8(ascii: "/")]
        guard resolved.starts(with: prefix) else { throw .notFound }
        let descriptor = hearth_shim_open_read(resolved + [0])
        if descriptor < 0 {
            switch SystemError.last.kind {
            case .permission: throw .forbidden
            case .descriptorsExhausted: throw .descriptorsExhausted
            default: throw .notFound
            }
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, hearth_shim_is_file(&status) != 0 else {
            Socket.close(descriptor)
            throw .notFound
        }
        return ServedFile(
            descriptor: descriptor, size: Int(status.st_size),
            modifiedAt: UInt64(max(0, status.st_mtim.tv_sec)),
            modifiedNanoseconds: UInt64(max(0, status.st_mtim.tv_nsec)),
            number: UInt64(truncatingIfNeeded: status.st_ino))
    }

    /// The path without links, "." and "..", or nil if nothing is there.
    package static func resolve(_ path: [UInt8]) -> [UInt8]? {
        // Into memory of ours: what the C library allocates is not counted, and freed by nothing of ours.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { place in
            let found = (path + [0]).withUnsafeBytes {
                realpath($0.baseAddress!.assumingMemoryBound(to: CChar.self), place.baseAddress)
            }
            guard let found else { return nil }
            return [UInt8](UnsafeRawBufferPointer(start: found, count: strlen(found)))
        }
    }

    package static func isFolder(_ path: [UInt8]) -> Bool {
        var status = stat()
        let result = (path + [0]).withUnsafeBytes {
            stat($0.baseAddress!.assumingMemoryBound(to: CChar.self), &status)
        }
        return result == 0 && hearth_shim_is_folder(&status) != 0
    }

    /// How many bytes were read at `offset`; 0 at the end, negative on failure.
    package static func read(
        _ descriptor: Int32, into place: UnsafeMutablePointer<UInt8>, count: Int, offset: Int
    ) -> Int {
        pread(descriptor, place, count, off_t(offset))
    }
}

package enum ProcessEnvironment {
    /// Calls `body` with each "NAME=value" of the environment until it answers false.
    package static func forEach(_ body: (_ name: [UInt8], _ value: [UInt8]) -> Bool) {
        guard var entry = hearth_shim_environ() else { return }
        while let text = entry.pointee {
            let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
            if let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
                if !body(Array(bytes[..<equals]), Array(bytes[(equals + 1)...])) { return }
            }
            entry += 1
        }
    }
}

/// Which file a path names at the moment, and in which state: it changes when the file is written or
/// replaced.
package struct FileStamp: Equatable {
    private let device: UInt64
    private let number: UInt64
    private let size: Int64
    private let seconds: Int64
    private let nanoseconds: Int64

    /// nil: nothing is there.
    package init?(_ path: [UInt8]) {
        var status = stat()
        let result = (path + [0]).withUnsafeBytes {
            stat($0.baseAddress!.assumingMemoryBound(to: CChar.self), &status)
        }
        if result != 0 { return nil }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        number = UInt64(truncatingIfNeeded: status.st_ino)
        size = Int64(status.st_size)
        seconds = Int64(status.st_mtim.tv_sec)
        nanoseconds = Int64(status.st_mtim.tv_nsec)
    }

    /// Why the path cannot be read as a file; nil: it can.
    static func refusal(_ path: [UInt8]) -> SystemError? {
        let descriptor = hearth_shim_open_read(path + [0])
        if descriptor < 0 { return SystemError.last }
        Socket.close(descriptor)
        return ServedFile.isFolder(path) ? SystemError(number: EISDIR) : nil
    }
}

/// A small file that the program's configuration names.
package enum SmallFile {
    package enum Failure: Error, Sendable {
        case unreadable(SystemError)
        case tooLarge
    }

    package static func read(_ path: [UInt8], bytesMax: Int) throws(Failure) -> [UInt8] {
        let descriptor = hearth_shim_open_read(path + [0])
        if descriptor < 0 { throw .unreadable(.last) }
        defer { Socket.close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = part.withUnsafeMutableBufferPointer {
                pread(descriptor, $0.baseAddress!, $0.count, off_t(bytes.count))
            }
            if count < 0 { throw .unreadable(.last) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: part[..<count])
            if bytes.count > bytesMax { throw .tooLarge }
        }
    }
}
