// Whether a server is well, computed from what is true at the moment.

internal import HearthBytes
internal import HearthCluster
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

package enum HealthStatus { case ok, degraded, draining }

package struct Health {
    package let status: HealthStatus
    let reasons: [StaticString]
    let isAccepting: Bool
    /// Milliseconds: the greatest of all loops of late.
    let loopLag: UInt64
    let connections: Int
    let isEventQueueFull: Bool

    package var json: [UInt8] {
        var text = ascii("{\"status\":\"")
        switch status {
        case .ok: text += ascii("ok")
        case .degraded: text += ascii("degraded")
        case .draining: text += ascii("draining")
        }
        text += ascii("\",\"reasons\":[")
        for (index, reason) in reasons.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += ascii("\"") + ascii(reason) + ascii("\"")
        }
        text += ascii("],\"accepting\":") + ascii(isAccepting ? "true" : "false")
        text += ascii(",\"loop_lag_ms\":")
        appendDecimal(loopLag, to: &text)
        text += ascii(",\"connections\":") + decimal(connections)
        text += ascii(",\"event_queue_full\":") + ascii(isEventQueueFull ? "true" : "false")
        return text + ascii("}")
    }
}

extension Server {
    package var health: Health {
        let state = state.load(ordering: .relaxed)
        let loops = engine.currentLoops
        let now = Clock.monotonicNanoseconds() / 1_000_000
        let count = connectionCount.load(ordering: .relaxed)
        var reasons: [StaticString] = []
        switch state {
        case .idle, .starting: reasons.append("the server is not started")
        case .started: if loops.isEmpty { reasons.append("the engine does not run") }
        case .draining: reasons.append("the server is draining")
        case .stopping, .stopped: reasons.append("the server is stopping")
        }
        var lag: UInt64 = 0
        var isPaused = false
        for loop in loops {
            lag = max(lag, loop.meter.recentLag(now: now))
            isPaused = isPaused || loop.meter.isAcceptPaused
        }
        if lag > healthLagMax { reasons.append("a loop is later than max_health_lag") }
        if isPaused { reasons.append("accepting is paused, as the process has no descriptor left") }
        let isFull = connectionsMax > 0 && count >= connectionsMax
        if isFull { reasons.append("max_connections is reached") }
        if state == .started, !loops.isEmpty, let cluster, cluster.fault != .none {
            reasons.append(cluster.fault.sentence)
        }
        let isQueueFull = engine.queue.isFull
        if isQueueFull { reasons.append("the host does not fetch its events") }
        let isEnding = state == .draining || state == .stopping || state == .stopped
        return Health(
            status: isEnding ? .draining : reasons.isEmpty ? .ok : .degraded, reasons: reasons,
            isAccepting: state == .started && !loops.isEmpty && !isPaused && !isFull, loopLag: lag,
            connections: count, isEventQueueFull: isQueueFull)
    }
}
