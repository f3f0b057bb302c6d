// Where a connection is between its first byte and the free slot: which phase follows which, and what each
// event from outside asks for in each phase. Without socket, clock or session: those are the caller's.
//
// Steps are taken by the engine and change the phase. A step that is not in the table changes nothing.
//
//   step              from                                                    to
//   proxyHeaderRead   proxy                                                   request
//   tunnelAsked       connecting                                              tunnel
//   tlsBegan          connecting tunnel                                       sealing
//   upgradeAsked      connecting tunnel sealing                               handshake
//   bodyAwaited       request                                                 body
//   hostAsked         request body host                                       host
//   answered          request host                                            request
//   opened            request host handshake                                  open
//   ended             open                                                    finishing
//   finished          request body host finishing                             finishing
//   released          proxy connecting tunnel sealing handshake request body host finishing   released
//
// An open connection is therefore never released before it has ended, which is where the host is told.
//
// Events come from outside and leave the phase alone; the steps that the reaction takes change it.
//
//   phase       bytes         deadline        inputEnded          broken         tlsFailed
//   proxy       none          release         release             release        none
//   connecting  none          none            loseAttempt         loseAttempt    failAttempt
//   tunnel      readAnswer    none            loseAttempt         loseAttempt    failAttempt
//   sealing     none          none            loseAttempt         loseAttempt    failAttempt
//   handshake   readAnswer    none            loseAttempt         loseAttempt    failAttempt
//   request     readRequest   refuseRequest   finishRequests      release        finish
//   body        readRequest   refuseBody      release             release        release
//   host        readRequest   answerForHost   finishAnswer        release        release
//   open        decode        tickSession     endAndRelease       endAndRelease  endAndFinish
//   finishing   none          release         releaseWhenWritten  release        none
//   released    none          none            none                none           none
//
//   phase       serverStops         serverCut      partWritten      allWritten
//   proxy       release             release        none             none
//   connecting  none                release        none             none
//   tunnel      none                release        none             none
//   sealing     none                release        none             none
//   handshake   none                release        none             none
//   request     releaseIfIdle       release        extendKeepAlive  nextRequest
//   body        none                release        none             none
//   host        none                release        none             sendFile
//   open        closeSession        endAndRelease  none             none
//   finishing   releaseWhenWritten  release        extendClose      closeTransport
//   released    none                none           none             none

package enum ConnectionPhase: UInt8, CaseIterable {
    /// The header of a proxy is awaited, or coming; the request begins behind it.
    case proxy
    /// A client's socket is connecting.
    case connecting
    /// A client's: the proxy is asked for a tunnel.
    case tunnel
    /// A client's: TLS is being agreed on.
    case sealing
    /// A client's: the server is asked for a WebSocket.
    case handshake
    /// A request head is awaited, or coming. A channel's connection begins here too.
    case request
    /// The body of a plain HTTP request is coming.
    case body
    /// The host is to answer: an upgrade (accept or reject) or a plain request (respond). A file that is
    /// being sent is such an answer.
    case host
    /// WebSocket; the session says whether open or closing.
    case open
    /// The host was told of the end, or there was nothing to tell: what waits is written, then the peer goes.
    case finishing
    /// The descriptor is closed; the slot is free at the end of the turn.
    case released

    /// A client's connection that is not open yet.
    package var isOfAttempt: Bool {
        switch self {
        case .connecting, .tunnel, .sealing, .handshake: true
        case .proxy, .request, .body, .host, .open, .finishing, .released: false
        }
    }
}

package enum ConnectionStep: UInt8, CaseIterable {
    case proxyHeaderRead, tunnelAsked, tlsBegan, upgradeAsked, bodyAwaited, hostAsked, answered, opened
    case ended, finished, released
}

package enum ConnectionEvent: UInt8, CaseIterable {
    /// Plain bytes have come.
    case bytes
    /// The time of the phase is over.
    case deadline
    /// The peer sends no more.
    case inputEnded
    /// The transport is broken: reset, timed out.
    case broken
    /// The peer broke the rules of TLS, or is not trusted.
    case tlsFailed
    case serverStops
    /// The server ends what is left at once.
    case serverCut
    /// The peer has taken a part of what waited.
    case partWritten
    /// The peer has taken all of what waited.
    case allWritten
}

package enum ConnectionReaction: UInt8 {
    case none
    case readRequest, readAnswer, decode
    case refuseRequest, refuseBody, answerForHost, tickSession
    case closeSession, endAndRelease, endAndFinish, finish
    /// The attempt that it belongs to is over: the transport went, or TLS was not agreed on.
    case loseAttempt, failAttempt
    case release
    /// Released if nothing waits to be written, else when all is.
    case releaseWhenWritten
    /// Released if no request has begun.
    case releaseIfIdle
    /// Requests that have come are answered, and no more are read.
    case finishRequests
    /// A plain request is answered, and no more are read. An upgrade is given up.
    case finishAnswer
    case extendKeepAlive, extendClose
    case nextRequest, sendFile, closeTransport
}

/// The phase of one connection, changed by the steps of the table alone.
package struct ConnectionLife {
    package private(set) var phase: ConnectionPhase

    /// A connection begins in `proxy`, `request` or `connecting`.
    @inline(__always)
    package init(_ first: ConnectionPhase) { phase = first }

    /// False: the step is not possible in this phase, and nothing has changed.
    @inline(__always)
    package mutating func take(_ step: ConnectionStep) -> Bool {
        guard let next = phase.next(step) else { return false }
        phase = next
        return true
    }
}

extension ConnectionPhase {
    /// nil: the step is not possible.
    package func next(_ step: ConnectionStep) -> ConnectionPhase? {
        switch (step, self) {
        case (.proxyHeaderRead, .proxy): .request
        case (.tunnelAsked, .connecting): .tunnel
        case (.tlsBegan, .connecting), (.tlsBegan, .tunnel): .sealing
        case (.upgradeAsked, .connecting), (.upgradeAsked, .tunnel), (.upgradeAsked, .sealing): .handshake
        case (.bodyAwaited, .request): .body
        case (.hostAsked, .request), (.hostAsked, .body), (.hostAsked, .host): .host
        case (.answered, .request), (.answered, .host): .request
        case (.opened, .request), (.opened, .host), (.opened, .handshake): .open
        case (.ended, .open): .finishing
        case (.finished, .request), (.finished, .body), (.finished, .host), (.finished, .finishing):
            .finishing
        case (.released, .open), (.released, .released): nil
        case (.released, _): .released
        default: nil
        }
    }

    @inline(__always)
    package func reaction(to event: ConnectionEvent) -> ConnectionReaction {
        switch event {
        case .bytes: reactionToBytes
        case .deadline: reactionToDeadline
        case .inputEnded: reactionToInputEnd
        case .broken: reactionToBreak
        case .tlsFailed: reactionToTLSFailure
        case .serverStops: reactionToStop
        case .serverCut:
            switch self {
            case .open: .endAndRelease
            case .released: .none
            default: .release
            }
        case .partWritten:
            switch self {
            case .request: .extendKeepAlive
            case .finishing: .extendClose
            default: .none
            }
        case .allWritten:
            switch self {
            case .request: .nextRequest
            case .host: .sendFile
            case .finishing: .closeTransport
            default: .none
            }
        }
    }

    @inline(__always)
    private var reactionToBytes: ConnectionReaction {
        switch self {
        case .open: .decode
        case .request, .body, .host: .readRequest
        case .tunnel, .handshake: .readAnswer
        case .proxy, .connecting, .sealing, .finishing, .released: .none
        }
    }

    private var reactionToDeadline: ConnectionReaction {
        switch self {
        case .open: .tickSession
        case .request: .refuseRequest
        case .body: .refuseBody
        case .host: .answerForHost
        case .proxy, .finishing: .release
        case .connecting, .tunnel, .sealing, .handshake, .released: .none
        }
    }

    private var reactionToInputEnd: ConnectionReaction {
        switch self {
        case .open: .endAndRelease
        case .request: .finishRequests
        case .host: .finishAnswer
        case .finishing: .releaseWhenWritten
        case .connecting, .tunnel, .sealing, .handshake: .loseAttempt
        case .proxy, .body: .release
        case .released: .none
        }
    }

    private var reactionToBreak: ConnectionReaction {
        switch self {
        case .open: .endAndRelease
        case .connecting, .tunnel, .sealing, .handshake: .loseAttempt
        case .proxy, .request, .body, .host, .finishing: .release
        case .released: .none
        }
    }

    private var reactionToTLSFailure: ConnectionReaction {
        switch self {
        case .open: .endAndFinish
        case .request: .finish
        case .body, .host: .release
        case .connecting, .tunnel, .sealing, .handshake: .failAttempt
        case .proxy, .finishing, .released: .none
        }
    }

    private var reactionToStop: ConnectionReaction {
        switch self {
        case .open: .closeSession
        case .request: .releaseIfIdle
        case .finishing: .releaseWhenWritten
        case .proxy: .release
        case .connecting, .tunnel, .sealing, .handshake, .body, .host, .released: .none
        }
    }
}
