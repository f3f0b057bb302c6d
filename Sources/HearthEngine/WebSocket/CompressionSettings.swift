// What the keys named compression… say, and what was agreed on with one peer.

internal import HearthHub
internal import HearthPlatform
internal import HearthWire

struct CompressionSettings {
    /// What is offered or answered; nil: nothing is compressed.
    let deflate: DeflateSettings?
    /// Messages with fewer bytes go out as they are.
    let threshold: Int
    let level: Int

    init(_ configuration: Configuration, _ policy: SlowConsumerPolicy) {
        level = configuration.integer(.compressionLevel)
        guard configuration.flag(.compression) else {
            deflate = nil
            threshold = Int.max
            return
        }
        // An empty message has nothing to compress.
        threshold = max(configuration.size(.compressionThreshold), 1)
        let takesOver = configuration.flag(.compressionContextTakeover)
        deflate = DeflateSettings(
            // A message that is dropped from an outbox must not be missed by those behind it.
            sendsTakeover: takesOver && policy == .close, receivesTakeover: takesOver,
            windowBits: configuration.integer(.compressionWindowBits))
    }
}

/// A compressed message, while it is inflated.
struct CompressedMessage {
    let opcode: Opcode
    let compressedCount: Int
    /// The rates do not let it through: it is inflated as later ones refer to it.
    let isDropped: Bool
}

/// What is left to do of a message whose inflating takes more than one turn.
final class Inflation {
    let message: CompressedMessage
    let rest: [UInt8]
    var offset = 0
    let inflater: Inflater
    let output: OutputBuffer

    init(_ message: CompressedMessage, rest: [UInt8], _ inflater: Inflater, _ output: OutputBuffer) {
        self.message = message
        self.rest = rest
        self.inflater = inflater
        self.output = output
    }
}

/// permessage-deflate of one connection. What is kept from message to message begins with the first that
/// needs it.
final class Compression {
    let sendsTakeover: Bool
    let receivesTakeover: Bool
    let sentWindowBits: Int
    let receivedWindowBits: Int
    var deflater: Deflater?
    var inflater: Inflater?
    /// The message that is being inflated in several turns.
    var inflation: Inflation?
    /// A message was compressed with the connection's own compressor since it was last asked.
    var wasUsed = false

    init(_ agreed: DeflateParameters, role: DecoderRole) {
        let isServer = role == .server
        sendsTakeover = isServer ? agreed.serverTakesOver : agreed.clientTakesOver
        receivesTakeover = isServer ? agreed.clientTakesOver : agreed.serverTakesOver
        sentWindowBits = isServer ? agreed.serverWindowBits : agreed.clientWindowBits
        receivedWindowBits = isServer ? agreed.clientWindowBits : agreed.serverWindowBits
    }

    /// Those who get the same frames.
    var group: FrameGroups { sendsTakeover ? .individual : .compressed(windowBits: sentWindowBits) }

    /// Gives the compressor back if it has not worked for a while: the next message then refers to none.
    func releaseIdle() {
        if !wasUsed { deflater = nil }
        wasUsed = false
    }
}

// Each dialect has eight groups, beginning with the raw one's: number 0 of them is not compressed, 1 to 7 are
// with windows of 9 to 15 bits.
extension FrameGroups {
    static func compressed(windowBits: Int) -> FrameGroups { .group(windowBits - 8) }

    /// Of a single group that others share.
    var windowBits: Int? { number & 7 > 0 ? (number & 7) + 8 : nil }

    var dialect: Dialect { Dialect(rawValue: UInt8(number / 8)) ?? .raw }

    /// A raw group's counterpart.
    func of(_ dialect: Dialect) -> FrameGroups {
        self == .individual ? self : .group((number & 7) + Int(dialect.rawValue) * 8)
    }

    /// With the same compression.
    var ofEveryDialect: FrameGroups {
        var groups = of(.raw)
        groups.insert(of(.json))
        return groups
    }

    static func all(of dialect: Dialect) -> FrameGroups {
        var groups = FrameGroups.none
        for number in 0..<8 { groups.insert(.group(Int(dialect.rawValue) * 8 + number)) }
        return groups
    }
}
