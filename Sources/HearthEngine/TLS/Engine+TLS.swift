// What clients need for TLS, loaded once for all that have the same settings.

internal import HearthBytes
internal import HearthPlatform

extension Engine {
    /// Authorities take hundreds of kilobytes: clients share them.
    func clientTLS(_ settings: TLSClientSettings) throws(TLSFault) -> TLSContext {
        let key = ByteString(settings.key)
        if let known = lock.withLock({ clientContexts[key] }) { return known }
        let made = try TLSContext.client(settings)
        lock.withLock { clientContexts[key] = made }
        return made
    }
}

extension TLSClientSettings {
    fileprivate var key: [UInt8] {
        var key = authoritiesFile + [0] + certificateFile + [0] + privateKeyFile + [0]
        key.append(UInt8(minVersion.rawValue))
        key.append(verifies ? 1 : 0)
        append(decimal: handshakeBytesMax, to: &key)
        return key
    }
}
