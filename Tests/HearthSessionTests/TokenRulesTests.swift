import HearthSession
import Testing

private func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

private func header(_ algorithm: String, type: String? = "JWT") -> TokenHeader {
    var header = TokenHeader()
    header.algorithm = utf8(algorithm)
    header.type = type.map(utf8)
    return header
}

private func claims(_ list: (String, [ClaimValue])...) -> Claims {
    Claims(
        list.map {
            $0.1.count == 1 ? Claim(name: utf8($0.0), value: $0.1[0]) : Claim(name: utf8($0.0), list: $0.1)
        })
}

private func text(_ text: String) -> ClaimValue { .text(utf8(text)) }

@Suite("Token rules")
struct TokenRulesTests {
    private var rules: TokenRules {
        var rules = TokenRules()
        rules.algorithms = [.hs256, .es256]
        return rules
    }

    private func fault(_ body: () throws(TokenFault) -> Void) -> TokenFault? {
        do throws(TokenFault) { try body() } catch { return error }
        return nil
    }

    private func refusal(_ header: TokenHeader, _ rules: TokenRules) -> TokenFault? {
        fault { () throws(TokenFault) in _ = try rules.check(header) }
    }

    private func refusal(_ claims: Claims, _ rules: TokenRules, now: Int64 = 0) -> TokenFault? {
        fault { () throws(TokenFault) in _ = try rules.check(claims, now: now) }
    }

    @Test("an algorithm must be listed, by its exact name")
    func algorithms() {
        #expect(refusal(header("HS256"), rules) == nil)
        for name in ["HS512", "none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "RS256", "HS2560"] {
            #expect(refusal(header(name), rules) == .algorithmNotAllowed)
        }
    }

    @Test("every algorithm is found by its name, and has a key of one type")
    func names() {
        for algorithm in TokenAlgorithm.allCases {
            let name = algorithm.name.withUTF8Buffer { Array($0) }
            #expect(TokenAlgorithm.named(name) == algorithm)
        }
        #expect(TokenAlgorithm.rs256.keyType == .rsa && TokenAlgorithm.hs512.keyType == .secret)
        #expect(TokenAlgorithm.hs512.keyBitsMin == 512 && TokenAlgorithm.ps256.keyBitsMin == 2048)
    }

    @Test("headers that ask for more than a signature are refused")
    func extensions() {
        var critical = header("HS256")
        critical.hasExtensions = true
        #expect(refusal(critical, rules) == .critical)
        var wrapped = header("HS256")
        wrapped.isWrapped = true
        #expect(refusal(wrapped, rules) == .encryptedOrNested)
    }

    @Test("a type is that of an access token, or the one that was set")
    func types() {
        for type in [nil, "JWT", "jwt", "at+jwt", "application/at+JWT"] {
            #expect(refusal(header("HS256", type: type), rules) == nil)
        }
        for type in ["dpop+jwt", "logout+jwt", "JOSE", ""] {
            #expect(refusal(header("HS256", type: type), rules) == .otherType)
        }
        var typed = rules
        typed.type = utf8("application/Chat+JWT")
        #expect(refusal(header("HS256", type: "chat+jwt"), typed) == nil)
        for type in [nil, "JWT", "at+jwt"] {
            #expect(refusal(header("HS256", type: type), typed) == .otherType)
        }
    }

    @Test("exp, nbf and iat hold up to the leeway, to the millisecond")
    func times() throws {
        var rules = rules
        rules.leeway = 2000
        let timed = claims(("exp", [.integer(100)]), ("nbf", [.integer(50)]), ("iat", [.real(50.5)]))
        #expect(refusal(timed, rules, now: 101_999) == nil)
        #expect(refusal(timed, rules, now: 102_000) == .expired)
        #expect(refusal(timed, rules, now: 48_500) == nil)
        #expect(refusal(timed, rules, now: 48_499) == .notYetValid)
        #expect(refusal(claims(("nbf", [.integer(50)])), rules, now: 47_999) == .notYetValid)
        #expect(try rules.check(timed, now: 90_000) == 102_000)
        #expect(try rules.check(claims(), now: 90_000) == nil)
        #expect(try rules.check(claims(("exp", [.real(99.25)])), now: 90_000) == 101_250)
    }

    @Test("times that are no numbers are refused, whatever they are")
    func badTimes() {
        let bad: [[ClaimValue]] = [
            [text("100")], [.flag(true)], [.other], [], [.integer(1), .integer(2)], [.real(.infinity)],
            [.real(.nan)], [.integer(.max)], [.integer(.min)], [.real(1e300)],
        ]
        for value in bad {
            for name in ["exp", "nbf", "iat"] {
                #expect(refusal(claims((name, value)), rules) == .badTime)
            }
        }
    }

    @Test("a list of one is a list: no time, no issuer, no user")
    func lists() {
        var rules = rules
        rules.issuers = [utf8("a")]
        let time = Claims([Claim(name: utf8("exp"), list: [.integer(9)])])
        #expect(refusal(time, rules) == .badTime)
        let issuer = Claims([Claim(name: utf8("iss"), list: [text("a")])])
        #expect(refusal(issuer, rules) == .wrongIssuer)
        #expect(Claims([Claim(name: utf8("sub"), list: [text("a")])]).user(utf8("sub")) == nil)
    }

    @Test("an issuer must be one of those that are set")
    func issuers() {
        var rules = rules
        rules.issuers = [utf8("https://a"), utf8("https://b")]
        #expect(refusal(claims(("iss", [text("https://b")])), rules) == nil)
        #expect(refusal(claims(("iss", [text("https://c")])), rules) == .wrongIssuer)
        #expect(refusal(claims(), rules) == .wrongIssuer)
        #expect(refusal(claims(("iss", [text("https://a"), text("https://c")])), rules) == .wrongIssuer)
    }

    @Test("a token for an audience is refused by who is not in it")
    func audiences() {
        let token = claims(("aud", [text("chat"), text("mail")]))
        #expect(refusal(token, rules) == .wrongAudience)
        #expect(refusal(claims(), rules) == nil)
        var rules = rules
        rules.audiences = [utf8("mail")]
        #expect(refusal(token, rules) == nil)
        #expect(refusal(claims(("aud", [text("news")])), rules) == .wrongAudience)
        #expect(refusal(claims(), rules) == .wrongAudience)
        rules.audiences = [utf8("*")]
        #expect(refusal(token, rules) == nil)
        #expect(refusal(claims(), rules) == nil)
    }

    @Test("claims that are required must be there")
    func required() {
        var rules = rules
        rules.requiredClaims = [utf8("exp"), utf8("sub")]
        #expect(refusal(claims(("exp", [.integer(9)]), ("sub", [text("a")])), rules) == nil)
        #expect(refusal(claims(("exp", [.integer(9)])), rules) == .missingClaim)
    }

    @Test("users and scopes are read from the claims that are set")
    func usersAndScopes() {
        let token = claims(
            ("sub", [text("ada")]), ("id", [.integer(-7)]), ("scope", [text("read  write read")]),
            ("realm.roles", [text("admin"), .integer(1)]), ("list", [text("a"), text("b")]))
        #expect(token.user(utf8("sub")) == utf8("ada"))
        #expect(token.user(utf8("id")) == utf8("-7"))
        for name in ["a\r\nb", "a\u{7F}", "\u{0}", "a\u{85}b"] {
            #expect(claims(("sub", [text(name)])).user(utf8("sub")) == nil)
        }
        #expect(claims(("sub", [text("Zo\u{EB} \u{A0}")])).user(utf8("sub")) != nil)
        #expect(token.user(utf8("list")) == nil && token.user(utf8("absent")) == nil)
        #expect(
            token.scopes([utf8("scope"), utf8("realm.roles")]).map { String(decoding: $0, as: UTF8.self) }
                == ["read", "write", "admin"])
        #expect(token.has(utf8("id"), utf8("-7")) && token.has(utf8("list"), utf8("b")))
        #expect(!token.has(utf8("id"), utf8("7")) && !token.has(utf8("absent"), []))
        #expect(!claims(("x", [.other])).has(utf8("x"), []))
        #expect(claims(("x", [.flag(true)])).has(utf8("x"), utf8("true")))
    }
}
