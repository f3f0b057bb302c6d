/* hearth.h - an embeddable real-time WebSocket engine
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * Introduction
 *
 *   A program makes an engine, makes a server in it, says what it listens to, and
 *   runs the engine in one of four ways. From then on the engine accepts WebSocket
 *   connections (RFC 6455), puts them into rooms, sends what the program sends,
 *   finds and removes dead peers, and reports what happened as events.
 *
 *       hearth_config *config = hearth_config_new();
 *       hearth_config_set(config, "listen", "127.0.0.1:9000");
 *       hearth_engine *engine = hearth_engine_new(config);
 *       hearth_server *server = hearth_server_new(engine, config);
 *       hearth_server_route(server, "/rooms/{room}", "join=auto,relay=others");
 *       hearth_server_on_event(server, on_event, context);
 *       hearth_server_start(server);
 *       hearth_engine_run(engine);
 *
 * Rules that hold for every function
 *
 *   Thread    Any thread may call any function at any time, unless its comment says
 *             otherwise. A call made on the thread of the loop that owns the
 *             connection acts at once; a call from elsewhere is posted to that loop,
 *             in order per caller: who is told to join a room gets what is sent to it
 *             next. What such a call answers, a count too, is of the moment before.
 *             A configuration, and a server until it is started, is for one thread at
 *             a time.
 *   Memory    Everything passed in is borrowed until the call returns and copied
 *             where it is needed longer. Nothing that the library returns is freed
 *             by the caller, except by the function that its comment names.
 *   Strings   Names, keys and reasons are UTF-8 and NUL-terminated. Payloads are a
 *             pointer and a length in bytes, and may hold any byte.
 *   Errors    0 is HEARTH_OK, errors are negative: hearth_strerror has a sentence for
 *             each. A function that returns a count returns it as a number >= 0.
 *   Structs   They grow at their end only. The caller says how long its own are, in `size` or
 *             in a parameter: the library reads what a shorter one lacks as 0, writes nothing
 *             behind a struct, and says in `size` how many bytes of it were written.
 *   Codes     A close code of 0 is the usual one of the call, which its comment names.
 *   Handles   A NULL or freed engine, server or config, or the id of a connection that
 *             has ended, is answered by an error and does nothing else.
 *   Callbacks A callback may call every function but the ones that say otherwise.
 *             It must not block: the loop waits for it.
 *
 * Lifetimes, in five rules
 *
 *   1. hearth_engine_new and hearth_server_new copy the configuration: it may be
 *      changed or freed at once.
 *   2. hearth_engine_free ends and frees everything that belongs to the engine, its
 *      servers included. Nothing else needs to be freed before it.
 *   3. A connection is an id, never a pointer. It may be kept for ever: after the end
 *      of the connection it answers HEARTH_ERR_GONE, and it is not given out again.
 *   4. What an event points to lives until the callback returns, or, taken with
 *      hearth_engine_poll, until the next call of hearth_engine_poll.
 *   5. Each connection has exactly one OPEN and one CLOSE event, and CLOSE is its last.
 *
 * Fork, exit and unload
 *
 *   A configuration, an engine, a server and a client may be made before fork() and used
 *   in the child (and in the parent, each for itself) as long as nothing of the engine was
 *   started. What was started stays the parent's: in the child, which has none of its
 *   threads, every call with it or with one of its connections answers HEARTH_ERR_FORKED and
 *   touches no socket of the parent, and hearth_*_free do nothing. Configurations are the
 *   child's in any case. Descriptors are close-on-exec. At exit() nothing is needed;
 *   connections are cut by the system.
 *   The library must not be unloaded (dlclose) while an engine exists. It installs no
 *   signal handler, raises no SIGPIPE, prints nothing and never ends the process.
 *
 * Without memory
 *
 *   An allocation that fails ends nothing: a call answers HEARTH_ERR_MEMORY or NULL, new
 *   connections get status 503, connections that hold much are closed with 1013, and a
 *   reserve of 4 MiB carries what is under way. The key max_memory bounds all of it. That
 *   holds for this library in a C program. Out of scope are a library built with
 *   Swift's own runtime, interpreters that load this one (their own allocations), and a
 *   process that has no memory for small blocks for so long that the reserve is used up.
 */
#ifndef HEARTH_H
#define HEARTH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What stands before every function. A program may define it before it includes this header. */
#ifndef HEARTH_API
#if defined(__GNUC__)
#define HEARTH_API __attribute__((visibility("default")))
#else
#define HEARTH_API
#endif
#endif

#define HEARTH_VERSION_MAJOR 0
#define HEARTH_VERSION_MINOR 1
#define HEARTH_VERSION_PATCH 0
#define HEARTH_VERSION_STRING "0.1.0"

/* ------------------------------------------------------------------ types */

typedef struct hearth_config hearth_config;
typedef struct hearth_engine hearth_engine;
typedef struct hearth_server hearth_server;
typedef struct hearth_client hearth_client;

/* The id of one connection, unique in this process for ever. 0 is no connection.
 * An HTTP request is named by an id of the same kind. */
typedef uint64_t hearth_connection;

/* Errors, with the sentence of hearth_strerror. The numbers never change; new ones are added. */
typedef enum hearth_error {
    HEARTH_OK = 0,                     /* no error */
    HEARTH_ERR_INVALID = -1,           /* an argument is NULL, freed, out of range or not UTF-8 */
    HEARTH_ERR_MEMORY = -2,            /* the system has no memory left */
    HEARTH_ERR_UNKNOWN_KEY = -3,       /* there is no configuration key or route option of that name */
    HEARTH_ERR_INVALID_VALUE = -4,     /* the key or option does not take that value */
    HEARTH_ERR_GONE = -5,              /* the connection or request has ended */
    HEARTH_ERR_STATE = -6,             /* this is not possible in the present state */
    HEARTH_ERR_FORKED = -7,            /* the engine was started by the process that this one was forked from */
    HEARTH_ERR_THREAD = -8,            /* this function must be called on another thread */
    HEARTH_ERR_TOO_LARGE = -9,         /* what was passed is longer than a limit allows */
    HEARTH_ERR_LIMIT = -10,            /* a limit of the configuration is reached */
    HEARTH_ERR_QUEUE_FULL = -11,       /* nothing more may wait: max_outbox_bytes or a max_queue_… key */
    HEARTH_ERR_ADDRESS_IN_USE = -12,   /* another socket listens on that address */
    HEARTH_ERR_ADDRESS = -13,          /* this machine cannot listen on that address */
    HEARTH_ERR_PERMISSION = -14,       /* the system does not allow it */
    HEARTH_ERR_SYSTEM = -15,           /* the operating system reports an error */
    HEARTH_ERR_VERSION = -16,          /* the loaded libuv or OpenSSL is not one this library works with */
    HEARTH_ERR_NOT_FOUND = -17,        /* there is no such room, route, file or field */
    HEARTH_ERR_UNSUPPORTED = -18,      /* this was not built into the library */
    HEARTH_ERR_TLS = -19,              /* a certificate, a key or a setting of TLS cannot be used */
    /* Of clients: why a call is refused, an attempt to connect failed, or a connection ended. */
    HEARTH_ERR_URL = -20,              /* this is not an address of a WebSocket */
    HEARTH_ERR_NOT_OPEN = -21,         /* the client is not open, and the message may not wait */
    HEARTH_ERR_RESOLVE = -22,          /* the name of the server has no address */
    HEARTH_ERR_CONNECT = -23,          /* no address of the server takes the connection */
    HEARTH_ERR_CONNECT_TIMEOUT = -24,  /* no address of the server answered within open_timeout */
    HEARTH_ERR_NO_ANSWER = -25, /* the server took the connection and said nothing within open_timeout */
    HEARTH_ERR_SLOW_ANSWER = -26,      /* the server's answer was not whole within open_timeout */
    HEARTH_ERR_EARLY_CLOSE = -27,      /* the server closed the connection before its answer was whole */
    HEARTH_ERR_BAD_ANSWER = -28,       /* the server's answer is not an HTTP/1.1 response, or too large */
    HEARTH_ERR_NOT_UPGRADED = -29,     /* the server answered with a plain HTTP response */
    HEARTH_ERR_BAD_UPGRADE = -30,      /* the server's answer does not switch to the WebSocket protocol */
    HEARTH_ERR_BAD_ACCEPT = -31,       /* the Sec-WebSocket-Accept of the answer does not belong to our key */
    HEARTH_ERR_BAD_SUBPROTOCOL = -32,  /* the server chose a subprotocol that was not offered */
    HEARTH_ERR_BAD_EXTENSION = -33,    /* the server chose an extension that was not offered */
    HEARTH_ERR_REDIRECTED = -34,       /* the server redirects to where follow_redirects does not lead */
    HEARTH_ERR_UNAUTHORIZED = -35,     /* the server wants other credentials (status 401) */
    HEARTH_ERR_FORBIDDEN = -36,        /* the server forbids it (status 403) */
    HEARTH_ERR_TOO_MANY_REQUESTS = -37, /* the server has had too many requests (status 429) */
    HEARTH_ERR_UNAVAILABLE = -38,      /* the server is not available now (status 503) */
    HEARTH_ERR_HTTP_STATUS = -39,      /* the server refused with another HTTP status */
    HEARTH_ERR_PROXY = -40,            /* the proxy did not open the tunnel */
    HEARTH_ERR_PROXY_AUTH = -41,       /* the proxy wants other credentials (status 407) */
    HEARTH_ERR_UNPREPARED = -42,       /* the program did not answer CLIENT_PREPARE within open_timeout */
    HEARTH_ERR_MASKED_FRAME = -43,     /* the server masked a frame, as only clients do */
    HEARTH_ERR_PROTOCOL = -44,         /* the server broke the WebSocket protocol */
    HEARTH_ERR_LOST = -45,             /* the connection ended without a close frame */
    HEARTH_ERR_PING_TIMEOUT = -46,     /* the server sent nothing for ping_timeout after a ping */
    HEARTH_ERR_TLS_HANDSHAKE = -47,    /* TLS could not be agreed on with the server */
    /* Of tokens. */
    HEARTH_ERR_TOKEN = -48,            /* the token is forged, malformed, expired or for somebody else */
    HEARTH_ERR_NOT_ALLOWED = -49       /* the token is good, but does not allow this */
} hearth_error;

/* Close codes with a meaning (RFC 6455 7.4, the registry of IANA, and this library's own).
 * 1000 to 2999 belong to the protocol, 3000 to 3999 to registered libraries, 4000 to 4099 to
 * programs. After a code of 4100 to 4499 coming back is of use, and a client does; after one of
 * 4500 to 4999 it is not, and a client stops. Numbers never change; new ones are added. */
typedef enum hearth_close_code {
    HEARTH_CLOSE_NORMAL = 1000,             /* done: the peer does not come back */
    HEARTH_CLOSE_GOING_AWAY = 1001,         /* the server stops, or the page is left */
    HEARTH_CLOSE_PROTOCOL_ERROR = 1002,     /* the peer broke the WebSocket protocol */
    HEARTH_CLOSE_UNSUPPORTED_DATA = 1003,   /* a kind of message that is not taken here */
    HEARTH_CLOSE_NO_STATUS = 1005,          /* reported for a close frame without a code; never on the wire */
    HEARTH_CLOSE_ABNORMAL = 1006,           /* reported for an end without a close frame; never on the wire */
    HEARTH_CLOSE_INVALID_PAYLOAD = 1007,    /* text that is not UTF-8, or no message of the dialect */
    HEARTH_CLOSE_POLICY_VIOLATION = 1008,   /* not allowed, without a more exact code */
    HEARTH_CLOSE_MESSAGE_TOO_BIG = 1009,    /* a message beyond max_message_size */
    HEARTH_CLOSE_MANDATORY_EXTENSION = 1010, /* the client needs an extension that was not agreed on */
    HEARTH_CLOSE_INTERNAL_ERROR = 1011,     /* a fault of the program: a handler failed */
    HEARTH_CLOSE_SERVICE_RESTART = 1012,    /* the server restarts */
    HEARTH_CLOSE_TRY_AGAIN_LATER = 1013,    /* the server has too much to do */
    HEARTH_CLOSE_BAD_GATEWAY = 1014,        /* a proxy got no good answer */
    HEARTH_CLOSE_TLS_HANDSHAKE = 1015,      /* reported where TLS could not be agreed on; never on the wire */
    /* Of this library. */
    HEARTH_CLOSE_RECONNECT_NOW = 4100,      /* come back at once */
    HEARTH_CLOSE_DRAINING = 4101,           /* the server drains its connections */
    HEARTH_CLOSE_SLOW_CONSUMER = 4102,      /* max_outbox_bytes was reached, and slow_consumer is close */
    HEARTH_CLOSE_NO_PONG = 4103,            /* no sign of life within ping_timeout after a ping */
    HEARTH_CLOSE_RESYNCHRONIZE = 4104,      /* the state must be fetched anew */
    HEARTH_CLOSE_RATE_EXCEEDED = 4105,      /* more than a rate_limit_… key allows */
    HEARTH_CLOSE_TOKEN_EXPIRED = 4106,      /* get a new token, then come back */
    HEARTH_CLOSE_EVICTED_AS_STALE = 4107,   /* made room for another connection of the same user */
    HEARTH_CLOSE_OVERLOADED = 4108,         /* the server takes nobody more */
    HEARTH_CLOSE_UNAUTHENTICATED = 4500,    /* a token is needed */
    HEARTH_CLOSE_INVALID_TOKEN = 4501,      /* the token is forged, malformed, expired or for somebody else */
    HEARTH_CLOSE_FORBIDDEN = 4502,          /* the token does not allow this */
    HEARTH_CLOSE_TOO_MANY_CONNECTIONS = 4503, /* max_connections_per_user is reached */
    HEARTH_CLOSE_REPLACED = 4504,           /* another connection took its place */
    HEARTH_CLOSE_KICKED = 4505,             /* sent away by the program */
    HEARTH_CLOSE_BAD_REQUEST = 4506,        /* the request is not understood */
    HEARTH_CLOSE_HELLO_TIMED_OUT = 4507,    /* the first message did not come in time */
    HEARTH_CLOSE_PROTOCOL_MISMATCH = 4508,  /* the versions of peer and server do not fit */
    HEARTH_CLOSE_REVOKED = 4509             /* the right to be connected was taken away */
} hearth_close_code;

/* What kind of message a payload is (RFC 6455 5.6). */
typedef enum hearth_opcode {
    HEARTH_TEXT = 1,                   /* UTF-8, checked in both directions */
    HEARTH_BINARY = 2
} hearth_opcode;

typedef enum hearth_event_type {
    /* A peer asks to connect on a route with accept=ask. Answer with
     * hearth_connection_accept or hearth_connection_reject, now or before open_timeout.
     * path, query, headers, captures, address, data (subprotocols offered, one per NUL), user (of a
     * token). A token that the library verified stands as *** in query and headers. */
    HEARTH_EVENT_CONNECT = 1,
    /* The connection is open. Same fields as CONNECT, but data is the subprotocol chosen; user. */
    HEARTH_EVENT_OPEN = 2,
    /* A message arrived: opcode, data. On a route with dialect=json a text is an event: event_name,
     * and data is the JSON of its data ("" for none; all of it with json_data_key empty). */
    HEARTH_EVENT_MESSAGE = 3,
    /* The connection has ended: code, data (reason), user, HEARTH_EVENT_CLEAN.
     * Its LEFT events came before. */
    HEARTH_EVENT_CLOSE = 4,
    /* The connection joined, or left, a room: room, user. */
    HEARTH_EVENT_JOINED = 5,
    HEARTH_EVENT_LEFT = 6,
    /* A user's first connection joined the room, or its last one left: room, user,
     * presence_version; JOINED: data (hearth_user_set_presence). A user whose last connection
     * was lost leaves presence_grace later, with connection 0; back before, nobody is told. */
    HEARTH_EVENT_USER_JOINED = 7,
    HEARTH_EVENT_USER_LEFT = 8,
    /* A request that is no upgrade, on a route with http=…: answer it with
     * hearth_http_respond. method, path, query, headers, captures, address, data (body). */
    HEARTH_EVENT_HTTP_REQUEST = 9,
    /* hearth_server_stop is done: every connection has ended. code: how many were cut. */
    HEARTH_EVENT_SERVER_STOPPED = 10,
    /* Messages to this connection were dropped by its slow_consumer policy: code = how
     * many since the last such event. */
    HEARTH_EVENT_DROPPED = 11,
    /* hearth_user_set_presence: room, user, data, presence_version; one for each of its rooms. */
    HEARTH_EVENT_PRESENCE_UPDATED = 12,
    /* The peer sends more than a rate_limit_… key allows: data = the key, "" where it has come back within
     * its rates; code = how many of its messages were dropped since the last such event, 0 for the first
     * one too many, which is a warning and was delivered. While messages are dropped one event comes each
     * second. After max_rate_limit_drops the connection is closed with 4105. */
    HEARTH_EVENT_LIMITED = 13,
    /* Send one message over the transport of a channel: opcode, data, path (the name of the channel) and
     * the connections to which it goes; connection is the first of them. See hearth_server_channel. */
    HEARTH_EVENT_CHANNEL_SEND = 14,
    /* A client has come into another state; `state` says into which.
     * CONNECTING: attempt. OPEN: attempt, address, headers of the answer; data is the subprotocol
     * chosen. RECONNECTING: attempt (the next one), delay_ms, and why: as for CLOSED if a connection
     * ended, as for GAVE_UP if an attempt failed. CLOSED: code, data (reason), error,
     * HEARTH_EVENT_CLEAN, HEARTH_EVENT_BY_PEER. GAVE_UP: error, status, data (a sentence). */
    HEARTH_EVENT_CLIENT_STATE = 15,
    /* prepare=on: a client is about to connect. Answer with hearth_client_proceed, or with
     * hearth_client_decline, now or before open_timeout. attempt, path (the url as it is), error and
     * status of the attempt before. */
    HEARTH_EVENT_CLIENT_PREPARE = 16,
    /* The system has taken the last byte of message, and of every message before it that was not
     * reported as dropped. One event for each write, not for each message. */
    HEARTH_EVENT_CLIENT_SENT = 17,
    /* A message was not sent and will not be: message; code is a hearth_drop_reason. */
    HEARTH_EVENT_CLIENT_DROPPED = 18,
    /* The connection's token, or the time set with hearth_connection_set_expiry, is about to end: code =
     * seconds left, user. Every expiry_notice_interval, from expiry_notice_window before the end. A new
     * token (hearth_connection_authenticate) moves the end. */
    HEARTH_EVENT_EXPIRING = 19,
    /* It has ended: user. The host may still send, or set a new end, for expiry_grace; then the connection
     * is closed with 4106 (see close_codes). */
    HEARTH_EVENT_EXPIRED = 20,
    /* What hearth_server_ask asked for: code is its number, data a JSON object. */
    HEARTH_EVENT_CLUSTER_ANSWER = 21
} hearth_event_type;

/* What hearth_server_ask asks about. */
typedef enum hearth_subject {
    HEARTH_SUBJECT_ROOM = 1,
    HEARTH_SUBJECT_USER = 2,
    HEARTH_SUBJECT_READY = 3           /* until messages reach the other processes */
} hearth_subject;

/* What a client does. */
typedef enum hearth_client_state {
    HEARTH_CLIENT_IDLE = 0,            /* made and not opened yet */
    HEARTH_CLIENT_CONNECTING = 1,      /* an attempt is being made */
    HEARTH_CLIENT_OPEN = 2,
    HEARTH_CLIENT_RECONNECTING = 3,    /* it waits for the time of the next attempt */
    HEARTH_CLIENT_CLOSED = 4,          /* a connection ended, or the program closed it; nothing follows */
    HEARTH_CLIENT_GAVE_UP = 5          /* an attempt failed and nothing follows */
} hearth_client_state;

/* Why a message was dropped. */
typedef enum hearth_drop_reason {
    HEARTH_DROP_COUNT = 1,             /* max_queue_messages */
    HEARTH_DROP_BYTES = 2,             /* max_queue_bytes */
    HEARTH_DROP_AGE = 3,               /* max_queue_age */
    HEARTH_DROP_CLEARED = 4,           /* hearth_client_queue_clear */
    HEARTH_DROP_CLOSED = 5,            /* the client was closed or freed, or gave up */
    HEARTH_DROP_LOST = 6               /* HEARTH_SEND_NO_QUEUE, and the connection broke before it had left */
} hearth_drop_reason;

/* Bits of hearth_event.flags. */
typedef enum hearth_event_flag {
    HEARTH_EVENT_CLEAN = 1,            /* CLOSE: both sides sent a close frame */
    HEARTH_EVENT_BY_PEER = 2,          /* CLOSE: the peer began it */
    HEARTH_EVENT_CHANNEL = 4,          /* OPEN, CLOSE: the connection is one of a channel */
    HEARTH_EVENT_ELSEWHERE = 8         /* USER_JOINED, USER_LEFT, PRESENCE_UPDATED: on another process */
} hearth_event_flag;

/* One event. The struct only ever grows at its end: `size` says how many bytes of it this
 * library filled in. Strings are NUL-terminated and also carry their length; a field that an
 * event does not use is NULL, 0 or "". `headers` and `captures` are lists
 * name NUL value NUL name NUL value NUL …, header names in lower case, values of captures
 * percent-decoded. Payload data is not NUL-terminated. */
typedef struct hearth_event {
    uint32_t size;
    uint32_t type;                     /* hearth_event_type; ignore the ones you do not know */
    hearth_server *server;
    hearth_connection connection;
    void *connection_context;          /* set by hearth_connection_set_context before the event; else NULL */
    uint64_t time_ms;                  /* wall clock, milliseconds since 1970 */
    uint32_t opcode;                   /* hearth_opcode of a message */
    uint32_t flags;
    int32_t code;
    int32_t route;                     /* number that hearth_server_route returned, -1: none */
    const uint8_t *data;
    size_t data_length;
    const char *room;
    size_t room_length;
    const char *user;
    size_t user_length;
    const char *method;
    size_t method_length;
    const char *path;
    size_t path_length;
    const char *query;
    size_t query_length;
    const char *headers;
    size_t headers_length;
    const char *captures;
    size_t captures_length;
    const char *address;               /* of the peer: "127.0.0.1:51234", "[::1]:51234", "unix"; behind one of
                                        * trusted_proxies whom that names, with port 0 if it names none */
    size_t address_length;
    uint64_t presence_version;         /* of the room, see hearth_room_presence; else 0 */
    const char *event_name;            /* MESSAGE of the json dialect: the name of the event */
    size_t event_name_length;
    const hearth_connection *connections; /* CHANNEL_SEND: to whom; else NULL */
    size_t connections_length;         /* how many */
    hearth_client *client;             /* NULL: an event of a server. Of a client: server is NULL */
    uint64_t message;                  /* CLIENT_SENT, CLIENT_DROPPED */
    uint64_t delay_ms;                 /* CLIENT_STATE: until the next attempt */
    uint32_t state;                    /* CLIENT_STATE: hearth_client_state */
    uint32_t attempt;                  /* counted since the last stable connection; 0: the first of all */
    int32_t error;                     /* hearth_error: why an attempt failed or a connection ended; 0: none */
    uint32_t status;                   /* HTTP status of the answer that refused; 0: none */
} hearth_event;

/* Called on the thread of the loop that owns the connection; with threads=N, on N
 * threads at once. */
typedef void (*hearth_event_fn)(void *context, const hearth_event *event);

typedef enum hearth_log_level {
    HEARTH_LOG_DEBUG = 0,
    HEARTH_LOG_INFO = 1,
    HEARTH_LOG_WARNING = 2,
    HEARTH_LOG_ERROR = 3
} hearth_log_level;

/* One line of the log. `fields` is a list name NUL value NUL … of structured values
 * (peer, connection, reason, …). Everything is borrowed until the callback returns. */
typedef struct hearth_log_entry {
    uint32_t size;
    uint32_t level;                    /* hearth_log_level */
    uint64_t time_ms;
    const char *area;                  /* "engine", "server", "tls", "handshake", "session", "http" */
    const char *message;
    const char *fields;
    size_t fields_length;
} hearth_log_entry;

typedef void (*hearth_log_fn)(void *context, const hearth_log_entry *entry);

/* Bits of hearth_except.flags. */
typedef enum hearth_except_flag {
    HEARTH_EXCEPT_ELSEWHERE = 1        /* with redis_url: other processes do not get it either */
} hearth_except_flag;

/* Who does not get a broadcast. Set size to sizeof(hearth_except). */
typedef struct hearth_except {
    uint32_t size;
    uint32_t flags;
    hearth_connection connection;      /* 0: no connection is left out */
    const char *user;                  /* NULL: no user is left out */
} hearth_except;

/* What is known of a connection. Set size to sizeof(hearth_connection_info). */
typedef struct hearth_connection_info {
    uint32_t size;
    int32_t route;
    uint64_t opened_at_ms;             /* wall clock */
    uint64_t last_received_at_ms;      /* wall clock; any byte counts */
    int64_t latency_us;                /* of the last ping that was answered; -1: none yet */
    uint64_t messages_received;
    uint64_t messages_sent;            /* queued for it, dropped ones not counted */
    uint64_t outbox_bytes;             /* queued and not yet taken by the system */
    uint32_t rooms;
    uint32_t is_open;                  /* 0: closing */
} hearth_connection_info;

/* A user in a room, as hearth_room_presence gives it. The ids of the user's connections in the
 * room follow at head_size, then the name with a NUL, then the data. */
typedef struct hearth_presence {
    uint32_t size;                     /* of all of it, a multiple of 8: the next one is there */
    uint32_t connection_count;         /* 0: all are lost, and presence_grace runs */
    uint32_t user_length;
    uint32_t data_length;
    uint64_t joined_at_ms;             /* wall clock, in whole seconds */
    uint32_t head_size;                /* from the beginning of this struct to the ids */
    uint32_t reserved;                 /* 0 */
} hearth_presence;

/* How a server drains. Set size to sizeof(hearth_drain). */
typedef struct hearth_drain {
    uint32_t size;
    uint32_t opcode;                   /* of the farewell: hearth_opcode */
    const void *data;                  /* the farewell, a message to all; NULL: none */
    size_t length;
    const char *why;                   /* at most 90 bytes of UTF-8; NULL: "draining" */
} hearth_drain;

/* Whether a channel can reach a recipient: HEARTH_OK, or the error that hearth_server_connect_channel is to
 * answer. Called on the thread of that call, with no lock held. */
typedef int (*hearth_channel_check_fn)(void *context, const char *recipient);

/* A new connection of a channel. Set size to sizeof(hearth_channel_peer); every pointer but path may be NULL. */
typedef struct hearth_channel_peer {
    uint32_t size;
    uint32_t reserved;                 /* 0 */
    const char *recipient;             /* what the host calls it: a chat number, an address */
    const char *path;                  /* what a peer would have asked for: decides the route */
    const char *query;                 /* without the question mark */
    const char *headers;               /* lines "Name: value\r\n" */
    const char *user;
    const char *address;               /* "203.0.113.9", with or without a port: counted by the limits */
    const char *subprotocol;
    void *connection_context;          /* as hearth_connection_set_context sets it, from OPEN on */
} hearth_channel_peer;

/* What is known of a client. Set size to sizeof(hearth_client_info). */
typedef struct hearth_client_info {
    uint32_t size;
    uint32_t state;                    /* hearth_client_state */
    uint32_t attempts;                 /* since the last stable connection */
    uint32_t opens;                    /* how many times it has been open */
    int64_t latency_us;                /* of the last ping that was answered; -1: none yet */
    uint64_t opened_at_ms;             /* wall clock, the last time; 0: never */
    uint64_t last_received_at_ms;      /* wall clock, of the last message; 0: none */
    uint64_t messages_received;
    uint64_t messages_sent;            /* taken by the system */
    uint64_t messages_dropped;
    uint64_t queue_messages;           /* that wait for a connection, or for their turn */
    uint64_t queue_bytes;
    uint64_t outbox_bytes;             /* handed to the connection and not yet taken by the system */
} hearth_client_info;

/* --------------------------------------------------------- version and errors */

/* The version of the library that is loaded, e.g. "0.1.0". Thread: any. Since: 0.1 */
HEARTH_API const char *hearth_version(void);

/* What it was built with and what it found at load, as JSON:
 * {"hearth":"0.1.0","libuv":"1.44.2","openssl":"3.0.15","openssldir":"/usr/lib/ssl","runtime":"embedded"}.
 * Thread: any. Memory: static. Since: 0.1 */
HEARTH_API const char *hearth_build_info(void);

/* One sentence on the error, e.g. "the connection or request has ended". Unknown numbers
 * get a sentence too. Thread: any. Memory: static. Since: 0.1 */
HEARTH_API const char *hearth_strerror(int error);

/* The name of the error, e.g. "HEARTH_ERR_GONE"; "" for an unknown number.
 * Thread: any. Memory: static. Since: 0.1 */
HEARTH_API const char *hearth_error_name(int error);

/* -------------------------------------------------------------- configuration */

/* An empty configuration: every key has its default. NULL without memory.
 * Memory: caller frees with hearth_config_free. Since: 0.1 */
HEARTH_API hearth_config *hearth_config_new(void);

/* Frees it. NULL and a freed one are ignored. Since: 0.1 */
HEARTH_API void hearth_config_free(hearth_config *config);

/* Sets a key. Values carry units: "20s", "500ms", "1MiB", "64KiB", "100/min", "on", "off".
 * A plain number is seconds for a duration and bytes for a size.
 * Returns: HEARTH_ERR_UNKNOWN_KEY or HEARTH_ERR_INVALID_VALUE; hearth_config_error then has
 * a sentence that names the nearest key or the values allowed. Since: 0.1 */
HEARTH_API int hearth_config_set(hearth_config *config, const char *key, const char *value);

/* Copies the value of a key, as text and NUL-terminated, into buffer.
 * Returns: its length without the NUL (cut off to fit if not less than capacity), or an
 * error. A NULL buffer with capacity 0 asks for the length. Since: 0.1 */
HEARTH_API int64_t hearth_config_get(hearth_config *config, const char *key, char *buffer, size_t capacity);

/* Sets every key for which the environment has prefix + KEY IN UPPER CASE, e.g. with "WS_"
 * WS_PING_INTERVAL=30. Other variables with the prefix are ignored.
 * Thread: any; not while another thread changes the environment.
 * Returns: how many were set, or for the first bad one HEARTH_ERR_INVALID_VALUE, or
 * HEARTH_ERR_UNKNOWN_KEY if it has the words of a key in another order
 * (hearth_config_error names it); the good ones before it are set. Since: 0.1 */
HEARTH_API int64_t hearth_config_load_env(hearth_config *config, const char *prefix);

/* The sentence on the last error of this configuration, "" if there was none; also on why
 * hearth_engine_new with it answered NULL. Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_config_error(hearth_config *config, char *buffer, size_t capacity);

/* All keys as a JSON array of {"key","type","default","scope","help"} and, where they apply,
 * "values", "min", "max". Thread: any. Memory: static. Since: 0.1 */
HEARTH_API const char *hearth_config_describe(void);

/* -------------------------------------------------------------------- engine */

/* Makes an engine. It does nothing until it is started in one of four ways:
 * hearth_engine_start, _run, _attach or _drive.
 * Returns: NULL if config is invalid or the system refuses (hearth_config_error says why).
 * Memory: caller frees with hearth_engine_free. Since: 0.1 */
HEARTH_API hearth_engine *hearth_engine_new(hearth_config *config);

/* Cuts what is still open, ends the threads and frees all. To close politely call
 * hearth_server_stop and hearth_server_wait first. No callback comes
 * after it returns. An attached engine must be stopped with hearth_engine_stop and freed
 * on its loop's thread; its last handles are closed in the turn of the loop that follows, so
 * let the loop turn once more (uv_run) before uv_loop_close, which answers UV_EBUSY until then.
 * Thread: any but a callback of this engine (HEARTH_ERR_THREAD). NULL is ignored. Since: 0.1 */
HEARTH_API int hearth_engine_free(hearth_engine *engine);

/* Runs the engine on threads of its own (configuration key `threads`) and returns at once.
 * Events come by callback on those threads, or, for servers without one, through
 * hearth_engine_poll. Since: 0.1 */
HEARTH_API int hearth_engine_start(hearth_engine *engine);

/* Runs the engine on the calling thread until hearth_engine_stop is called. Since: 0.1 */
HEARTH_API int hearth_engine_run(hearth_engine *engine);

/* Attaches the engine to a uv_loop_t of the host, which runs it; no thread is made.
 * The loop must outlive the engine. The engine alone does not keep the loop alive once
 * its servers are stopped.
 * Thread: the loop's. Returns: HEARTH_ERR_VERSION if the process has another libuv than 1.x.
 * Since: 0.1 */
HEARTH_API int hearth_engine_attach(hearth_engine *engine, void *uv_loop);

/* Whether an attached engine keeps the host's loop alive (uv_run from returning) while a server
 * is started or a client is open or opening: keeps 1, as at the beginning, or 0.
 * Thread: the loop's. Returns: HEARTH_ERR_STATE if it is not attached. Since: 0.1 */
HEARTH_API int hearth_engine_keep_alive(hearth_engine *engine, int keeps);

/* Lets the host drive the engine: the calling thread becomes the loop's. When
 * hearth_engine_fd is readable or hearth_engine_timeout has passed, the host calls
 * hearth_engine_poll, which runs one turn of the loop. No thread is made.
 * Every later hearth_engine_poll must come from this thread. Since: 0.1 */
HEARTH_API int hearth_engine_drive(hearth_engine *engine);

/* Stops the loops after the current turn: hearth_engine_run returns, threads end. What is
 * open is cut when the engine is freed; hearth_engine_run may be called again. An attached
 * engine is cut and taken out of the host's loop at once.
 * Thread: any, callbacks too; of an attached engine its loop's, outside of callbacks. Since: 0.1 */
HEARTH_API int hearth_engine_stop(hearth_engine *engine);

/* Of a started or driven engine: a descriptor that is readable while there is something for
 * hearth_engine_poll: events that wait (started) or a turn to run (driven). Watch it for reading,
 * level-triggered; do not read, write or close it. Valid until hearth_engine_free.
 * Returns: the descriptor, or an error. Since: 0.1 */
HEARTH_API int hearth_engine_fd(hearth_engine *engine);

/* How many milliseconds may pass until hearth_engine_poll must be called even if the
 * descriptor stays silent: -1 for no limit. Always -1 for a started engine.
 * Thread: the driving one. Since: 0.1 */
HEARTH_API int hearth_engine_timeout(hearth_engine *engine);

/* Takes the events that wait, at most capacity of them, waiting up to timeout_ms for the
 * first (0: not at all, -1: for ever). In a driven engine it runs one turn of the loop and
 * flushes what was sent since the last. event_size is sizeof(hearth_event) of the caller, a
 * multiple of 8: it is the distance from one event to the next, and no byte behind it is written.
 * Fields of the caller's struct that this library does not have are 0.
 * Memory: what the events point to is borrowed until the next hearth_engine_poll or
 * _poll_packed. While more events wait than `max_event_queue` or `max_event_queue_bytes`,
 * the engine does not read from its sockets.
 * Thread: the driving one; started engine: any one at a time.
 * Returns: how many events were stored, or an error. Since: 0.1 */
HEARTH_API int64_t hearth_engine_poll(hearth_engine *engine, hearth_event *events, size_t event_size,
                                      size_t capacity, int timeout_ms);

/* The head of an event in a block of hearth_engine_poll_packed: 64 bytes, little-endian. */
typedef struct hearth_packed_event {
    uint32_t size;                     /* of the whole record, with strings and padding */
    uint16_t type;                     /* hearth_event_type */
    uint16_t flags;
    uint64_t connection;
    uint32_t server;                   /* hearth_server_number */
    int32_t code;
    uint32_t opcode;
    int32_t route;
    uint32_t data_length;
    uint32_t room_length;
    uint32_t user_length;
    uint32_t path_length;
    uint32_t info_length;
    uint32_t event_name_length;
    uint64_t time_ms;
} hearth_packed_event;

/* The same with the events packed into one block, for languages in which a struct costs more than bytes.
 * Each event is a hearth_packed_event, followed by its strings in the order of their lengths (not
 * NUL-terminated) and zeros up to a multiple of 8.
 * `info` holds, for CONNECT, OPEN and HTTP_REQUEST, five uint32 lengths and then the five
 * parts: method, query, address, headers, captures (the last two as lists of name NUL value NUL);
 * for USER_JOINED, USER_LEFT and PRESENCE_UPDATED it is the uint64 presence_version; for CHANNEL_SEND
 * it is the uint64 ids of all connections. event_name comes last.
 * In events of a client the server is 0x80000000 + hearth_client_number. CLIENT_SENT and CLIENT_DROPPED have
 * message in the place of connection; CLIENT_STATE and CLIENT_PREPARE have attempt << 32 | delay_ms there (at
 * most 0xFFFFFFFF), state | status << 16 in the place of opcode, error in that of route; CLIENT_STATE has info.
 * If bit 0x8000 of flags is set, the last 8 bytes of the record are connection_context.
 * *data is borrowed until the next poll. Returns: how many events. Since: 0.1 */
HEARTH_API int64_t hearth_engine_poll_packed(hearth_engine *engine, const uint8_t **data, size_t *length,
                                             int timeout_ms);

/* Hands what was sent since the last turn to the system at once. A driven engine's host calls
 * it after it has handled a batch of events and will not poll again at once. Elsewhere it is
 * not needed: a turn flushes by itself. Thread: the driving one. Since: 0.1 */
HEARTH_API int hearth_engine_flush(hearth_engine *engine);

/* Sets the log callback, NULL for none (as at the start). Levels below the key `log_level`
 * do not reach it. It is called on the thread on which the thing happens.
 * Thread: before the engine is started. Since: 0.1 */
HEARTH_API int hearth_engine_on_log(hearth_engine *engine, hearth_log_fn callback, void *context);

/* The sentence on the last error of a call with this engine, one of its servers or clients, with what
 * hearth_strerror cannot know (which address, which option). Buffer as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_engine_error(hearth_engine *engine, char *buffer, size_t capacity);

/* -------------------------------------------------------------------- server */

/* Makes a server in the engine. NULL: see hearth_engine_error. An engine may have several, in its life 65535
 * that are started: what a started server was keeps some memory until the engine is freed.
 * Memory: caller frees with hearth_server_free, or leaves it to hearth_engine_free. Since: 0.1 */
HEARTH_API hearth_server *hearth_server_new(hearth_engine *engine, hearth_config *config);

/* Cuts its connections and frees it; its CLOSE events come before it returns or, from
 * another thread, soon after. Thread: any. NULL is ignored. Since: 0.1 */
HEARTH_API int hearth_server_free(hearth_server *server);

/* A small number that names the server in packed events. Since: 0.1 */
HEARTH_API int hearth_server_number(hearth_server *server);

/* Adds a route, tried in order of adding. The pattern is a path in which {name} stands for
 * one segment and {name*}, at the end, for the rest. Options, each once, with commas between:
 *   join=auto | join=TEMPLATE   join a room at open: auto is the capture {room}, or the path if
 *                               there is none; a template is text without blanks, with captures: "chat:{id}"
 *   relay=all | relay=others    a message of a member goes to its joined rooms, with or without
 *                               the sender, in the library; no MESSAGE event
 *   event=on                    MESSAGE events in spite of relay
 *   accept=auto | accept=ask    ask: a CONNECT event decides
 *   subprotocols=a|b            the ones this route speaks, in order of preference
 *   dialect=raw | dialect=json  raw: a message is bytes as they are. json: texts are events, objects with
 *                               a name and data (keys json_event_key, json_data_key); ping is answered,
 *                               what is no event is answered with an error event, up to json_error_budget
 *   events=join+leave+message+typing+presence+authenticate   with dialect=json: events that the library
 *                               handles by itself, see docs/topics/dialects.md; event=on tells them to the host too
 *   echo=on | echo=off          whether a room's message comes back to its sender
 *   rooms=NAME+PREFIX*          rooms that join events may name; all without it
 *   auth=public | optional | required | user   whether it wants a token (keys jwt_…); user: one that
 *                               names a user. Without the option: the key auth
 *   scopes=a+b                  scopes that the token must have, all of them
 *   claim:NAME=TEMPLATE         the token's claim must be, or contain, this: claim:room={room}
 *   tokens=header+cookie        where this route looks for tokens, in this order; see token_sources
 *   reject=status | close | auto   how peers without the right token are told; see the key reject
 *   http=GET|POST|…             not WebSocket: requests of these methods are HTTP_REQUEST events
 * A server without WebSocket routes accepts every path.
 * Thread: before hearth_server_start. Returns: the number of the route; HEARTH_ERR_UNKNOWN_KEY for an option
 * that does not exist, HEARTH_ERR_INVALID_VALUE for a pattern, an option or a value that is not well formed, or
 * an option that stands twice (hearth_engine_error says what, and at which character). Since: 0.1 */
HEARTH_API int hearth_server_route(hearth_server *server, const char *pattern, const char *options);

/* Sets the callback that gets the server's events. Without one they wait for
 * hearth_engine_poll if the engine is started or driven (poll then, or reading stops at
 * max_event_queue); if it runs or is attached nobody could fetch them, and there are none. Thread: before hearth_server_start. Since: 0.1 */
HEARTH_API int hearth_server_on_event(hearth_server *server, hearth_event_fn callback, void *context);

/* Listens on all addresses of the key `listen`: "HOST:PORT", "[::1]:PORT", "unix:/path",
 * separated by commas; port 0 takes a free one; "none" listens nowhere, for hearth_server_adopt.
 * An address may begin with ws:// or wss://; without, it is for TLS if tls_certificate is set.
 * When it returns, peers can connect; they are served as soon as the engine runs. Returns:
 * HEARTH_ERR_ADDRESS_IN_USE and the like, or HEARTH_ERR_TLS (hearth_engine_error names the file
 * and the reason); then nothing listens. Since: 0.1 */
HEARTH_API int hearth_server_start(hearth_server *server);

/* Reads the files named by jwt_secrets, jwt_public_keys and jwt_jwks again. Files that change are also
 * read by themselves, see jwt_reload_interval. Open connections stay.
 * Returns: HEARTH_ERR_INVALID_VALUE (hearth_engine_error says what is wrong; the old keys stay),
 * HEARTH_ERR_STATE without keys. Since: 0.1 */
HEARTH_API int hearth_server_reload_keys(hearth_server *server);

/* The port of the first TCP address; 0: there is none. Since: 0.1 */
HEARTH_API int hearth_server_port(hearth_server *server);

/* The address at index, e.g. "127.0.0.1:49152", with TLS "wss://127.0.0.1:49153". Buffer as
 * for hearth_config_get.
 * Returns: HEARTH_ERR_NOT_FOUND past the last. Since: 0.1 */
HEARTH_API int64_t hearth_server_address(hearth_server *server, size_t index, char *buffer, size_t capacity);

/* Reads the certificates, keys and authorities of the server anew: connections that begin from
 * now on get them, open ones go on as they are. What cannot be used is refused and changes
 * nothing. The key tls_watch does this whenever a file changes. Reads files, so it takes a
 * millisecond or so.
 * Returns: HEARTH_ERR_TLS (hearth_engine_error names the file and the reason), HEARTH_ERR_STATE
 * if the server is not started or has no address with TLS. Since: 0.1 */
HEARTH_API int hearth_server_reload_tls(hearth_server *server);

/* Stops politely: no new connections, close 1001 with the reason (NULL: "server shutdown") to
 * all, flush, cut what is left at `shutdown_timeout`, then HEARTH_EVENT_SERVER_STOPPED.
 * A second call is HEARTH_ERR_STATE. Since: 0.1 */
HEARTH_API int hearth_server_stop(hearth_server *server, const char *reason);

/* Waits until the server has stopped, after hearth_server_stop or hearth_server_drain, which another thread
 * may call meanwhile: until the callback of SERVER_STOPPED has returned, or the event waits for
 * hearth_engine_poll. timeout_ms: -1 for ever, 0 not at all. The stop needs the threads that run the engine: of
 * an engine that is driven, attached or in hearth_engine_run this is the host's, which goes on with its turns
 * until SERVER_STOPPED while another one waits here.
 * Thread: any but a loop's (HEARTH_ERR_THREAD), in callbacks neither.
 * Returns: 1 if it has stopped or is freed, 0 if the time was over before, HEARTH_ERR_STATE if the server was
 * not started. Since: 0.1 */
HEARTH_API int hearth_server_wait(hearth_server *server, int timeout_ms);

/* Takes over a connected stream socket (TCP or Unix) that somebody else in this process accepted, with
 * the length bytes that were already read from it: from the first byte of the request's head on, and
 * what came behind it. From then on it is like one that came to an address of this server, on one of
 * the engine's loops, and does not block. This is how a program with an HTTP server of its own hands over an upgrade. The
 * server must be started, with listen=none if it has no addresses, and the engine must run.
 * Memory: on HEARTH_OK the descriptor is the library's, which closes it; else it stays the caller's.
 * Returns: HEARTH_ERR_INVALID if it is no connected stream socket, HEARTH_ERR_TOO_LARGE above
 * max_header_size + max_message_size, HEARTH_ERR_STATE if the server or the engine does not run. Since: 0.1 */
HEARTH_API int hearth_server_adopt(hearth_server *server, int descriptor, const void *data, size_t length);

/* Stops so that clients can go elsewhere: from now on upgrades get 503 with Retry-After and
 * health_path says "draining", the farewell goes to all, and the connections are closed one after the
 * other over shutdown_spread, each with drain_close_code and a reason "retry=MILLISECONDS;why=TEXT" that
 * names a time of its own to come back after. What is left at shutdown_timeout is cut, then comes
 * HEARTH_EVENT_SERVER_STOPPED. Requests that are no upgrades are answered until then. Meanwhile
 * hearth_server_stop closes the rest at once. options may be NULL.
 * Returns: HEARTH_ERR_STATE if it is not started, or stopping or draining already. Since: 0.1 */
HEARTH_API int hearth_server_drain(hearth_server *server, const hearth_drain *options);

/* What the server has counted since it was made, and how it is, as one JSON object: connections, users,
 * rooms (once for each thread that has members), messages, bytes, broadcasts and their latency, loop lag,
 * outboxes, drops, handshakes by answer, closes by code. docs/topics/observability.md has all fields; new
 * ones may be added. The numbers are of this process, and read one after the other.
 * Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_server_stats(hearth_server *server, char *buffer, size_t capacity);

/* The same numbers in the text format of Prometheus (0.0.4), as metrics_path serves them.
 * Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_server_metrics(hearth_server *server, char *buffer, size_t capacity);

/* How the server is, as health_path serves it: {"status":"ok","reasons":[],"accepting":true,
 * "loop_lag_ms":0,"connections":2,"event_queue_full":false}. The status is ok, degraded or draining,
 * computed at the call. Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_server_health(hearth_server *server, char *buffer, size_t capacity);

/* Sends to every open connection. except may be NULL. Returns: for how many connections it
 * was queued, or an error. With TEXT, data must be UTF-8 (HEARTH_ERR_INVALID).
 * With redis_url the servers of the other processes do the same, as for all messages to rooms and users; a
 * connection that is left out is one of this process, a user is left out in all. What is returned is about this
 * process. HEARTH_ERR_TOO_LARGE: more than max_broker_message, and nobody got it. With HEARTH_EXCEPT_ELSEWHERE
 * the other processes are told nothing. Since: 0.1 */
HEARTH_API int64_t hearth_server_broadcast(hearth_server *server, uint32_t opcode, const void *data, size_t length,
                                           const hearth_except *except);

/* Sends an event to every open connection: in its envelope to those that speak JSON, its data to the others.
 * Everything else as for hearth_room_send_event. Since: 0.1 */
HEARTH_API int64_t hearth_server_send_event(hearth_server *server, const char *name, const void *data, size_t length,
                                            const hearth_except *except);

/* How many there are. Since: 0.1 */
HEARTH_API int64_t hearth_server_connection_count(hearth_server *server);
HEARTH_API int64_t hearth_server_user_count(hearth_server *server);
HEARTH_API int64_t hearth_server_room_count(hearth_server *server);

/* The names of all rooms as a list, each ended by a NUL, as far as whole names fit.
 * Returns: the bytes that the whole list needs. Since: 0.1 */
HEARTH_API int64_t hearth_server_rooms(hearth_server *server, char *buffer, size_t capacity);

/* The ids of open connections, at most capacity. Returns: how many there are. Since: 0.1 */
HEARTH_API int64_t hearth_server_connections(hearth_server *server, hearth_connection *connections, size_t capacity);

/* The same lists in pages, also of users. *cursor is 0 before the first page; each call moves it, and
 * after the last page it is 0 again. What is there during the whole listing comes once, what comes or goes
 * meanwhile may be missing; with several threads a room comes once for each that has members of it. A
 * page of names is a list as hearth_server_rooms gives it, of whole names alone.
 * Returns: how many ids, or bytes of names, were stored; HEARTH_ERR_TOO_LARGE if the next name does not fit
 * into the whole buffer. Since: 0.1 */
HEARTH_API int64_t hearth_server_list_connections(hearth_server *server, uint64_t *cursor,
                                                  hearth_connection *connections, size_t capacity);
HEARTH_API int64_t hearth_server_list_rooms(hearth_server *server, uint64_t *cursor, char *buffer, size_t capacity);
HEARTH_API int64_t hearth_server_list_users(hearth_server *server, uint64_t *cursor, char *buffer, size_t capacity);

/* --------------------------------------------------------------------- clients */

/* Makes a client of the key `url`. It connects when it is opened, and again whenever its connection ends, as
 * the keys reconnect_… say. An engine may have any number; they share its loops.
 * Returns: NULL if the configuration does not do (hearth_engine_error says what).
 * Memory: caller frees with hearth_client_free, or leaves it to hearth_engine_free. Since: 0.1 */
HEARTH_API hearth_client *hearth_client_new(hearth_engine *engine, hearth_config *config);

/* Cuts its connection and frees it. What waits is reported as dropped, then it is CLOSED; these events come
 * before it returns or, from another thread, soon after, and name a client that answers HEARTH_ERR_INVALID.
 * Thread: any, callbacks too. NULL is ignored. Since: 0.1 */
HEARTH_API int hearth_client_free(hearth_client *client);

/* A number that names the client in packed events, from 1. Since: 0.1 */
HEARTH_API int hearth_client_number(hearth_client *client);

/* Sets the callback that gets the client's events. Without one they wait for hearth_engine_poll, as
 * hearth_server_on_event says. Thread: before hearth_client_open. Since: 0.1 */
HEARTH_API int hearth_client_on_event(hearth_client *client, hearth_event_fn callback, void *context);

/* Begins to connect; CLIENT_STATE events say how that goes. May be called before the engine runs, and
 * again after CLOSED and GAVE_UP. Returns: HEARTH_ERR_STATE if it is open or opening. Since: 0.1 */
HEARTH_API int hearth_client_open(hearth_client *client);

/* Ends it for good: no attempt follows. An open connection has its closing handshake after what was sent
 * before; what waits for a connection is dropped. CLOSED is its last event. code and reason as for
 * hearth_connection_close. Returns: HEARTH_ERR_STATE if it is not open or opening. Since: 0.1 */
HEARTH_API int hearth_client_close(hearth_client *client, int code, const char *reason);

/* Bits of flags of hearth_client_send. */
typedef enum hearth_send_flag {
    HEARTH_SEND_NO_QUEUE = 1           /* now or never: it does not wait for a connection */
} hearth_send_flag;

/* Sends one message. While the client is not open it waits, as the keys queue_… allow, and goes out in
 * order when the client is open. Messages of one loop turn leave in one write. With TEXT, data must be UTF-8.
 * Returns: the number of the message, from 1 and always larger, which CLIENT_SENT or CLIENT_DROPPED will
 * name; or HEARTH_ERR_QUEUE_FULL at max_outbox_bytes, max_queue_messages or max_queue_bytes,
 * HEARTH_ERR_NOT_OPEN if it may not wait, HEARTH_ERR_STATE after CLOSED or GAVE_UP. Since: 0.1 */
HEARTH_API int64_t hearth_client_send(hearth_client *client, uint32_t opcode, const void *data, size_t length,
                                      uint32_t flags);

/* Says that the network may be back: a client that waits for its next attempt makes it at once; an open one
 * asks its server by a ping whether it is there. Since: 0.1 */
HEARTH_API int hearth_client_poke(hearth_client *client);

/* With paused not 0 the client's socket is not read any more, so that its server has to wait; with 0 it is again.
 * For programs that keep messages until somebody takes them, as the key `max_queue_size` says. It holds for the
 * connections that follow too. Messages that were read already still come. While it is paused, silence of the
 * server ends nothing. Thread: any, callbacks too. Since: 0.1 */
HEARTH_API int hearth_client_pause(hearth_client *client, int paused);

/* Answers CLIENT_PREPARE: the attempt begins. url and headers (lines "Name: value", ended by LF or CR LF) take
 * the place of the keys from now on; NULL: as before. Without a CLIENT_PREPARE to answer they count from the
 * next attempt on. Returns: HEARTH_ERR_URL (hearth_engine_error says what is wrong, and at which byte) or
 * HEARTH_ERR_INVALID for headers; HEARTH_ERR_STATE if the client was never opened. Since: 0.1 */
HEARTH_API int hearth_client_proceed(hearth_client *client, const char *url, const char *headers);

/* Answers CLIENT_PREPARE if there is nothing to connect with at the moment: the attempt fails at once, with
 * HEARTH_ERR_UNPREPARED, and reason (NULL: none) as the sentence; the next one asks again. Ignored if there is no
 * CLIENT_PREPARE to answer. Returns: HEARTH_ERR_TOO_LARGE for a reason above 1,000 bytes; HEARTH_ERR_STATE if the
 * client was never opened. Since: 0.1 */
HEARTH_API int hearth_client_decline(hearth_client *client, const char *reason);

/* Fills in what is known. From another thread than the loop's the numbers may be a turn old. Since: 0.1 */
HEARTH_API int hearth_client_get_info(hearth_client *client, hearth_client_info *info);

/* Its url, as it was written. Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_client_url(hearth_client *client, char *buffer, size_t capacity);

/* The numbers of the messages that wait, oldest first, at most capacity. Returns: how many wait. Since: 0.1 */
HEARTH_API int64_t hearth_client_queue(hearth_client *client, uint64_t *messages, size_t capacity);

/* Copies a message that waits, as far as it fits; *opcode (may be NULL) is its opcode.
 * Returns: its length, or HEARTH_ERR_NOT_FOUND. Since: 0.1 */
HEARTH_API int64_t hearth_client_queue_message(hearth_client *client, uint64_t message, uint32_t *opcode,
                                               void *buffer, size_t capacity);

/* Drops all messages that wait; each is reported. Returns: how many there were. Since: 0.1 */
HEARTH_API int64_t hearth_client_queue_clear(hearth_client *client);

/* --------------------------------------------------------------- connections */

/* Answers a CONNECT event. user (may be NULL) becomes the connection's user; subprotocol must
 * be one that the peer offered, NULL chooses by the route.
 * A user that has all its max_connections_per_user may make the peer wait for user_limit_probe, and
 * then be refused: no OPEN follows.
 * Returns: HEARTH_ERR_STATE if it was answered before, HEARTH_ERR_GONE after open_timeout or
 * when the peer left. Since: 0.1 */
HEARTH_API int hearth_connection_accept(hearth_connection connection, const char *user, const char *subprotocol);

/* Answers a CONNECT event with a refusal: code 400 to 599 is an HTTP status, sent instead of the upgrade, and
 * a close code as of hearth_connection_close accepts and closes at once, which browsers can read; 0: status
 * 403. reason is the body or the close reason, NULL for none; a close reason is shortened to 123 bytes, at a
 * character.
 * Returns: HEARTH_ERR_INVALID for another code or a reason that is not UTF-8: the peer is then refused with
 * status 500 at once. HEARTH_ERR_STATE, HEARTH_ERR_GONE as for hearth_connection_accept. Since: 0.1 */
HEARTH_API int hearth_connection_reject(hearth_connection connection, int code, const char *reason);

/* Sends one message. Messages of one loop turn leave in one write.
 * Returns: 1 queued, 0 dropped by the slow_consumer policy, or an error (HEARTH_ERR_GONE after
 * its close began; HEARTH_ERR_TOO_LARGE). Posted from another thread it answers 1. Since: 0.1 */
HEARTH_API int64_t hearth_connection_send(hearth_connection connection, uint32_t opcode, const void *data,
                                          size_t length);

/* Sends one event: {"type":name,"data":data} to a connection of the json dialect, the data alone to one of
 * the raw dialect. data is one JSON value in UTF-8, an object if json_data_key is empty; NULL with length 0 for
 * none, which a raw connection does not get. name: 1 to 255 bytes.
 * Returns: as hearth_connection_send; HEARTH_ERR_INVALID if data is not that (hearth_engine_error says where).
 * With batch_interval set, 1 says that it was collected. Since: 0.1 */
HEARTH_API int64_t hearth_connection_send_event(hearth_connection connection, const char *name, const void *data,
                                                size_t length);

/* Begins the closing handshake; what was sent before goes out first. code: 1000 (0 means that), 1001,
 * 1003, 1007 to 1014 or 3000 to 4999. reason: at most 123 bytes, NULL for none. The CLOSE event follows when
 * the peer has answered or close_timeout is over. Since: 0.1 */
HEARTH_API int hearth_connection_close(hearth_connection connection, int code, const char *reason);

/* Joins or leaves a room. Twice is the same as once: it answers HEARTH_OK and no second event
 * comes. Returns: HEARTH_ERR_LIMIT at max_rooms_per_connection, HEARTH_ERR_TOO_LARGE for a name
 * over max_room_name; leaving a room that it is not in is HEARTH_ERR_NOT_FOUND. Since: 0.1 */
HEARTH_API int hearth_connection_join(hearth_connection connection, const char *room);
HEARTH_API int hearth_connection_leave(hearth_connection connection, const char *room);

/* Says whose connection it is, NULL for nobody's. The rooms it is in see the old user leave and
 * the new one join. Returns: HEARTH_ERR_LIMIT if the user has all its max_connections_per_user and
 * user_limit_policy is reject; posted from another thread, the connection is then closed with 4503.
 * Since: 0.1 */
HEARTH_API int hearth_connection_set_user(hearth_connection connection, const char *user);

/* Its user, "" for none. Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_connection_user(hearth_connection connection, char *buffer, size_t capacity);

/* What its token says, as the JSON object that it is; "" without a token. Readable from the CONNECT
 * event on. Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_connection_claims(hearth_connection connection, char *buffer, size_t capacity);

/* The scopes of its token, see jwt_scope_claims; a list as hearth_server_rooms gives. Since: 0.1 */
HEARTH_API int64_t hearth_connection_scopes(hearth_connection connection, char *buffer, size_t capacity);

/* Says who a connection is, for a host that decides by itself: its user (NULL: the one that it has), its
 * scopes (words with spaces between, or NULL) and its claims (a JSON object as text, which is kept as it is,
 * or NULL). After its CONNECT event, before it is accepted, or while it is open; the expiry stays.
 * Returns: HEARTH_ERR_TOO_LARGE if scopes and claims have more bytes than max_jwt_size, HEARTH_ERR_STATE
 * after the answer to CONNECT. Since: 0.1 */
HEARTH_API int hearth_connection_set_principal(hearth_connection connection, const char *user, const char *scopes,
                                               const char *claims);

/* Gives an open connection a new token, which is verified on the calling thread by the rules of the
 * server and of the connection's route. Claims, scopes and expiry are then those of the new token.
 * Nothing changes if it is refused.
 * Returns: HEARTH_ERR_TOKEN, or HEARTH_ERR_NOT_ALLOWED for a good token that lacks what the route asks for
 * or is another user's (see allow_user_change); hearth_engine_error says which. HEARTH_ERR_STATE: the
 * server has no keys. Since: 0.1 */
HEARTH_API int hearth_connection_authenticate(hearth_connection connection, const char *token);

/* Sets when the connection expires, in milliseconds since 1970, 0: never; instead of what its token
 * says. Notices and the end are HEARTH_EVENT_EXPIRING and _EXPIRED. Since: 0.1 */
HEARTH_API int hearth_connection_set_expiry(hearth_connection connection, uint64_t time_ms);

/* Keeps bytes of the host's with the connection, at most max_metadata; length 0 removes them. Since: 0.1 */
HEARTH_API int hearth_connection_set_metadata(hearth_connection connection, const void *data, size_t length);

/* Copies them, as far as they fit. Returns: their length, 0 for none. Since: 0.1 */
HEARTH_API int64_t hearth_connection_metadata(hearth_connection connection, void *buffer, size_t capacity);

/* A pointer of the host's that every later event of the connection carries.
 * Thread: loop. Since: 0.1 */
HEARTH_API int hearth_connection_set_context(hearth_connection connection, void *context);

/* That pointer; NULL if none was set, the connection has ended or it is asked for on another thread.
 * Thread: loop. Since: 0.1 */
HEARTH_API void *hearth_connection_context(hearth_connection connection);

/* The rooms it is in; a list as hearth_server_rooms gives. Since: 0.1 */
HEARTH_API int64_t hearth_connection_rooms(hearth_connection connection, char *buffer, size_t capacity);

/* The peer's address. Buffer and result as for hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_connection_address(hearth_connection connection, char *buffer, size_t capacity);

/* What TLS has agreed with the peer, as a list name NUL value NUL …: version ("TLSv1.3"), cipher
 * ("TLS_AES_128_GCM_SHA256"), resumed ("yes" or "no"), subject (of the peer's certificate that
 * was verified, "CN=Ada,O=Engines" in the order of RFC 2253; "" if it has shown none). Further
 * names may follow. Works for HTTP requests too, and while CONNECT is answered.
 * Returns: the bytes of the whole list, 0 without TLS; as far as whole entries fit they are
 * copied. Since: 0.1 */
HEARTH_API int64_t hearth_connection_tls(hearth_connection connection, char *buffer, size_t capacity);

/* Fills in what is known. From another thread than the loop's the numbers may be a turn old. Since: 0.1 */
HEARTH_API int hearth_connection_get_info(hearth_connection connection, hearth_connection_info *info);

/* ------------------------------------------------------------------- channels */

/* Registers a transport that the host brings: connections that have no socket of ours, as those of another
 * server in this process, of a chat service, or of a test. They have users, rooms, relays, limits, presence
 * and metadata like any other; what is sent to them leaves once per turn, by the host.
 *
 * With send, that is called on the loop's thread with CHANNEL_SEND events, and with the CLOSE of each
 * connection of the channel, after the server's own callback. With NULL, CHANNEL_SEND events go where the
 * server's events go. A message to many connections of a channel is one event for all of them, where
 * nothing else waited for them. With check, recipients are asked for before a connection is made.
 *
 * Options, comma-separated; NULL for none:
 *   acknowledge=on     at most 64 KiB, or one message, of each connection are in the host's hands until it
 *                      calls hearth_channel_sent; what waits behind is its outbox, with max_outbox_bytes
 *                      and slow_consumer. Off: what was told is sent.
 *   liveness=on        a connection of which nothing was heard for ping_interval + ping_timeout ends with
 *                      1011, as a peer that answers no ping. hearth_channel_receive and _alive are signs of
 *                      life. Off: the host knows when it ends.
 * Thread: before hearth_server_start. Returns: HEARTH_ERR_INVALID for an empty name, HEARTH_ERR_STATE for
 * one that is registered, HEARTH_ERR_UNKNOWN_KEY or _INVALID_VALUE for an option. Since: 0.1 */
HEARTH_API int hearth_server_channel(hearth_server *server, const char *name, const char *options,
                                     hearth_event_fn send, hearth_channel_check_fn check, void *context);

/* A connection of a channel begins: it is open at once, on the route that the path matches; accept=ask asks
 * nobody, as the host has decided already. The OPEN event comes before this returns (or waits in the queue
 * then), with HEARTH_EVENT_CHANNEL. On a loop's thread it is made there; elsewhere this waits until a loop
 * has made it, at most open_timeout: do not hold a lock for which a callback waits.
 * Returns: HEARTH_ERR_NOT_FOUND for the channel or the route, HEARTH_ERR_INVALID for a path, header or address
 * that is none, HEARTH_ERR_LIMIT, HEARTH_ERR_TOO_LARGE for a user over max_user_name, HEARTH_ERR_STATE if the
 * server is not started or its engine does not run, or what check answered. Since: 0.1 */
HEARTH_API int hearth_server_connect_channel(hearth_server *server, const char *channel,
                                             const hearth_channel_peer *peer, hearth_connection *connection);

/* A message came from the connection of a channel. Returns: HEARTH_ERR_GONE if it has ended or is closing,
 * HEARTH_ERR_TOO_LARGE over max_message_size, HEARTH_ERR_QUEUE_FULL while the host does not fetch its
 * events, HEARTH_ERR_INVALID for a text that is not UTF-8, HEARTH_ERR_STATE for a connection of no channel.
 * Since: 0.1 */
HEARTH_API int hearth_channel_receive(hearth_connection connection, uint32_t opcode, const void *data,
                                      size_t length);

/* The transport has let go of so many bytes of messages, for acknowledge=on. Since: 0.1 */
HEARTH_API int hearth_channel_sent(hearth_connection connection, size_t bytes);

/* A sign of life, for liveness=on. Since: 0.1 */
HEARTH_API int hearth_channel_alive(hearth_connection connection);

/* The transport has ended: CLOSE follows with this code (0: 1006) and reason (NULL for none), and
 * HEARTH_EVENT_BY_PEER. A connection that the library closes ends by itself once what waits was told; the host
 * ends its transport upon CLOSE. Since: 0.1 */
HEARTH_API int hearth_channel_closed(hearth_connection connection, int code, const char *reason);

/* What the host called it. HEARTH_ERR_STATE: it is of no channel. Buffer and result as for
 * hearth_config_get. Since: 0.1 */
HEARTH_API int64_t hearth_connection_recipient(hearth_connection connection, char *buffer, size_t capacity);

/* -------------------------------------------------------------- rooms and users */

/* Sends to every member of a room, except may be NULL. Returns: for how many it was queued, 0 for
 * a room that does not exist here. With redis_url: as for hearth_server_broadcast. Since: 0.1 */
HEARTH_API int64_t hearth_room_broadcast(hearth_server *server, const char *room, uint32_t opcode, const void *data,
                                         size_t length, const hearth_except *except);

/* Sends an event to every member of a room, each in its dialect: the envelope is made once, however many
 * there are. name, data and errors as for hearth_connection_send_event; except may be NULL.
 * Returns: for how many it was queued or collected, 0 for a room that does not exist. Since: 0.1 */
HEARTH_API int64_t hearth_room_send_event(hearth_server *server, const char *room, const char *name, const void *data,
                                          size_t length, const hearth_except *except);

/* The members, at most capacity. Returns: how many there are. Since: 0.1 */
HEARTH_API int64_t hearth_room_members(hearth_server *server, const char *room, hearth_connection *connections,
                                       size_t capacity);

/* The users in it, each once; a list as hearth_server_rooms gives. Since: 0.1 */
HEARTH_API int64_t hearth_room_users(hearth_server *server, const char *room, char *buffer, size_t capacity);

/* Who is in a room: a hearth_presence for each user, as far as whole ones fit into the buffer,
 * which is to be aligned to 8 bytes. *version (may be NULL) says which changes are in it: of the
 * events USER_JOINED, USER_LEFT and PRESENCE_UPDATED of the room those with presence_version up to it.
 * The versions of a room's events grow by one each, so that a program knows what to leave out, what
 * to add and whether it lacks something. With several threads they may arrive in another order.
 * With redis_url users on other processes are among them, without connections, while this one has a member
 * in the room. Versions are of this process.
 * Returns: the bytes that all of them need, or an error. Since: 0.1 */
HEARTH_API int64_t hearth_room_presence(hearth_server *server, const char *room, uint64_t *version, void *buffer,
                                        size_t capacity);

/* What is shown with a user to the others in its rooms: at most max_metadata bytes of the host's, such
 * as a status. It is kept as long as the user has a connection or is in a room. Each of its rooms has a
 * PRESENCE_UPDATED event, if the bytes are others than before.
 * Returns: HEARTH_ERR_NOT_FOUND if the user is not here. Since: 0.1 */
HEARTH_API int hearth_user_set_presence(hearth_server *server, const char *user, const void *data, size_t length);

/* Sends to every connection of a user. With redis_url: as for hearth_server_broadcast. Since: 0.1 */
HEARTH_API int64_t hearth_user_send(hearth_server *server, const char *user, uint32_t opcode, const void *data,
                                    size_t length, const hearth_except *except);

/* Sends an event to every connection of a user. Everything else as for hearth_room_send_event. Since: 0.1 */
HEARTH_API int64_t hearth_user_send_event(hearth_server *server, const char *user, const char *name, const void *data,
                                          size_t length, const hearth_except *except);

/* The user's connections, at most capacity. Returns: how many there are, 0: not here. Since: 0.1 */
HEARTH_API int64_t hearth_user_connections(hearth_server *server, const char *user, hearth_connection *connections,
                                           size_t capacity);

/* Asks all processes of the cluster (redis_url) about a room or a user, a hearth_subject. The answer is the event
 * CLUSTER_ANSWER, soon, also if nobody can be reached: {"question":1,"scope":"cluster","room":"lobby",
 * "connections":3,"users":["ann"],"nodes":["a","b"],"missing":["c"]}, for a user "user" and "rooms" instead of
 * "room" and "users". nodes have answered, missing are processes that are known and have not within so many
 * milliseconds (0: 1000, at most 60000). Without redis_url the scope is "local". A process with many names tells
 * at most 256 KiB of them; connections are always counted. "reason" is empty, or says why this process is degraded:
 * then there may be processes that it does not know.
 * HEARTH_SUBJECT_READY asks this process alone, name is "": the answer {"question":2,"scope":"cluster",
 * "ready":true,"reason":""} comes as soon as a message has gone to Redis and come back, at once without redis_url;
 * with ready false and the reason when the time is over (0: never) or the server stops. What is published before
 * waits (max_broker_pending).
 * Returns: the number of the question, above 0, or an error. Since: 0.1 */
HEARTH_API int64_t hearth_server_ask(hearth_server *server, uint32_t subject, const char *name, int timeout_ms);

/* Sets a callback that gets the CLUSTER_ANSWER events instead of the one of hearth_server_on_event, or of
 * hearth_engine_poll: for programs that wait for an answer while they take no events. It is called on the thread of
 * the engine's first loop, as any event callback; questions that are open when the server stops are answered with
 * what has come until then. NULL: none. Thread: before hearth_server_start. Since: 0.1 */
HEARTH_API int hearth_server_on_answer(hearth_server *server, hearth_event_fn callback, void *context);

/* Sends a user away: each connection of the user leaves its rooms at once, without presence_grace, and is
 * closed with the code (0: 4505, kicked) and the reason (NULL: none).
 * With redis_url those on other processes too. Returns: how many connections, 0: not here, or an error as of
 * hearth_connection_close. Since: 0.1 */
HEARTH_API int64_t hearth_user_kick(hearth_server *server, const char *user, int code, const char *reason);

/* ----------------------------------------------------------------------- HTTP */

/* Answers an HTTP_REQUEST event, once. headers: lines "Name: value\r\n", or NULL; Content-Length,
 * Connection and Date are the library's. HEAD sends no body.
 * Returns: HEARTH_ERR_INVALID for a header that would break the response; HEARTH_ERR_STATE or
 * HEARTH_ERR_GONE if it is answered already, HEARTH_ERR_GONE if the peer has left.
 * Unanswered for http_timeout: 503. Since: 0.1 */
HEARTH_API int hearth_http_respond(hearth_connection request, int status, const char *headers, const void *body,
                                   size_t length);

/* ------------------------------------------------------------- reading an event */

/* The value of a header (name in lower case) or of a capture. NULL: not there.
 * Memory: as the event. Since: 0.1 */
HEARTH_API const char *hearth_event_header(const hearth_event *event, const char *name);
HEARTH_API const char *hearth_event_capture(const hearth_event *event, const char *name);

#ifdef __cplusplus
}
#endif
#endif
