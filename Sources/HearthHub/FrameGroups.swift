// Which connections get the same bytes for a message. What a group stands for, a dialect or a compression, is
// the engine's business: it encodes a message once for each group that it meets.

/// A set of groups. A connection is in one of them.
package struct FrameGroups: Equatable {
    private var bits: UInt32

    private init(bits: UInt32) { self.bits = bits }

    package static var none: FrameGroups { FrameGroups(bits: 0) }
    /// Messages go out as they are.
    package static var plain: FrameGroups { .group(0) }
    /// Messages are encoded for the one connection alone.
    package static var individual: FrameGroups { FrameGroups(bits: 1 << 31) }
    /// All groups of more than one, and the individual ones.
    package static var all: FrameGroups { FrameGroups(bits: UInt32.max) }

    /// `number` is from 0 to 30.
    package static func group(_ number: Int) -> FrameGroups { FrameGroups(bits: 1 << UInt32(number)) }

    package var isEmpty: Bool { bits == 0 }

    /// The one of them with the lowest number, or none.
    package var first: FrameGroups { FrameGroups(bits: bits & (~bits &+ 1)) }

    /// Of the first; 32: there is none.
    package var number: Int { bits.trailingZeroBitCount }

    @inline(__always)
    package func meets(_ other: FrameGroups) -> Bool { bits & other.bits != 0 }

    package mutating func insert(_ other: FrameGroups) { bits |= other.bits }

    package func without(_ other: FrameGroups) -> FrameGroups { FrameGroups(bits: bits & ~other.bits) }
}
