// The keys of a server, as its configuration and the files that it names have them.

#if HEARTH_JWT
    internal import HearthBytes
    internal import HearthPlatform
    internal import HearthSession

    /// Why keys could not be read, for the person who set them.
    struct KeyFault: Error {
        let sentence: [UInt8]

        init(_ parts: [UInt8]...) { sentence = parts.reduce(into: []) { $0 += $1 } }
    }

    /// Where keys are, as set.
    struct KeySources {
        let secrets: [[UInt8]]
        let publicKeys: [[UInt8]]
        let keySet: [UInt8]

        init(_ configuration: Configuration) {
            secrets = configuration.list(.jwtSecrets)
            publicKeys = configuration.list(.jwtPublicKeys)
            keySet = configuration.text(of: .jwtKeySet)
        }

        var isEmpty: Bool { secrets.isEmpty && publicKeys.isEmpty && keySet.isEmpty }

        /// The files among them.
        var paths: [[UInt8]] {
            var paths = secrets.filter { $0.starts(with: Self.file) }.map { Array($0.dropFirst(5)) }
            paths += publicKeys.filter { !Self.isPEM($0) }
            if !keySet.isEmpty, keySet.first != UInt8(ascii: "{") { paths.append(keySet) }
            return paths
        }

        static var file: [UInt8] { ascii("file:") }

        static func isPEM(_ text: [UInt8]) -> Bool { text.starts(with: ascii("-----BEGIN ")) }
    }

    final class KeyRing: @unchecked Sendable {
        private static var fileBytesMax: Int { 1 << 20 }
        private static var keysMax: Int { 256 }
        /// How many keys are tried for one token that does not say which.
        private static var triesMax: Int { 8 }

        private let keys: [TokenKey]

        private init(_ keys: [TokenKey]) { self.keys = keys }

        /// The keys that a token may have been signed with: those that it names first.
        func candidates(_ algorithm: TokenAlgorithm, id: [UInt8]?) -> [TokenKey] {
            let usable = keys.filter { Self.fits($0, algorithm) }
            var found: [TokenKey] = []
            if let id { found = usable.filter { $0.id == id } }
            // A key without a name may be the one that is named.
            if found.isEmpty { found = usable.filter { $0.id == nil || id == nil } }
            return Array(found.prefix(Self.triesMax))
        }

        private static func fits(_ key: TokenKey, _ algorithm: TokenAlgorithm) -> Bool {
            if key.kind.rawValue != algorithm.keyType.rawValue || key.bits < algorithm.keyBitsMin {
                return false
            }
            return key.algorithm == nil || key.algorithm == ascii(algorithm.name)
        }

        // MARK: Reading

        static func read(
            _ sources: KeySources, _ algorithms: [TokenAlgorithm]
        ) throws(KeyFault) -> KeyRing {
            var keys: [TokenKey] = []
            for (index, text) in sources.secrets.enumerated() {
                let name = ascii("secret ") + decimal(index + 1) + ascii(" of jwt_secrets")
                keys.append(try checked(try secret(text, name), name, algorithms))
            }
            for (index, text) in sources.publicKeys.enumerated() {
                let name = ascii("key ") + decimal(index + 1) + ascii(" of jwt_public_keys")
                keys.append(try checked(try publicKey(text, name), name, algorithms))
            }
            if !sources.keySet.isEmpty { keys += try keySet(sources.keySet, algorithms) }
            return KeyRing(keys)
        }

        private static func secret(_ text: [UInt8], _ name: [UInt8]) throws(KeyFault) -> TokenKey {
            var bytes = text
            if text.starts(with: KeySources.file) {
                bytes = try contents(Array(text.dropFirst(5)), name)
                while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
            } else if text.starts(with: ascii("base64:")) {
                bytes = []
                if !Base64.decode(text.span, 7..<text.count, into: &bytes),
                    !Base64URL.decode(text.span, 7..<text.count, into: &bytes)
                {
                    throw KeyFault(name, ascii(" is not base64"))
                }
            }
            // RFC 8725 2.1: who knows the public key would be able to sign.
            if KeySources.isPEM(bytes) {
                throw KeyFault(
                    name, ascii(" is a key or certificate in PEM: public keys belong in jwt_public_keys"))
            }
            do throws(TokenKeyFault) {
                return try TokenKey.secret(bytes)
            } catch {
                throw KeyFault(name, ascii(" is empty"))
            }
        }

        private static func publicKey(_ text: [UInt8], _ name: [UInt8]) throws(KeyFault) -> TokenKey {
            let pem = KeySources.isPEM(text) ? text : try contents(text, name)
            do throws(TokenKeyFault) {
                return try TokenKey.pem(pem)
            } catch {
                switch error {
                case .isPrivate: throw KeyFault(name, ascii(" is a private key: give its public key"))
                case .notKey: throw KeyFault(name, ascii(" is no public key or certificate in PEM"))
                case .notUsable:
                    throw KeyFault(
                        name, ascii(" is of a type that signs no tokens: RSA, P-256, "),
                        ascii("P-384, P-521 and Ed25519 are known"))
                }
            }
        }

        /// Whether one of the algorithms can use it.
        private static func checked(
            _ key: TokenKey, _ name: [UInt8], _ algorithms: [TokenAlgorithm]
        ) throws(KeyFault) -> TokenKey {
            if algorithms.contains(where: { fits(key, $0) }) { return key }
            for algorithm in algorithms where algorithm.keyType.rawValue == key.kind.rawValue {
                throw KeyFault(
                    name, ascii(" has "), decimal(key.bits), ascii(" bits: "), ascii(algorithm.name),
                    ascii(" needs "), decimal(algorithm.keyBitsMin), ascii(" at least"))
            }
            throw KeyFault(name, ascii(" is of a type that no algorithm of jwt_algorithms uses"))
        }

        /// Keys of unknown types and for other uses are left out (RFC 7517 5).
        private static func keySet(
            _ text: [UInt8], _ algorithms: [TokenAlgorithm]
        ) throws(KeyFault) -> [TokenKey] {
            let name = ascii("jwt_jwks")
            let json = text.first == UInt8(ascii: "{") ? text : try contents(text, name)
            guard let document = json.withUnsafeBufferPointer({ JSON.parsed($0) }),
                let list = document.root["keys"], list.kind == .array
            else { throw KeyFault(name, ascii(" is not a JSON object with a list of keys")) }
            if list.count > keysMax { throw KeyFault(name, ascii(" has more than 256 keys")) }
            var keys: [TokenKey] = []
            for index in 0..<list.count {
                guard let value = list[index] else { continue }
                do throws(TokenKeyFault) {
                    let key = try TokenKey.jwk(value)
                    if algorithms.contains(where: { fits(key, $0) }) { keys.append(key) }
                } catch {
                    let place = ascii("key ") + decimal(index + 1) + ascii(" of jwt_jwks")
                    switch error {
                    case .notUsable: continue
                    case .notKey: throw KeyFault(place, ascii(" is not a JSON Web Key"))
                    case .isPrivate: throw KeyFault(place, ascii(" is a private key: give its public key"))
                    }
                }
            }
            if keys.isEmpty {
                throw KeyFault(name, ascii(" has no key that an algorithm of jwt_algorithms can use"))
            }
            return keys
        }

        private static func contents(_ path: [UInt8], _ name: [UInt8]) throws(KeyFault) -> [UInt8] {
            do throws(SmallFile.Failure) {
                return try SmallFile.read(path, bytesMax: fileBytesMax)
            } catch {
                switch error {
                case .unreadable(let error):
                    throw KeyFault(name, ascii(": "), path, ascii(": "), error.text)
                case .tooLarge:
                    throw KeyFault(name, ascii(": "), path, ascii(" is larger than 1 MiB"))
                }
            }
        }
    }
#endif
