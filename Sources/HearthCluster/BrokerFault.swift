// Why messages do not reach other processes.

package enum BrokerFault: UInt8, Sendable {
    case none = 0
    case connecting, unreachable, tls, lost, authentication, tooOld, readOnly, outOfMemory, prefixInUse
    case database, sharded, refused, protocolBroken, deaf
    case uncovered, unknownMaster, noSentinel, moved
    case noPermission, parted, otherVersion, tooManyNodes, tooManyChannels

    /// Why a server is degraded.
    package var sentence: StaticString {
        switch self {
        case .none: ""
        case .connecting: "the broker is being connected to"
        case .unreachable: "the broker cannot be reached"
        case .tls: "the broker is not trusted, or does not speak TLS"
        case .lost: "the connection to the broker was lost"
        case .authentication: "the broker refuses the user or the password of redis_url"
        case .tooOld: "the broker is older than Redis 6"
        case .readOnly: "the broker is a replica, which cannot be written to"
        case .outOfMemory: "the broker is out of memory"
        case .prefixInUse: "a key with redis_prefix belongs to another program"
        case .database: "the broker has no database of the number in redis_url"
        case .sharded: "the broker is a Redis Cluster older than Redis 7, without sharded pub/sub"
        case .refused: "the broker refuses a command"
        case .protocolBroken: "the broker does not speak RESP"
        case .deaf: "messages to itself do not come back from the broker"
        case .uncovered: "a part of the Redis Cluster's slots has no server"
        case .unknownMaster: "the sentinels do not know the name in redis_url"
        case .noSentinel: "the server that was asked for the master is no sentinel, or knows none"
        case .noPermission: "the user of redis_url lacks a permission"
        case .parted: "a process of the cluster has another secret, so messages are not exchanged with it"
        case .otherVersion: "a process of the cluster speaks another version of the protocol"
        case .tooManyNodes: "there are more processes than max_broker_nodes"
        case .tooManyChannels: "there are more rooms and users than max_broker_channels"
        case .moved: "the Redis Cluster moves slots or has lost a server"
        }
    }

    /// Trying again soon is no use, but somebody may repair it.
    package var isLasting: Bool {
        switch self {
        case .authentication, .noPermission, .tooOld, .prefixInUse, .database, .sharded, .unknownMaster: true
        default: false
        }
    }
}
