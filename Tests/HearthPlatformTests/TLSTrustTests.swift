import HearthBytes
import HearthPlatform
import Testing

@Suite("Whom TLS trusts, and what it says")
struct TLSTrustTests {
    /// The sentence with which a client refuses a server.
    private func refusal(
        _ certificate: String, authority: String = "ca", host: String = "localhost"
    ) throws -> String {
        let pair = try Pair(serverSettings(certificate), clientSettings(authority: authority), host: host)
        pair.shakeHands()
        #expect(pair.client.stream.state == (pair.client.fault.isEmpty ? .established : .failed))
        #expect(pair.server.stream.state == (pair.client.fault.isEmpty ? .established : .failed))
        return pair.client.fault
    }

    @Test("a client takes the certificate of its host, by name and by address")
    func accepts() throws {
        #expect(try refusal("localhost").isEmpty)
        #expect(try refusal("localhost", host: "127.0.0.1").isEmpty)
        #expect(try refusal("localhost", host: "::1").isEmpty)
        #expect(try refusal("rsa").isEmpty)
        #expect(try refusal("example", host: "www.example.org").isEmpty)
        var settings = serverSettings("chain", key: "leaf")
        settings.minVersion = .tls13
        let pair = try Pair(settings)
        pair.shakeHands()
        #expect(pair.client.stream.state == .established)
    }

    @Test("a client says why it refuses: expired, wrong name, wrong address, unknown authority")
    func refuses() throws {
        let expired = try refusal("expired")
        #expect(expired.hasPrefix("the certificate of \"localhost\" has expired: it was good until "))
        #expect(
            try refusal("example")
                == "the certificate of \"localhost\" is for other names: DNS:example.org, DNS:*.example.org")
        #expect(
            try refusal("localhost", host: "127.0.0.2")
                == "the certificate of \"127.0.0.2\" is for other names: "
                + "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1")
        let foreign = try refusal("foreign")
        #expect(foreign.contains("is signed by \"CN=Another Authority\", which is not an authority in /"))
    }

    @Test("a client refuses a certificate whose only name is its subject (RFC 9525, section 2)")
    func refusesTheSubjectAsName() throws {
        #expect(try !refusal("unnamed").isEmpty)
    }

    @Test("the system's store does not know a private authority")
    func systemStore() throws {
        let pair = try Pair(serverSettings("localhost"), TLSClientSettings())
        pair.shakeHands()
        #expect(pair.client.fault.hasSuffix("which is not an authority in the system's store"))
    }

    @Test("a client that does not verify takes anything")
    func skipsVerification() throws {
        var settings = TLSClientSettings()
        settings.verifies = false
        let pair = try Pair(serverSettings("expired"), settings, host: "elsewhere.example")
        pair.shakeHands()
        #expect(pair.client.stream.state == .established)
    }

    @Test("the server learns that the client refused, and why")
    func alertReachesTheServer() throws {
        let pair = try Pair(serverSettings("foreign"))
        pair.shakeHands()
        #expect(pair.server.fault == "the peer refused with the alert \"unknown ca\"")
    }

    @Test("the certificate is chosen by the name asked for; the first is for all others")
    func choosesByName() throws {
        let context = try TLSContext.server(serverSettings("localhost", "example", "rsa"))
        var settings = TLSClientSettings()
        settings.verifies = false
        let client = try TLSContext.client(settings)
        for (host, subject) in [
            ("example.org", "CN=example.org"), ("www.example.org", "CN=example.org"),
            ("localhost", "CN=localhost"), ("nobody.example", "CN=localhost"), ("127.0.0.1", "CN=localhost"),
        ] {
            let pair = try Pair(context, client, host: host, resuming: nil)
            pair.shakeHands()
            #expect(pair.client.subject == subject, "\(host)")
        }
    }

    @Test("a session goes on with the certificate of another name")
    func resumesAmongCertificates() throws {
        let context = try TLSContext.server(serverSettings("localhost", "example"))
        let client = try TLSContext.client(clientSettings())
        let first = try Pair(context, client, host: "example.org", resuming: nil)
        first.shakeHands()
        first.server.send([1])
        first.pump()
        let second = try Pair(context, client, host: "example.org", resuming: first.client.stream.session)
        second.shakeHands()
        #expect(second.server.stream.details.isResumed)
    }

    @Test("a client's certificate is asked for, checked, and named")
    func clientCertificates() throws {
        var server = serverSettings("localhost")
        server.clientCertificates = .required
        server.clientAuthoritiesFile = Certificates.file("ca.pem")
        var client = clientSettings()
        client.certificateFile = Certificates.file("client.pem")
        client.privateKeyFile = Certificates.file("client.key")
        let known = try Pair(server, client)
        known.shakeHands()
        #expect(known.server.subject == "CN=Ada,O=Engines")
        let none = try Pair(server)
        none.shakeHands()
        #expect(none.server.fault == "the peer has sent no certificate")
        client.certificateFile = Certificates.file("stranger.pem")
        client.privateKeyFile = Certificates.file("stranger.key")
        let stranger = try Pair(server, client)
        stranger.shakeHands()
        #expect(
            stranger.server.fault.hasPrefix("the client's certificate is signed by \"CN=Another Authority\""))
        server.clientCertificates = .optional
        let without = try Pair(server)
        without.shakeHands()
        #expect(without.server.stream.state == .established)
        #expect(without.server.subject.isEmpty)
    }

    @Test("what cannot be loaded is refused with the file and the reason")
    func files() {
        func refusal(_ change: (inout TLSServerSettings) -> Void) -> String {
            var settings = serverSettings("localhost")
            change(&settings)
            return sentence { _ = try TLSContext.server(settings) }
        }
        let folder = Certificates.folder
        #expect(
            refusal { $0.certificateFiles = [Certificates.file("missing.pem")] }
                == "cannot read \"\(folder)/missing.pem\": No such file or directory")
        #expect(refusal { $0.certificateFiles = [Array(folder.utf8)] }.hasSuffix(": Is a directory"))
        #expect(
            refusal { $0.privateKeyFiles = [Certificates.file("missing.key")] }
                == "cannot read \"\(folder)/missing.key\": No such file or directory")
        #expect(
            refusal { $0.certificateFiles = [Certificates.file("garbage.pem")] }
                .hasPrefix("\"\(folder)/garbage.pem\" is not a certificate in PEM format: "))
        #expect(
            refusal { $0.privateKeyFiles = [Certificates.file("garbage.pem")] }
                .hasPrefix("\"\(folder)/garbage.pem\" holds no private key in PEM format: "))
        for other in ["example.key", "rsa.key"] {
            #expect(
                refusal { $0.privateKeyFiles = [Certificates.file(other)] }
                    == "the private key in \"\(folder)/\(other)\" does not belong to the certificate in "
                    + "\"\(folder)/localhost.pem\"")
        }
        #expect(
            refusal { $0.privateKeyFiles = [Certificates.file("protected.key")] }
                .contains("is protected by a passphrase"))
        #expect(
            refusal { $0.privateKeyFiles += $0.privateKeyFiles }.contains("as many files as tls_certificate"))
        #expect(refusal { $0.clientCertificates = .required }.contains("needs tls_client_ca_file"))
        #expect(
            refusal {
                $0.clientCertificates = .required
                $0.clientAuthoritiesFile = Certificates.file("garbage.pem")
            }.contains("holds no certificates of authorities"))
        #expect(
            refusal {
                $0.certificateFiles = [Certificates.file("both.pem")]
                $0.privateKeyFiles = []
            }.isEmpty)
    }

    @Test("an expired certificate is loaded, with a warning: the clock may be what is wrong")
    func expiredCertificateOfTheServer() throws {
        let context = try TLSContext.server(serverSettings("expired"))
        #expect(context.warnings.count == 1)
    }
}
