/// Who may connect: tokens, origins, and how a peer is told that it may not.
extension ConfigurationKey {
    static let access: [ConfigurationEntry] = [
        ConfigurationEntry(
            .authentication, "auth", .choice("auto|public|optional|required|user"), standard: "auto", .server,
            "Whether routes without the option auth need a token. auto: required if there are jwt_ keys."),
        ConfigurationEntry(
            .tokenSources, "token_sources", .list, standard: "header,subprotocol,cookie,query", .server,
            "Where tokens are looked for, in this order: header, subprotocol, cookie, query."),
        ConfigurationEntry(
            .tokenHeader, "token_header", .text, standard: "authorization", .server,
            "Header field with the token, behind the word Bearer or, in other fields, alone."),
        ConfigurationEntry(
            .tokenCookie, "token_cookie", .text, standard: "token", .server,
            "Cookie with the token."),
        ConfigurationEntry(
            .tokenQuery, "token_query", .text, standard: "token", .server,
            "Parameter of the query with the token."),
        ConfigurationEntry(
            .tokenSubprotocol, "token_subprotocol", .text, standard: "bearer", .server,
            "Subprotocol that is offered before the token, and that is answered."),
        ConfigurationEntry(
            .jwtAlgorithms, "jwt_algorithms", .list, standard: "", .server,
            "Algorithms of tokens: HS256, RS256, PS256, ES256 and so on, Ed25519. Must be set with any key."),
        ConfigurationEntry(
            .jwtSecrets, "jwt_secrets", .list, standard: "", .server,
            "Secrets for HS…: text, base64:… or file:PATH; several while they are changed."),
        ConfigurationEntry(
            .jwtPublicKeys, "jwt_public_keys", .list, standard: "", .server,
            "Files with a public key or certificate in PEM, or the PEM itself."),
        ConfigurationEntry(
            .jwtKeySet, "jwt_jwks", .text, standard: "", .server,
            "File with a set of JSON Web Keys, or the set itself."),
        ConfigurationEntry(
            .jwtIssuers, "jwt_issuer", .list, standard: "", .server,
            "Issuers whose tokens are taken. Empty: any."),
        ConfigurationEntry(
            .jwtAudiences, "jwt_audience", .list, standard: "", .server,
            "Audiences that this server is. Empty: tokens for an audience are refused. *: any will do."),
        ConfigurationEntry(
            .jwtType, "jwt_type", .text, standard: "", .server,
            "The typ that a token must have. Empty: none, JWT or at+jwt."),
        ConfigurationEntry(
            .jwtLeeway, "jwt_leeway", .durationOrOff, standard: "30s", from: "0", to: "24h", .server,
            "How far the clock of who signs tokens may be off."),
        ConfigurationEntry(
            .maxJWTSize, "max_jwt_size", .size, standard: "8KiB", from: "256", to: "64KiB", .server,
            "Bytes of a token; longer ones are refused unread."),
        ConfigurationEntry(
            .jwtRequiredClaims, "jwt_required_claims", .list, standard: "exp", .server,
            "Claims that a token must have."),
        ConfigurationEntry(
            .jwtUserClaim, "jwt_user_claim", .text, standard: "sub", .server,
            "Claim that says whose connection it is."),
        ConfigurationEntry(
            .jwtScopeClaims, "jwt_scope_claims", .list, standard: "scope,scp,scopes", .server,
            "Claims with scopes: words in a text, or a list. A dot leads into an object."),
        ConfigurationEntry(
            .jwtReloadInterval, "jwt_reload_interval", .durationOrOff, standard: "10s", from: "0", to: "24h",
            .server,
            "How often key files are looked at for changes, when tokens come. 0: never."),
        ConfigurationEntry(
            .allowUserChange, "allow_user_change", .flag, standard: "off", .server,
            "Whether a token given to an open connection may be another user's."),
        ConfigurationEntry(
            .expiryNoticeInterval, "expiry_notice_interval", .durationOrOff, standard: "10s", from: "0",
            to: "24h", .server,
            "Between notices that a connection will expire. 0: no notices."),
        ConfigurationEntry(
            .expiryNoticeWindow, "expiry_notice_window", .durationOrOff, standard: "60s", from: "0",
            to: "24h",
            .server,
            "The first notice comes so long before the end. 0: notices come from the beginning."),
        ConfigurationEntry(
            .expiryGrace, "expiry_grace", .duration, standard: "1s", from: "0", to: "24h", .server,
            "How long the host may still send after a connection has expired. 0: not at all."),
        ConfigurationEntry(
            .allowedOrigins, "allowed_origins", .list, standard: "same-host", .server,
            "Pages that may connect: same-host, https://example.com, https://*.example.com, or * for all."),
        ConfigurationEntry(
            .rejection, "reject", .choice("auto|status|close"), standard: "auto", .server,
            "How the library refuses: by status, or by opening and closing. auto: close for browsers."),
        ConfigurationEntry(
            .rejectDelay, "reject_delay", .durationOrOff, standard: "500ms", from: "0", to: "1min", .server,
            "How long a refusal by close code is held back, so that a browser does not come back at once."),
        ConfigurationEntry(
            .closeCodes, "close_codes", .choice("own|classic|policy"), standard: "own", .server,
            "Codes of refusals: 4500 to 4503 and 4106, or 4001, 4003 and 4008, or 1008 for all of them."),
    ]
}
