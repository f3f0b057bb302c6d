/* Redirects are followed as often as follow_redirects says, without the headers for another server, through a
 * proxy with credentials, and to a Unix socket if the url says so. */
#include "link.h"

static int redirected(int listener, const char *location) {
    char request[8192], answer[512];
    int fd = accept_one(listener);
    read_request(fd, request, sizeof request);
    snprintf(answer, sizeof answer, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             location);
    client_write_text(fd, answer);
    close(fd);
    return strstr(request, "X-Secret: 1\r\n") != NULL;
}

static void follow(void) {
    int port = 0, other = 0, listener = listen_anywhere(&port), elsewhere = listen_anywhere(&other);
    char location[64];
    struct link *link = link_new(port, NULL, "follow_redirects=2 reconnect_enabled=off");
    CHECK_NUMBER(hearth_client_proceed(link->client, NULL, "X-Secret: 1"), HEARTH_ERR_STATE);
    link_start(link);
    CHECK(redirected(listener, "/next?a=b"));
    snprintf(location, sizeof location, "ws://127.0.0.1:%d/there", other);
    CHECK(redirected(listener, location));
    CHECK(!redirected(elsewhere, "/too-often"));
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_REDIRECTED);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    CHECK(redirected(listener, location));
    int fd = accept_open(elsewhere);
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    close(fd);
    link_free(link);
    close(listener);
    close(elsewhere);
}

static void go_through_a_proxy(void) {
    int port = 0, listener = listen_anywhere(&port);
    char proxy[64], request[8192];
    snprintf(proxy, sizeof proxy, "proxy=http://ann:secret@127.0.0.1:%d reconnect_enabled=off", port);
    struct link *link = link_new(0, "ws://example.test:7/path", proxy);
    link_start(link);
    int fd = accept_one(listener);
    read_request(fd, request, sizeof request);
    CHECK(strncmp(request, "CONNECT example.test:7 HTTP/1.1\r\n", 33) == 0);
    CHECK(strstr(request, "Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n"));
    client_write_text(fd, "HTTP/1.1 200 Connection established\r\n\r\n");
    answer_upgrade(fd, "");
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    CHECK_NUMBER(link_send(link, "through"), 1);
    expect_masked_text(fd, "through");
    send_unmasked(fd, 0x81, "and back", 8);
    CHECK_TEXT(link_wait_message(link, 1)->data, "and back");
    send_unmasked_close(fd, 1000, "");
    link_wait(link, HEARTH_CLIENT_CLOSED, 1);
    close(fd);

    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    fd = accept_one(listener);
    read_request(fd, request, sizeof request);
    client_write_text(fd, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 1)->error, HEARTH_ERR_PROXY_AUTH);
    close(fd);
    CHECK_NUMBER(hearth_client_open(link->client), HEARTH_OK);
    fd = accept_one(listener);
    read_request(fd, request, sizeof request);
    client_write_text(fd, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    CHECK_NUMBER(link_wait(link, HEARTH_CLIENT_GAVE_UP, 2)->error, HEARTH_ERR_PROXY);
    close(fd);
    link_free(link);
    close(listener);
}

static void use_a_unix_socket(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char url[128];
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/hearth-client-%d.sock", (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(address.sun_path);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 4) == 0);
    snprintf(url, sizeof url, "unix:%s:/inside", address.sun_path);
    struct link *link = link_new(0, url, "reconnect_enabled=off");
    link_start(link);
    int fd = accept_one(listener);
    answer_upgrade(fd, "");
    link_wait(link, HEARTH_CLIENT_OPEN, 1);
    send_unmasked(fd, 0x82, "near", 4);
    CHECK_TEXT(link_wait_message(link, 1)->data, "near");
    close(fd);
    link_free(link);
    close(listener);
    unlink(address.sun_path);
}

int main(void) {
    follow();
    go_through_a_proxy();
    use_a_unix_socket();
    return 0;
}
