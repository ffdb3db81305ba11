#!/usr/bin/env node
// A connector to a folder of notes, one JSON file each. Put your own system in its place.

import fs from "node:fs";
import path from "node:path";

import { dumps, Failure, loads, serve } from "./kopru.mjs";

const field = (name, type, description, flags) => ({ name, type: `FIELD_TYPE_${type}`, description, ...flags });

const connector = {
  manifest: {
    name: "CONNECTOR_NAME", version: "0.1.0", summary: "Notes in a folder, one JSON file each.",
    access: {}, // it calls nobody; a system on the net is { hosts: ["api.example.com:443"] }
    config: [{
      name: "path", type: "ATTRIBUTE_TYPE_STRING", required: true,
      path: "PATH_ACCESS_WRITE", // the process can open no other files
      description: "The folder.", example: "/srv/notes",
    }],
    entities: [{
      name: "note", description: "A note.", id_field: "id", incremental: true,
      can_read: true, can_lookup: true, can_create: true, can_update: true, can_delete: true,
      fields: [
        field("id", "STRING", "Its number."),
        field("title", "STRING", "What it is about; no two notes share one.", { match: true, required: true, on_create: true }),
        field("text", "STRING", "What it says.", { on_create: true, on_update: true }),
        field("stars", "INTEGER", "How good it is.", { on_create: true, on_update: true }),
      ],
    }],
  },

  // validate says what is wrong with a configuration, without touching the system.
  validate(config) {
    if (path.isAbsolute(String(config.path ?? ""))) return [];
    return [{ attribute: "path", summary: "the path is not absolute", detail: "Write it from the root: /srv/notes." }];
  },

  // open makes a connection. It must not fail because the system is down: check says that.
  open(name, config) {
    return new Folder(config.path);
  },
};

// Folder is a connection. Its calls are synchronous, so that one is over before the next begins; all of them may be async.
class Folder {
  constructor(dir) {
    this.dir = dir;
  }

  // check tells facts worth showing, or what is wrong.
  check() {
    if (!fs.existsSync(this.dir)) return { problems: [{ attribute: "path", summary: `there is no folder ${this.dir}` }] };
    return { facts: [`${this.notes().length} notes in ${this.dir}`] };
  }

  // notes are all of them, the one that changed last at the end.
  notes() {
    return fs.readdirSync(this.dir).filter((name) => name.endsWith(".json"))
      .map((name) => loads(fs.readFileSync(path.join(this.dir, name))))
      .sort((a, b) => a.changed - b.changed);
  }

  // save is durable before it is answered: a temporary file, synchronised, takes the note's place at once.
  save(note) {
    // Never less than before, also when the note that changed last was deleted: a cursor must not pass over a change.
    note.changed = Math.max(Date.now(), ...this.notes().map((n) => n.changed + 1));
    note.id ??= String(note.changed);
    const file = path.join(this.dir, `${note.id}.json`);
    const fd = fs.openSync(`${file}.new`, "w");
    try {
      fs.writeSync(fd, dumps(note));
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(`${file}.new`, file);
    return { id: note.id, version: String(note.changed) };
  }

  // read yields batches of records with the cursor that covers them and all before.
  * read(entity, cursor, options, batchSize) {
    if (!/^\d*$/.test(cursor)) {
      throw new Failure("FATAL", "CONNECTOR_NAME.cursor", `${JSON.stringify(cursor)} is no cursor of this connector`);
    }
    const notes = this.notes().filter((n) => n.changed > Number(cursor));
    for (let i = 0; i < notes.length; i += batchSize) {
      const batch = notes.slice(i, i + batchSize);
      yield { records: batch.map((n) => ({ key: n.id, fields: fieldsOf(n) })), cursor: String(batch.at(-1).changed) };
    }
  }

  // lookup finds what has the id, or exactly the values of match.
  lookup(entity, id, match) {
    return this.notes()
      .filter((n) => (id ? n.id === id : Object.entries(match).every(([name, value]) => n[name] === value)))
      .map((n) => ({ id: n.id, version: String(n.changed), fields: fieldsOf(n) }));
  }

  // write does one operation and returns the id and the version, or throws what went wrong.
  write(entity, operation, id, version, fields, options) {
    if ("stars" in fields && !Number.isInteger(fields.stars)) {
      throw new Failure("INVALID", "CONNECTOR_NAME.stars", "stars are a whole number", { field: "stars" });
    }
    const notes = this.notes();
    if (operation === "create") {
      if (notes.some((n) => n.title === fields.title)) {
        throw new Failure("INVALID", "CONNECTOR_NAME.title", "there is a note of that title", { field: "title" });
      }
      return this.save(fields);
    }
    const note = notes.find((n) => n.id === id);
    if (!note) throw new Failure("NOT_FOUND", "CONNECTOR_NAME.unknown", `there is no note ${id}`);
    if (version && version !== String(note.changed)) {
      throw new Failure("CONFLICT", "CONNECTOR_NAME.version", "somebody else changed it");
    }
    if (operation === "delete") {
      fs.rmSync(path.join(this.dir, `${id}.json`));
      return { id };
    }
    return this.save({ ...note, ...fields });
  }
}

const fieldsOf = ({ changed, ...fields }) => fields;

serve(connector);
