// Random bytes and SHA-1 from OpenSSL.

internal import COpenSSL

package enum Crypto {
    /// Fills with bytes that nobody can predict. False if the system has none.
    package static func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        return RAND_bytes(base.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1
    }

    package static func randomUInt64() -> UInt64 {
        #if HEARTH_SIMULATION
            if let simulation = Simulation.here { return simulation.random() }
        #endif
        var value: UInt64 = 0
        let isFilled = withUnsafeMutableBytes(of: &value) { fillRandom($0) }
        // OpenSSL needs memory for it; the system's own generator does not.
        if !isFilled {
            var generator = SystemRandomNumberGenerator()
            value = generator.next()
        }
        return value
    }

    /// The 20 bytes of SHA-1, for the opening handshake (RFC 6455 4.2.2).
    package static func sha1(_ input: UnsafeBufferPointer<UInt8>, into digest: UnsafeMutablePointer<UInt8>) {
        hearth_shim_sha1(input.baseAddress!, input.count, digest)
    }

    /// "3.0.15", of the library that the process has loaded.
    package static var libraryVersion: UnsafePointer<CChar> { OpenSSL_version(OPENSSL_VERSION_STRING) }

    /// The folder in which that library looks for certificates.
    package static var libraryFolder: [UInt8] {
        // OPENSSLDIR: "/usr/lib/ssl"
        let text = CString.bytes(OpenSSL_version(OPENSSL_DIR))
        guard let begin = text.firstIndex(of: UInt8(ascii: "\"")),
            let end = text.lastIndex(of: UInt8(ascii: "\"")), begin < end
        else { return [] }
        return [UInt8](text[(begin + 1)..<end])
    }

    /// Whether that library is OpenSSL 3, the one this code was built for.
    package static var isLibraryVersionSupported: Bool { OPENSSL_version_major() == 3 }
}
