/* The keys of a server are exchanged without a restart: a set whose file changes is read when a token comes
 * that names a new key, old ones serve no more, and a file that cannot be used leaves the keys as they are.
 * Whoever knows a public key cannot sign with it. */
#include "client.h"
#include "token.h"
#include "world.h"

static const char public_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\n"
                                 "q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n"
                                 "-----END PUBLIC KEY-----\n";
static char path[] = "/tmp/hearth-keys-XXXXXX";

static void write_file(const char *text) {
    char other[64];
    snprintf(other, sizeof other, "%s.new", path);
    FILE *file = fopen(other, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    CHECK(rename(other, path) == 0);
}

/* A set with the secret of token.h under that name. */
static void write_set(const char *name) {
    char encoded[64], text[256];
    token_encode(encoded, TOKEN_SECRET, sizeof TOKEN_SECRET - 1);
    snprintf(text, sizeof text, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"%s\",\"k\":\"%s\"}]}", name, encoded);
    write_file(text);
}

static const char *token_by(const char *name) {
    char header[64];
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", name);
    return token_of(header, "{\"sub\":\"ada\",\"exp\":4102444800}");
}

static int status(int port, const char *token) {
    char head[8192];
    int fd = client_connect(port), found = client_upgrade(fd, "/", token_field(token), head, sizeof head);
    close(fd);
    return found;
}

/* A token of that header, signed with all of the public key's bytes. */
static const char *confused(const char *header) {
    static char token[1024];
    unsigned char digest[32];
    unsigned int digest_length = 0;
    const char claims[] = "{\"sub\":\"ada\",\"exp\":4102444800}";
    size_t length = token_encode(token, header, strlen(header));
    token[length++] = '.';
    length += token_encode(token + length, claims, strlen(claims));
    CHECK(HMAC(EVP_sha256(), public_key, sizeof public_key - 1, (unsigned char *)token, length, digest,
               &digest_length));
    token[length++] = '.';
    token_encode(token + length, digest, digest_length);
    return token;
}

static void check_rotation(void) {
    char settings[256], sentence[256];
    write_set("first");
    snprintf(settings, sizeof settings, "jwt_algorithms=HS256 jwt_reload_interval=1h jwt_jwks=%s", path);
    struct world *world = world_new(settings);
    int port = world_start(world);
    CHECK_NUMBER(status(port, token_by("first")), 101);
    CHECK_NUMBER(status(port, token_by("second")), 401);
    write_file("rubbish");
    CHECK_NUMBER(hearth_server_reload_keys(world->server), HEARTH_ERR_INVALID_VALUE);
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0 && strstr(sentence, "jwt_jwks"));
    CHECK_NUMBER(status(port, token_by("first")), 101);
    write_set("second");
    /* Looked at once a second at most, so that wrong tokens cannot make it read files all the time. */
    int found = 0;
    for (int i = 0; i < 200 && found != 101; i++) {
        found = status(port, token_by("second"));
        usleep(20000);
    }
    CHECK_NUMBER(found, 101);
    CHECK_NUMBER(status(port, token_by("first")), 401);
    write_set("third");
    CHECK_NUMBER(hearth_server_reload_keys(world->server), HEARTH_OK);
    CHECK_NUMBER(status(port, token_by("third")), 101);
    CHECK_NUMBER(status(port, token_by("second")), 401);
    world_free(world);
}

static void check_public_key(void) {
    char settings[256], sentence[256] = "";
    write_file(public_key);
    snprintf(settings, sizeof settings,
             "jwt_algorithms=ES256,HS256 jwt_public_keys=%s jwt_secrets=" TOKEN_SECRET, path);
    struct world *world = world_new(settings);
    int port = world_start(world);
    CHECK_NUMBER(status(port, confused("{\"alg\":\"HS256\"}")), 401);
    CHECK_NUMBER(status(port, confused("{\"alg\":\"ES256\"}")), 401);
    CHECK_NUMBER(status(port, token_for("ada", 60, "")), 101);
    hearth_config *config = hearth_config_new();
    char secret[128];
    snprintf(secret, sizeof secret, "file:%s", path);
    CHECK_NUMBER(hearth_config_set(config, "jwt_algorithms", "HS256"), HEARTH_OK);
    CHECK_NUMBER(hearth_config_set(config, "jwt_secrets", secret), HEARTH_OK);
    CHECK(hearth_server_new(world->engine, config) == NULL);
    CHECK(hearth_engine_error(world->engine, sentence, sizeof sentence) > 0);
    CHECK(strstr(sentence, "public keys belong in jwt_public_keys"));
    hearth_config_free(config);
    world_free(world);
}

int main(void) {
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    check_rotation();
    check_public_key();
    unlink(path);
    return 0;
}
