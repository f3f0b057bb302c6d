// Stopping so that nobody notices: nobody new is taken, those who are here are told when to come back, and
// leave one after the other.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Server {
    /// Of the reason of a close, beside the hint.
    private static var whyBytesMax: Int { 90 }

    package func drain(_ farewell: Farewell) -> Status {
        if farewell.why.count > Self.whyBytesMax {
            return engine.fail(.tooLarge, ascii("what is said on closing has at most 90 bytes"))
        }
        let isSound = farewell.message.withUnsafeBufferPointer {
            $0.isEmpty || Connections.messageOpcode(farewell.opcode, $0) != nil
        }
        if !isSound { return engine.fail(.invalid, ascii("the farewell is neither binary nor UTF-8 text")) }
        let loops = engine.currentLoops
        if loops.isEmpty { return engine.fail(.state, ascii("the engine does not run")) }
        let exchanged = state.compareExchange(
            expected: .started, desired: .draining, ordering: .acquiringAndReleasing)
        guard exchanged.exchanged else {
            return engine.fail(.state, ascii("the server is not started, or stopping already"))
        }
        loopsToDrain.store(loops.count, ordering: .releasing)
        for loop in loops {
            if loop.port.isCurrent {
                loop.drainServer(self, farewell)
            } else {
                _ = loop.port.post(.server(self, .drain(farewell)))
            }
        }
        return .ok
    }

    /// Everybody has gone: what is left are HTTP connections.
    func stopDrained(deadline: UInt64) {
        let exchanged = state.compareExchange(
            expected: .draining, desired: .stopping, ordering: .acquiringAndReleasing)
        if exchanged.exchanged { stopLoops(reason: [], deadline: deadline) }
    }
}
