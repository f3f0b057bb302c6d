// What a server knows of its cluster, as JSON for a program and as text for Prometheus. Numbers of the other
// processes are those of their last heartbeat.

internal import HearthBytes
internal import HearthCluster
internal import HearthPlatform
internal import HearthWire

extension Cluster {
    private static var counted: [(BrokerCount, StaticString, StaticString, StaticString)] {
        [
            (.published, "published", "hearth_broker_published_total", "Messages given to the broker."),
            (
                .confirmed, "confirmed", "hearth_broker_confirmed_total",
                "Messages that the broker has taken."
            ),
            (
                .notForwarded, "not_forwarded", "hearth_broker_not_forwarded_total",
                "Messages that other processes did not get, as the broker was away or full."
            ),
            (
                .unconfirmed, "unconfirmed", "hearth_broker_unconfirmed_total",
                "Messages that may be lost, as the connection to the broker broke."
            ),
            (
                .tooLarge, "too_large", "hearth_broker_too_large_total",
                "Messages of peers beyond max_broker_message, not forwarded."
            ),
            (.received, "received", "hearth_broker_received_total", "Messages of other processes."),
            (
                .missed, "missed", "hearth_broker_missed_total",
                "Messages of other processes that never came."
            ),
            (
                .duplicates, "duplicates", "hearth_broker_duplicates_total",
                "Messages that came again and were not delivered again."
            ),
            (
                .rejected, "rejected", "hearth_broker_rejected_total",
                "Messages that no process of the cluster has sent."
            ),
            (
                .channelsRefused, "channels_refused", "hearth_broker_channels_refused_total",
                "Rooms and users beyond max_broker_channels."
            ),
            (
                .placesRefused, "places_refused", "hearth_cluster_places_refused_total",
                "Connections beyond max_connections_per_user, over all processes."
            ),
            (.connected, "connected", "hearth_broker_connects_total", "How often the broker was reached."),
            (
                .nodesLost, "nodes_lost", "hearth_cluster_nodes_lost_total",
                "Processes that did not renew their lease."
            ),
        ]
    }

    func writeJSON(_ json: inout StatisticsJSON, own: NodeCounts) {
        let view = view
        let fault = fault
        json.open("cluster")
        json.add("scope", ascii("cluster"))
        json.add("node", settings.nodeName)
        json.add("status", ascii(fault == .none ? "ok" : "degraded"))
        var text: [UInt8] = []
        JSONString.write(view.text, into: &text)
        json.add("reason", ascii(fault.sentence))
        json.add(raw: "error", text)
        var sum = own
        for node in view.nodes { sum.add(node.counts) }
        json.add("connections", sum.connections)
        json.add("users_by_node", sum.users)
        json.add("rooms_by_node", sum.rooms)
        var list = ascii("[")
        list += Self.entry(settings.nodeName, own, age: 0)
        for node in view.nodes {
            list.append(UInt8(ascii: ","))
            list += Self.entry(
                node.name.bytes, node.counts, age: view.now > node.heardAt ? view.now - node.heardAt : 0)
        }
        json.add(raw: "nodes", list + ascii("]"))
        json.add("channels", UInt64(view.channels))
        for (count, name, _, _) in Self.counted { json.add(name, counters[count.rawValue]) }
        json.close()
    }

    private static func entry(_ name: [UInt8], _ counts: NodeCounts, age: UInt64) -> [UInt8] {
        var json = StatisticsJSON()
        json.open("")
        var text: [UInt8] = []
        JSONString.write(name, into: &text)
        json.add(raw: "id", text)
        json.add("connections", counts.connections)
        json.add("users", counts.users)
        json.add("rooms", counts.rooms)
        json.add("age_ms", age)
        json.close()
        return json.bytes
    }

    func writeMetrics(_ text: inout MetricsText) {
        let view = view
        text.gauge("hearth_broker_up", "Whether the broker works both ways.", fault == .none ? 1 : 0)
        text.gauge(
            "hearth_cluster_nodes", "Processes of the cluster, with this one.", UInt64(view.nodes.count + 1))
        text.gauge("hearth_broker_channels", "Channels that are kept.", UInt64(view.channels))
        for (count, _, name, help) in Self.counted { text.counter(name, help, counters[count.rawValue]) }
    }
}
