"use strict";

const { Client, connect } = require("./lib/client.js");
const { Connection } = require("./lib/connection.js");
const { HearthError } = require("./lib/errors.js");
const { configure } = require("./lib/log.js");
const { Rejection } = require("./lib/request.js");
const { Server } = require("./lib/server.js");
const { versions } = require("./lib/native.js");

module.exports = { Client, Connection, HearthError, Rejection, Server, configure, connect, versions };
