/* A certificate is renewed without an end for those who are connected: by a call, or because its file
 * changed. One that cannot be used is refused with its file and the reason, and what was there before stays.
 * Variants: called watched */
#define CLIENT_TLS
#include "client.h"
#include "world.h"

static char folder[] = "/tmp/hearth-test-XXXXXX";
static int is_over;

/* Puts a file of the tests into the folder as a renewal does: in one step. */
static void install(const char *source, const char *name) {
    char command[512];
    snprintf(command, sizeof command, "cp %s/%s %s/new && mv %s/new %s/%s", TLS_FOLDER, source, folder,
             folder, folder, name);
    CHECK(system(command) == 0);
}

/* The name in the certificate that a new connection is shown. */
static void shown(int port, char *name, size_t capacity) {
    int fd = client_connect(port);
    X509 *certificate = SSL_get1_peer_certificate(sealed_streams[fd]);
    CHECK(certificate);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, (int)capacity);
    X509_free(certificate);
    close(fd);
}

static void *talk(void *context) {
    int fd = *(int *)context;
    long count = 0;
    char text[32];
    for (; !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE); count++) {
        snprintf(text, sizeof text, "%ld", count);
        client_send_text(fd, text);
        client_expect_text(fd, text);
        usleep(2000);
    }
    CHECK(count > 0);
    return NULL;
}

static void reload(struct world *world, int port) {
    char name[64], sentence[512];
    CHECK_NUMBER(hearth_server_reload_tls(world->server), HEARTH_OK);
    shown(port, name, sizeof name);
    CHECK_TEXT(name, "renewed");
    install("garbage.pem", "certificate.pem");
    CHECK_NUMBER(hearth_server_reload_tls(world->server), HEARTH_ERR_TLS);
    hearth_engine_error(world->engine, sentence, sizeof sentence);
    CHECK(strstr(sentence, folder) && strstr(sentence, "is not a certificate in PEM format"));
    install("localhost.pem", "certificate.pem");
    CHECK_NUMBER(hearth_server_reload_tls(world->server), HEARTH_ERR_TLS);
    hearth_engine_error(world->engine, sentence, sizeof sentence);
    CHECK(strstr(sentence, "does not belong to the certificate"));
    shown(port, name, sizeof name);
    CHECK_TEXT(name, "renewed");
}

int main(int count, char **arguments) {
    char setting[512], name[64];
    pthread_t thread;
    CHECK(count == 2 && mkdtemp(folder));
    int is_watched = strcmp(arguments[1], "watched") == 0;
    install("localhost.pem", "certificate.pem");
    install("localhost.key", "key.pem");
    struct world *world = world_new("");
    world->on_event = echo;
    snprintf(setting, sizeof setting, "%s/certificate.pem", folder);
    hearth_config_set(world->config, "tls_certificate", setting);
    snprintf(setting, sizeof setting, "%s/key.pem", folder);
    hearth_config_set(world->config, "tls_private_key", setting);
    hearth_config_set(world->config, "tls_watch", is_watched ? "on" : "off");
    hearth_server_free(world->server);
    world->server = hearth_server_new(world->engine, world->config);
    CHECK_NUMBER(hearth_server_reload_tls(world->server), HEARTH_ERR_STATE);
    int port = world_start(world), fd = client_open(port, "/");
    CHECK(pthread_create(&thread, NULL, talk, &fd) == 0);
    shown(port, name, sizeof name);
    CHECK_TEXT(name, "localhost");
    install("renewed.pem", "certificate.pem");
    install("renewed.key", "key.pem");
    if (!is_watched)
        reload(world, port);
    for (int i = 0; is_watched && strcmp(name, "renewed") != 0; i++) {
        CHECK(i < 200);
        usleep(100000);
        shown(port, name, sizeof name);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    client_close(fd, 1000);
    world_free(world);
    snprintf(setting, sizeof setting, "rm -r %s", folder);
    return system(setting) == 0 ? 0 : 1;
}
