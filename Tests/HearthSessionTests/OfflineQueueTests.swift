import HearthSession
import HearthWire
import Testing

@Suite("What waits to be sent")
struct OfflineQueueTests {
    private func limits(_ change: (inout QueueLimits) -> Void = { _ in }) -> QueueLimits {
        var limits = QueueLimits(
            messagesMax: 4, bytesMax: 100, ageMax: 1000, dropsOldest: false, ratePerSecond: 0)
        change(&limits)
        return limits
    }

    private func append(
        _ queue: inout OfflineQueue, _ id: UInt64, bytes: Int = 1, keeps: Bool = true, now: UInt64 = 0,
        _ limits: QueueLimits? = nil
    ) -> Bool {
        queue.append(
            id: id, opcode: .text, payload: [UInt8](repeating: UInt8(id & 0xFF), count: bytes),
            keeps: keeps, now: now, limits ?? self.limits())
    }

    private func prepend(_ queue: inout OfflineQueue, _ id: UInt64, keeps: Bool = true) {
        queue.prepend(id: id, opcode: .binary, payload: [UInt8(id & 0xFF)], keeps: keeps, queuedAt: 0)
    }

    private func drain(_ queue: inout OfflineQueue, now: UInt64 = 0) -> [UInt64] {
        var ids: [UInt64] = []
        while let message = queue.next(now: now, limits()) { ids.append(message.id) }
        return ids
    }

    private func drops(_ queue: inout OfflineQueue) -> [QueueDrop] {
        var drops: [QueueDrop] = []
        while let drop = queue.takeDrop() { drops.append(drop) }
        return drops
    }

    private func drop(_ id: UInt64, _ reason: DropReason) -> QueueDrop { QueueDrop(id: id, reason: reason) }

    @Test("gives messages back in their order, with what they were given with")
    func keepsOrder() {
        var queue = OfflineQueue()
        for id in 1...3 as ClosedRange<UInt64> {
            let taken = append(&queue, id, bytes: Int(id), now: id)
            #expect(taken)
        }
        #expect(queue.count == 3 && queue.bytes == 6)
        #expect(queue.message(at: 1).id == 2 && queue.message(at: 2).payload == [3, 3, 3])
        let first = queue.next(now: 9, limits())
        #expect(first?.id == 1 && first?.queuedAt == 1 && first?.opcode == .text && first?.keeps == true)
        #expect(drain(&queue) == [2, 3])
        #expect(queue.isEmpty && queue.bytes == 0 && queue.takeDrop() == nil)
    }

    @Test("refuses what is one more than it may hold, and takes what just fits")
    func refusesWhenFull() {
        var queue = OfflineQueue()
        var taken = (1...5 as ClosedRange<UInt64>).map { append(&queue, $0) }
        #expect(taken == [true, true, true, true, false])
        #expect(drain(&queue) == [1, 2, 3, 4])
        taken = [append(&queue, 6, bytes: 60), append(&queue, 7, bytes: 41), append(&queue, 8, bytes: 40)]
        #expect(taken == [true, false, true])
        #expect(queue.bytes == 100)
        #expect(drops(&queue).isEmpty)
        var none = OfflineQueue()
        let isTaken = append(
            &none, 1,
            limits {
                $0.messagesMax = 0; $0.dropsOldest = true
            })
        #expect(!isTaken)
    }

    @Test("makes room at the front if it is told to, and says what went")
    func dropsOldest() {
        let limits = limits { $0.dropsOldest = true }
        var queue = OfflineQueue()
        for id in 1...5 as ClosedRange<UInt64> { _ = append(&queue, id, bytes: 20, limits) }
        #expect(drops(&queue) == [drop(1, .count)])
        _ = queue.next(now: 0, limits)
        let taken = [append(&queue, 6, bytes: 70, limits), append(&queue, 7, bytes: 101, limits)]
        #expect(taken == [true, false])
        #expect(drops(&queue) == [drop(3, .bytes), drop(4, .bytes)])
        #expect(drain(&queue) == [5, 6])
    }

    @Test("drops what has waited too long, not before and not later than its deadline")
    func expires() {
        var queue = OfflineQueue()
        _ = append(&queue, 1, now: 100)
        _ = append(&queue, 2, now: 101)
        #expect(queue.deadline(limits()) == 1100)
        queue.expire(now: 1099, limits())
        #expect(drops(&queue).isEmpty)
        queue.expire(now: 1100, limits())
        #expect(drops(&queue) == [drop(1, .age)])
        #expect(queue.deadline(limits()) == 1101)
        let patient = limits { $0.ageMax = 0 }
        #expect(queue.deadline(patient) == nil)
        queue.expire(now: .max, patient)
        #expect(queue.count == 1)
    }

    @Test("takes back, in front of all and past every limit, what a broken connection did not take")
    func prepends() {
        var queue = OfflineQueue()
        for id in 101...104 as ClosedRange<UInt64> { _ = append(&queue, id) }
        for id in (1...100 as ClosedRange<UInt64>).reversed() { prepend(&queue, id) }
        #expect(queue.count == 104 && queue.bytes == 104)
        let isFull = !append(&queue, 105)
        #expect(isFull)
        #expect(queue.message(at: 0).opcode == .binary)
        #expect(drain(&queue) == Array(1...104))
    }

    @Test("drops with a broken connection only what was not to outlive it")
    func dropsUnkept() {
        var queue = OfflineQueue()
        _ = append(&queue, 4)
        _ = append(&queue, 5, keeps: false)
        prepend(&queue, 3, keeps: false)
        prepend(&queue, 2)
        queue.dropUnkept()
        #expect(drops(&queue) == [drop(3, .lost), drop(5, .lost)])
        #expect(queue.bytes == 2)
        #expect(drain(&queue) == [2, 4])
    }

    @Test("is cleared with a reason for each message")
    func clears() {
        var queue = OfflineQueue()
        _ = append(&queue, 1)
        _ = append(&queue, 2)
        queue.clear(.cleared)
        _ = append(&queue, 3)
        queue.clear(.closed)
        #expect(drops(&queue) == [drop(1, .cleared), drop(2, .cleared), drop(3, .closed)])
        #expect(queue.isEmpty && queue.bytes == 0)
    }

    @Test("lets out no more in a second than the rate, and no fewer")
    func limitsRate() {
        let limits = limits {
            $0.ratePerSecond = 30; $0.messagesMax = 1000; $0.bytesMax = 1000
        }
        var queue = OfflineQueue()
        for id in 1...300 as ClosedRange<UInt64> { _ = append(&queue, id, limits) }
        var times: [UInt64] = []
        var now: UInt64 = 5000
        while let time = queue.nextAllowed(now: now) {
            if time > now {
                let early = queue.next(now: time - 1, limits)
                #expect(early == nil)
            }
            now = time
            if queue.next(now: now, limits) != nil { times.append(now) }
        }
        #expect(times.count == 300)
        for index in 30..<300 {
            #expect((999...1001).contains(times[index] - times[index - 30]))
        }
    }

    /// The same as an array, over many turns chosen at random.
    @Test("does as an array does, whatever comes in whatever order")
    func matchesModel() {
        var random = SplitMix(state: 99)
        var queue = OfflineQueue()
        var model: [UInt64] = []
        var next: UInt64 = 1_000_000
        var front: UInt64 = 999_999
        var wrong = 0
        for _ in 0..<20_000 {
            switch random.next() % 10 {
            case 0..<5:
                let taken = append(
                    &queue, next,
                    limits {
                        $0.messagesMax = 200; $0.bytesMax = 200
                    })
                if taken != (model.count < 200) { wrong += 1 }
                if taken { model.append(next) }
                next += 1
            case 5:
                prepend(&queue, front)
                model.insert(front, at: 0)
                front -= 1
            case 6 where random.next() % 50 == 0:
                queue.clear(.cleared)
                if drops(&queue).map(\.id) != model { wrong += 1 }
                model = []
            default:
                let id = queue.next(now: 0, limits())?.id
                if id != (model.isEmpty ? nil : model.removeFirst()) { wrong += 1 }
            }
            if queue.count != model.count || queue.bytes != model.count { wrong += 1 }
            if let last = model.last, queue.message(at: model.count - 1).id != last { wrong += 1 }
        }
        #expect(wrong == 0)
    }
}

@Suite("Several messages as one array")
struct BatchWindowTests {
    private let limits = BatchLimits(interval: 100, messagesMax: 3, bytesMax: 20)

    private func append(
        _ window: inout BatchWindow, _ id: UInt64, _ text: String, now: UInt64 = 0
    ) -> BatchResult {
        window.append(id: id, payload: Array(text.utf8), now: now, limits)
    }

    private func take(_ window: inout BatchWindow) -> (String, [UInt64]) {
        let (payload, messages) = window.takeArray()
        return (String(decoding: payload, as: UTF8.self), messages.map(\.id))
    }

    @Test("has a window that begins with the first message and does not move")
    func keepsItsWindow() {
        var window = BatchWindow()
        #expect(window.deadline == nil && window.isEmpty)
        var result = append(&window, 1, "{\"a\":1}", now: 50)
        #expect(result == .taken && window.deadline == 150)
        result = append(&window, 2, "2", now: 149)
        #expect(result == .taken && window.deadline == 150 && window.bytes == 8)
        let taken = take(&window)
        #expect(taken == ("[{\"a\":1},2]", [1, 2]))
        #expect(window.deadline == nil && window.isEmpty && window.bytes == 0)
        result = append(&window, 3, "\"x\"", now: 500)
        #expect(window.deadline == 600)
        #expect(take(&window) == ("[\"x\"]", [3]))
    }

    @Test("is due at once when it is full by count, and takes no more")
    func isFullByCount() {
        var window = BatchWindow()
        let results = (1...4 as ClosedRange<UInt64>).map { append(&window, $0, "1", now: $0) }
        #expect(results == [.taken, .taken, .taken, .full])
        #expect(window.deadline == 3)
        #expect(take(&window) == ("[1,1,1]", [1, 2, 3]))
    }

    @Test("never makes an array that is longer than its limit, but for a single message")
    func isFullByBytes() {
        var window = BatchWindow()
        // 1 + 9 + 1 + 8 + 1 bytes.
        var results = [append(&window, 1, "123456789"), append(&window, 2, "12345678", now: 7)]
        #expect(results == [.taken, .taken] && window.deadline == 7)
        results = [append(&window, 3, "1")]
        #expect(results == [.full])
        #expect(take(&window).0.utf8.count == 20)
        _ = append(&window, 1, "123456789")
        results = [append(&window, 2, "123456789")]
        #expect(results == [.full])
        _ = window.takeArray()
        results = [append(&window, 4, "1234567890123456789012345", now: 9)]
        #expect(results == [.taken] && window.deadline == 9)
    }

    @Test("takes nothing that would break the array")
    func refusesOthers() {
        var window = BatchWindow()
        for text in ["", "a", "1,2", "1]", "{\"a\":1", "[1"] {
            let result = append(&window, 1, text)
            #expect(result == .notJSON)
        }
        #expect(window.isEmpty && window.deadline == nil)
    }
}
