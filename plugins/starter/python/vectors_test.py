"""Tries this connector's messages with the protocol's test vectors: each is read and written as it stands there."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from google.protobuf import json_format  # noqa: E402

from connector.kopru import M  # noqa: E402

vectors = json.loads((pathlib.Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))
for v in vectors:
    said = json_format.ParseDict(v["json"], M[v["message"]]())
    assert said.SerializeToString(deterministic=True).hex() == v["hex"], v["name"] + " is written otherwise"
    sent = M[v["message"]].FromString(bytes.fromhex(v["hex"]))
    assert sent == said, v["name"] + " is read otherwise"
    assert json_format.MessageToDict(sent, preserving_proto_field_name=True) == v["json"], v["name"] + " is shown otherwise"
assert vectors, "there are no vectors"
print(len(vectors), "vectors are read and written as they should be")
