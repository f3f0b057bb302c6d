// What is left to do at the end of a turn. A room that finds something which concerns a room above it leaves
// a note here instead of calling upward, so nothing ends a connection on which somebody is at work. The loop
// runs the notes kind by kind, in the order of `Kind`. Thread: the loop's.

enum Note {
    /// The connection's next request, or its first frames, are here already.
    case followUp(ConnectionID)
    /// A write to the slot failed.
    case broken(UInt32)
    /// Everything for the slot was written while it is not an open WebSocket.
    case emptied(UInt32)
    /// The transports of channels have something to send.
    case channels
    /// Something is to be done for clients.
    case clients
    /// Lines of the log wait.
    case log
    /// The slot of a connection that has ended can be freed.
    case release(UInt32)
    /// A listening socket that is closed can be freed.
    case closeListener(UnsafeMutablePointer<Acceptor>)

    enum Kind: UInt8 {
        case followUp = 0, broken, emptied, channels, clients, log, release, closeListener

        @inline(__always) var bit: UInt8 { 1 << rawValue }
    }

    @inline(__always)
    var kind: Kind {
        switch self {
        case .followUp: .followUp
        case .broken: .broken
        case .emptied: .emptied
        case .channels: .channels
        case .clients: .clients
        case .log: .log
        case .release: .release
        case .closeListener: .closeListener
        }
    }
}

final class Afterwork {
    private static let capacityMin = 64
    /// What follows from a write. It is run in rounds, as it may queue more.
    static let consequences: UInt8 =
        Note.Kind.broken.bit | Note.Kind.emptied.bit | Note.Kind.channels.bit | Note.Kind.clients.bit
        | Note.Kind.log.bit

    private var notes: UnsafeMutablePointer<Note>
    private var count = 0
    private var capacity = Afterwork.capacityMin
    /// The notes that `forEach` runs through.
    private var taken: UnsafeMutablePointer<Note>
    private var takenCapacity = Afterwork.capacityMin
    private var isRunning = false
    /// The kinds of which there are any.
    private var kinds: UInt8 = 0

    init() {
        notes = .allocate(capacity: capacity)
        taken = .allocate(capacity: capacity)
    }

    deinit {
        notes.deallocate()
        taken.deallocate()
    }

    @inline(__always) var isEmpty: Bool { kinds == 0 }

    @inline(__always)
    func has(_ kind: Note.Kind) -> Bool { kinds & kind.bit != 0 }

    /// Whether there are notes of one of the kinds, by their bits.
    @inline(__always)
    func hasAny(_ bits: UInt8) -> Bool { kinds & bits != 0 }

    func note(_ note: Note) {
        kinds |= note.kind.bit
        switch note {
        case .channels, .clients, .log: return
        case .followUp, .broken, .emptied, .release, .closeListener: break
        }
        if count == capacity { grow() }
        (notes + count).initialize(to: note)
        count += 1
    }

    /// Takes a note that there is only once. Returns whether it was there.
    func take(_ kind: Note.Kind) -> Bool {
        if kinds & kind.bit == 0 { return false }
        kinds &= ~kind.bit
        return true
    }

    /// Takes all notes of the kind, oldest first. What `body` notes is left for the next time.
    func forEach(_ kind: Note.Kind, _ body: (Note) -> Void) {
        if kinds & kind.bit == 0 { return }
        assert(!isRunning, "notes are run through one after the other")
        kinds &= ~kind.bit
        if takenCapacity < count {
            taken.deallocate()
            taken = .allocate(capacity: capacity)
            takenCapacity = capacity
        }
        var takenCount = 0
        var kept = 0
        for index in 0..<count {
            if notes[index].kind == kind {
                (taken + takenCount).initialize(to: notes[index])
                takenCount += 1
            } else {
                notes[kept] = notes[index]
                kept += 1
            }
        }
        count = kept
        isRunning = true
        for index in 0..<takenCount { body(taken[index]) }
        isRunning = false
    }

    private func grow() {
        let larger = UnsafeMutablePointer<Note>.allocate(capacity: 2 * capacity)
        larger.moveInitialize(from: notes, count: count)
        notes.deallocate()
        notes = larger
        capacity *= 2
    }
}
