import HearthBytes
import HearthSession
import HearthWire
import Testing

@Suite("Keepalive")
struct KeepaliveTests {
    @Test("a silent peer is pinged after the interval, not one millisecond before")
    func silentPeerIsPinged() {
        let world = World()
        #expect(world.deadline == World.start + World.interval)
        world.pass(World.interval - 1)
        #expect(world.tick() == .none)
        world.pass(1)
        #expect(world.tick() == .sendPing(1))
        #expect(world.tick() == .none)
    }

    @Test("a peer that stays silent after the ping is dead after the timeout, not one millisecond before")
    func silentPeerDies() {
        let world = World()
        #expect(world.tickWhenDue() == .sendPing(1))
        world.pass(World.timeout - 1)
        #expect(world.tick() == .none)
        world.pass(1)
        #expect(world.tick() == .pingTimedOut)
        #expect(world.state == .ended)
        #expect(world.deadline == nil)
    }

    @Test("any byte after the ping keeps the peer alive, even half a frame")
    func anyByteIsLife() {
        for bytes in [[0x81], text("hi"), pong(99), frame(9, [])] {
            let world = World()
            #expect(world.tickWhenDue() == .sendPing(1))
            world.pass(World.timeout - 1)
            world.receive(bytes)
            world.pass(World.timeout)
            #expect(world.tick() != .pingTimedOut)
            #expect(world.state == .open)
        }
    }

    @Test("what came in the millisecond of the ping was no answer to it, but its pong is")
    func sameMillisecond() {
        for answer in [[], pong(1)] {
            let world = World()
            while world.tick() == .none {
                world.pass(1_000)
                world.receive(text("hi"))
            }
            world.receive(answer)
            world.pass(World.timeout)
            #expect((world.tick() == .pingTimedOut) == answer.isEmpty)
        }
    }

    @Test("a peer that answers every ping lives for a day, and is asked once in an interval")
    func answeringPeerLives() {
        let world = World()
        var pings: UInt64 = 0
        while world.now < World.start + 86_400_000 {
            pings += 1
            #expect(world.tickWhenDue() == .sendPing(pings))
            world.pass(30)
            #expect(world.receive(pong(pings)) == [.pong])
        }
        #expect(pings == 86_400_000 / (World.interval + 30) + 1)
    }

    @Test("a peer that never falls silent is asked every fourth interval, so that its latency is known")
    func busyPeerIsAskedSeldom() {
        let world = World()
        var askedAt: [UInt64] = []
        for second in UInt64(1)...400 {
            world.pass(1_000)
            world.receive(text("hi"))
            if case .sendPing(let number) = world.tick() {
                askedAt.append(second)
                world.pass(25)
                world.receive(pong(number))
            }
        }
        #expect(askedAt.count == 4 || askedAt.count == 5)
        #expect(askedAt.first == 80)
        #expect(world.latency == 25_000)
    }

    @Test("a peer that talks but answers no ping is not dead")
    func talkingPeerLives() {
        let world = World()
        for _ in 1...1_000 {
            world.pass(World.timeout - 1)
            world.receive(text("hi"))
            #expect(world.tick() != .pingTimedOut)
        }
        #expect(world.state == .open)
        #expect(world.latency == -1)
    }

    @Test("latency is the time from a ping to its pong; -1 before the first")
    func latencyIsMeasured() {
        let world = World()
        #expect(world.latency == -1)
        #expect(world.tickWhenDue() == .sendPing(1))
        world.pass(42)
        #expect(world.receive(pong(1)) == [.pong])
        #expect(world.latency == 42_000)
        #expect(world.tickWhenDue() == .sendPing(2))
        world.pass(7)
        #expect(world.receive(pong(2)) == [.pong])
        #expect(world.latency == 7_000)
    }

    @Test("a pong that was not asked for, comes twice or carries something else says nothing")
    func unaskedPongIsIgnored() {
        let world = World()
        #expect(world.receive(pong(0) + pong(1) + frame(10, [])).isEmpty)
        #expect(world.tickWhenDue() == .sendPing(1))
        #expect(
            world.receive(
                pong(2) + frame(10, Array(bigEndian(1).dropFirst())) + frame(10, [0] + bigEndian(1))
            ).isEmpty)
        #expect(world.receive(pong(1) + pong(1)) == [.pong])
    }

    @Test("a pong is known however it is cut")
    func cutPongIsKnown() {
        for cut in 0...pong(1).count {
            let world = World()
            #expect(world.tickWhenDue() == .sendPing(1))
            #expect(world.receive(pong(1), [0..<cut, cut..<pong(1).count]) == [.pong], "cut at \(cut)")
        }
    }

    @Test("without an interval nobody is pinged and there is no deadline")
    func pingsCanBeOff() {
        let world = World(pingInterval: 0)
        #expect(world.deadline == nil)
        world.pass(1_000_000_000)
        #expect(world.tick() == .none)
        #expect(world.state == .open)
    }

    @Test("a close that is not answered ends after its timeout, whatever else comes")
    func closeTimesOut() {
        for pingInterval in [World.interval, 0] {
            let world = World(pingInterval: pingInterval)
            #expect(world.close())
            #expect(world.deadline == World.start + World.closeTimeout)
            world.pass(World.closeTimeout - 1)
            world.receive(text("hi") + frame(9, []))
            #expect(world.tick() == .none)
            world.pass(1)
            #expect(world.tick() == .closeTimedOut)
            #expect(world.tick() == .none)
        }
    }

    @Test("what has ended has no deadline and does nothing")
    func endedHasNoDeadline() {
        let world = World()
        world.receive(close(1000))
        #expect(world.deadline == nil)
        world.pass(1_000_000)
        #expect(world.tick() == .none)
    }
}
