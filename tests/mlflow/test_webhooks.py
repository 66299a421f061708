"""Webhooks through the stock client, received by a real HTTP server."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import mlflow
import pytest
from mlflow.exceptions import RestException
from mlflow.webhooks.types import get_example_payload_for_event

PATIENCE = 60  # seconds to wait for what must come


class Receiver:
    """A server on this machine that keeps what it gets. Statuses in answers are given first, then 200."""

    def __init__(self):
        self.got, self.answers = Queue(), Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 200 if receiver.answers.empty() else receiver.answers.get()
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"thanks")
                receiver.got.put((status, dict(self.headers), body))

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        status, headers, body = self.got.get(timeout=PATIENCE)
        return status, {k.lower(): v for k, v in headers.items()}, json.loads(body), body


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.server.shutdown()
    r.server.server_close()


@pytest.fixture
def hook(client, receiver, name):
    """Makes webhooks that are deleted after the test: the server may be in use by others."""
    made = []

    def create(events, **kw):
        made.append(client.create_webhook(name=name, url=receiver.url, events=events, **kw))
        return made[-1]

    yield create
    for w in made:
        client.delete_webhook(w.webhook_id)


def verify(headers, body, secret):
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["x-mlflow-signature"] == f"v1,{mac}"


def test_crud(client, hook, name):
    w = hook(["model_version.created", "prompt_tag.set"], description="d", secret="s", status="DISABLED")
    assert (w.name, w.description, str(w.status)) == (name, "d", "DISABLED")
    assert [str(e) for e in w.events] == ["model_version.created", "prompt_tag.set"]
    assert client.get_webhook(w.webhook_id).url == w.url
    assert w.webhook_id in [x.webhook_id for x in client.list_webhooks(max_results=100)]
    u = client.update_webhook(w.webhook_id, events=["prompt.created"], status="ACTIVE", description="e")
    assert (u.name, u.description, str(u.status), [str(e) for e in u.events]) == (
        name,
        "e",
        "ACTIVE",
        ["prompt.created"],
    )
    assert u.creation_timestamp == w.creation_timestamp
    assert u.last_updated_timestamp >= w.last_updated_timestamp
    with pytest.raises(RestException, match="Webhook with ID none not found"):
        client.get_webhook("none")
    with pytest.raises(RestException, match="is invalid"):
        client.create_webhook(name="not a name", url=w.url, events=["prompt.created"])
    with pytest.raises(RestException, match="Allowed schemes"):
        client.create_webhook(name=name, url="file:///etc/passwd", events=["prompt.created"])


def test_pages(client, hook):
    ids = [hook(["prompt.created"], status="DISABLED").webhook_id for _ in range(3)]
    seen, token = [], None
    while True:
        page = client.list_webhooks(max_results=2, page_token=token)
        seen += [w.webhook_id for w in page]
        if not (token := page.token):
            break
    assert [i for i in seen if i in ids] == ids[::-1]


def test_every_event_can_be_tested(client, hook, receiver):
    from mlflow.entities.webhook import VALID_ENTITY_ACTIONS, WebhookEvent

    events = [WebhookEvent(e, a) for e, actions in VALID_ENTITY_ACTIONS.items() for a in actions]
    w = hook(events, secret="s", status="DISABLED")
    for event in events:
        result = client.test_webhook(w.webhook_id, event)
        assert (result.success, result.response_status, result.response_body) == (True, 200, "thanks")
        _, headers, message, body = receiver.next()
        verify(headers, body, "s")
        assert message["entity"] == event.entity.value and message["action"] == event.action.value
        assert message["data"] == get_example_payload_for_event(event)


def test_model_events(client, hook, receiver, name):
    hook(
        [
            "registered_model.created",
            "model_version.created",
            "model_version_tag.set",
            "model_version_tag.deleted",
            "model_version_alias.created",
            "model_version_alias.deleted",
        ],
        secret="s3cret",
    )

    def told(event):
        _, headers, message, body = receiver.next()
        verify(headers, body, "s3cret")
        assert f"{message['entity']}.{message['action']}" == event
        return message["data"]

    client.create_registered_model(name, tags={"a": "1"}, description="d")
    assert told("registered_model.created") == {"name": name, "tags": {"a": "1"}, "description": "d"}
    client.create_model_version(name, "s3://bucket/x", tags={"t": "1"})
    assert told("model_version.created") == {
        "name": name,
        "version": "1",
        "source": "s3://bucket/x",
        "run_id": None,
        "tags": {"t": "1"},
        "description": None,
    }
    client.set_model_version_tag(name, "1", "k", "v")
    assert told("model_version_tag.set") == {"name": name, "version": "1", "key": "k", "value": "v"}
    client.delete_model_version_tag(name, "1", "k")
    assert told("model_version_tag.deleted") == {"name": name, "version": "1", "key": "k"}
    client.set_registered_model_alias(name, "best", "1")
    assert told("model_version_alias.created") == {"name": name, "alias": "best", "version": "1"}
    client.delete_registered_model_alias(name, "best")
    assert told("model_version_alias.deleted") == {"name": name, "alias": "best"}


def test_prompt_events(client, hook, receiver, name):
    hook(
        [
            "prompt.created",
            "prompt_version.created",
            "prompt_alias.created",
            "prompt_tag.set",
            "registered_model.created",
            "model_version.created",
        ]
    )
    mlflow.genai.register_prompt(
        name=name, template="Hello {{name}}!", commit_message="first", tags={"k": "v"}
    )
    got = {}
    while not {"prompt.created", "prompt_version.created"} <= set(got):  # deliveries have no order
        _, headers, message, _ = receiver.next()
        assert "x-mlflow-signature" not in headers
        got[f"{message['entity']}.{message['action']}"] = message["data"]
    assert got["prompt.created"]["name"] == name
    assert "mlflow.prompt.is_prompt" not in got["prompt.created"]["tags"]
    version = got["prompt_version.created"]
    assert (version["version"], version["template"], version["description"]) == (
        "1",
        "Hello {{name}}!",
        "first",
    )
    assert not any(event.startswith(("registered_model", "model_version")) for event in got)
    mlflow.genai.set_prompt_alias(name, "live", 1)
    while message["entity"] != "prompt_alias":
        _, _, message, _ = receiver.next()
    assert message["data"] == {"name": name, "alias": "live", "version": "1"}


def test_busy_receivers_are_asked_again(client, hook, receiver, name):
    hook(["registered_model.created"], secret="s")
    receiver.answers.put(503)
    client.create_registered_model(name)
    first, second = receiver.next(), receiver.next()
    assert (first[0], second[0]) == (503, 200) and first[3] == second[3]
    assert first[1]["x-mlflow-delivery-id"] == second[1]["x-mlflow-delivery-id"]
    verify(second[1], second[3], "s")
