// Keys that tokens are verified with: libjose knows RS, PS, ES and HS; EdDSA is OpenSSL's. Which key and
// which algorithm belong together is decided elsewhere, before.

#if HEARTH_JWT
    internal import CJansson
    internal import CJose
    internal import COpenSSL
    internal import HearthBytes

    package enum TokenKeyFault: Error, Sendable {
        /// Neither PEM nor a JWK.
        case notKey
        /// A key for signing was given where one for verifying belongs.
        case isPrivate
        /// For something else than signatures, or of a type that is not known.
        case notUsable
    }

    package final class TokenKey: @unchecked Sendable {
        package enum Kind: UInt8, Sendable { case secret, rsa, p256, p384, p521, ed25519 }

        package let kind: Kind
        /// Of a secret or an RSA key; 0: the kind says.
        package let bits: Int
        package let id: [UInt8]?
        /// The only one it is for, if it says so.
        package let algorithm: [UInt8]?
        private let jwk: JSON?
        /// Of an Ed25519 key.
        private let publicKey: OpaquePointer?

        private init(
            _ kind: Kind, bits: Int, id: [UInt8]?, algorithm: [UInt8]?, jwk: JSON?, publicKey: OpaquePointer?
        ) {
            self.kind = kind
            self.bits = bits
            self.id = id
            self.algorithm = algorithm
            self.jwk = jwk
            self.publicKey = publicKey
        }

        deinit { EVP_PKEY_free(publicKey) }

        // MARK: Reading keys

        package static func secret(_ bytes: [UInt8]) throws(TokenKeyFault) -> TokenKey {
            var encoded: [UInt8] = []
            Base64URL.encode(bytes.span, into: &encoded)
            guard let jwk = JSON.object([("kty", text("oct")), ("k", encoded)]) else { throw .notKey }
            return TokenKey(
                .secret, bits: bytes.count * 8, id: nil, algorithm: nil, jwk: jwk, publicKey: nil)
        }

        /// A public key or a certificate.
        package static func pem(_ pem: [UInt8]) throws(TokenKeyFault) -> TokenKey {
            defer { ERR_clear_error() }
            let key = readPublicKey(pem) ?? readCertificate(pem)
            guard let key else { throw isPrivate(pem) ? .isPrivate : .notKey }
            defer { EVP_PKEY_free(key) }
            let bits = Int(EVP_PKEY_get_bits(key))
            switch EVP_PKEY_get_base_id(key) {
            case EVP_PKEY_ED25519:
                EVP_PKEY_up_ref(key)
                return TokenKey(.ed25519, bits: 0, id: nil, algorithm: nil, jwk: nil, publicKey: key)
            case EVP_PKEY_RSA, EVP_PKEY_EC: break
            default: throw .notUsable
            }
            let config = hearth_shim_jose_config()
            defer { jose_cfg_decref(config) }
            guard let value = jose_openssl_jwk_from_EVP_PKEY(config, key) else { throw .notUsable }
            let jwk = JSON(taking: value)
            guard let kind = kind(of: jwk.root) else { throw .notUsable }
            return TokenKey(kind, bits: bits, id: nil, algorithm: nil, jwk: jwk, publicKey: nil)
        }

        private static func readPublicKey(_ text: [UInt8]) -> OpaquePointer? {
            text.withUnsafeBytes { bytes in
                guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else {
                    return nil
                }
                defer { BIO_free(source) }
                return PEM_read_bio_PUBKEY(source, nil, nil, nil)
            }
        }

        private static func readCertificate(_ text: [UInt8]) -> OpaquePointer? {
            text.withUnsafeBytes { bytes in
                guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else {
                    return nil
                }
                defer { BIO_free(source) }
                guard let certificate = PEM_read_bio_X509(source, nil, nil, nil) else { return nil }
                defer { X509_free(certificate) }
                return X509_get_pubkey(certificate)
            }
        }

        private static func isPrivate(_ pem: [UInt8]) -> Bool {
            let words = text("PRIVATE KEY-----")
            guard pem.count >= words.count else { return false }
            for start in 0...(pem.count - words.count) where pem[start...].starts(with: words) {
                return true
            }
            return false
        }

        /// One key of a set (RFC 7517 4).
        package static func jwk(_ value: JSONValue) throws(TokenKeyFault) -> TokenKey {
            guard value.kind == .object, let type = value["kty"]?.string else { throw .notKey }
            if value["d"] != nil || value["p"] != nil { throw .isPrivate }
            if let use = value["use"]?.string, use != text("sig") { throw .notUsable }
            if let operations = value["key_ops"], !mayVerify(operations) { throw .notUsable }
            let id = value["kid"]?.string
            let algorithm = value["alg"]?.string
            if type == text("OKP") {
                guard let x = value["x"]?.string, value["crv"]?.string == text("Ed25519"),
                    let key = ed25519(x)
                else { throw .notUsable }
                return TokenKey(.ed25519, bits: 0, id: id, algorithm: algorithm, jwk: nil, publicKey: key)
            }
            guard let kind = kind(of: value) else { throw .notUsable }
            let bits = bits(of: value, kind)
            guard kind == .secret ? bits > 0 : isKey(value) else { throw .notKey }
            let copy = JSON(taking: json_incref(value.value))
            return TokenKey(
                kind, bits: bits, id: id, algorithm: algorithm, jwk: copy, publicKey: nil)
        }

        private static func mayVerify(_ operations: JSONValue) -> Bool {
            for index in 0..<operations.count where operations[index]?.string == text("verify") {
                return true
            }
            return false
        }

        private static func kind(of value: JSONValue) -> Kind? {
            let type = value["kty"]?.string
            if type == text("oct") { return .secret }
            if type == text("RSA") { return .rsa }
            guard type == text("EC") else { return nil }
            let curve = value["crv"]?.string
            if curve == text("P-256") { return .p256 }
            if curve == text("P-384") { return .p384 }
            return curve == text("P-521") ? .p521 : nil
        }

        /// Whether its numbers are a key, as a point on its curve.
        private static func isKey(_ value: JSONValue) -> Bool {
            let config = hearth_shim_jose_config()
            defer {
                jose_cfg_decref(config)
                ERR_clear_error()
            }
            guard let key = jose_openssl_jwk_to_EVP_PKEY(config, value.value) else { return false }
            EVP_PKEY_free(key)
            return true
        }

        private static func bits(of value: JSONValue, _ kind: Kind) -> Int {
            let encoded = (kind == .secret ? value["k"] : value["n"])?.string ?? []
            var bytes: [UInt8] = []
            guard kind == .secret || kind == .rsa,
                Base64URL.decode(encoded.span, 0..<encoded.count, into: &bytes)
            else { return 0 }
            if kind == .secret { return bytes.count * 8 }
            let number = bytes.drop { $0 == 0 }
            return number.count * 8 - (number.first?.leadingZeroBitCount ?? 0)
        }

        private static func ed25519(_ x: [UInt8]) -> OpaquePointer? {
            var bytes: [UInt8] = []
            guard Base64URL.decode(x.span, 0..<x.count, into: &bytes), bytes.count == 32 else { return nil }
            defer { ERR_clear_error() }
            return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        }

        // MARK: Verifying

        /// Whether the third part of the token is the key's signature of the first two. The algorithm in the
        /// header must have been found to be one of this kind of key.
        package func verifies(
            _ token: [UInt8], header: Range<Int>, payload: Range<Int>, signature: Range<Int>
        ) -> Bool {
            // What a failed verification leaves there would be taken for somebody else's error.
            defer { ERR_clear_error() }
            if let publicKey { return verifies(token, payload.upperBound, signature, publicKey) }
            guard let jwk,
                let jws = JSON.object([
                    ("protected", Array(token[header])), ("payload", Array(token[payload])),
                    ("signature", Array(token[signature])),
                ])
            else { return false }
            let config = hearth_shim_jose_config()
            defer { jose_cfg_decref(config) }
            return jose_jws_ver(config, jws.value, nil, jwk.value, false)
        }

        private func verifies(
            _ token: [UInt8], _ signedCount: Int, _ signature: Range<Int>, _ key: OpaquePointer
        ) -> Bool {
            var bytes: [UInt8] = []
            guard Base64URL.decode(token.span, signature, into: &bytes), let context = EVP_MD_CTX_new() else {
                return false
            }
            defer { EVP_MD_CTX_free(context) }
            if EVP_DigestVerifyInit(context, nil, nil, nil, key) != 1 { return false }
            return EVP_DigestVerify(context, bytes, bytes.count, token, signedCount) == 1
        }
    }

    extension JSON {
        /// An object of texts. nil: one is not UTF-8, or there is no memory.
        static func object(_ members: [(StaticString, [UInt8])]) -> JSON? {
            guard let object = json_object() else { return nil }
            let document = JSON(taking: object)
            for (name, text) in members {
                let value = text.withUnsafeBytes {
                    json_stringn($0.baseAddress?.assumingMemoryBound(to: CChar.self), text.count)
                }
                let key = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
                guard let value, json_object_set_new(object, key, value) == 0 else { return nil }
            }
            return document
        }
    }
#endif
