"""The answers that an attempt reads: as many as fit, in bytes, and always the last one."""

from hypothesis import given
from hypothesis import strategies as st

from parallelproject.executors.base.answers import BYTES_MAX, answers_feedback
from parallelproject.executors.job.annotation_size import space_for_answers
from parallelproject.model.project import parse_spec
from parallelproject.model.spec import ANSWER_MAX, TaskAnswer
from parallelproject.model.status import QUESTION_MAX

texts = st.text(st.sampled_from("aé€😀\n"), min_size=1, max_size=200).filter(str.strip)
answers = st.lists(st.builds(TaskAnswer, id=st.just("a"), attempt=st.just(1), text=texts, question=texts), max_size=4)


@given(answers, st.integers(100, 2000))
def test_answers_are_as_many_as_fit_in_bytes(given_: list[TaskAnswer], most: int) -> None:
    found = answers_feedback(given_, most)
    assert len(found.encode()) <= most
    if given_:
        alone = answers_feedback(given_[-1:], most)
        assert found.endswith(alone), "the last one is there"
        assert given_[-1].text.rstrip("\n") in found or "(cut: " in found
    whole = answers_feedback(given_)
    if len(whole.encode()) <= most:
        assert found == whole, "nothing is omitted that fits"


def test_any_one_answer_fits_with_its_question() -> None:
    largest = TaskAnswer(id="a", attempt=100, text="😀" * ANSWER_MAX, question="😀" * QUESTION_MAX)
    lines = TaskAnswer(id="a", attempt=100, text="😀" * ANSWER_MAX, question="é\n" * (QUESTION_MAX // 2))
    for answer in (largest, lines):
        found = answers_feedback([answer])
        assert answer.text in found
        assert "not known" not in found
        assert len(found.encode()) <= BYTES_MAX


def test_answers_share_the_annotations_of_a_pod_with_the_texts_of_the_task() -> None:
    def space(description: str) -> int:
        spec = parse_spec({"tasks": [{"id": "a", "description": description}]})
        return space_for_answers(spec, spec.tasks[0], None)

    assert space("") > BYTES_MAX > space("😀" * 32_000)
    assert space("😀" * 32_000) <= (262_144 - 4 * 32_000) // 2
