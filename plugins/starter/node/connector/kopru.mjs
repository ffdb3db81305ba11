// Serves a connector to Kopru: the handshake, TLS and gRPC of connector.proto, so that a connector is only its own code.
// Append-only targets are the one thing it does not serve.

import { Console } from "node:console";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

import grpc from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";
import { isInteger, isSafeNumber, LosslessNumber, parse, stringify } from "lossless-json";
import selfsigned from "selfsigned";

import descriptors from "./connector.binpb";

// Standard output is for the handshake alone; what libraries print goes to the log.
globalThis.console = new Console(process.stderr, process.stderr);

export const log = Object.fromEntries(
  ["info", "warn", "error"].map((level) => [level, (text) => console.error(`[${level.toUpperCase()}] ${text}`)]),
);

// Failure is what went wrong. The class decides what the engine does, so it must be true: TRANSIENT (nothing was stored,
// try again), RATE_LIMITED, AUTH, INVALID, CONFLICT, NOT_FOUND, AMBIGUOUS (it may have been stored) or FATAL.
export class Failure extends Error {
  constructor(kind, code, message, { field = "", retryAfterMs = 0 } = {}) {
    super(message);
    Object.assign(this, { kind, code, field, retryAfterMs });
  }
}

// loads reads JSON whose numbers keep their decimals: whole ones that JavaScript holds exactly are numbers, all others
// a LosslessNumber, which is their text.
export function loads(data) {
  const number = (text) => (isInteger(text) && isSafeNumber(text) ? Number(text) : new LosslessNumber(text));
  return data?.length ? parse(data.toString(), null, number) : {};
}

// dumps is the opposite of loads.
export const dumps = (value) => stringify(value);

// messages are those of connector.proto and its service, from its compiled form: no generated code.
export function messages(options) {
  const all = loadFileDescriptorSetFromBuffer(Buffer.from(descriptors), options);
  return (name) => all[`kopru.connector.v1.${name}`];
}

// failure makes one of an exception; what is not one of ours is as unclear as the call it came from.
function failure(error, otherwise) {
  if (!(error instanceof Failure)) {
    log.error(`the connector's code failed: ${error?.stack ?? error}`);
    error = new Failure(otherwise, "connector.error", String(error));
  }
  const { kind, code, message, field, retryAfterMs } = error;
  return { class: `FAILURE_CLASS_${kind}`, code, message, field, retry_after_ms: retryAfterMs };
}

// Credit is how many batches the engine has asked for.
class Credit {
  #left = 0;
  #over = false;
  #wake = () => {};

  add(n) {
    this.#left += n;
    this.#wake();
  }

  end() {
    this.#over = true;
    this.#wake();
  }

  // take waits for leave to send one batch; false says that nobody waits for it any more.
  async take() {
    while (!this.#over && this.#left === 0) {
      await new Promise((wake) => { this.#wake = wake; });
    }
    this.#left--;
    return !this.#over;
  }
}

// Service is the eight calls of the protocol. A connector is an object with manifest, validate and open.
class Service {
  #open = new Map();

  constructor(connector) {
    this.connector = connector;
  }

  // config is settings with the manifest's defaults filled in.
  config(data, attributes = []) {
    const given = loads(data);
    for (const a of attributes) {
      if (a.default_json) given[a.name] ??= loads(a.default_json);
    }
    return given;
  }

  connection(handle) {
    if (!this.#open.has(handle)) throw new Failure("FATAL", "connector.closed", "the connection is closed");
    return this.#open.get(handle);
  }

  entity(name) {
    const found = this.connector.manifest.entities.find((e) => e.name === name);
    if (!found) throw new Failure("FATAL", "connector.unknown_entity", `there is no entity ${JSON.stringify(name)}`);
    return found;
  }

  async Describe() {
    return { manifest: this.connector.manifest };
  }

  async Validate({ config }) {
    return { problems: await this.connector.validate(this.config(config, this.connector.manifest.config)) };
  }

  async Open({ handle, name, config }) {
    try {
      this.#open.set(handle, await this.connector.open(name, this.config(config, this.connector.manifest.config)));
      return {};
    } catch (error) {
      return { failure: failure(error, "FATAL") };
    }
  }

  async Check({ handle }) {
    try {
      return await this.connection(handle).check();
    } catch (error) {
      return { problems: [{ summary: failure(error, "FATAL").message }] };
    }
  }

  async Close({ handle }) {
    const connection = this.#open.get(handle);
    this.#open.delete(handle);
    await connection?.close?.();
    return {};
  }

  Read(call) {
    const credit = new Credit();
    call.on("data", (r) => {
      if (r.message === "start") this.read(call, r.start, credit);
      if (r.message === "credit") credit.add(r.credit);
    });
    for (const over of ["end", "cancelled", "error"]) call.on(over, () => credit.end());
  }

  async read(call, start, credit) {
    try {
      let { cursor } = start;
      const options = this.config(start.options, this.entity(start.entity).source_options);
      const batches = this.connection(start.handle).read(start.entity, cursor, options, start.batch_size || 100);
      for await (const batch of batches) {
        if (!(await credit.take())) return;
        const records = batch.records.map(({ key, fields }) => (
          { key, operation: "OPERATION_UPSERT", payload: Buffer.from(dumps(fields)) }
        ));
        call.write({ batch: { cursor: batch.cursor, records } });
        cursor = batch.cursor || cursor;
      }
      call.write({ end: { cursor } });
    } catch (error) {
      call.write({ failure: failure(error, "TRANSIENT") });
    } finally {
      call.end();
    }
  }

  async Lookup({ handle, entity, queries }) {
    return { results: await Promise.all(queries.map((query) => this.hits(handle, entity, query))) };
  }

  async hits(handle, entity, query) {
    try {
      const found = await this.connection(handle).lookup(entity, query.id, loads(query.match));
      return { found: found.map(({ id, version, fields }) => ({ id, version, fields: Buffer.from(dumps(fields)) })) };
    } catch (error) {
      return { failure: failure(error, "TRANSIENT") };
    }
  }

  Write(call) {
    let turn = Promise.resolve();
    let write;
    const take = async (r) => {
      if (r.message === "batch") {
        call.write({ results: { seq: r.batch.seq, results: await write(r.batch) } });
        return;
      }
      try {
        const options = this.config(r.start.options, this.entity(r.start.entity).sink_options);
        const connection = this.connection(r.start.handle);
        write = (batch) => this.results(connection, r.start.entity, batch, options);
        call.write({ started: {} });
      } catch (error) {
        call.write({ failure: failure(error, "TRANSIENT") });
        call.end();
      }
    };
    call.on("data", (r) => { turn = turn.then(() => take(r)); }); // one after the other, as they came
    call.on("end", () => turn.then(() => call.end()));
    call.on("error", () => {}); // the engine has left; what it began is done
  }

  async results(connection, entity, batch, options) {
    const results = [];
    for (const op of batch.ops) {
      try {
        if (batch.begin_before && Date.now() >= batch.begin_before) {
          throw new Failure("TRANSIENT", "connector.too_late", "the write was not sent: the engine's leave for it is over");
        }
        const operation = op.operation.replace("OPERATION_", "").toLowerCase();
        results.push(await connection.write(entity, operation, op.id, op.version, loads(op.payload), options));
      } catch (error) {
        results.push({ failure: failure(error, "AMBIGUOUS") });
      }
    }
    return results;
  }
}

function handlers(definition, service) {
  return Object.fromEntries(Object.entries(definition).map(([name, { requestStream }]) => [
    name,
    requestStream
      ? (call) => service[name](call)
      : (call, answer) => service[name](call.request).then((response) => answer(null, response), answer),
  ]));
}

// control is what go-plugin asks of a process: is it well, and the wish that it end. The messages are their bytes.
const bytes = { requestStream: false, responseStream: false, requestDeserialize: (b) => b, responseSerialize: (b) => b };
const control = {
  Check: { path: "/grpc.health.v1.Health/Check", ...bytes },
  Shutdown: { path: "/plugin.GRPCController/Shutdown", ...bytes },
};
const serving = Buffer.from([8, 1]); // HealthCheckResponse{status: SERVING}

// certificate is for this process alone; the engine pins it.
function certificate() {
  return selfsigned.generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec", curve: "P-256", algorithm: "sha256",
    notBeforeDate: new Date(Date.now() - 60_000), notAfterDate: new Date(Date.now() + 3650 * 86_400_000),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
    ],
  });
}

function endWithTheEngine(fd) {
  const lifeline = new net.Socket({ fd, readable: true, writable: false });
  lifeline.on("error", () => {}).on("close", () => process.exit(0)).resume(); // only its end matters: the engine is gone
}

// serve runs the connector until the engine ends it.
export async function serve(connector) {
  if (process.env.KOPRU_CONNECTOR !== "k0pr") {
    console.error("This is a connector. Put it where kopru looks for connectors; kopru starts it.");
    process.exit(1);
  }
  if (process.env.KOPRU_LIFELINE_FD) endWithTheEngine(Number(process.env.KOPRU_LIFELINE_FD));
  process.on("SIGINT", () => {}); // Ctrl-C is the engine's to hear

  const limit = 64 << 20;
  const server = new grpc.Server({ "grpc.max_receive_message_length": limit, "grpc.max_send_message_length": limit });
  const definition = messages({ longs: Number, enums: String, defaults: true, oneofs: true })("Connector");
  server.addService(definition, handlers(definition, new Service(connector)));
  const stop = () => {
    server.tryShutdown(() => process.exit(0));
    setTimeout(() => process.exit(0), 1000);
  };
  server.addService(control, {
    Check: (_call, answer) => answer(null, serving),
    Shutdown: (_call, answer) => {
      answer(null, Buffer.alloc(0));
      stop();
    },
  });

  const { private: key, cert } = await certificate();
  const credentials = grpc.ServerCredentials.createSsl(
    Buffer.from(process.env.PLUGIN_CLIENT_CERT), [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }], true,
  );
  const folder = fs.mkdtempSync(path.join(process.env.PLUGIN_UNIX_SOCKET_DIR ?? os.tmpdir(), "connector"));
  const socket = path.join(folder, "connector");
  await new Promise((bound, failed) => {
    server.bindAsync(`unix:${socket}`, credentials, (error) => (error ? failed(error) : bound()));
  });
  process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  process.on("SIGTERM", stop);
  const der = cert.replace(/-----[^-]+-----|\s|=/g, "");
  process.stdout.write(`1|1|unix|${socket}|grpc|${der}\n`);
}
