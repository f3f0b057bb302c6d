import hearth from "./index.cjs";

export const { Client, Connection, HearthError, Rejection, Server, configure, connect, versions } = hearth;
