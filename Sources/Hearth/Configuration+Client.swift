// The settings that only clients read.

extension Configuration {
    /// How the waiting grows from one failed attempt to the next.
    public enum ReconnectPolicy: String, Sendable {
        case adaptive, crowd, fixed
    }

    /// What happens when no more messages may wait.
    public enum QueueFull: String, Sendable {
        /// `Client.send` throws.
        case refuse
        case dropOldest = "drop_oldest"
    }

    var clientSettings: [Setting] {
        var list: [Setting] = []
        func add(_ key: String, _ value: String?) {
            if let value { list.append(Setting(key: key, value: value)) }
        }
        func add(_ key: String, _ value: Int?) { add(key, value.map { "\($0)" }) }
        func add(_ key: String, _ value: Bool?) { add(key, value.map { $0 ? "on" : "off" }) }
        func add(_ key: String, _ value: Duration?) { add(key, value.map { "\($0.milliseconds)ms" }) }
        add("url", url)
        add("headers", headers)
        add("subprotocols", subprotocols)
        add("prepare", prepares)
        add("proxy", proxy)
        add("follow_redirects", followRedirects)
        add("sent_events", sentEvents)
        add("json_ping", jsonPing)
        add("max_queue_size", maxQueueSize)
        add("reconnect_enabled", reconnectEnabled)
        add("reconnect_max_attempts", reconnectMaxAttempts)
        add("reconnect_backoff_base", reconnectBackoffBase)
        add("reconnect_backoff_max", reconnectBackoffMax)
        add("reconnect_jitter", reconnectJitter.map { "\($0)" })
        add("reconnect_floor", reconnectFloor)
        add("reconnect_stable", reconnectStable)
        add("reconnect_policy", reconnectPolicy?.rawValue)
        add("reconnect_on", reconnectOn)
        add("stop_on", stopOn)
        add("max_queue_messages", maxQueueMessages)
        add("max_queue_bytes", maxQueueBytes)
        add("max_queue_age", maxQueueAge)
        add("queue_full", queueFull?.rawValue)
        add("queue_flush_rate", queueFlushRate)
        return list
    }
}
