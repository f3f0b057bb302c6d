// Which clusters a loop attends to, and the links to their brokers. What is done for them is in the files
// Loop+Cluster… and Loop+Broker. Thread: the loop's.

final class Clusters {
    /// Of the servers that are served here, on the engine's first loop.
    private(set) var attended: [Cluster] = []
    private var links: [BrokerLink] = []
    /// A server that belongs to a cluster is served on this loop, or was. Asked for each relayed message.
    private(set) var isUsed = false

    @inline(__always) var isEmpty: Bool { attended.isEmpty }
    var count: Int { attended.count }

    // MARK: Clusters

    func noteUse() { isUsed = true }

    func add(_ cluster: Cluster) { attended.append(cluster) }

    /// Takes the server's cluster out; nil: none is attended to.
    func remove(of server: Server) -> Cluster? {
        guard let index = attended.firstIndex(where: { $0.server === server }) else { return nil }
        return attended.remove(at: index)
    }

    /// None is left: the loop ends.
    func endUse() { isUsed = false }

    // MARK: Links

    func add(_ link: BrokerLink) { links.append(link) }

    func remove(_ link: BrokerLink) { links.removeAll { $0 === link } }

    /// The link that is watched under that name; nil: it is none.
    func link(named name: UInt64) -> BrokerLink? { links.first { $0.name == name } }
}
