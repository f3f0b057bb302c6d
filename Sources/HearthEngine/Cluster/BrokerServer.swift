// One server of the broker: where it is, the two connections to it, and when it is tried again. Or one that
// is only asked where the others are.

internal import HearthBytes
internal import HearthCluster
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

final class BrokerServer {
    unowned(unsafe) let cluster: Cluster
    let address: RedisAddress
    let broker: RedisBroker
    /// What it is asked; nil: it carries messages.
    var finder: RedisFinder?
    var commands: BrokerLink?
    var subscriber: BrokerLink?
    var lookup: Lookup?
    /// Of its name.
    var addresses: [RemoteAddress] = []
    var nextAddress = 0
    var reconnect = ReconnectPolicy()
    // Moments; 0: none.
    var retryAt: UInt64 = 0
    var attemptDeadline: UInt64 = 0
    var probeAt: UInt64 = 0
    var fault = BrokerFault.connecting
    var text: [UInt8] = []
    /// What it refuses while the connections stay; until 0: nothing.
    var trouble = BrokerFault.none
    var troubleText: [UInt8] = []
    var troubleUntil: UInt64 = 0

    init(_ cluster: Cluster, _ address: RedisAddress, isFinder: Bool = false) {
        self.cluster = cluster
        self.address = address
        cluster.serverCount += 1
        broker = RedisBroker(
            cluster.node.broker.terms, number: cluster.serverCount,
            isShard: cluster.isSharded && !isFinder)
        if isFinder { finder = RedisFinder(cluster.url, asked: address) }
    }

    var isHome: Bool { cluster.node.broker.home === broker }

    /// For logs.
    var name: [UInt8] { address.host.isEmpty ? cluster.url.socketPath : address.text }
}
