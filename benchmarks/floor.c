/* floor PORT: what a WebSocket server costs that does nothing but the system calls: epoll, one recv for
 * what is there and one send per receiver and turn. It echoes on /echo and relays in /room/NAME, checks
 * nothing, has no limits, no pings and no answer to anything unexpected. Nobody should use it; whoever is
 * near it wastes nothing. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { input_size = 1 << 18, events_max = 1024, backlog = 4096 };

struct buffer {
    char *bytes;
    size_t count, capacity;
};

struct room {
    struct room *next, *next_dirty;
    struct connection **members;
    size_t count, capacity;
    struct buffer out;
    int is_dirty;
    char name[64];
};

struct connection {
    int fd, is_open;
    struct room *room;  /* of which it is a member; without one it gets its own messages back */
    struct buffer rest; /* a part of a message, or of the request */
};

static struct room *rooms[4096], *dirty;
static struct buffer echo;
static char input[input_size];

static void append(struct buffer *buffer, const void *bytes, size_t count) {
    if (buffer->count + count > buffer->capacity) {
        buffer->capacity = (buffer->count + count) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
    }
    memcpy(buffer->bytes + buffer->count, bytes, count);
    buffer->count += count;
}

static void send_all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN)
                return;
            struct pollfd wait = {fd, POLLOUT, 0};
            poll(&wait, 1, -1);
            continue;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
}

static struct room *find_room(const char *name, size_t length) {
    uint32_t hash = 5381;
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (unsigned char)name[i];
    struct room **place = &rooms[hash % 4096], *room;
    for (room = *place; room; room = room->next)
        if (strlen(room->name) == length && memcmp(room->name, name, length) == 0)
            return room;
    room = calloc(1, sizeof *room);
    memcpy(room->name, name, length < 63 ? length : 63);
    room->next = *place;
    return *place = room;
}

/* The answer to the request, and into the room. Returns how many bytes it had; 0: it is not all here. */
static size_t begin(struct connection *connection, const char *bytes, size_t count) {
    static const char name[] = "Sec-WebSocket-Key: ", magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
    char text[128], answer[256];
    const char *end = memmem(bytes, count, "\r\n\r\n", 4), *key = memmem(bytes, count, name, sizeof name - 1);
    if (!end || !key)
        return 0;
    memcpy(text, key + sizeof name - 1, 24);
    memcpy(text + 24, magic, sizeof magic - 1);
    SHA1((unsigned char *)text, 24 + sizeof magic - 1, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
    if (memcmp(bytes, "GET /room/", 10) == 0) {
        struct room *room = find_room(bytes + 10, strcspn(bytes + 10, " "));
        if (room->count == room->capacity) {
            room->capacity = room->capacity * 2 + 4;
            room->members = realloc(room->members, room->capacity * sizeof *room->members);
        }
        room->members[room->count++] = connection;
        connection->room = room;
    }
    connection->is_open = 1;
    send_all(connection->fd, answer, (size_t)length);
    return (size_t)(end + 4 - bytes);
}

/* A frame, unmasked, to where it goes. Returns how many bytes it had; 0: it is not all here. */
static size_t take_frame(struct connection *connection, unsigned char *bytes, size_t count) {
    unsigned char head[10];
    size_t at = 2, length, head_length = 2;
    if (count < 6)
        return 0;
    length = bytes[1] & 0x7F;
    size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extra > 0) {
        if (count < 6 + extra)
            return 0;
        for (length = 0; at < 2 + extra; at++)
            length = length << 8 | bytes[at];
    }
    if (count < at + 4 + length)
        return 0;
    uint64_t mask = (uint64_t) * (uint32_t *)(bytes + at) * 0x100000001u, word;
    unsigned char *payload = bytes + at + 4;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
        memcpy(&word, payload + i, 8);
        word ^= mask;
        memcpy(payload + i, &word, 8);
    }
    for (; i < length; i++)
        payload[i] ^= bytes[at + (i & 3)];
    head[0] = bytes[0];
    memcpy(head + 1, bytes + 1, 1 + extra);
    head[1] &= 0x7F;
    head_length += extra;
    struct buffer *out = connection->room ? &connection->room->out : &echo;
    append(out, head, head_length);
    append(out, payload, length);
    if (connection->room && !connection->room->is_dirty) {
        connection->room->is_dirty = 1;
        connection->room->next_dirty = dirty;
        dirty = connection->room;
    }
    return at + 4 + length;
}

static void leave(struct connection *connection) {
    struct room *room = connection->room;
    for (size_t i = 0; room && i < room->count; i++)
        if (room->members[i] == connection)
            room->members[i--] = room->members[--room->count];
    close(connection->fd);
    free(connection->rest.bytes);
    free(connection);
}

static void receive(struct connection *connection) {
    ssize_t count = recv(connection->fd, input, sizeof input, MSG_DONTWAIT);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN)
            leave(connection);
        return;
    }
    char *bytes = input;
    size_t left = (size_t)count, used;
    if (connection->rest.count > 0) {
        append(&connection->rest, input, left);
        bytes = connection->rest.bytes;
        left = connection->rest.count;
    }
    while (left > 0) {
        used = connection->is_open ? take_frame(connection, (unsigned char *)bytes, left)
                                   : begin(connection, bytes, left);
        if (used == 0)
            break;
        bytes += used;
        left -= used;
    }
    if (echo.count > 0)
        send_all(connection->fd, echo.bytes, echo.count);
    echo.count = 0;
    if (left == 0) {
        connection->rest.count = 0;
    } else if (connection->rest.count > 0) {
        memmove(connection->rest.bytes, bytes, left);
        connection->rest.count = left;
    } else {
        append(&connection->rest, bytes, left);
    }
}

static void flush(void) {
    for (struct room *room = dirty; room; room = room->next_dirty) {
        for (size_t i = 0; i < room->count; i++)
            send_all(room->members[i]->fd, room->out.bytes, room->out.count);
        room->out.count = 0;
        room->is_dirty = 0;
    }
    dirty = NULL;
}

static void accept_all(int listener, int epoll) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        connection->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int count, char **arguments) {
    static struct epoll_event events[events_max];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0), on = 1;
    address.sin_port = htons((uint16_t)(count > 1 ? atoi(arguments[1]) : 0));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, backlog) != 0) {
        perror("floor PORT");
        return 1;
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int found = epoll_wait(epoll, events, events_max, -1);
        for (int i = 0; i < found; i++) {
            if (events[i].data.ptr)
                receive(events[i].data.ptr);
            else
                accept_all(listener, epoll);
        }
        flush();
    }
}
