"""Traces, spans, assessments and their search, through the stock client."""

import gzip
import os
import time

import mlflow
import pytest
import requests
from mlflow.entities import AssessmentSource, Expectation, Feedback, SpanEvent
from mlflow.entities.link import Link
from mlflow.entities.model_registry import PromptVersion
from mlflow.exceptions import MlflowException, RestException


@pytest.fixture
def traced(experiment):
    """Run a function and give its trace, after everything was sent."""

    def run(fn, *args):
        fn(*args)
        return sent()

    return run


def sent():
    mlflow.flush_trace_async_logging()
    return mlflow.get_trace(mlflow.get_last_active_trace_id())


def names(traces):
    return [t.info.tags["mlflow.traceName"] for t in traces]


def test_nested_spans(experiment, traced):
    @mlflow.trace(name="answer", span_type="AGENT", attributes={"model": "m-1", "depth": 2, "ratio": 0.5})
    def answer(question, context=None):
        with mlflow.start_span("search", span_type="RETRIEVER") as span:
            span.set_inputs({"query": question})
            span.set_attribute("hits", [{"id": 1, "score": 0.25}, None, "x"])
            span.add_event(SpanEvent("cache", attributes={"hit": True}))
            with mlflow.start_span("rank") as inner:
                inner.set_outputs({"best": 1})
            span.set_outputs(["a", "b"])
        return {"text": "regen", "ü": True}

    trace = traced(answer, "will it rain?")
    assert trace.info.state == "OK" and trace.info.experiment_id == experiment
    assert trace.info.execution_duration >= 0 and trace.info.request_time > 1_600_000_000_000
    assert trace.info.tags["mlflow.traceName"] == "answer"
    assert trace.info.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert trace.info.trace_metadata["mlflow.trace.sizeStats"].startswith('{"total_size_bytes"')
    assert trace.info.request_preview == '{"question": "will it rain?", "context": null}'
    assert [s.name for s in trace.data.spans] == ["answer", "search", "rank"]
    root, search, rank = trace.data.spans
    assert root.parent_id is None and search.parent_id == root.span_id and rank.parent_id == search.span_id
    assert (root.span_type, search.span_type) == ("AGENT", "RETRIEVER")
    assert root.inputs == {"question": "will it rain?", "context": None}
    assert root.outputs == {"text": "regen", "ü": True}
    assert (root.get_attribute("model"), root.get_attribute("depth"), root.get_attribute("ratio")) == (
        "m-1",
        2,
        0.5,
    )
    assert search.get_attribute("hits") == [{"id": 1, "score": 0.25}, None, "x"]
    assert search.events[0].name == "cache" and search.events[0].attributes == {"hit": True}
    assert search.start_time_ns <= rank.start_time_ns <= rank.end_time_ns <= search.end_time_ns
    assert trace.data.request == '{"question": "will it rain?", "context": null}'


def test_exception(traced):
    @mlflow.trace
    def fails():
        raise ValueError("no umbrella")

    with pytest.raises(ValueError, match="no umbrella"):
        traced(fails)
    trace = sent()
    assert trace.info.state == "ERROR"
    span = trace.data.spans[0]
    assert span.status.status_code == "ERROR" and "no umbrella" in span.status.description
    assert span.events[0].name == "exception"
    assert span.events[0].attributes["exception.message"] == "no umbrella"


def test_texts_that_no_database_holds(traced):
    @mlflow.trace(name="n\x00ul 🦄")
    def f(text):
        return {"nan": float("nan")}

    trace = traced(f, "a\x00b")
    assert trace.info.tags["mlflow.traceName"] == trace.data.spans[0].name == "n\ufffdul 🦄"
    assert trace.data.spans[0].inputs == {"text": "a\ufffdb"}
    noted = mlflow.log_feedback(trace_id=trace.info.trace_id, name="x", value="\x00", rationale="\x00")
    assert mlflow.get_assessment(trace.info.trace_id, noted.assessment_id).rationale == "\ufffd"


def test_token_usage(traced):
    @mlflow.trace
    def agent():
        for tokens in (3, 4):
            with mlflow.start_span("call", span_type="LLM") as span:
                span.set_attribute(
                    "mlflow.chat.tokenUsage",
                    {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1},
                )

    trace = traced(agent)
    assert trace.info.token_usage == {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}


def test_many_spans_of_one_trace(traced):
    @mlflow.trace
    def many():
        for i in range(40):
            with mlflow.start_span(f"step {i}") as span:
                span.set_inputs({"i": i})

    trace = traced(many)
    assert len(trace.data.spans) == 41
    assert [s.inputs["i"] for s in trace.data.spans[1:]] == list(range(40))


def test_tags(client, traced):
    @mlflow.trace
    def f():
        mlflow.update_current_trace(
            tags={"a": "1"}, metadata={"mlflow.trace.session": "s-1"}, client_request_id="q-7"
        )

    trace = traced(f)
    tid = trace.info.trace_id
    assert trace.info.tags["a"] == "1" and trace.info.client_request_id == "q-7"
    client.set_trace_tag(tid, "b", "x" * 9000)
    mlflow.set_trace_tag(tid, "a", "2")
    tags = mlflow.get_trace(tid).info.tags
    assert tags["a"] == "2" and len(tags["b"]) == 4096
    client.delete_trace_tag(tid, "a")
    assert "a" not in mlflow.get_trace(tid).info.tags
    with pytest.raises(RestException, match="No trace tag with key 'a'"):
        client.delete_trace_tag(tid, "a")
    client.set_trace_tag(tid, "mlflow.artifactLocation", "/etc")  # the client warns, and sends nothing
    assert mlflow.get_trace(tid).info.tags["mlflow.artifactLocation"].startswith("mlflow-artifacts:/")
    with pytest.raises(RestException, match="not found"):
        client.set_trace_tag("tr-none", "a", "1")


def test_missing_trace(client, url):
    assert mlflow.get_trace("tr-" + "0" * 32) is None
    with pytest.raises(MlflowException, match="not found"):
        client.get_trace("tr-" + "0" * 32)


def test_feedback_and_expectations(traced):
    @mlflow.trace
    def f():
        return "Paris"

    tid = traced(f).info.trace_id
    judge = AssessmentSource(source_type="LLM_JUDGE", source_id="judge-1")
    good = mlflow.log_feedback(
        trace_id=tid, name="correct", value=True, source=judge, rationale="it is", metadata={"k": "v"}
    )
    mlflow.log_feedback(trace_id=tid, name="score", value=0.75)
    mlflow.log_feedback(trace_id=tid, name="broken", error=ValueError("no answer"))
    mlflow.log_expectation(trace_id=tid, name="expected", value={"city": "Paris", "n": [1, 2]})
    found = {a.name: a for a in mlflow.get_trace(tid).info.assessments}
    assert set(found) == {"correct", "score", "broken", "expected"}
    assert found["correct"].feedback.value is True and found["correct"].source == judge
    assert found["correct"].rationale == "it is" and found["correct"].metadata == {"k": "v"}
    assert found["score"].feedback.value == 0.75
    assert found["broken"].feedback.error.error_code == "ValueError"
    assert found["expected"].expectation.value == {"city": "Paris", "n": [1, 2]}

    again = mlflow.get_assessment(tid, good.assessment_id)
    assert again == found["correct"]
    changed = mlflow.update_assessment(
        tid,
        good.assessment_id,
        Feedback(name="correct", value=False, rationale="it is not", metadata={"l": "w"}),
    )
    assert changed.feedback.value is False and changed.metadata == {"k": "v", "l": "w"}
    assert changed.last_update_time_ms >= good.last_update_time_ms and changed.source == judge
    with pytest.raises(RestException, match="Cannot update expectation value on a Feedback assessment"):
        mlflow.update_assessment(tid, good.assessment_id, Expectation(name="correct", value="x"))

    new = mlflow.override_feedback(
        trace_id=tid, assessment_id=good.assessment_id, value=True, rationale="a person said so"
    )
    assert mlflow.get_assessment(tid, good.assessment_id).valid is False
    mlflow.delete_assessment(tid, new.assessment_id)
    assert mlflow.get_assessment(tid, good.assessment_id).valid is True
    with pytest.raises(RestException, match="not found for trace"):
        mlflow.get_assessment(tid, new.assessment_id)
    logged = mlflow.log_assessment(tid, Feedback(name="late", value="maybe"))
    assert mlflow.get_assessment(tid, logged.assessment_id).feedback.value == "maybe"


def test_assessment_inside_a_trace(traced):
    @mlflow.trace
    def f():
        mlflow.log_feedback(trace_id=mlflow.get_active_trace_id(), name="self", value=1)

    trace = traced(f)
    assert [a.name for a in trace.info.assessments] == ["self"]


@pytest.fixture
def six(client, experiment):
    """Six traces with different names, states, tags, metadata, spans and feedback."""
    for i in range(6):
        name = f"job-{'ab'[i % 2]}{i}"
        try:
            with mlflow.start_span(name) as span:
                span.set_inputs({"n": i, "text": f"it's 5% of {i}"})
                mlflow.update_current_trace(
                    tags={"group": f"g{i % 3}"}, metadata={"level": str(i)}, client_request_id=f"c{i}"
                )
                with mlflow.start_span(
                    "llm" if i < 2 else "tool", span_type="LLM" if i < 2 else "TOOL"
                ) as inner:
                    inner.set_attribute("model", f"model-{i % 2}")
                if i == 4:
                    raise ValueError("four")
        except ValueError:
            pass
        mlflow.flush_trace_async_logging()
        tid = mlflow.get_last_active_trace_id()
        if i < 3:
            mlflow.log_feedback(trace_id=tid, name="quality", value=i / 2)
        mlflow.log_feedback(trace_id=tid, name="ok", value="yes" if i % 2 else "no")
    return [f"job-{'ab'[i % 2]}{i}" for i in range(6)]


FILTERS = {
    "trace.status = 'OK'": {0, 1, 2, 3, 5},
    "attributes.status = 'ERROR'": {4},
    "status IN ('ERROR', 'IN_PROGRESS')": {4},
    "name = 'job-a2'": {2},
    "trace.name LIKE 'job-b%'": {1, 3, 5},
    "trace.name LIKE 'JOB%'": set(),
    "trace.name ILIKE 'JOB-_2'": {2},
    "trace.name RLIKE '^job-a[024]$' AND status = 'OK'": {0, 2},
    "tags.group = 'g1'": {1, 4},
    "tag.group != 'g1'": {0, 2, 3, 5},
    "tags.none IS NULL AND tags.group IS NOT NULL": {0, 1, 2, 3, 4, 5},
    "metadata.level = '3'": {3},
    "request_metadata.level RLIKE '[01]'": {0, 1},
    "trace.client_request_id IN ('c1', 'c5')": {1, 5},
    "trace.timestamp_ms > 0 AND trace.execution_time_ms >= 0 AND trace.end_time > 5": {0, 1, 2, 3, 4, 5},
    "timestamp < 5": set(),
    "feedback.quality > 0.25": {1, 2},
    "feedback.quality IS NULL": {3, 4, 5},
    "feedback.ok = 'yes'": {1, 3, 5},
    "feedback.ok LIKE '%o%' AND name LIKE '%a%'": {0, 2, 4},
    "expectation.ok IS NOT NULL": set(),
    "span.name = 'llm'": {0, 1},
    "span.type = 'TOOL' AND span.status = 'OK'": {2, 3, 4, 5},
    "span.attributes.model = 'model-1' AND span.type = 'LLM'": {1},
    "span.attributes.`model` LIKE 'model-0'": {0, 2, 4},
    "span.name LIKE 'job%' AND span.type = 'TOOL'": set(),  # no span is both
    'trace.text LIKE "%it\'s 5\\% of 3%"': set(),  # nothing escapes in a pattern
    'trace.text LIKE "%it\'s 5% of 3%"': {3},
    "trace.text ILIKE '%FOUR%'": {4},
}


def test_search_filters(experiment, six):
    wrong = {}
    for text, want in FILTERS.items():
        found = mlflow.search_traces(filter_string=text, return_type="list", include_spans=False)
        got = {six.index(n) for n in names(found)}
        if got != want:
            wrong[text] = got
    assert not wrong


@pytest.mark.parametrize(
    "text",
    [
        "nothing = 'x'",
        "foo.bar = 'x'",
        "status > 'OK'",
        "timestamp = 'x'",
        "name RLIKE '('",
        "span.nothing = 'x'",
        "feedback.ok > 'x'",
        "status = 'OK' OR status = 'ERROR'",
        "status = 'OK",
    ],
)
def test_bad_filters_are_the_users_mistake(experiment, text):
    with pytest.raises(RestException) as err:
        mlflow.search_traces(filter_string=text, return_type="list")
    assert err.value.error_code == "INVALID_PARAMETER_VALUE"


def test_search_order_and_pages(client, experiment, six):
    def order(*terms):
        found = client.search_traces([experiment], order_by=list(terms), include_spans=False)
        return [six.index(n) for n in names(found)]

    assert order() == [5, 4, 3, 2, 1, 0]
    assert order("timestamp ASC") == [0, 1, 2, 3, 4, 5]
    assert order("name ASC") == [0, 2, 4, 1, 3, 5]
    assert order("tags.group DESC", "timestamp ASC") == [2, 5, 1, 4, 0, 3]
    assert order("metadata.level DESC") == [5, 4, 3, 2, 1, 0]
    assert order("status ASC", "timestamp DESC")[0] == 4
    cases = [
        ([], None),
        (["timestamp ASC"], None),
        ([], "name LIKE 'job%'"),
        (["name ASC"], "span.status = 'OK'"),
    ]
    for terms, text in cases:
        seen, pages, token = [], 0, None
        while True:
            page = client.search_traces(
                [experiment],
                filter_string=text,
                order_by=terms,
                max_results=4,
                page_token=token,
                include_spans=False,
            )
            seen += names(page)
            pages, token = pages + 1, page.token
            if not token:
                break
        assert sorted(seen) == sorted(six) and pages == 2, (terms, text)
    with pytest.raises(RestException, match="Invalid page token"):
        client.search_traces([experiment], page_token="x")


def test_search_as_frame(experiment, six):
    frame = mlflow.search_traces(filter_string="tags.group = 'g2'")
    assert list(frame["client_request_id"]) == ["c5", "c2"]
    assert [len(s) for s in frame["spans"]] == [2, 2]


def test_traces_of_a_run(client, experiment):
    with mlflow.start_run() as run, mlflow.start_span("inside"):
        pass
    with mlflow.start_span("outside"):
        pass
    mlflow.flush_trace_async_logging()
    outside = mlflow.get_last_active_trace_id()
    rid = run.info.run_id

    def of_run():
        return sorted(names(mlflow.search_traces(run_id=rid, return_type="list", include_spans=False)))

    assert of_run() == ["inside"]
    client.link_traces_to_run([outside], rid)
    client.link_traces_to_run([outside], rid)
    assert of_run() == ["inside", "outside"]
    assert mlflow.search_traces(filter_string="run_id = 'none'", return_type="list") == []


def test_delete(client, experiment, six):
    found = client.search_traces([experiment], order_by=["timestamp ASC"], include_spans=False)
    ids = [t.info.trace_id for t in found]
    assert client.delete_traces(experiment, trace_ids=[*ids[:2], "tr-none"]) == 2
    assert (
        client.delete_traces(experiment, max_timestamp_millis=int(time.time() * 1000) + 1000, max_traces=1)
        == 1
    )
    left = client.search_traces([experiment], include_spans=False)
    assert {t.info.trace_id for t in left} == set(ids[3:])
    assert mlflow.get_trace(ids[0]) is None
    assert client.delete_traces(experiment, max_timestamp_millis=int(time.time() * 1000) + 1000) == 3


def test_deleted_experiment_takes_no_traces_and_keeps_its_own(client, name, experiment):
    with mlflow.start_span("before"):
        pass
    mlflow.flush_trace_async_logging()
    tid = mlflow.get_last_active_trace_id()
    client.delete_experiment(experiment)
    with mlflow.start_span("after"):
        pass
    mlflow.flush_trace_async_logging()
    assert mlflow.get_trace(tid).data.spans[0].name == "before"
    assert mlflow.get_trace(mlflow.get_last_active_trace_id()) is None


def test_autologged_agent(experiment):
    """An agent of MLflow traces itself."""
    from mlflow.pyfunc import ResponsesAgent
    from mlflow.types.responses import ResponsesAgentResponse

    class Agent(ResponsesAgent):
        def predict(self, request):
            item = self.create_text_output_item(text="take an umbrella", id="1")
            return ResponsesAgentResponse(output=[item])

    Agent().predict({"input": [{"role": "user", "content": "will it rain?"}]})
    trace = sent()
    assert trace.data.spans[0].span_type == "AGENT"
    assert trace.info.request_preview == "will it rain?"
    assert trace.info.response_preview == "take an umbrella"


def test_evaluation(experiment):
    """MLflow's evaluation makes traces, judges them and ties them to its run."""

    @mlflow.genai.scorers.scorer
    def exact(outputs, expectations):
        return outputs == expectations["expected_response"]

    rows = [{"inputs": {"q": q}, "expectations": {"expected_response": want}} for q, want in ("aA", "bx")]
    result = mlflow.genai.evaluate(data=rows, predict_fn=lambda q: q.upper(), scorers=[exact])
    assert result.metrics == {"exact/mean": 0.5}
    found = mlflow.search_traces(run_id=result.run_id, return_type="list")
    said = [{a.name: (a.feedback or a.expectation).value for a in t.info.assessments} for t in found]
    assert sorted(said, key=lambda s: s["expected_response"]) == [
        {"exact": True, "expected_response": "A"},
        {"exact": False, "expected_response": "x"},
    ]


def test_export_in_the_background(experiment, monkeypatch):
    """Spans and summaries go side by side, in any order."""
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "true")
    mlflow.tracing.reset()
    try:
        for i in range(8):
            with mlflow.start_span(f"outer {i}"), mlflow.start_span(f"inner {i}"):
                pass
        mlflow.flush_trace_async_logging()
        found = mlflow.search_traces(return_type="list")
    finally:
        mlflow.flush_trace_async_logging(terminate=True)
        monkeypatch.undo()
        mlflow.tracing.reset()
    assert sorted([s.name for s in t.data.spans] for t in found) == [
        [f"outer {i}", f"inner {i}"] for i in range(8)
    ]


def test_other_ways_to_make_a_trace(client, experiment):
    """Spans by hand, links between traces, prompts, and a trace too large for one request."""
    root = client.start_trace("by hand", inputs={"a": 1}, tags={"x": "y"})
    child = client.start_span("child", trace_id=root.trace_id, parent_id=root.span_id, inputs={"b": 2})
    client.end_span(trace_id=child.trace_id, span_id=child.span_id, outputs=3)
    client.end_trace(root.trace_id, outputs=4)
    trace = client.get_trace(root.trace_id)
    assert [s.name for s in trace.data.spans] == ["by hand", "child"] and trace.info.tags["x"] == "y"

    cause = Link(trace_id=root.trace_id, span_id=root.span_id, attributes={"why": "cause"})
    with mlflow.start_span("linked", links=[cause]):
        pass
    assert sent().data.spans[0].links == [cause]

    client.link_prompt_versions_to_trace([PromptVersion("ask", 3, "{{x}}")], root.trace_id)
    found = mlflow.search_traces(filter_string="prompt = 'ask/3'", return_type="list")
    assert [t.info.trace_id for t in found] == [root.trace_id]

    with mlflow.start_span("huge") as span:  # the client stores as a file what the server does not take
        span.set_inputs("x" * (33 << 20))
    assert len(sent().data.spans[0].inputs) == 33 << 20


def test_open_telemetry_without_mlflow(url, client, experiment):
    """Spans of a program that knows OpenTelemetry only: the child first, the root twice."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    tid, root, child = os.urandom(16), os.urandom(8), os.urandom(8)

    def send(span_id, parent, name, status=1, **attributes):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        service = resource.resource.attributes.add(key="service.name")
        service.value.string_value = "weather"
        span = resource.scope_spans.add().spans.add(
            trace_id=tid,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            start_time_unix_nano=10**18,
            end_time_unix_nano=10**18 + 5 * 10**6,
        )
        span.status.code = status
        for key, value in attributes.items():
            entry = span.attributes.add(key=key.replace("__", "."))
            if isinstance(value, int):
                entry.value.int_value = value
            else:
                entry.value.string_value = value
        answer = requests.post(
            url + "/v1/traces",
            data=gzip.compress(request.SerializeToString()),
            headers={
                "Content-Type": "application/x-protobuf",
                "Content-Encoding": "gzip",
                "x-mlflow-experiment-id": experiment,
            },
            timeout=20,
        )
        assert answer.status_code == 200, answer.text

    send(child, root, "chat", gen_ai__usage__input_tokens=5, gen_ai__usage__output_tokens=2, session__id="s1")
    assert client.search_traces([experiment], include_spans=False)[0].info.state == "IN_PROGRESS"
    for _ in range(2):
        send(root, b"", "forecast", mlflow__spanInputs='{"city": "Kiel"}')
    trace = mlflow.get_trace("tr-" + tid.hex())
    assert [s.name for s in trace.data.spans] == ["forecast", "chat"]
    assert trace.info.state == "OK" and trace.info.execution_duration == 5
    assert trace.info.tags["service.name"] == "weather" and trace.info.request_preview == '{"city": "Kiel"}'
    assert trace.info.token_usage == {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    assert trace.info.trace_metadata["mlflow.trace.session"] == "s1"
    assert trace.data.spans[0].inputs == {"city": "Kiel"}
