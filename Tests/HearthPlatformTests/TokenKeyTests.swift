#if HEARTH_JWT
    import HearthPlatform
    import Testing

    /// The examples of RFC 7515 A.1 (HS256), A.3 (ES256) and RFC 8037 A.4 (Ed25519).
    private struct Example {
        let token: String
        let key: String
        let kind: TokenKey.Kind
    }

    private let examples = [
        Example(
            token: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
                + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                + "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            key: """
                {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h\
                cgUuTwjAzZr1Z9CAow"}
                """, kind: .secret),
        Example(
            token: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                + "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
                + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
                + "pmWQxfKTUJqPP3-Kg6NU1Q",
            key: """
                {"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",\
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
                """, kind: .p256),
        Example(
            token: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
                + ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            key: """
                {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
                """, kind: .ed25519),
    ]

    @Suite("Token keys")
    struct TokenKeyTests {
        private func read(_ json: String) throws -> TokenKey {
            let document = try #require(Array(json.utf8).withUnsafeBufferPointer { JSON.parsed($0) })
            return try TokenKey.jwk(document.root)
        }

        private func verifies(_ key: TokenKey, _ token: [UInt8]) -> Bool {
            let dots = token.indices.filter { token[$0] == UInt8(ascii: ".") }
            return key.verifies(
                token, header: 0..<dots[0], payload: (dots[0] + 1)..<dots[1],
                signature: (dots[1] + 1)..<token.count)
        }

        @Test("the examples of RFC 7515 and RFC 8037 verify, and none with any other byte", arguments: 0..<3)
        func rfcExamples(_ index: Int) throws {
            let example = examples[index]
            let key = try read(example.key)
            #expect(key.kind == example.kind)
            let token = Array(example.token.utf8)
            #expect(verifies(key, token))
            for place in token.indices where token[place] != UInt8(ascii: ".") {
                var changed = token
                changed[place] = token[place] == UInt8(ascii: "A") ? UInt8(ascii: "E") : UInt8(ascii: "A")
                if verifies(key, changed) { Issue.record("byte \(place) may be changed") }
            }
        }

        @Test("a key verifies no token of another kind")
        func otherKinds() throws {
            for (index, example) in examples.enumerated() {
                let key = try read(example.key)
                for (other, token) in examples.enumerated() where other != index {
                    #expect(!verifies(key, Array(token.token.utf8)))
                }
            }
        }

        @Test(
            "what is no key to verify with is refused",
            arguments: [
                "1", "[]", "{}", #"{"kty":1}"#, #"{"kty":"oct"}"#, #"{"kty":"EC","crv":"P-256"}"#,
                #"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#, #"{"kty":"RSA","n":"!","e":"AQAB"}"#,
                #"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                #"{"kty":"OKP","crv":"Ed25519","x":"11qY"}"#, #"{"kty":"other"}"#,
                #"{"kty":"oct","k":"AyM1","d":"x"}"#, #"{"kty":"oct","k":"AyM1","use":"enc"}"#,
                #"{"kty":"oct","k":"AyM1","key_ops":["sign"]}"#,
            ])
        func refused(_ json: String) {
            #expect(throws: TokenKeyFault.self) { _ = try read(json) }
        }

        @Test("bits are those of the secret, id and algorithm those of the key")
        func properties() throws {
            let key = try read(#"{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","kid":"a","alg":"HS256"}"#)
            #expect(key.bits == 128 && key.id == Array("a".utf8) && key.algorithm == Array("HS256".utf8))
            #expect(try TokenKey.secret(Array(repeating: 1, count: 33)).bits == 264)
        }
    }
#endif
