import hearth from "./index.cjs";

export const { Connection, HearthError, Rejection, Server, versions } = hearth;
