// Loaded into every Node process of an instance, before the application (NODE_OPTIONS=--require).
//
// Every connection of Node (fetch, https, database drivers) passes net.Socket.prototype.connect. It
// is redirected if the host has a stand-in, below TLS and below any wrapper around fetch. Any other
// host except this machine is refused, after the proxy has noted it.
"use strict";

const net = require("node:net");

const interception = process.env.CRONPROOF_INTERCEPTION;
if (!interception) {
  throw new Error("CRONPROOF_INTERCEPTION is missing: the environment of this process was replaced, except NODE_OPTIONS");
}
const { hosts, domain, tlsPort, proxyPort, kept } = JSON.parse(interception);
const connect = net.Socket.prototype.connect;

function isHere(host) {
  return (
    host === undefined || host === null || host === "" || host === "localhost" || host.endsWith(".localhost") ||
    host === "0.0.0.0" || host === "::" || host === "::1" || /^127(\.\d+){3}$/.test(host) || host.startsWith("::ffff:127.")
  );
}

function isStoodInFor(host, port) {
  const name = host.toLowerCase().replace(/\.$/, "");
  return Number(port) === 443 && (hosts.includes(name) || name.split(".").slice(1).join(".") === domain);
}

function refuse(socket, host, port) {
  // Wait for the proxy's refusal, so that it is noted before the application gets the error.
  socket.connecting = true;
  const told = connect.call(new net.Socket(), proxyPort, "127.0.0.1");
  const refused = () => {
    const error = new Error(`connect ECONNREFUSED ${host}:${port}: cronproof lets nothing leave`);
    socket.destroy(Object.assign(error, { code: "ECONNREFUSED", syscall: "connect", address: host, port }));
  };
  told.on("error", () => {}).on("close", refused).on("data", () => {});
  told.write(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`);
  return socket;
}

net.Socket.prototype.connect = function (...args) {
  const normalized = Array.isArray(args[0]);
  const first = normalized ? args[0][0] : args[0];
  const byOptions = first !== null && typeof first === "object";
  const host = byOptions ? first.host : typeof args[1] === "string" ? args[1] : undefined;
  const port = byOptions ? first.port : first;
  const isPath = byOptions ? Boolean(first.path) : Number.isNaN(Number(port)); // Node, too, looks at the path first
  if (isPath || isHere(host)) {
    return connect.apply(this, args);
  }
  if (!isStoodInFor(host, port)) {
    return refuse(this, host, port);
  }
  const callback = normalized ? args[0][1] : args.find((argument) => typeof argument === "function");
  const options = { ...(byOptions ? first : {}), host: "127.0.0.1", port: tlsPort };
  delete options.lookup;
  delete options.localAddress;
  return connect.call(this, options, ...(callback ? [callback] : []));
};

// Child processes and workers are contained too, even if they get another environment.
const OURS = Object.fromEntries(
  [...kept, "CRONPROOF_INTERCEPTION"].filter((name) => process.env[name]).map((name) => [name, process.env[name]]),
);

function keptIn(env) {
  const options = env.NODE_OPTIONS;
  const more = options && !options.includes("preload.cjs") ? { NODE_OPTIONS: `${options} ${OURS.NODE_OPTIONS}` } : {};
  return { ...env, ...OURS, ...more };
}

const { ChildProcess } = require("node:child_process");
const spawn = ChildProcess.prototype.spawn;
ChildProcess.prototype.spawn = function (options) {
  if (options?.envPairs) {
    const env = Object.fromEntries(options.envPairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
    options.envPairs = Object.entries(keptIn(env)).map(([name, value]) => `${name}=${value}`);
  }
  return spawn.call(this, options);
};

const threads = require("node:worker_threads");
threads.Worker = class Worker extends threads.Worker {
  constructor(file, options) {
    super(file, options?.env && typeof options.env === "object" ? { ...options, env: keptIn(options.env) } : options);
  }
};
