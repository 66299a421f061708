"""MLflow's own scoring client against /invocations."""

import pytest

pytest.importorskip("mlflow")
pd = pytest.importorskip("pandas")

import mlflow.pyfunc.scoring_server.client as scoring  # noqa: E402


@pytest.fixture
def client(host):
    name, port = host.split(":")
    return scoring.ScoringServerClient(name, int(port))


def at(client, model):
    client.url_prefix += f"/models/{model}"
    return client


def test_ping(client):
    client.wait_server_ready(timeout=5)


def test_dataframe(client, umbrella):
    rows, outputs = umbrella
    answer = at(client, "umbrella").invoke(pd.DataFrame(rows))
    got = answer.get_predictions()
    assert got[0].tolist() == pytest.approx([o["umbrellas"] for o in outputs], rel=1e-4)


def test_many_outputs_are_a_frame(client, iris):
    rows, outputs = iris
    got = at(client, "iris").invoke(pd.DataFrame(rows)).get_predictions()
    assert list(got["label"]) == [o["label"] for o in outputs]


def test_refusal(client, umbrella):
    frame = pd.DataFrame(umbrella[0][:2])
    frame.loc[1, "weekday"] = "Samstag"
    with pytest.raises(Exception, match=r"error code 400.*BAD_REQUEST.*Samstag"):
        at(client, "umbrella").invoke(frame)
