"""A connector to a folder of notes, one JSON file each. Put your own system in its place."""

import os
import threading
import time

import kopru


def field(name, kind, description, **flags):
    return {"name": name, "type": "FIELD_TYPE_" + kind, "description": description, **flags}


class Connector:
    manifest = {
        "name": "CONNECTOR_NAME", "version": "0.1.0", "summary": "Notes in a folder, one JSON file each.",
        "access": {},  # it calls nobody; a system on the net is {"hosts": ["api.example.com:443"]}
        "config": [{
            "name": "path", "type": "ATTRIBUTE_TYPE_STRING", "required": True,
            "path": "PATH_ACCESS_WRITE",  # the process can open no other files
            "description": "The folder.", "example": "/srv/notes",
        }],
        "entities": [{
            "name": "note", "description": "A note.", "id_field": "id", "incremental": True,
            "can_read": True, "can_lookup": True, "can_create": True, "can_update": True, "can_delete": True,
            "fields": [
                field("id", "STRING", "Its number."),
                field("title", "STRING", "What it is about; no two notes share one.", match=True, required=True, on_create=True),
                field("text", "STRING", "What it says.", on_create=True, on_update=True),
                field("stars", "INTEGER", "How good it is.", on_create=True, on_update=True),
            ],
        }],
    }

    def validate(self, config):
        """What is wrong with a configuration, without touching the system."""
        if not os.path.isabs(str(config.get("path", ""))):
            return [{"attribute": "path", "summary": "the path is not absolute", "detail": "Write it from the root: /srv/notes."}]
        return []

    def open(self, name, config):
        """A connection. It must not fail because the system is down: check says that."""
        return Folder(config["path"])


class Folder:
    lock = threading.Lock()  # calls come at the same time

    def __init__(self, path):
        self.path = path

    def check(self):
        """Facts worth showing, and what is wrong."""
        if not os.path.isdir(self.path):
            return [], [{"attribute": "path", "summary": f"there is no folder {self.path}"}]
        return [f"{len(self.notes())} notes in {self.path}"], []

    def notes(self):
        """All notes, the one that changed last at the end."""
        found = []
        for name in os.listdir(self.path):
            if name.endswith(".json"):
                with open(os.path.join(self.path, name), "rb") as f:
                    found.append(kopru.loads(f.read()))
        return sorted(found, key=lambda n: n["changed"])

    def save(self, note):
        """Durable before it is answered: a temporary file, synchronised, takes the note's place at once."""
        # Never less than before, also when the note that changed last was deleted: a cursor must not pass over a change.
        note["changed"] = max([int(time.time() * 1000)] + [n["changed"] + 1 for n in self.notes()])
        note.setdefault("id", str(note["changed"]))
        path = os.path.join(self.path, note["id"] + ".json")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(kopru.dumps(note))
            f.flush()
            os.fsync(f.fileno())
        os.replace(path + ".new", path)
        return note["id"], str(note["changed"])

    @staticmethod
    def fields(note):
        return {name: value for name, value in note.items() if name != "changed"}

    def read(self, entity, cursor, options, batch_size):
        """Batches of (key, fields) with the cursor that covers them and all before."""
        if cursor and not cursor.isdigit():
            raise kopru.Failure("FATAL", "CONNECTOR_NAME.cursor", f"{cursor!r} is no cursor of this connector")
        with self.lock:
            notes = [n for n in self.notes() if n["changed"] > int(cursor or 0)]
        for i in range(0, len(notes), batch_size):
            batch = notes[i:i + batch_size]
            yield [(n["id"], self.fields(n)) for n in batch], str(batch[-1]["changed"])

    def lookup(self, entity, id, match):
        """What has the id, or exactly the values of match: (id, version, fields) each."""
        with self.lock:
            return [(n["id"], str(n["changed"]), self.fields(n)) for n in self.notes()
                    if (n["id"] == id if id else all(n.get(name) == value for name, value in match.items()))]

    def write(self, entity, operation, id, version, fields, options):
        """Does one operation and returns (id, version), or raises what went wrong."""
        if not isinstance(fields.get("stars", 0), int):
            raise kopru.Failure("INVALID", "CONNECTOR_NAME.stars", "stars are a whole number", field="stars")
        with self.lock:
            notes = {n["id"]: n for n in self.notes()}
            if operation == "create":
                if any(n["title"] == fields["title"] for n in notes.values()):
                    raise kopru.Failure("INVALID", "CONNECTOR_NAME.title", "there is a note of that title", field="title")
                return self.save(fields)
            if id not in notes:
                raise kopru.Failure("NOT_FOUND", "CONNECTOR_NAME.unknown", f"there is no note {id}")
            note = notes[id]
            if version and version != str(note["changed"]):
                raise kopru.Failure("CONFLICT", "CONNECTOR_NAME.version", "somebody else changed it")
            if operation == "delete":
                os.remove(os.path.join(self.path, id + ".json"))
                return id, ""
            return self.save({**note, **fields})


kopru.serve(Connector())
