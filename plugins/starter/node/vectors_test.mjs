// Tries this connector's messages with the protocol's test vectors: each is read and written as it stands there.

import assert from "node:assert/strict";
import test from "node:test";

import { messages } from "./connector/kopru.mjs";
import vectors from "./vectors.json";

const message = messages({ longs: String, enums: String, bytes: String });

assert.ok(vectors.length, "there are no vectors");
for (const { name, message: type, json, hex } of vectors) {
  test(name, () => {
    assert.equal(Buffer.from(message(type).serialize(json)).toString("hex"), hex, "it is written otherwise");
    assert.deepEqual(message(type).deserialize(Buffer.from(hex, "hex")), json, "it is read otherwise");
  });
}
