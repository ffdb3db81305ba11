"""Serves a connector to Kopru: the handshake, TLS and gRPC of connector.proto, so that a connector is only its own code.

Needs grpcio, protobuf and cryptography (Debian: python3-grpcio python3-protobuf python3-cryptography).
Append-only targets are the one thing it does not serve.
"""

import base64
import concurrent.futures
import datetime
import decimal
import json
import logging
import os
import pkgutil
import signal
import sys
import tempfile
import threading
import time

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SERVICE = "kopru.connector.v1.Connector"
log = logging.getLogger("connector")


class Failure(Exception):
    """What went wrong. The class decides what the engine does, so it must be true: TRANSIENT (nothing was stored, try
    again), RATE_LIMITED, AUTH, INVALID, CONFLICT, NOT_FOUND, AMBIGUOUS (it may have been stored) or FATAL."""

    def __init__(self, kind, code, message, field="", retry_after_ms=0):
        super().__init__(message)
        self.kind, self.code, self.message, self.field, self.retry_after_ms = kind, code, message, field, retry_after_ms


def loads(data):
    """JSON whose numbers keep their decimals: never a binary float."""
    return json.loads(data, parse_float=decimal.Decimal) if data else {}


def dumps(value):
    """The opposite of loads."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + dumps(v) for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _messages():
    """The messages of connector.proto, from its compiled form: no generated code."""
    files = descriptor_pb2.FileDescriptorSet.FromString(pkgutil.get_data(__name__, "connector.binpb"))
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return {name: make(message) for file in files.file
            for name, message in pool.FindFileByName(file.name).message_types_by_name.items()}


M = _messages()


def _failure(error, otherwise):
    """An exception as a failure; what is not one of ours is as unclear as the call it came from."""
    if not isinstance(error, Failure):
        log.exception("the connector's code failed")
        error = Failure(otherwise, "connector.error", f"{type(error).__name__}: {error}")
    return M["Failure"](**{"class": "FAILURE_CLASS_" + error.kind}, code=error.code, message=error.message,
                        field=error.field, retry_after_ms=error.retry_after_ms)


class _Service:
    """The eight calls of the protocol. A connector is an object with manifest, validate and open."""

    def __init__(self, connector):
        self.connector, self.open, self.lock = connector, {}, threading.Lock()

    def config(self, data, attributes):
        """Settings with the manifest's defaults filled in."""
        given = loads(data)
        for a in attributes:
            if a.get("default_json") and given.get(a["name"]) is None:
                given[a["name"]] = loads(a["default_json"])
        return given

    def connection(self, handle):
        with self.lock:
            if handle not in self.open:
                raise Failure("FATAL", "connector.closed", "the connection is closed")
            return self.open[handle]

    def entity(self, name):
        for e in self.connector.manifest["entities"]:
            if e["name"] == name:
                return e
        raise Failure("FATAL", "connector.unknown_entity", f"there is no entity {name!r}")

    def Describe(self, _request, _context):
        return M["DescribeResponse"](manifest=json_format.ParseDict(self.connector.manifest, M["Manifest"]()))

    def Validate(self, request, _context):
        config = self.config(request.config, self.connector.manifest.get("config", []))
        return M["ValidateResponse"](problems=[M["Problem"](**p) for p in self.connector.validate(config)])

    def Open(self, request, _context):
        try:
            config = self.config(request.config, self.connector.manifest.get("config", []))
            connection = self.connector.open(request.name, config)
        except Exception as error:
            return M["OpenResponse"](failure=_failure(error, "FATAL"))
        with self.lock:
            self.open[request.handle] = connection
        return M["OpenResponse"]()

    def Check(self, request, _context):
        try:
            facts, problems = self.connection(request.handle).check()
        except Exception as error:
            facts, problems = [], [{"summary": _failure(error, "FATAL").message}]
        return M["CheckResponse"](facts=facts, problems=[M["Problem"](**p) for p in problems])

    def Close(self, request, _context):
        with self.lock:
            connection = self.open.pop(request.handle, None)
        if hasattr(connection, "close"):
            connection.close()
        return M["CloseResponse"]()

    def Read(self, requests, context):
        start = next(requests).start
        credit, ended = threading.Semaphore(0), threading.Event()

        def attend():
            try:
                for r in requests:
                    if r.WhichOneof("message") == "credit":
                        for _ in range(r.credit):
                            credit.release()
            except grpc.RpcError:
                pass
            ended.set()
            credit.release()

        threading.Thread(target=attend, daemon=True).start()
        context.add_callback(lambda: (ended.set(), credit.release()))
        try:
            options = self.config(start.options, self.entity(start.entity).get("source_options", []))
            batches = self.connection(start.handle).read(start.entity, start.cursor, options, start.batch_size or 100)
            cursor = ""
            for records, cursor in batches:
                credit.acquire()
                if ended.is_set() and not context.is_active():
                    return
                yield M["ReadResponse"](batch=M["Batch"](cursor=cursor, records=[M["Record"](
                    key=key, operation="OPERATION_UPSERT", payload=dumps(fields).encode()) for key, fields in records]))
            yield M["ReadResponse"](end=M["ReadEnd"](cursor=cursor or start.cursor))
        except Exception as error:
            yield M["ReadResponse"](failure=_failure(error, "TRANSIENT"))

    def Lookup(self, request, _context):
        return M["LookupResponse"](results=[self.hits(request, q) for q in request.queries])

    def hits(self, request, query):
        try:
            found = self.connection(request.handle).lookup(request.entity, query.id, loads(query.match))
            return M["Hits"](found=[M["Found"](id=i, version=v, fields=dumps(f).encode()) for i, v, f in found])
        except Exception as error:
            return M["Hits"](failure=_failure(error, "TRANSIENT"))

    def Write(self, requests, _context):
        start = next(requests).start
        try:
            options = self.config(start.options, self.entity(start.entity).get("sink_options", []))
            connection = self.connection(start.handle)
        except Exception as error:
            yield M["WriteResponse"](failure=_failure(error, "TRANSIENT"))
            return
        yield M["WriteResponse"](started=M["WriteStarted"]())
        for r in requests:
            until = r.batch.begin_before
            results = [self.result(connection, start.entity, op, options, until) for op in r.batch.ops]
            yield M["WriteResponse"](results=M["WriteResults"](seq=r.batch.seq, results=results))

    def result(self, connection, entity, op, options, begin_before):
        try:
            if begin_before and time.time() * 1000 >= begin_before:
                raise Failure("TRANSIENT", "connector.too_late", "the write was not sent: the engine's leave for it is over")
            kind = M["Op"].DESCRIPTOR.fields_by_name["operation"].enum_type.values_by_number[op.operation].name
            done = connection.write(entity, kind[len("OPERATION_"):].lower(), op.id, op.version, loads(op.payload), options)
            return M["Result"](id=done[0], version=done[1])
        except Exception as error:
            return M["Result"](failure=_failure(error, "AMBIGUOUS"))


CALLS = {  # name: (request, response, streams both ways)
    "Describe": ("DescribeRequest", "DescribeResponse", False), "Validate": ("ValidateRequest", "ValidateResponse", False),
    "Open": ("OpenRequest", "OpenResponse", False), "Check": ("CheckRequest", "CheckResponse", False),
    "Close": ("CloseRequest", "CloseResponse", False), "Lookup": ("LookupRequest", "LookupResponse", False),
    "Read": ("ReadRequest", "ReadResponse", True), "Write": ("WriteRequest", "WriteResponse", True),
}


def _handlers(service, stop):
    methods = {}
    for name, (request, response, streams) in CALLS.items():
        make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        methods[name] = make(getattr(service, name), M[request].FromString, M[response].SerializeToString)
    yield grpc.method_handlers_generic_handler(SERVICE, methods)
    serving = grpc.unary_unary_rpc_method_handler(lambda _r, _c: b"\x08\x01")  # HealthCheckResponse{status: SERVING}
    yield grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": serving})
    ending = grpc.unary_unary_rpc_method_handler(lambda _r, _c: stop() or b"")
    yield grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": ending})


def _certificate():
    """A certificate for this process alone; the engine pins it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1)).not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, cert


def _end_with_the_engine(fd):
    os.fdopen(fd, "rb").read()  # only its end matters: the engine is gone
    os._exit(0)


def serve(connector):
    """Runs the connector until the engine ends it."""
    if os.environ.get("KOPRU_CONNECTOR") != "k0pr":
        sys.exit("This is a connector. Put it where kopru looks for connectors; kopru starts it.")
    logging.basicConfig(stream=sys.stderr, format="[%(levelname)s] %(message)s", level=logging.INFO)
    if os.environ.get("KOPRU_LIFELINE_FD"):
        threading.Thread(target=_end_with_the_engine, args=(int(os.environ["KOPRU_LIFELINE_FD"]),), daemon=True).start()
    limit = 64 << 20

    def stop(*_):
        server.stop(grace=1)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), list(_handlers(_Service(connector), stop)), options=[
        ("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit)])
    key, cert = _certificate()
    credentials = grpc.ssl_server_credentials(
        [(key, cert.public_bytes(serialization.Encoding.PEM))],
        root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(), require_client_auth=True)
    folder = tempfile.mkdtemp(dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR"))
    path = os.path.join(folder, "connector")
    server.add_secure_port("unix:" + path, credentials)
    server.start()
    der = base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode().rstrip("=")
    print(f"1|1|unix|{path}|grpc|{der}", flush=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's to hear
    signal.signal(signal.SIGTERM, stop)
    server.wait_for_termination()
    for leftover, remove in ((path, os.unlink), (folder, os.rmdir)):
        try:
            remove(leftover)
        except OSError:
            pass
