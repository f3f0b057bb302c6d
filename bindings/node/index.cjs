"use strict";

const { Connection } = require("./lib/connection.js");
const { HearthError } = require("./lib/errors.js");
const { Rejection } = require("./lib/request.js");
const { Server } = require("./lib/server.js");
const { versions } = require("./lib/native.js");

module.exports = { Connection, HearthError, Rejection, Server, versions };
