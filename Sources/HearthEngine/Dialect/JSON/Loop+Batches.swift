// Events that are collected for a while and leave as one JSON array, and what else of the json dialect waits
// for its time.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

extension Loop {
    func setEventDeadline(_ place: ConnectionRef) {
        let slot = place.pointee.slot
        guard let due = place.pointee.speaker?.deadline else { return timers.remove(.dialect, slot) }
        timers.set(.dialect, slot, due: due)
    }

    func eventDeadlineReached(_ slot: UInt32) {
        guard connections.contains(slot), connections.place(slot).pointee.phase == .open,
            let speaker = connections.place(slot).pointee.speaker
        else { return }
        let place = connections.place(slot)
        let server = place.pointee.server.takeUnretainedValue()
        if !speaker.batch.isEmpty, speaker.batchDue <= now { flushBatch(place) }
        for entry in speaker.typing where entry.due <= now { stopTyping(place, server, entry.room) }
        setEventDeadline(place)
    }

    // MARK: Batches

    /// Adds an event to what leaves at the end of the window, which the first one opens.
    func addToBatch(
        _ place: ConnectionRef, _ json: UnsafeBufferPointer<UInt8>
    ) -> Int64 {
        guard let speaker = place.pointee.speaker, hub.acceptsMessages(place.pointee.slot) else {
            return Int64(Status.gone.rawValue)
        }
        let settings = place.pointee.server._withUnsafeGuaranteedRef { $0.events }
        if !speaker.batch.isEmpty, speaker.batch.count + json.count + 2 > settings.batchBytesMax {
            flushBatch(place)
        }
        if speaker.batch.isEmpty {
            context.enter()
            speaker.batchDue = now + settings.batchInterval
            speaker.batch.append(UInt8(ascii: "["))
        } else {
            speaker.batch.append(UInt8(ascii: ","))
        }
        speaker.batch.append(contentsOf: json)
        speaker.batchCount += 1
        if speaker.batchCount >= settings.batchMessagesMax || speaker.batch.count >= settings.batchBytesMax {
            flushBatch(place)
        } else if speaker.batchCount == 1 {
            setEventDeadline(place)
        }
        return 1
    }

    /// Queues what was collected, if anything was.
    func flushBatch(_ place: ConnectionRef) {
        guard let speaker = place.pointee.speaker, !speaker.batch.isEmpty else { return }
        var batch = speaker.batch
        speaker.batch = []
        speaker.batchCount = 0
        batch.append(UInt8(ascii: "]"))
        batch.withUnsafeBufferPointer { _ = sendFrame(place, .text, $0) }
        setEventDeadline(place)
    }
}
