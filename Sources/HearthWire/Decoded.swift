// What the decoder takes and gives.

/// Which side we are.
package enum DecoderRole: UInt8, Sendable {
    /// Frames that come in must be masked.
    case server
    /// Frames that come in must not be masked.
    case client
}

/// What a peer is granted. One value per server, lent to the decoder with every call.
package struct DecoderLimits: Sendable {
    package var role: DecoderRole
    /// Bytes of a message, over all its fragments.
    package var maxMessageSize: Int
    package var maxFragments: Int

    /// What a message may take more while it is compressed, for what cannot be compressed grows a little.
    var compressedSlack: Int { maxMessageSize >> 4 + 64 }

    package init(role: DecoderRole, maxMessageSize: Int, maxFragments: Int) {
        self.role = role
        self.maxMessageSize = maxMessageSize
        self.maxFragments = maxFragments
    }
}

/// Where a payload lies.
package enum Body: Equatable {
    /// In the bytes given to `next`, unmasked.
    case inPlace(Range<Int>)
    /// In the decoder until its next call: `withAssembled` lends it.
    case assembled
}

package enum Decoded: Equatable {
    /// Every byte given was taken, and no message is whole.
    case needMore
    case message(Opcode, Body)
    /// The same with a payload that is to be inflated (RFC 7692 7.2.2). A text has not been checked.
    case compressed(Opcode, Body)
    case ping(Body)
    case pong(Body)
    /// nil: the frame had no code.
    case close(CloseCode?, reason: Body)
    case failed(WireError)
}
