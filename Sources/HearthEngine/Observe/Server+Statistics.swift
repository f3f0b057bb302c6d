// What a server has counted, as JSON for a program and as text for Prometheus.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import Synchronization

/// All numbers at one moment, or nearly: each is right, but they are read one after the other.
struct Statistics {
    var sums = CounterSums()
    var broadcastLatency = HistogramSum()
    var loopLag = HistogramSum()
    var users = 0
    var departingUsers = 0
    /// Of each loop.
    var rooms: [Int] = []
    var outboxBytes: UInt64 = 0
    var outboxBytesMax: UInt64 = 0
}

extension Server {
    var statistics: Statistics {
        var statistics = Statistics()
        forEachCounters { statistics.sums.add($0) }
        withPresence {
            statistics.users = $0.connectedCount
            statistics.departingUsers = $0.departingCount
        }
        for loop in engine.currentLoops {
            statistics.broadcastLatency.add(loop.meter.broadcastLatency)
            statistics.loopLag.add(loop.meter.lag)
        }
        forEachLoop { loop in
            statistics.rooms.append(loop.hub.roomCount(server: number))
            loop.forEachConnection(of: self) { place in
                let bytes = place.pointee.waitingBytes.load(ordering: .relaxed)
                statistics.outboxBytes += bytes
                statistics.outboxBytesMax = max(statistics.outboxBytesMax, bytes)
            }
        }
        return statistics
    }

    // MARK: JSON

    package var statisticsJSON: [UInt8] {
        let all = statistics
        let health = health
        var json = StatisticsJSON()
        json.open("")
        json.add("server", UInt64(number))
        json.add("scope", ascii("local"))
        json.add("time_ms", Clock.wallMilliseconds())
        json.add(raw: "health", health.json)
        json.open("connections")
        json.add("open", all.sums.open)
        json.add("opened", all.sums[.opened])
        json.add("closed", all.sums[.closed])
        json.close()
        json.add("reconnects", all.sums[.reconnects])
        json.add("users", UInt64(all.users))
        json.add("departing_users", UInt64(all.departingUsers))
        json.add("rooms", UInt64(all.rooms.reduce(0, +)))
        json.add("messages", received: all.sums[.messagesReceived], sent: all.sums[.messagesSent])
        json.add("bytes", received: all.sums[.bytesReceived], sent: all.sums[.bytesSent])
        json.add("broadcasts", all.sums[.broadcasts])
        json.add("broadcast_latency", all.broadcastLatency)
        json.add("loop_lag", all.loopLag)
        json.add("outbox_bytes", all.outboxBytes)
        json.add("outbox_bytes_max", all.outboxBytesMax)
        json.add("messages_dropped", all.sums[.messagesDropped])
        json.add("messages_limited", all.sums[.messagesLimited])
        json.add("slow_consumers_closed", all.sums[.slowConsumersClosed])
        json.add("stale_removed", all.sums[.staleRemoved])
        json.open("handshakes")
        for index in 0..<HandshakeResult.count {
            json.add(name: HandshakeResult.label(at: index), all.sums.handshakes(at: index))
        }
        json.close()
        json.open("closes")
        for index in 0..<CloseCount.count where all.sums.closes(at: index) > 0 {
            json.add(name: CloseCount.label(at: index), all.sums.closes(at: index))
        }
        json.close()
        cluster?.writeJSON(&json, own: counts)
        json.close()
        return json.bytes
    }

    // MARK: Prometheus

    /// Text exposition format, version 0.0.4.
    package var metrics: [UInt8] {
        let all = statistics
        var text = MetricsText()
        text.gauge("hearth_connections", "Open connections.", all.sums.open)
        text.gauge("hearth_users", "Users that have a connection.", UInt64(all.users))
        text.gauge(
            "hearth_users_departing", "Users kept in rooms by presence_grace, once for each room.",
            UInt64(all.departingUsers))
        text.begin("hearth_rooms", "Rooms with members, by loop.", "gauge")
        for (index, count) in all.rooms.enumerated() {
            text.sample("hearth_rooms", "loop", decimal(index), UInt64(count))
        }
        let health = health
        text.gauge("hearth_healthy", "Whether health_path says ok.", health.status == .ok ? 1 : 0)
        text.gauge(
            "hearth_event_queue_full", "Whether sockets are not read as the host does not fetch its events.",
            health.isEventQueueFull ? 1 : 0)
        text.gauge("hearth_outbox_bytes", "Bytes that wait to be sent.", all.outboxBytes)
        text.gauge("hearth_outbox_bytes_max", "The same, of the fullest connection.", all.outboxBytesMax)
        addCounters(all.sums, to: &text)
        text.begin("hearth_handshakes_total", "Requests for a WebSocket, by answer.", "counter")
        for index in 0..<HandshakeResult.count {
            let label = HandshakeResult.label(at: index)
            text.sample("hearth_handshakes_total", "result", label, all.sums.handshakes(at: index))
        }
        text.begin("hearth_connections_closed_total", "Connections that ended, by code.", "counter")
        for index in 0..<CloseCount.count where all.sums.closes(at: index) > 0 {
            let label = CloseCount.label(at: index)
            text.sample("hearth_connections_closed_total", "code", label, all.sums.closes(at: index))
        }
        text.histogram(
            "hearth_broadcast_latency_seconds", "From a broadcast to the last of its writes, by loop.",
            all.broadcastLatency)
        text.histogram("hearth_loop_lag_seconds", "How long what is ready may wait.", all.loopLag)
        cluster?.writeMetrics(&text)
        return text.bytes
    }

    private func addCounters(_ sums: CounterSums, to text: inout MetricsText) {
        text.counter("hearth_connections_opened_total", "Connections that opened.", sums[.opened])
        text.counter(
            "hearth_reconnects_total", "Connections opened by clients that say they come back.",
            sums[.reconnects])
        text.counter("hearth_messages_received_total", "Messages of peers.", sums[.messagesReceived])
        text.counter("hearth_messages_sent_total", "Messages given to connections.", sums[.messagesSent])
        text.counter("hearth_bytes_received_total", "Bytes read from sockets.", sums[.bytesReceived])
        text.counter("hearth_bytes_sent_total", "Bytes written to sockets.", sums[.bytesSent])
        text.counter(
            "hearth_broadcasts_total", "Broadcasts and relayed messages, once on each loop.",
            sums[.broadcasts])
        text.counter(
            "hearth_messages_dropped_total", "Messages dropped for slow consumers.", sums[.messagesDropped])
        text.counter(
            "hearth_messages_limited_total", "Messages not delivered, of peers that exceed a rate.",
            sums[.messagesLimited])
        text.counter(
            "hearth_slow_consumers_closed_total", "Connections closed as too slow.",
            sums[.slowConsumersClosed])
        text.counter(
            "hearth_stale_removed_total", "Connections removed as they answered no ping.",
            sums[.staleRemoved])
    }
}
