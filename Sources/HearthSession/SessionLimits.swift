// What a server grants its connections. One value per server, lent to each session with every call.

package import HearthWire

package struct SessionLimits {
    package var decoder: DecoderLimits
    /// Milliseconds; 0: no pings.
    package var pingInterval: UInt64
    package var pingTimeout: UInt64
    package var closeTimeout: UInt64
    /// How long a message may take to come; 0: as long as it likes.
    package var messageTimeout: UInt64 = 0

    package init(decoder: DecoderLimits, pingInterval: UInt64, pingTimeout: UInt64, closeTimeout: UInt64) {
        self.decoder = decoder
        self.pingInterval = pingInterval
        self.pingTimeout = pingTimeout
        self.closeTimeout = closeTimeout
    }
}
