/// <reference types="node" />
import { EventEmitter } from "node:events";
import { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";

import { ClientSettings, EngineSettings, ServerSettings } from "./options";

export { Codes, Duration, Flag, Names, Rate, Size } from "./options";
export { ClientSettings, EngineSettings, ServerSettings } from "./options";

export type Data = string | Buffer | ArrayBuffer | ArrayBufferView;

/** The keys of the configuration in camelCase, and what is of Node alone. */
export interface ServerOptions extends ServerSettings {
  /** With port, instead of listen. */
  host?: string | undefined;
  /** 0, the default with host: a free one. Without listen, host and port it listens nowhere: see handleUpgrade. */
  port?: number | undefined;
  /** Keys that the options do not set are read from the environment: WS_PING_INTERVAL with "WS_". */
  environmentPrefix?: string | undefined;
}

export interface RouteOptions {
  /** true: the capture {room}, or the path; else a template such as "chat:{id}". */
  join?: boolean | string;
  /** A message of a member goes to its rooms without JavaScript: to the others, or to all. */
  relay?: boolean | "others" | "all";
  /** Message events in spite of relay, and events that the library handles by itself. */
  event?: boolean;
  subprotocols?: string | readonly string[];
  /** Decides who may connect: false or a Rejection refuses, a string or { user } says who it is. */
  authorize?: (request: ConnectRequest) => Decision | Promise<Decision>;
  /** json: texts are events with a name and data. */
  dialect?: "raw" | "json";
  /** With json: events that the library handles by itself. */
  events?: readonly ("join" | "leave" | "message" | "typing" | "presence" | "authenticate")[] | string;
  /** Rooms that join events may name: "lobby", "chat:*". */
  rooms?: string | readonly string[];
  /** Whether a room's message comes back to its sender. */
  echo?: boolean;
  /** Whether it wants a token; true: required. */
  auth?: true | "public" | "optional" | "required" | "user";
  /** Scopes that the token must have. */
  scopes?: string | readonly string[];
  /** Claims that the token must have, or contain: { room: "{room}" }. */
  claims?: Record<string, string>;
  /** How peers without the right token are told. */
  reject?: "status" | "close" | "auto";
  /**
   * Events of a connection do not wait for the promises of the handlers of earlier ones. Without it they do, in
   * order; above 1,024 events or 4 MiB that wait the connection is closed with 1013.
   */
  concurrent?: boolean;
}

export interface Principal {
  user?: string;
  scopes?: readonly string[];
  claims?: Record<string, unknown>;
}

export type Decision = void | null | boolean | string | (Principal & { subprotocol?: string });

export interface HTTPRouteOptions {
  methods: string | readonly string[];
}

export type Answer =
  | void
  | string
  | Uint8Array
  | ArrayBuffer
  | { status?: number; headers?: Record<string, string>; body?: string | Uint8Array }
  | { status?: number; headers?: Record<string, string>; json: unknown };

export interface RequestHead {
  readonly method: string;
  readonly pathname: string;
  /** Values of the captures of the route's pattern. */
  readonly path: Record<string, string>;
  readonly query: URLSearchParams;
  readonly headers: Record<string, string>;
  readonly address: string;
}

export interface ConnectRequest extends RequestHead {
  readonly subprotocols: string[];
  /** Of its token, or null. */
  readonly user: string | null;
  readonly claims: Record<string, any> | null;
  readonly scopes: string[];
  accept(options?: Principal & { subprotocol?: string }): void;
  reject(status: number, reason?: string): void;
}

export interface HTTPRequest extends RequestHead {
  readonly body: Buffer;
  respond(answer?: { status?: number; headers?: Record<string, string>; body?: string | Uint8Array }): void;
}

/** An error of the library; code is its name in the C header, such as "HEARTH_ERR_GONE". */
export class HearthError extends Error {
  readonly code: string;
}

/** Thrown by authorize: an HTTP status (400 to 599) or a close code (1000 to 4999). */
export class Rejection extends HearthError {
  constructor(status: number, reason?: string);
  readonly status: number;
  readonly reason: string;
}

export interface ConnectionInfo {
  openedAt: number;
  lastReceivedAt: number;
  /** Seconds, of the last ping that was answered; null before. */
  latency: number | null;
  messagesReceived: number;
  messagesSent: number;
  bufferedAmount: number;
  rooms: number;
}

/**
 * One open WebSocket of a server. Messages come by the event or by `for await`. A handler that throws, or whose
 * promise is rejected, closes it with 1011; the error goes to the "error" event of the connection, or else of the
 * server, and is thrown where nobody listens.
 */
export class Connection extends EventEmitter implements AsyncIterable<string | Buffer> {
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly server: Server;
  readonly id: bigint;
  readonly route: number;
  readonly user: string | null;
  readonly subprotocol: string;
  readonly readyState: 1 | 2 | 3;
  readonly isOpen: boolean;
  readonly path: Record<string, string>;
  readonly pathname: string;
  readonly query: URLSearchParams;
  readonly headers: Record<string, string>;
  /** What the Cookie field of its request says, decoded; of a name that is there twice, the first. */
  readonly cookies: Record<string, string>;
  readonly address: string;
  readonly rooms: string[];
  readonly info: ConnectionInfo;
  readonly latency: number | null;
  readonly bufferedAmount: number;
  readonly isChannel: boolean;
  /** Of a connection of a channel. */
  readonly recipient: string;
  /** What TLS has agreed on; null without TLS. */
  readonly tls: { version: string; cipher: string; resumed: string; subject: string } | null;
  readonly claims: Record<string, any> | null;
  readonly scopes: string[];
  /** Whatever the program likes to keep with it. */
  data: any;
  /** Bytes that the library keeps with it, at most maxMetadata. */
  get metadata(): Buffer;
  set metadata(data: Data);
  send(data: Data): boolean;
  sendJSON(value: unknown): boolean;
  sendEvent(name: string, data?: unknown): boolean;
  onEvent(name: string, handler: (data: any) => void | Promise<void>): this;
  setPrincipal(principal: Principal): void;
  authenticate(token: string): void;
  setExpiry(time: Date | number | null): void;
  close(code?: number, reason?: string): void;
  join(room: string): this;
  leave(room: string): boolean;
  setUser(user: string | null): void;
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer>;
  on(event: "message", listener: (data: string | Buffer, isBinary: boolean) => void): this;
  on(event: "event", listener: (name: string, data: any) => void): this;
  on(event: "close", listener: (code: number, reason: string) => void): this;
  on(event: "limit", listener: (key: string, dropped: number) => void): this;
  on(event: "expiring", listener: (seconds: number) => void): this;
  on(event: "expired", listener: () => void): this;
  on(event: "join" | "leave", listener: (room: string) => void): this;
  on(event: "drop", listener: (count: number) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
}

export interface BroadcastOptions {
  /** A connection, or a user with all connections. */
  except?: Connection | User;
}

export interface PresentUser {
  user: string;
  connections: Connection[];
  /** What setPresence has set. */
  data: Buffer;
  /** Milliseconds since 1970. */
  joinedAt: number;
}

export interface Room {
  readonly name: string;
  readonly members: Connection[];
  readonly users: string[];
  readonly size: number;
  /** Who is in it; of the changes that are told, those up to the version are in it. */
  presence(): { version: number; users: PresentUser[] };
  broadcast(data: Data, options?: BroadcastOptions): void;
  broadcastJSON(value: unknown, options?: BroadcastOptions): void;
  sendEvent(name: string, data?: unknown, options?: BroadcastOptions): void;
}

export interface User {
  readonly id: string;
  readonly connections: Connection[];
  readonly isOnline: boolean;
  send(data: Data, options?: BroadcastOptions): void;
  sendJSON(value: unknown, options?: BroadcastOptions): void;
  sendEvent(name: string, data?: unknown, options?: BroadcastOptions): void;
  setPresence(data: Data): void;
  /** Returns how many connections the user had. */
  kick(code?: number, reason?: string): number;
}

export interface ChannelOptions {
  /** 64 KiB, or one message, of each connection are given at most, until `sent` is called. */
  acknowledge?: boolean;
  /** Connections of which nothing is heard end. */
  liveness?: boolean;
  /** Whether the channel reaches a recipient: false refuses. */
  check?: (recipient: string | undefined) => boolean | void | Promise<boolean | void>;
}

export interface ChannelPeer {
  path: string;
  recipient?: string;
  query?: string;
  headers?: Record<string, string>;
  user?: string;
  address?: string;
  subprotocol?: string;
}

/** A transport that the program brings. */
export interface Channel {
  readonly name: string;
  connect(peer: ChannelPeer): Promise<Connection>;
  receive(connection: Connection, data: Data): void;
  sent(connection: Connection, bytes: number): void;
  alive(connection: Connection): void;
  closed(connection: Connection, code?: number, reason?: string): void;
}

export type ChannelSend = (connections: Connection[], data: string | Buffer, isBinary: boolean) => void;

export interface PresenceChange {
  version: number;
  data: Buffer;
}

/** What the processes of a cluster know together (docs/scaling.md). */
export interface ClusterAnswer {
  scope: "local" | "cluster";
  connections: number;
  /** Processes that have answered, and those that have not in time. */
  nodes: string[];
  missing: string[];
  /** Empty, or why this process is degraded: then there may be processes that it does not know. */
  reason: string;
}

/** A WebSocket server on this thread's event loop. */
export class Server extends EventEmitter implements AsyncDisposable {
  constructor(options?: ServerOptions);
  readonly isListening: boolean;
  readonly port: number;
  readonly addresses: string[];
  readonly connections: Connection[];
  readonly connectionCount: number;
  readonly userCount: number;
  readonly roomCount: number;
  readonly rooms: string[];
  readonly users: string[];
  route(pattern: string, handler?: (connection: Connection) => void | Promise<void>): this;
  route(pattern: string, options: HTTPRouteOptions, handler: (request: HTTPRequest) => Answer | Promise<Answer>): this;
  route(pattern: string, options: RouteOptions, handler?: (connection: Connection) => void | Promise<void>): this;
  channel(name: string, send: ChannelSend): Channel;
  channel(name: string, options: ChannelOptions, send: ChannelSend): Channel;
  onEvent(name: string, handler: (connection: Connection, data: any) => void | Promise<void>): this;
  listen(): Promise<this>;
  close(reason?: string): Promise<void>;
  /** Sends everybody elsewhere, one after the other; fulfilled when the last has gone. */
  drain(farewell?: Data, options?: { why?: string }): Promise<void>;
  reloadTLS(): void;
  reloadKeys(): void;
  /** docs/topics/observability.md has the fields. */
  stats(): Record<string, any>;
  metrics(): string;
  health(): { status: "ok" | "degraded" | "draining"; reasons: string[]; [key: string]: any };
  ref(): this;
  unref(): this;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head?: Buffer): void;
  room(name: string): Room;
  user(id: string): User;
  broadcast(data: Data, options?: BroadcastOptions): void;
  broadcastJSON(value: unknown, options?: BroadcastOptions): void;
  sendEvent(name: string, data?: unknown, options?: BroadcastOptions): void;
  sendTo(user: string, data: Data, options?: BroadcastOptions): void;
  setPresence(user: string, data: Data): void;
  kick(user: string, code?: number, reason?: string): number;
  /** Asks all processes of the cluster; timeout in seconds, 1 unless said otherwise. */
  askRoom(name: string, options?: { timeout?: number }): Promise<ClusterAnswer & { room: string; users: string[] }>;
  askUser(name: string, options?: { timeout?: number }): Promise<ClusterAnswer & { user: string; rooms: string[] }>;
  /** When messages reach the other processes of the cluster; at once without redisUrl. */
  ready(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  on(event: "connection", listener: (connection: Connection) => void): this;
  on(event: "close", listener: (connection: Connection, code: number, reason: string) => void): this;
  on(event: "userJoin" | "presence", listener: (room: string, user: string, change: PresenceChange) => void): this;
  on(event: "userLeave", listener: (room: string, user: string, change: { version: number }) => void): this;
  on(event: "error", listener: (error: Error, connection?: Connection) => void): this;
}

/** The keys of the configuration in camelCase, and what is of Node alone. */
export interface ClientOptions extends ClientSettings {
  headers?: Record<string, string> | undefined;
  /** Asked before each attempt; what it answers takes the place of the address and the headers. */
  prepare?: ((attempt: { url: string; attempt: number; status: number }) => Change | Promise<Change>) | undefined;
  /** Keys that the options do not set are read from the environment: WS_PING_INTERVAL with "WS_". */
  environmentPrefix?: string | undefined;
}

export type Change = void | null | { url?: string; headers?: Record<string, string> };
export type ClientState = "idle" | "connecting" | "open" | "reconnecting" | "closed" | "gave_up";
export type DropReason = "count" | "bytes" | "age" | "cleared" | "closed" | "lost";

export interface ClientInfo {
  attempts: number;
  opens: number;
  latency: number | null;
  openedAt: number;
  lastReceivedAt: number;
  messagesReceived: number;
  messagesSent: number;
  messagesDropped: number;
  queueLength: number;
  queueBytes: number;
  bufferedAmount: number;
}

export interface StateChange {
  state: ClientState;
  attempt: number;
  /** Milliseconds until the next attempt. */
  delay: number;
  code: number;
  reason: string;
  error?: HearthError;
}

/** A connection to a server that comes back by itself. */
export class Client extends EventEmitter implements AsyncIterable<string | Buffer>, AsyncDisposable {
  constructor(url: string | URL, options?: ClientOptions);
  readonly state: ClientState;
  readonly isConnected: boolean;
  readonly url: string;
  readonly latency: number | null;
  readonly info: ClientInfo;
  readonly opened: Promise<this>;
  readonly ended: Promise<{ code?: number; reason?: string; error?: HearthError }>;
  readonly queue: number[];
  /** Of the last connection that was open. */
  readonly subprotocol: string;
  readonly address: string;
  readonly headers: Record<string, string>;
  readonly isPaused: boolean;
  /** Its socket is not read any more, so that the server has to wait. */
  pause(): this;
  resume(): this;
  /** A message that waits. */
  queued(id: number): string | Buffer | undefined;
  open(): Promise<this>;
  send(data: Data, options?: { queue?: boolean }): number;
  sendJSON(value: unknown, options?: { queue?: boolean }): number;
  poke(): void;
  ref(): this;
  unref(): this;
  clearQueue(): number;
  close(code?: number, reason?: string): Promise<void>;
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer>;
  [Symbol.asyncDispose](): Promise<void>;
  on(event: "state", listener: (state: StateChange) => void): this;
  on(event: "open", listener: (opened: { subprotocol: string }) => void): this;
  on(event: "message", listener: (data: string | Buffer, isBinary: boolean) => void): this;
  on(event: "reconnecting", listener: (next: { attempt: number; delay: number; error?: HearthError }) => void): this;
  on(event: "close", listener: (code: number, reason: string) => void): this;
  on(event: "giveUp", listener: (error: HearthError) => void): this;
  on(event: "sent", listener: (id: number) => void): this;
  on(event: "drop", listener: (id: number, reason: DropReason) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
}

/** A client that has begun to connect. */
export function connect(url: string | URL, options?: ClientOptions): Client;

export interface LogEntry {
  level: "debug" | "info" | "warning" | "error";
  /** Milliseconds since 1970. */
  time: number;
  area: string;
  message: string;
  fields: Record<string, string>;
}

export interface EngineOptions extends EngineSettings {
  /** Where the log goes. */
  log?: ((entry: LogEntry) => void) | undefined;
  environmentPrefix?: string | undefined;
}

/** Settings of this thread's engine. To be called before its first server or client. */
export function configure(options: EngineOptions): void;

/** Of the library, of Node's libuv, and of the OpenSSL that the library uses, with its folder. */
export const versions: Readonly<{
  hearth: string;
  libuv: string;
  openssl: string;
  openssldir: string;
  runtime: string;
}>;
