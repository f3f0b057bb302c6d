import HearthBytes
import HearthPlatform
import Testing

@Suite("TLS between two streams")
struct TLSStreamTests {
    @Test(
        "shakes hands and carries bytes both ways, however the ciphertext is cut",
        arguments: [1, 2, 5, 7, 100, 65536])
    func carriesBytes(step: Int) throws {
        let pair = try Pair(serverSettings("localhost"))
        pair.shakeHands(step: step)
        #expect(pair.client.stream.state == .established)
        #expect(pair.server.stream.state == .established)
        #expect(pair.client.version == "TLSv1.3")
        pair.client.send(Array("to the server".utf8))
        pair.server.send(Array("to the client".utf8))
        pair.pump(step: step)
        #expect(pair.server.received == Array("to the server".utf8))
        #expect(pair.client.received == Array("to the client".utf8))
    }

    @Test("is cut at every byte of a conversation in two")
    func cutAtEveryByte() throws {
        let server = try TLSContext.server(serverSettings("localhost"))
        let client = try TLSContext.client(clientSettings())
        let first = try Pair(server, client, host: "localhost", resuming: nil)
        first.shakeHands()
        first.client.send(Array("hello".utf8))
        first.pump()
        for cut in 1..<first.server.wire.count {
            let pair = try Pair(server, client, host: "localhost", resuming: nil)
            pair.client.stream.start()
            _ = pair.client.stream.flush(to: pair.client.descriptor)
            _ = pair.server.read(step: cut)
            pair.pump()
            pair.client.send(Array("hello".utf8))
            _ = pair.server.read(step: max(1, cut - 100))
            pair.pump()
            #expect(pair.server.received == Array("hello".utf8), "cut at \(cut)")
        }
    }

    @Test("many pieces become records of 16 KiB, not one each")
    func sealsPiecesTogether() throws {
        let pair = try Pair(serverSettings("localhost"))
        pair.shakeHands()
        pair.client.wire = []
        var block = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let expected = block
        block.withUnsafeMutableBytes { bytes in
            var pieces = stride(from: 0, to: 40_000, by: 10).map {
                Piece(base: bytes.baseAddress! + $0, count: 10)
            }
            pieces.withUnsafeMutableBufferPointer { #expect(pair.server.stream.seal($0)) }
        }
        #expect(pair.server.stream.sealedBytes == 40_000)
        _ = pair.server.stream.flush(to: pair.server.descriptor)
        pair.pump()
        #expect(pair.client.received == expected)
        // Three records with 22 bytes more each.
        #expect(pair.client.wire.count == 40_000 + 3 * 22)
    }

    @Test("keeps what a full socket does not take, and sends it later in order")
    func keepsWhatIsNotTaken() throws {
        let pair = try Pair(serverSettings("localhost"))
        pair.shakeHands()
        let block = (0..<TLSBuffers.sealMax).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var sent = 0
        while case .done = pair.server.send(block) { sent += 1 }
        #expect(pair.server.stream.pendingBytes > 0)
        sent += 1
        // Meanwhile something more is sealed: it waits behind.
        pair.server.send(Array("last".utf8))
        for _ in 0..<100_000 {
            _ = pair.client.read(step: 100_000)
            if case .done = pair.server.stream.flush(to: pair.server.descriptor) { break }
        }
        pair.pump()
        #expect(pair.server.stream.pendingBytes == 0)
        #expect(pair.client.received.count == sent * block.count + 4)
        #expect(pair.client.received.suffix(4) == Array("last".utf8)[...])
        #expect(pair.client.received.prefix(block.count) == block[...])
    }

    @Test("a peer that says it is done ends the stream, and can still be answered")
    func closeNotify() throws {
        let pair = try Pair(serverSettings("localhost"))
        pair.shakeHands()
        pair.client.send(Array("question".utf8))
        pair.client.stream.close()
        pair.client.stream.close()
        _ = pair.client.stream.flush(to: pair.client.descriptor)
        pair.pump()
        #expect(pair.server.received == Array("question".utf8))
        #expect(pair.server.stream.state == .ended)
        pair.server.send(Array("answer".utf8))
        pair.pump()
        #expect(pair.client.received == Array("answer".utf8))
    }

    @Test("a later connection resumes the session of an earlier one")
    func resumes() throws {
        let server = try TLSContext.server(serverSettings("localhost"))
        let client = try TLSContext.client(clientSettings())
        let first = try Pair(server, client, host: "localhost", resuming: nil)
        first.shakeHands()
        first.server.send([1])
        first.pump()
        #expect(!first.server.stream.details.isResumed)
        let session = try #require(first.client.stream.session)
        #expect(session.isResumable)
        let second = try Pair(server, client, host: "localhost", resuming: session)
        second.shakeHands()
        #expect(second.server.stream.details.isResumed)
        #expect(second.client.stream.details.isResumed)
    }

    @Test("a record that was changed, repeated or left out ends the stream with a sentence")
    func brokenRecords() throws {
        for breaking in 0..<3 {
            let pair = try Pair(serverSettings("localhost"))
            pair.shakeHands()
            pair.server.wire = []
            pair.client.send(Array("first".utf8))
            pair.pump()
            let record = pair.server.wire
            pair.server.received = []
            switch breaking {
            case 0: pair.server.take(record)
            case 1:
                var changed = record
                changed[record.count - 1] ^= 1
                pair.server.take(changed)
            default:
                // Sealed, and lost on its way.
                var lost = Array("lost".utf8)
                lost.withUnsafeMutableBytes {
                    _ = pair.client.stream.seal(Piece(base: $0.baseAddress, count: 4))
                }
                _ = pair.client.stream.flush(to: -1)
                pair.client.send(Array("next".utf8))
                pair.pump()
            }
            #expect(pair.server.stream.state == .failed)
            #expect(pair.server.received.isEmpty)
            #expect(pair.server.fault == "a record was changed, repeated or left out on its way")
        }
    }

    @Test("bytes that are no TLS fail with a sentence, at whatever byte they are cut")
    func noise() throws {
        let context = try TLSContext.server(serverSettings("localhost"))
        let client = try TLSContext.client(clientSettings())
        for bytes in [
            Array("\u{0}\u{1}\u{2}\u{3}\u{4}noise noise".utf8), Array("GET / HTTP/1.1\r\n\r\n".utf8),
        ] {
            for cut in 1..<bytes.count {
                let pair = try Pair(context, client, host: "localhost", resuming: nil)
                pair.server.take(Array(bytes[..<cut]))
                pair.server.take(Array(bytes[cut...]))
                #expect(pair.server.stream.state == .failed)
                #expect(!pair.server.fault.isEmpty)
            }
        }
    }

    @Test("a handshake may have max_tls_handshake_size bytes and no more")
    func handshakeIsBounded() throws {
        var settings = serverSettings("localhost")
        settings.handshakeBytesMax = 4096
        let pair = try Pair(settings)
        // A ClientHello that announces 100 KiB and comes a record at a time.
        var hello: [UInt8] = [1, 1, 0x90, 0, 3, 3]
        hello += [UInt8](repeating: 0, count: 1000 - hello.count)
        var given = 0
        while pair.server.stream.state == .handshaking, given < 1 << 20 {
            pair.server.take([22, 3, 1, 3, 0xE8] + hello)
            given += 1005
            hello = [UInt8](repeating: 0, count: 1000)
        }
        #expect(pair.server.stream.state == .failed)
        #expect(given <= 4096 + 1005)
    }
}
