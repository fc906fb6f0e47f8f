"""Converting results to a document, without secrets."""

from dataclasses import replace

from cronproof.domain.instance import CronResponse, Instance
from cronproof.engine.evaluate import CheckResult
from cronproof.evidence.evidence import Evidence
from cronproof.report.data.record import RESPONSE_CHARACTERS, record
from tests.support.documents import ABOUT, FOLDER, RESULT, documented


def test_secrets_are_redacted_wherever_they_stand_but_not_in_digests() -> None:
    told = [CheckResult("exclusive", "FAIL", "key hunter2-hunter2 was sent", "step-by-step"), RESULT.checks[1]]
    about = replace(ABOUT, command="cronproof verify --key hunter2-hunter2")

    text = record(about, [replace(RESULT, checks=told)], FOLDER, {"hunter2-hunter2", "a" * 64}).text()

    assert "hunter2" not in text
    assert "a" * 64 in text


def test_a_long_answer_is_cut() -> None:
    answered = Evidence(
        order="step-by-step",
        instances=[Instance("A", "post-job-followup")],
        responses=[CronResponse("A", 500, "x" * 10 * RESPONSE_CHARACTERS)],
    )

    assert len(documented(replace(RESULT, evidence=[answered])).text()) < 10 * RESPONSE_CHARACTERS


def test_the_verdict_of_a_run_is_the_worst_of_its_scenarios() -> None:
    passing = replace(RESULT, checks=[replace(check, verdict="PASS") for check in RESULT.checks])

    assert [documented(*results).verdict for results in ([passing], [passing, RESULT], [])] == [
        "PASS",
        "FAIL",
        "INCONCLUSIVE",
    ]


def test_an_interrupted_scenario_interrupts_the_run() -> None:
    assert documented(RESULT, replace(RESULT, interrupted=True)).interrupted
