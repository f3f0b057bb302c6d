// What the operating system answered, sorted into what a caller can do about it.

internal import CLibuv

package enum SystemErrorKind: Sendable {
    case addressInUse, badAddress, permission, descriptorsExhausted, notFound, memory, other
}

package struct SystemError: Error, Sendable {
    /// errno of the failed call.
    package let number: Int32

    package init(number: Int32) { self.number = number }

    package static var refused: SystemError { SystemError(number: EPERM) }

    package static var last: SystemError { SystemError(number: hearth_shim_errno()) }

    package var kind: SystemErrorKind {
        switch number {
        case EADDRINUSE: .addressInUse
        case EADDRNOTAVAIL, EAFNOSUPPORT, EINVAL, ENAMETOOLONG: .badAddress
        case EACCES, EPERM: .permission
        case EMFILE, ENFILE: .descriptorsExhausted
        case ENOENT, ENOTDIR: .notFound
        case ENOMEM, ENOBUFS: .memory
        default: .other
        }
    }

    /// The system's own words, e.g. "Address already in use".
    package var text: [UInt8] {
        guard let text = strerror(number) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
}

package enum CString {
    /// Bytes before the NUL, or more than `max` if there is none within it.
    package static func length(_ pointer: UnsafePointer<CChar>, max: Int) -> Int { strnlen(pointer, max + 1) }

    package static func bytes(_ pointer: UnsafePointer<CChar>) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
    }
}
