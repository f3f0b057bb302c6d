// What waits to be written to one connection: runs of bytes in the arena, oldest first. The newest run is
// kept inline, so that a connection whose bytes of this turn lie in one piece, as nearly all do, costs no
// list and no allocation.

internal import HearthBytes

/// What to do with a message for a connection whose outbox is full.
package enum SlowConsumerPolicy: UInt8 {
    case close = 0, dropOldest, dropNewest, latest
}

package enum AppendResult {
    case queued
    /// The outbox is full, and nobody has yet tried to write: flush it, then append again.
    case flushFirst
    /// Not queued, as the policy says.
    case dropped
    /// Not queued, and the connection must be closed as too slow.
    case tooSlow
    /// The connection takes no more messages.
    case closed
}

struct Outbox {
    static var none: UInt32 { UInt32.max }

    /// The newest run; `chunk` is `none` when there is none.
    var chunk: UInt32 = none
    var start: UInt32 = 0
    var end: UInt32 = 0
    var isHeld = false
    /// Accepts messages.
    var isOpen = false
    /// In the list of those with something to write.
    var isDirty = false
    /// The system took no more; a watcher waits until it does. Always of one that somebody else carries.
    var isBlocked = false
    /// Frames are handed over instead of written to a socket.
    var isCarried = false
    /// Who carries them takes no more at the moment.
    var isStalled = false
    var policy = SlowConsumerPolicy.close
    /// Number of the list with the older runs, or `none`.
    var queue: UInt32 = none
    /// All that waits.
    var bytes: UInt32 = 0
    /// How many of them, at the front, must go out as they are: a frame already begun, an HTTP response.
    var fixedBytes: UInt32 = 0
    /// More than this is not queued for messages.
    var bytesMax: UInt32 = 0
    var nextDirty: UInt32 = none
    /// Messages dropped by the policy and not yet reported.
    var dropped: UInt32 = 0

    /// Whether a flush could make room.
    var mayFlush: Bool { !isBlocked || isCarried && !isStalled }
}

/// The older runs of one outbox, in order. Kept for the next outbox that needs one when it is empty.
struct SegmentQueue {
    var segments: [Segment] = []
    var head = 0

    var isEmpty: Bool { head == segments.count }

    mutating func append(_ segment: Segment) {
        if head >= 64, head * 2 >= segments.count {
            segments.removeSubrange(0..<head)
            head = 0
        }
        segments.append(segment)
    }

    mutating func removeFirst() {
        head += 1
        if head == segments.count {
            segments.removeAll(keepingCapacity: true)
            head = 0
        }
    }
}
