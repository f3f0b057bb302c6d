"""Tokens: who gets in, who does not, and what a connection then knows of its principal."""

import json
import time

import pytest
import tokens
from conftest import peer, until
from hearth import Principal, TooLargeError
from tokens import ALGORITHMS, LONG_SECRET, SECRET, claims, forged, token
from websockets.exceptions import InvalidStatus

HS256 = {"jwt_algorithms": "HS256", "jwt_secrets": SECRET}


def bearer(text):
    return {"additional_headers": {"Authorization": f"Bearer {text}"}}


async def status(server, path="/", **options):
    """The status of a handshake that is refused, 101 for one that is not."""
    try:
        async with peer(server, path, **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def challenge(server, path="/", **options):
    with pytest.raises(InvalidStatus) as caught:
        async with peer(server, path, **options):
            pass
    response = caught.value.response
    return response.status_code, response.headers.get("WWW-Authenticate"), response.body.decode()


def keys_for(algorithm):
    pair = ALGORITHMS[algorithm]
    keys = {"jwt_secrets": LONG_SECRET} if pair is None else {"jwt_public_keys": pair.public_pem}
    return {"jwt_algorithms": algorithm, **keys}


def signed(algorithm, **more):
    return token(algorithm, secret=LONG_SECRET, **more)


# ------------------------------------------------------------------ good tokens


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_each_algorithm_lets_in_and_one_that_is_changed_does_not(new_server, algorithm):
    server = new_server(**keys_for(algorithm))
    server.on_open(lambda connection: connection.send(connection.user))
    good = signed(algorithm)
    header, payload, signature = good.split(".")
    changed = tokens.encoded(claims(sub="eve"))
    middle = len(signature) // 2
    flipped = signature[:middle] + ("A" if signature[middle] != "A" else "B") + signature[middle + 1 :]
    async with server:
        async with peer(server, **bearer(good)) as client:
            assert await client.receive() == "ada"
        for bad in (f"{header}.{changed}.{signature}", f"{header}.{payload}.{flipped}"):
            assert await status(server, **bearer(bad)) == 401


async def test_the_principal_has_user_scopes_and_claims(new_server):
    server = new_server(**HS256)
    seen = []
    server.on_open(lambda connection: seen.append((connection.user, connection.principal)))
    async with server:
        text = token(scope="read write", realm={"roles": ["x"]}, name="Ädä")
        async with peer(server, **bearer(text)):
            await until(lambda: seen)
        user, principal = seen[0]
        assert user == principal.id == "ada"
        assert principal.scopes == ("read", "write")
        assert principal.claims["name"] == "Ädä"
        assert principal.claims["realm"] == {"roles": ["x"]}


async def test_user_and_scopes_come_from_the_claims_that_are_set(new_server):
    server = new_server(**HS256, jwt_user_claim="uid", jwt_scope_claims="realm_access.roles,perms")
    server.on_open(lambda connection: connection.send_json([connection.user, connection.principal.scopes]))
    text = token(uid=17, realm_access={"roles": ["admin"]}, perms=["a", "b"])
    async with server, peer(server, **bearer(text)) as client:
        assert await client.receive_json() == ["17", ["admin", "a", "b"]]


async def test_a_token_may_come_from_each_of_the_four_places(new_server):
    server = new_server(**HS256)
    server.on_open(lambda connection: connection.send(connection.user))
    text = token()
    places = [
        ("/", bearer(text)),
        ("/", {"subprotocols": ["bearer", text]}),
        ("/", {"additional_headers": {"Cookie": f'a=b; token="{text}"; c=d'}}),
        (f"/?a=b&token={text}", {}),
    ]
    async with server:
        for path, options in places:
            async with peer(server, path, **options) as client:
                assert await client.receive() == "ada"


async def test_the_first_place_in_the_order_counts(new_server):
    server = new_server(**HS256, token_sources="query,header")
    server.on_open(lambda connection: connection.send(connection.user))
    first, second = token(sub="first"), token(sub="second")
    async with server:
        async with peer(server, f"/?token={first}", **bearer(second)) as client:
            assert await client.receive() == "first"
        assert await status(server, "/?token=x", **bearer(second)) == 401
        assert await status(server, subprotocols=["bearer", first]) == 401


async def test_a_route_may_look_for_tokens_elsewhere(new_server):
    server = new_server(**HS256)
    server.route("/cookie", tokens=["cookie"])
    server.route("/")
    text = token()
    async with server:
        assert await status(server, "/cookie", **bearer(text)) == 401
        assert await status(server, "/cookie", additional_headers={"Cookie": f"token={text}"}) == 101
        assert await status(server, "/", **bearer(text)) == 101


async def test_a_token_among_the_subprotocols_is_answered_with_bearer_alone(new_server):
    server = new_server(**HS256)
    server.route("/chat", subprotocols=["chat"])
    server.route("/")
    text = token()
    async with server:
        async with peer(server, subprotocols=["bearer", text]) as client:
            assert client.socket.subprotocol == "bearer"
        async with peer(server, "/chat", subprotocols=["chat", "bearer", text]) as client:
            assert client.socket.subprotocol == "chat"
        async with peer(server, "/chat", subprotocols=["bearer", text]) as client:
            assert client.socket.subprotocol == "bearer"


async def test_a_handler_that_verifies_by_itself_gets_the_token_and_its_answer_is_bearer(new_server):
    server = new_server()
    seen = []

    @server.on_connect
    def check(connection):
        seen.append(connection.offered_subprotocols)
        return "ada"

    text = token()
    async with server, peer(server, subprotocols=["bearer", text]) as client:
        assert client.socket.subprotocol == "bearer"
        assert seen == [["bearer", text]]


async def test_a_verified_token_is_hidden_from_handlers(new_server):
    server = new_server(**HS256)
    seen = []
    server.on_connect(seen.append)
    text, other = token(), token(sub="other")
    async with server:
        options = {"subprotocols": ["bearer", other], **bearer(text)}
        options["additional_headers"]["Cookie"] = f"a=b; token={other}; c=d"
        async with peer(server, f"/?x=1&token={text}&y=2", **options):
            (connection,) = seen
            assert connection.query_string == "x=1&token=***&y=2"
            assert connection.headers["authorization"] == "Bearer ***"
            assert connection.headers["cookie"] == "a=b; token=***; c=d"
            assert connection.offered_subprotocols == ["bearer", "***"]


async def test_a_handler_may_refuse_whom_the_token_lets_in_and_name_another_user(new_server):
    server = new_server(**HS256)

    @server.on_connect
    def check(connection):
        assert connection.user == connection.principal.id
        return {"eve": False, "ada": None, "bob": "robert"}[connection.principal.id]

    server.on_open(lambda connection: connection.send(connection.user))
    async with server:
        assert await status(server, **bearer(token(sub="eve"))) == 403
        async with peer(server, **bearer(token(sub="ada"))) as client:
            assert await client.receive() == "ada"
        async with peer(server, **bearer(token(sub="bob"))) as client:
            assert await client.receive() == "robert"


async def test_on_connect_may_say_who_it_is_with_scopes_and_claims(new_server):
    server = new_server()

    @server.on_connect
    async def check(connection):
        return Principal("ada", ("read", "write"), {"name": "Ädä", "level": 2})

    @server.on_open
    def opened(connection):
        connection.send_json([connection.user, *connection.principal])
        connection.principal = connection.principal._replace(scopes=("admin",))

    async with server, peer(server) as client:
        expected = ["ada", "ada", ["read", "write"], {"name": "Ädä", "level": 2}]
        assert await client.receive_json() == expected
        (connection,) = server.connections
        await until(lambda: connection.principal.scopes == ("admin",))
        with pytest.raises(ValueError, match="without spaces"):
            connection.principal = Principal("ada", ("a b",))
        with pytest.raises(TooLargeError):
            connection.principal = Principal("ada", (), {"x": "y" * 10000})


# ------------------------------------------------------------------ routes


async def test_routes_are_public_optional_required_or_for_users(new_server):
    server = new_server(**HS256)
    for level in ("public", "optional", "required", "user"):
        server.route(f"/{level}", auth=level)
    server.route("/default")
    nobody = token(sub=None)
    async with server:
        for level, expected in [("public", 101), ("optional", 101), ("required", 401), ("user", 401)]:
            assert await status(server, f"/{level}") == expected
        assert await status(server, "/default") == 401
        assert await status(server, "/public", **bearer("rubbish")) == 101
        assert await status(server, "/optional", **bearer("rubbish")) == 401
        assert await status(server, "/required", **bearer(nobody)) == 101
        assert await status(server, "/user", **bearer(nobody)) == 401
        assert await status(server, "/user", **bearer(token())) == 101


async def test_a_route_asks_for_all_of_its_scopes(new_server):
    server = new_server(**HS256)
    server.route("/", scopes=["read", "write"])
    async with server:
        assert await status(server, **bearer(token(scope="write x read"))) == 101
        assert await status(server, **bearer(token(scope=["read", "write"]))) == 101
        expected = 'Bearer error="insufficient_scope"'
        assert (await challenge(server, **bearer(token(scope="read"))))[:2] == (403, expected)
        assert await status(server, **bearer(token(scope="readwrite"))) == 403
        assert await status(server) == 401


async def test_a_claim_must_equal_what_stands_in_the_path(new_server):
    server = new_server(**HS256)
    server.route("/widget/{creator_id}/connect", claims={"creator_id": "{creator_id}"})
    server.route("/of/{org}", claims={"orgs": "org:{org}"})
    async with server:
        path = "/widget/17/connect"
        assert await status(server, path, **bearer(token(creator_id="17"))) == 101
        assert await status(server, path, **bearer(token(creator_id=17))) == 101
        for other in ("18", "", "17 ", 170, None, True, ["18"], {"a": "17"}):
            assert await status(server, path, **bearer(token(creator_id=other))) == 403
        assert await status(server, "/widget/%C3%A9/connect", **bearer(token(creator_id="é"))) == 101
        assert await status(server, "/of/a", **bearer(token(orgs=["org:b", "org:a"]))) == 101
        assert await status(server, "/of/a", **bearer(token(orgs=["a"]))) == 403


# ------------------------------------------------------------------ refusing


async def test_a_refusal_by_status_says_what_is_wrong_but_never_the_token(new_server):
    server = new_server(**HS256)
    async with server:
        assert (await challenge(server))[:2] == (401, "Bearer")
        text = token(exp=1)
        code, field, body = await challenge(server, **bearer(text))
        assert (code, field) == (401, 'Bearer error="invalid_token"')
        assert "expired" in body and text not in body


async def test_browsers_get_a_close_code_that_they_can_read(new_server):
    server = new_server(**HS256, reject_delay=0.05, allowed_origins="*")
    server.route("/scope", scopes=["x"])
    server.route("/")
    cases = [("/", None, 4500), ("/", "rubbish", 4501), ("/", token(exp=1), 4106), ("/scope", token(), 4502)]
    async with server:
        for path, text, code in cases:
            options = {} if text is None else bearer(text)
            started = time.monotonic()
            async with peer(server, path, origin="https://page", **options) as client:
                assert (await client.closing())[0] == code
            assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize("profile, codes", [("classic", [4001, 4003, 4003]), ("policy", [1008, 1008, 1008])])
async def test_close_codes_may_be_those_that_clients_know(new_server, profile, codes):
    server = new_server(**HS256, close_codes=profile, reject="close", reject_delay=0)
    async with server:
        for options, code in zip([{}, bearer("rubbish"), bearer(token(exp=1))], codes):
            async with peer(server, **options) as client:
                assert (await client.closing())[0] == code


async def test_a_route_may_choose_how_it_refuses(new_server):
    server = new_server(**HS256, reject_delay=0, allowed_origins="*")
    server.route("/status", reject="status")
    server.route("/close", reject="close")
    async with server:
        assert await status(server, "/status", origin="https://page") == 401
        async with peer(server, "/close", subprotocols=["bearer", "a.b.c"]) as client:
            assert client.socket.subprotocol == "bearer"
            assert (await client.closing())[0] == 4501


async def test_pages_of_other_origins_are_refused_unless_they_are_allowed(new_server):
    server = new_server(allowed_origins="same-host,https://*.friends.example")
    async with server:
        here = f"http://127.0.0.1:{server.port}"
        assert await status(server) == 101
        assert await status(server, origin=here) == 101
        assert await status(server, origin="https://a.friends.example") == 101
        for other in ("https://evil.example", "null", "http://127.0.0.1:1", "https://friends.example"):
            assert await status(server, origin=other) == 403


async def test_only_the_same_host_is_allowed_when_nothing_is_set(new_server):
    async with new_server() as server:
        assert await status(server, origin="https://evil.example") == 403
        assert await status(server, origin=f"http://127.0.0.1:{server.port}") == 101


# ------------------------------------------------------------------ forged and malformed tokens (RFC 8725)


GOOD = {"alg": "HS256", "typ": "JWT"}


def malformed():
    body = claims()
    text = token()
    header, payload, signature = text.split(".")
    duplicate = json.dumps(body)[:-1] + ', "sub": "eve"}'
    cases = {
        "not signed": [forged({"alg": "none"}, body), forged({"alg": "None"}, body, b""),
                       f"{tokens.encoded({'alg': 'none'})}.{payload}."],
        "another algorithm": [token("HS512", secret=LONG_SECRET)],
        "critical": [forged({**GOOD, "crit": ["exp"]}, body), forged({**GOOD, "crit": []}, body)],
        "not encoded payload": [forged({**GOOD, "b64": False}, body)],
        "encrypted, compressed or nested": [forged({**GOOD, "enc": "A128GCM"}, body),
                                            forged({**GOOD, "zip": "DEF"}, body),
                                            forged({**GOOD, "cty": "JWT"}, body),
                                            f"{text}.x.y"],
        "of another type": [forged({**GOOD, "typ": "logout+jwt"}, body), forged({**GOOD, "typ": 1}, body)],
        "headers that are none": [forged(b"{", body), forged([], body), forged({}, body), forged(b"", body),
                                  forged({"alg": ["HS256"]}, body), forged({**GOOD, "kid": 1}, body),
                                  forged(b'{"alg":"none","alg":"HS256"}', body), forged(b"\xff", body)],
        "claims that are none": [forged(GOOD, b"{"), forged(GOOD, []), forged(GOOD, b"1"),
                                 forged(GOOD, duplicate.encode()), forged(GOOD, b'{"sub":"\\u0000"}'),
                                 forged(GOOD, b'{"sub":"\xff"}'), forged(GOOD, b"[" * 3000)],
        "times that are none": [forged(GOOD, {**body, "exp": bad}) for bad in
                                ("1", None, True, [], 1e300, -1e18, 2**63 - 1, [2**31])],
        "not valid at this time": [token(exp=int(time.time()) - 3600), token(nbf=int(time.time()) + 3600),
                                   token(iat=int(time.time()) + 3600)],
        "lacking exp": [token(exp=None)],
        "for an audience": [token(aud="chat")],
        "broken encodings": [text + "=", text[:-1], f"{header}.{payload}", f"{header}..{signature}",
                             f" {header}.{payload}", f"{header}.{payload}.{signature}.", ".." , "x",
                             f"{header}.{payload}.", f"{header}.{payload}\u00e9.{signature}"],
        "too large": [token(padding="x" * 9000)],
    }  # fmt: skip
    return [(name, text) for name, texts in cases.items() for text in texts]


async def test_each_forged_or_malformed_token_is_refused(new_server):
    server = new_server(**HS256, max_header_size="64KiB")
    async with server:
        for name, text in malformed():
            assert await status(server, **bearer(text.encode().decode("latin-1"))) == 401, name
        assert await status(server, **bearer(forged(GOOD, claims()))) == 101


@pytest.mark.parametrize("pair", [tokens.RSA, tokens.P256, tokens.ED25519])
async def test_a_public_key_is_no_secret(new_server, pair):
    server = new_server(
        jwt_algorithms="HS256,RS256,ES256,EdDSA", jwt_public_keys=pair.public_pem,
        jwt_jwks=json.dumps({"keys": [pair.public_jwk(kid="1")]}),
    )  # fmt: skip
    public = json.dumps(pair.public_jwk())
    async with server:
        for secret in (pair.public_pem, pair.public_pem.strip(), public):
            for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "1"}):
                assert await status(server, **bearer(forged(header, claims(), secret))) == 401


async def test_a_key_of_the_token_itself_is_not_used(new_server):
    server = new_server(jwt_algorithms="RS256", jwt_public_keys=tokens.RSA.public_pem)
    other = tokens.OTHER_RSA
    headers = [{"jwk": other.public_jwk()}, {"jku": "https://evil/keys"}, {"x5u": "https://evil/chain"},
               {"kid": "../../dev/null"}]  # fmt: skip
    async with server:
        for header in headers:
            assert await status(server, **bearer(token("RS256", other, header))) == 401
        assert await status(server, **bearer(token("RS256"))) == 101


async def test_the_algorithm_of_a_key_is_not_that_of_another(new_server):
    server = new_server(
        jwt_algorithms="RS256,PS256",
        jwt_jwks=json.dumps({"keys": [tokens.RSA.public_jwk(alg="PS256", kid="a")]}),
    )  # fmt: skip
    async with server:
        assert await status(server, **bearer(token("PS256"))) == 101
        assert await status(server, **bearer(token("RS256"))) == 401


async def test_issuer_audience_type_and_required_claims_are_checked(new_server):
    server = new_server(
        **HS256, jwt_issuer="https://a,https://b", jwt_audience="chat", jwt_type="chat+jwt",
        jwt_required_claims="exp,jti",
    )  # fmt: skip
    good = {"iss": "https://b", "aud": ["mail", "chat"], "jti": "1"}
    kind = {"typ": "chat+jwt"}
    async with server:
        assert await status(server, **bearer(token(header=kind, **good))) == 101
        assert await status(server, **bearer(token(header={"typ": "JWT"}, **good))) == 401
        for change in ({"iss": "https://c"}, {"iss": None}, {"aud": "mail"}, {"aud": None}, {"jti": None}):
            assert await status(server, **bearer(token(header=kind, **{**good, **change}))) == 401


async def test_the_leeway_covers_clocks_that_differ(new_server):
    server = new_server(**HS256, jwt_leeway="60s")
    now = int(time.time())
    async with server:
        assert await status(server, **bearer(token(exp=now - 30))) == 101
        assert await status(server, **bearer(token(exp=now - 90))) == 401
        assert await status(server, **bearer(token(nbf=now + 30))) == 101
        assert await status(server, **bearer(token(nbf=now + 90))) == 401


# ------------------------------------------------------------------ configuration


@pytest.mark.parametrize(
    "configuration, sentence",
    [
        ({"jwt_secrets": SECRET}, "jwt_algorithms is empty"),
        ({"jwt_secrets": SECRET, "jwt_algorithms": "none"}, '"none" is not one of'),
        ({"jwt_secrets": SECRET, "jwt_algorithms": "hs256"}, '"hs256" is not one of'),
        ({"jwt_secrets": "short", "jwt_algorithms": "HS256"}, "has 40 bits: HS256 needs 256"),
        ({"jwt_secrets": SECRET, "jwt_algorithms": "HS512"}, "has 256 bits: HS512 needs 512"),
        ({"jwt_secrets": SECRET, "jwt_algorithms": "RS256"}, "no algorithm of jwt_algorithms uses"),
        ({"jwt_secrets": tokens.RSA.public_pem, "jwt_algorithms": "HS256"}, "belong in jwt_public_keys"),
        ({"jwt_secrets": "base64:*", "jwt_algorithms": "HS256"}, "is not base64"),
        ({"jwt_secrets": "file:/absent", "jwt_algorithms": "HS256"}, "/absent: No such file"),
        ({"jwt_public_keys": "/absent", "jwt_algorithms": "RS256"}, "/absent: No such file"),
        ({"jwt_public_keys": "/", "jwt_algorithms": "RS256"}, "Is a directory"),
        ({"jwt_public_keys": tokens.RSA.private_pem, "jwt_algorithms": "RS256"}, "is a private key"),
        ({"jwt_public_keys": tokens.WEAK_RSA.public_pem, "jwt_algorithms": "RS256"}, "has 1024 bits"),
        ({"jwt_public_keys": tokens.P256.public_pem, "jwt_algorithms": "ES384"}, "no algorithm of"),
        ({"jwt_public_keys": "-----BEGIN x", "jwt_algorithms": "RS256"}, "no public key or certificate"),
        ({"jwt_jwks": "{}", "jwt_algorithms": "RS256"}, "not a JSON object with a list"),
        ({"jwt_jwks": '{"keys":[]}', "jwt_algorithms": "RS256"}, "has no key"),
        ({"jwt_jwks": '{"keys":[{"kty":"RSA"}]}', "jwt_algorithms": "RS256"}, "key 1 of jwt_jwks"),
        (
            {"jwt_jwks": json.dumps({"keys": [tokens.RSA.private_jwk()]}), "jwt_algorithms": "RS256"},
            "is a private key",
        ),
        ({"auth": "required"}, "there are no keys"),
        ({"token_sources": "header,body"}, '"body" is not one of'),
        ({"allowed_origins": "https://"}, "has an item that is none of"),
    ],
)
async def test_a_configuration_that_cannot_be_safe_is_refused(new_server, configuration, sentence):
    from hearth import InvalidValueError

    with pytest.raises(InvalidValueError, match="(?s).*") as caught:
        await new_server(**configuration).start()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"auth": "required"}, "there are no keys"),
        ({"scopes": ["a"]}, "there are no keys"),
        ({"auth": "public", "scopes": ["a"]}, "goes with no scopes"),
        ({"claims": {"a": "{absent}"}}, "captures no {absent}"),
    ],
)
async def test_a_route_that_cannot_be_kept_is_refused(new_server, options, sentence):
    from hearth import InvalidValueError

    server = new_server()
    server.route("/", **options)
    with pytest.raises(InvalidValueError) as caught:
        await server.start()
    assert sentence in str(caught.value)


# ------------------------------------------------------------------ several keys, and new ones


async def test_several_secrets_are_good_while_they_are_changed(new_server):
    old, new = "o" * 32, "n" * 32
    server = new_server(jwt_algorithms="HS256", jwt_secrets=f"{new},base64:{'b29v' * 11}")
    async with server:
        assert await status(server, **bearer(token(secret=new))) == 101
        assert await status(server, **bearer(token(secret="oo" + "ooo" * 10 + "o"))) == 101
        assert await status(server, **bearer(token(secret=old + "x"))) == 401


async def test_keys_of_a_set_are_found_by_their_names(new_server):
    keys = [
        {"kty": "XYZ", "kid": "unknown"},
        tokens.RSA.public_jwk(kid="a", use="enc"),
        tokens.RSA.public_jwk(kid="b", use="sig"),
        tokens.P256.public_jwk(kid="c", key_ops=["verify"]),
        tokens.ED25519.public_jwk(kid="d"),
    ]
    server = new_server(jwt_algorithms="RS256,ES256,EdDSA", jwt_jwks=json.dumps({"keys": keys}))
    async with server:
        assert await status(server, **bearer(token("RS256", header={"kid": "b"}))) == 101
        assert await status(server, **bearer(token("ES256", header={"kid": "c"}))) == 101
        assert await status(server, **bearer(token("EdDSA", header={"kid": "d"}))) == 101
        assert await status(server, **bearer(token("RS256"))) == 101
        for kid in ("a", "c", "absent", ""):
            assert await status(server, **bearer(token("RS256", header={"kid": kid}))) == 401


async def test_files_with_keys_are_read_anew_and_a_bad_one_leaves_the_old_keys(new_server, tmp_path):
    from hearth import InvalidValueError

    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [tokens.RSA.public_jwk(kid="1")]}))
    server = new_server(jwt_algorithms="RS256", jwt_jwks=str(path), jwt_reload_interval=0)
    first = token("RS256", header={"kid": "1"})
    second = token("RS256", tokens.OTHER_RSA, {"kid": "2"})
    async with server:
        assert [await status(server, **bearer(text)) for text in (first, second)] == [101, 401]
        path.write_text("{")
        with pytest.raises(InvalidValueError, match="jwt_jwks is not a JSON object"):
            server.reload_keys()
        assert await status(server, **bearer(first)) == 101
        path.write_text(json.dumps({"keys": [tokens.OTHER_RSA.public_jwk(kid="2")]}))
        server.reload_keys()
        assert [await status(server, **bearer(text)) for text in (first, second)] == [401, 101]


async def test_a_new_key_is_found_by_itself(new_server, tmp_path):
    path = tmp_path / "key.pem"
    path.write_text(tokens.RSA.public_pem)
    server = new_server(jwt_algorithms="RS256", jwt_public_keys=str(path), jwt_reload_interval="1h")
    text = token("RS256", tokens.OTHER_RSA)
    async with server:
        assert await status(server, **bearer(token("RS256"))) == 101
        path.write_text(tokens.OTHER_RSA.public_pem)
        assert await status(server, **bearer(text)) == 101
        assert await status(server, **bearer(token("RS256"))) == 401
