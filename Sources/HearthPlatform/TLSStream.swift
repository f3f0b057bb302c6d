// One connection's TLS: ciphertext in, plain bytes out, and the other way round. It holds no socket and no
// buffers: OpenSSL reads from and writes to what the loop's connections share, and only what a socket did not
// take is kept.

internal import CLibuv
internal import COpenSSL
package import HearthBytes

package final class TLSStream {
    package enum State: UInt8 {
        case handshaking, established
        /// The peer sends no more (close_notify). It can still be sent to.
        case ended
        case failed
    }

    package enum Flushed {
        case done
        case blocked
        case failed(SystemError)
    }

    private let ssl: OpaquePointer
    private let context: TLSContext
    private let buffers: TLSBuffers
    /// The host that a client wants; empty on the server's side.
    private let host: [UInt8]
    package private(set) var state = State.handshaking
    private var isClosed = false
    /// Both sides have agreed, whatever came after.
    package private(set) var isHandshakeComplete = false
    /// What they agreed on, kept by the loop for other threads to see.
    package var agreed: TLSDetails?
    /// Why it failed, in a sentence.
    package private(set) var fault: [UInt8] = []
    private var handshakeBytes: UInt32 = 0
    /// How many bytes more than it has sent itself the peer was answered by TLS alone.
    private var answeredBytes = 0
    /// It may ask for new keys so often before it says something.
    private static let answeredBytesMax = 64 << 10
    // What the socket did not take.
    private var pending: UnsafeMutablePointer<UInt8>?
    private var pendingStart = 0
    private var pendingEnd = 0
    /// How many plain bytes have been sealed since the caller has taken this count.
    private var sealedCount = 0

    /// The server's side of a new connection.
    package convenience init(server context: TLSContext, _ buffers: TLSBuffers) throws(TLSFault) {
        try self.init(context, host: [], buffers)
        SSL_set_accept_state(ssl)
    }

    /// The client's side, towards a host with that DNS name or IP address (without brackets): it is asked for
    /// by name, and the certificate must be its. Follow with `start`.
    package convenience init(
        client context: TLSContext, host: [UInt8], resuming session: TLSSession?, _ buffers: TLSBuffers
    ) throws(TLSFault) {
        try self.init(context, host: host, buffers)
        SSL_set_connect_state(ssl)
        let isNamed = (host + [0]).withUnsafeBytes { text in
            name(text.baseAddress!.assumingMemoryBound(to: CChar.self))
        }
        if !isNamed { throw TLSFault(quoted(host), text(" cannot be a host of TLS: "), TLSErrors.take()) }
        if let session { SSL_set_session(ssl, session.handle) }
    }

    private init(_ context: TLSContext, host: [UInt8], _ buffers: TLSBuffers) throws(TLSFault) {
        TLSErrors.clear()
        guard let ssl = SSL_new(context.handles[0]) else {
            throw TLSFault(text("OpenSSL cannot make a connection: "), TLSErrors.take())
        }
        guard let bio = TLSWindowMethod.open(buffers.window) else {
            SSL_free(ssl)
            throw TLSFault(text("OpenSSL cannot make a connection: "), TLSErrors.take())
        }
        SSL_set_bio(ssl, bio, bio)
        self.ssl = ssl
        self.context = context
        self.buffers = buffers
        self.host = host
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        // Or OpenSSL would hold its session for spoilt: that a peer is gone without a word is no reason to.
        if state != .failed { SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN) }
        SSL_free(ssl)
        pending?.deallocate()
    }

    private func name(_ host: UnsafePointer<CChar>) -> Bool {
        if X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 { return true }
        TLSErrors.clear()
        // RFC 9525 6.3: the subject's common name is no name of a host.
        SSL_set_hostflags(
            ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        let hostName = UnsafeMutableRawPointer(mutating: host)
        let status = SSL_ctrl(
            ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), hostName)
        return status == 1 && SSL_set1_host(ssl, host) == 1
    }

    // MARK: In

    /// Writes a client's first flight. Then `flush`.
    package func start() {
        TLSErrors.clear()
        advance()
    }

    /// Takes bytes of the peer, all of them, at most `TLSBuffers.receiveMax`. Returns how many plain bytes
    /// lie at the start of `buffers.plain`. It may have something to say to the peer, an alert if it failed:
    /// then `flush`.
    package func receive(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        precondition(count <= TLSBuffers.receiveMax)
        let window = buffers.window
        window.pointee.input = bytes
        window.pointee.inputCount = count
        defer {
            window.pointee.input = nil
            window.pointee.inputCount = 0
        }
        TLSErrors.clear()
        if state == .handshaking { advance() }
        var filled = 0
        let wasComplete = isHandshakeComplete
        let producedBefore = window.pointee.producedCount
        while state == .established {
            var taken = 0
            let status = SSL_read_ex(
                ssl, buffers.plain + filled, TLSBuffers.plainCapacity - filled, &taken)
            if status == 1 {
                filled += taken
                continue
            }
            switch SSL_get_error(ssl, status) {
            case SSL_ERROR_WANT_READ:
                if wasComplete {
                    weigh(answers: window.pointee.producedCount - producedBefore, against: filled)
                }
                return filled
            case SSL_ERROR_ZERO_RETURN: state = .ended
            default: fail(TLSErrors.take())
            }
        }
        return filled
    }

    private func weigh(answers: Int, against plainBytes: Int) {
        answeredBytes = max(0, answeredBytes + answers - plainBytes)
        if answeredBytes > Self.answeredBytesMax {
            fail(text("the peer asks for new keys and for nothing else"))
        }
    }

    private func advance() {
        let before = buffers.window.pointee.inputCount
        let status = SSL_do_handshake(ssl)
        handshakeBytes &+= UInt32(clamping: before - buffers.window.pointee.inputCount)
        if status == 1 {
            state = .established
            isHandshakeComplete = true
            return
        }
        if SSL_get_error(ssl, status) != SSL_ERROR_WANT_READ {
            // The reason that the check of the certificate gave says more.
            return fail(fault.isEmpty ? TLSErrors.take() : fault)
        }
        if Int(handshakeBytes) > context.handshakeBytesMax {
            fail(text("the handshake is longer than max_tls_handshake_size"))
        }
    }

    private func fail(_ sentence: [UInt8]) {
        TLSErrors.clear()
        state = .failed
        fault = sentence
    }

    /// Called by OpenSSL for each certificate of the peer's chain, and for what is wrong with it.
    static let verified: @convention(c) (Int32, OpaquePointer?) -> Int32 = { isGood, store in
        if isGood == 1 { return 1 }
        let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx())
        guard let ssl, let owner = SSL_get_ex_data(OpaquePointer(ssl), 0) else { return 0 }
        let reason = X509_STORE_CTX_get_error(store)
        let certificate = X509_STORE_CTX_get_current_cert(store)
        Unmanaged<TLSStream>.fromOpaque(owner)._withUnsafeGuaranteedRef { stream in
            stream.fault =
                TLSFault.unverified(
                    reason, certificate, host: stream.host, authorities: stream.context.authoritiesFile
                ).sentence
        }
        return 0
    }

    // MARK: Out

    /// Seals plain bytes, at most `TLSBuffers.sealMax`, into as few records as they need. Then `flush`.
    /// False: it has failed.
    package func seal(_ pieces: UnsafeMutableBufferPointer<Piece>) -> Bool {
        if pieces.count == 1 { return seal(pieces[0]) }
        var staged = 0
        for piece in pieces {
            guard var base = piece.base.map({ UnsafeRawPointer($0) }) else { continue }
            var left = piece.count
            while left > 0 {
                let count = min(left, TLSBuffers.recordBytesMax - staged)
                UnsafeMutableRawPointer(buffers.staging + staged).copyMemory(from: base, byteCount: count)
                staged += count
                base += count
                left -= count
                if staged < TLSBuffers.recordBytesMax { continue }
                if !seal(Piece(base: buffers.staging, count: staged)) { return false }
                staged = 0
            }
        }
        return staged == 0 || seal(Piece(base: buffers.staging, count: staged))
    }

    /// Seals bytes that lie in one piece.
    package func seal(_ piece: Piece) -> Bool {
        if state != .established && state != .ended || isClosed { return false }
        var written = 0
        if SSL_write_ex(ssl, piece.base, piece.count, &written) == 1 {
            sealedCount += written
            return true
        }
        fail(TLSErrors.take())
        return false
    }

    /// Tells the peer that nothing more will come (close_notify). Then `flush`.
    package func close() {
        if isClosed || state == .handshaking || state == .failed { return }
        isClosed = true
        TLSErrors.clear()
        if SSL_shutdown(ssl) < 0 { TLSErrors.clear() }
    }

    /// Whether something is to be flushed.
    package var hasOutput: Bool { pendingBytes > 0 || buffers.window.pointee.producedCount > 0 }

    /// Sealed bytes that the socket did not take.
    package var pendingBytes: Int { pendingEnd - pendingStart }

    /// Plain bytes in what has been sealed and is not gone: the caller's to keep until `flush` is
    /// `done`.
    package var sealedBytes: Int { sealedCount }

    /// Counts anew, when they are gone.
    package func takeSealedBytes() -> Int {
        let count = sealedCount
        sealedCount = 0
        return count
    }

    /// Sends what waits, then what has just been produced, and keeps what the socket does not take.
    package func flush(to descriptor: Int32) -> Flushed {
        let window = buffers.window
        let count = window.pointee.producedCount
        window.pointee.outputCount = window.pointee.stagedCount
        let produced = Piece(base: window.pointee.produced, count: count)
        if pendingBytes == 0 {
            if count == 0 { return .done }
            return settle(produced, Socket.send(descriptor, window.pointee.produced, count))
        }
        if count > 0 { keep(window.pointee.produced, count) }
        switch Socket.send(descriptor, pending! + pendingStart, pendingBytes) {
        case .bytes(let sent): pendingStart += sent
        case .blocked: break
        case .failed(let error): return .failed(error)
        }
        if pendingBytes > 0 { return .blocked }
        pending?.deallocate()
        pending = nil
        pendingStart = 0
        pendingEnd = 0
        return .done
    }

    /// Takes out what has just been produced, to be sent together with others. It is good until the staged
    /// bytes are cleared; before that, `settle` it. nil: something else is to go before.
    package func stage() -> Piece? {
        let window = buffers.window
        if pendingBytes > 0 || window.pointee.producedCount == 0 { return nil }
        let piece = Piece(base: window.pointee.produced, count: window.pointee.producedCount)
        window.pointee.stagedCount = window.pointee.outputCount
        return piece
    }

    /// What became of sealed bytes that were sent: keeps what was not taken.
    package func settle(_ piece: Piece, _ transfer: Transfer) -> Flushed {
        let base = piece.base!.assumingMemoryBound(to: UInt8.self)
        switch transfer {
        case .bytes(let sent) where sent == piece.count: return .done
        case .bytes(let sent): keep(base + sent, piece.count - sent)
        case .blocked: keep(base, piece.count)
        case .failed(let error): return .failed(error)
        }
        return .blocked
    }

    private func keep(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        let kept = UnsafeMutablePointer<UInt8>.allocate(capacity: pendingBytes + count)
        if let pending {
            UnsafeMutableRawPointer(kept).copyMemory(from: pending + pendingStart, byteCount: pendingBytes)
            pending.deallocate()
        }
        UnsafeMutableRawPointer(kept + pendingBytes).copyMemory(from: bytes, byteCount: count)
        pendingEnd = pendingBytes + count
        pendingStart = 0
        pending = kept
    }

    // MARK: What is known of the peer

    package var details: TLSDetails {
        var subject: [UInt8] = []
        if let certificate = SSL_get0_peer_certificate(ssl) { subject = Certificate.subject(certificate) }
        return TLSDetails(
            version: SSL_get_version(ssl), cipher: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)),
            isResumed: SSL_session_reused(ssl) == 1, subject: subject)
    }

    /// What a later connection to the same host can begin with, once data has come from it.
    package var session: TLSSession? {
        guard let handle = SSL_get1_session(ssl) else { return nil }
        return TLSSession(handle)
    }
}

/// What was agreed with a peer.
package struct TLSDetails {
    /// "TLSv1.3"; static.
    package let version: UnsafePointer<CChar>?
    /// "TLS_AES_128_GCM_SHA256"; static.
    package let cipher: UnsafePointer<CChar>?
    package let isResumed: Bool
    /// Of the peer's certificate, if it has shown one: "CN=Ada,O=Example".
    package let subject: [UInt8]

    package var versionText: [UInt8] { version.map { CString.bytes($0) } ?? [] }
    package var cipherText: [UInt8] { cipher.map { CString.bytes($0) } ?? [] }
}

/// A session with a server, to be resumed.
package final class TLSSession {
    let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { SSL_SESSION_free(handle) }

    package var isResumable: Bool { SSL_SESSION_is_resumable(handle) == 1 }
}
