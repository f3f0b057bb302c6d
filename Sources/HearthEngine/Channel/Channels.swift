// What the connections of channels of one loop have for their transports: frames are gathered while outboxes
// are flushed, and the host gets them at the end of the turn. Thread: the loop's.
//
// A connection is stalled while the host has enough in its hands, or while its queue of events is full; a
// stalled one hands over nothing. Those of the second kind are kept here until the queue has room.

internal import HearthBytes

final class Channels {
    private var batch = ChannelBatch()
    private var stalled: [ConnectionID] = []
    private let afterwork: Afterwork

    init(afterwork: Afterwork) { self.afterwork = afterwork }

    // MARK: Frames of this turn

    var bytesCount: Int { batch.bytes.count }

    /// Adds the connection to the last group if that has the very same bytes for the same channel.
    func joinLastGroup(_ run: Segment, _ channel: Channel, _ id: ConnectionID) -> Bool {
        guard let last = batch.lastRun, last.chunk == run.chunk, last.start == run.start, last.end == run.end,
            let group = batch.groups.last, group.link.channel === channel
        else { return false }
        batch.ids.append(id.raw)
        batch.groups[batch.groups.count - 1].ids = group.ids.lowerBound..<batch.ids.count
        return true
    }

    /// Begins a group of one connection, without bytes. `run`: where its bytes lie in the arena, for others
    /// to join it; nil: none can.
    func beginGroup(_ link: ChannelLink, _ endpoint: Unmanaged<Endpoint>, _ id: ConnectionID, run: Segment?) {
        let start = batch.bytes.count
        batch.ids.append(id.raw)
        batch.groups.append(
            ChannelBatch.Group(
                link: link, endpoint: endpoint, bytes: start..<start,
                ids: (batch.ids.count - 1)..<batch.ids.count))
        batch.lastRun = run
        afterwork.note(.channels)
    }

    /// Copies bytes into the group that was begun last.
    func append(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        batch.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
        let index = batch.groups.count - 1
        batch.groups[index].bytes = batch.groups[index].bytes.lowerBound..<batch.bytes.count
    }

    /// The arena begins anew: other bytes may lie where those of the last group lay.
    @inline(__always)
    func endFlush() { batch.lastRun = nil }

    func takeBatch() -> ChannelBatch {
        let taken = batch
        batch = ChannelBatch()
        return taken
    }

    // MARK: Connections that wait for the queue of events

    func addStalled(_ id: ConnectionID) { stalled.append(id) }

    func takeStalled() -> [ConnectionID] {
        if stalled.isEmpty { return [] }
        let taken = stalled
        stalled = []
        return taken
    }
}
