"""distilabel's own tasks run through prefgen, and a prefgen judge inside a distilabel pipeline: the real
library, a local server.
"""

import json
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from prefgen.dataset.read_run import read_records
from prefgen.errors import RecipeError
from prefgen.plugins.registry import find
from prefgen.recipe.build import build
from prefgen.recipe.load import recipe_from_data
from tests.support.recipes import a_recipe, run, shard_bytes

pytest.importorskip("distilabel", reason="needs prefgen[distilabel]")
pytestmark = pytest.mark.filterwarnings("ignore")  # distilabel's own, of pydantic and multiprocessing

GOOD, POOR = "A long and careful answer about it.", "No."


def judged(url, prompts=("One?", "Two?"), **judge):
    answers = [
        {"prompt": p, "completions": [{"response": GOOD, "model": "a"}, {"response": POOR, "model": "b"}]}
        for p in prompts
    ]
    Path("answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    return a_recipe(url=url) | {
        "stages": [
            {"prompts": {"use": "records", "path": "answers.jsonl"}},
            {"judge": {"theirs": {"use": "distilabel", "model": "grader", **judge}}},
            {"pair": {"use": "best_vs_worst", "score": "theirs"}},
        ]
    }


def annotated(body):
    """The texts that distilabel's UltraFeedback shows, in its order."""
    return re.findall(r"<text \d+> (.*)", body["messages"][-1]["content"].rpartition("## Annotation")[2])


def blocks(ratings):
    return "\n\n".join(
        f"#### Output for Text {i + 1}\nRating: {r}\nRationale: words" for i, r in enumerate(ratings)
    )


async def test_ultrafeedback_rates_each_answer_whatever_the_order(tmp_path, server):
    server.script = lambda body, _: blocks([5 if text == GOOD else 2 for text in annotated(body)])
    recipe = judged(
        server.url,
        tuple(f"Question {i}?" for i in range(12)),
        task="UltraFeedback",
        settings={"aspect": "honesty"},
    )

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert len(server.bodies) == 12
    assert {annotated(body)[0] for body in server.bodies} == {GOOD, POOR}  # the order is drawn
    for record in read_records(tmp_path / "out"):
        by_id = {r.id: r.text for r in record.responses}
        assert {by_id[s.response_id]: (s.value, s.aspect) for s in record.scores} == {
            GOOD: (5, "honesty"),
            POOR: (2, "honesty"),
        }
        assert [by_id[p.chosen_id] for p in record.pairs] == [GOOD]


async def test_a_rationale_with_a_blank_line_never_shifts_a_rating(tmp_path, server):
    server.script = lambda body, _: blocks([5, 2]).replace("words", "words\n\nand more words", 1)

    outcome = await run(judged(server.url, task="UltraFeedback"), tmp_path / "out")

    assert outcome.complete
    assert [len(r.scores) for r in read_records(tmp_path / "out")] == [0, 0]
    assert outcome.manifest.yields.failures


@pytest.mark.parametrize(
    "reply",
    [
        "Here are the scores:\n[1] Score: 5\n[2] Score: 2",
        "[1] Score: 5\n\n[2] Score: 2",
        "[2] Score: 2\n[1] Score: 5",
        "[1] Score: 5",
        "[1] Score: 9\n[2] Score: 9",
    ],
)
async def test_a_list_of_scores_that_is_not_one_a_text_in_order_gives_none(tmp_path, server, reply):
    server.script = lambda body, _: reply
    outcome = await run(judged(server.url, task="QualityScorer"), tmp_path / "out")

    assert outcome.complete
    assert [r.scores for r in read_records(tmp_path / "out")] == [(), ()]
    assert outcome.manifest.yields.pairs == 0


@pytest.mark.parametrize(
    ("task", "text", "ending"),
    [
        ("QualityScorer", "[1] Score: 5\n[2] Score: 2", "length"),
        ("UltraFeedback", "Rating: 5\nRationale: w\n\nRating: 2\nRationale: w", "length"),
        ("UltraFeedback", "Model 2\nRating: 5\nRationale: w\n\nModel 1\nRating: 2\nRationale: w", "stop"),
        ("InstructionBacktranslation", "Good.\nScore: 5", "length"),
    ],
)
async def test_a_reply_that_was_cut_or_names_another_order_gives_none(tmp_path, server, task, text, ending):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": ending}
    server.script = lambda body, _: {"choices": [choice], "model": "g", "usage": {}}
    await run(judged(server.url, task=task), tmp_path / "out")

    assert [r.scores for r in read_records(tmp_path / "out")] == [(), ()]


async def test_a_list_of_scores_in_order_is_taken(tmp_path, server):
    server.script = lambda body, _: "[1] Score: 5\n[2] Score: 2"
    await run(judged(server.url, task="QualityScorer"), tmp_path / "out")

    assert [sorted(s.value for s in r.scores) for r in read_records(tmp_path / "out")] == [[2, 5], [2, 5]]


async def test_not_applicable_among_several_gives_none(tmp_path, server):
    server.script = lambda body, _: blocks(["N/A" if text == GOOD else 3 for text in annotated(body)])
    await run(judged(server.url, task="UltraFeedback"), tmp_path / "out")

    assert [r.scores for r in read_records(tmp_path / "out")] == [(), ()]


def talk(url, stage):
    turns = [
        {"role": "user", "content": "I am Ann."},
        {"role": "assistant", "content": "Hi Ann!"},
        {"role": "user", "content": "Who am I?"},
    ]
    row = {"messages": turns, "completions": [{"response": GOOD}, {"response": POOR}]}
    Path("talk.jsonl").write_text(json.dumps(row) + "\n")
    return a_recipe(url=url) | {"stages": [{"prompts": {"use": "records", "path": "talk.jsonl"}}, stage]}


async def test_a_conversation_is_never_cut_to_its_last_turn(tmp_path, server):
    server.script = lambda body, _: (
        "Feedback: words [RESULT] 3" if "rubric" in json.dumps(body).lower() else "You are Ann."
    )
    prometheus = {
        "use": "distilabel",
        "task": "PrometheusEval",
        "model": "grader",
        "settings": {"mode": "absolute", "rubric": "helpfulness"},
    }

    judged_one = await run(talk(server.url, {"judge": {"p": prometheus}}), tmp_path / "judge")
    assert judged_one.complete
    assert all("I am Ann." in body["messages"][-1]["content"] for body in server.bodies)

    before = len(server.bodies)
    refused = await run(
        talk(server.url, {"sample": {"use": "distilabel", "task": "TextGeneration", "model": "writer"}}),
        tmp_path / "text",
    )
    assert refused.manifest.yields.failures == {"sample: multi_turn": 1}
    assert len(server.bodies) == before
    chat = await run(
        talk(server.url, {"sample": {"use": "distilabel", "task": "ChatGeneration", "model": "writer"}}),
        tmp_path / "chat",
    )
    assert chat.complete
    assert [m["content"] for m in server.bodies[-1]["messages"]] == ["I am Ann.", "Hi Ann!", "Who am I?"]


async def test_one_lost_draw_costs_itself_alone(tmp_path, server):
    def says(body, _):
        texts = ["One.", "", "Three."][: body["n"]]
        choices = [
            {"index": i, "message": {"role": "assistant", "content": t}, "finish_reason": "stop"}
            for i, t in enumerate(texts)
        ]
        return {"choices": choices, "model": "w", "usage": {}}

    server.script = says
    recipe = a_recipe(url=server.url, prompts=("One?",))
    recipe["stages"][1:] = [
        {"sample": {"use": "distilabel", "task": "TextGeneration", "model": "writer", "n": 3}}
    ]

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    [record] = read_records(tmp_path / "out")
    assert [r.text for r in record.responses] == ["One.", "Three."]
    assert outcome.manifest.yields.failures == {"sample: empty": 1}


async def test_a_prompt_without_what_the_task_needs_is_lost_alone(tmp_path, server):
    server.script = lambda body, _: "Feedback: words [RESULT] 3"
    settings = {"mode": "absolute", "rubric": "helpfulness", "reference": True}
    recipe = judged(server.url, task="PrometheusEval", settings=settings)

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    assert server.bodies == []
    assert set(outcome.manifest.yields.failures) == {"judge: missing_column"}


async def test_prometheus_rates_one_at_a_time_or_compares_in_both_orders(tmp_path, server):
    def says(body, _):
        text = body["messages"][-1]["content"]
        if "Response A" in text:
            return f"Feedback: words [RESULT] {'A' if text.index(GOOD) < text.index(POOR) else 'B'}"
        return f"Feedback: words [RESULT] {4 if GOOD in text else 1}"

    server.script = says
    absolute = judged(
        server.url, task="PrometheusEval", settings={"mode": "absolute", "rubric": "helpfulness"}
    )
    relative = judged(
        server.url, task="PrometheusEval", settings={"mode": "relative", "rubric": "helpfulness"}
    )

    await run(absolute, tmp_path / "absolute")
    await run(relative | {"name": "relative"}, tmp_path / "relative")

    assert len(server.bodies) == 4 + 4
    for out in ("absolute", "relative"):
        for record in read_records(tmp_path / out):
            by_id = {r.id: r.text for r in record.responses}
            assert [by_id[p.chosen_id] for p in record.pairs] == [GOOD]
    first = next(iter(read_records(tmp_path / "relative")))
    assert len(first.comparisons) == 2
    assert sorted(c.probability for c in first.comparisons) == [0.0, 1.0]


def written(url, task, folder, rows=("Name a bird.", "Boil an egg.", "Draw a house."), **fields):
    (folder / "seeds.jsonl").write_text("".join(json.dumps({"prompt": row}) + "\n" for row in rows))
    seeds = {"seeds": "seeds.jsonl"} if rows else {}
    return a_recipe(url=url) | {
        "stages": [
            {"prompts": {"made": {"use": "distilabel", "task": task, "model": "writer", **seeds, **fields}}}
        ],
    }


def evolved(body, _):
    """A text that depends on what was asked."""
    asked = body["messages"][-1]["content"]
    return f"Evolved {zlib.crc32(asked.encode())}, {asked.count('a')} times."


async def test_evol_instruct_draws_the_same_again_and_asks_nothing_twice(tmp_path, server):
    server.script = evolved
    recipe = written(
        server.url,
        "EvolInstruct",
        tmp_path,
        [f"Task number {i}." for i in range(20)],
        settings={"num_evolutions": 3},
    )

    outcome = await run(recipe, tmp_path / "out")
    asked = len(server.bodies)
    again = await run(
        {**recipe, "run": {**recipe["run"], "max_records_in_flight": 1}}, tmp_path / "again", live=False
    )

    assert outcome.complete
    assert asked == 60
    assert again.complete
    assert len(server.bodies) == asked
    assert shard_bytes(tmp_path / "again") == shard_bytes(tmp_path / "out")
    starts = {body["messages"][-1]["content"][:40] for body in server.bodies}
    assert len(starts) > 1  # several mutations were drawn


async def test_magpie_lets_the_model_write_the_users_turn(tmp_path, server):
    def says(body, _):
        assert body["prompt"].endswith("<|im_start|>user\n")
        text = f"Question {len(server.bodies)}?"
        return {"choices": [{"index": 0, "text": text, "finish_reason": "stop"}], "model": "w", "usage": {}}

    server.script = says
    fields = {
        "settings": {"only_instruction": True, "system_prompt": "You teach maths."},
        "pre_query": "qwen2",
        "count": 4,
    }

    outcome = await run(written(server.url, "Magpie", tmp_path, (), **fields), tmp_path / "out")

    assert outcome.complete
    assert len({r.prompt.text for r in read_records(tmp_path / "out")}) == 4
    assert server.bodies[0]["prompt"] == "<|im_start|>system\nYou teach maths.<|im_end|>\n<|im_start|>user\n"


async def test_self_instruct_and_a_sampler(tmp_path, server):
    def says(body, _):
        if "queries" in json.dumps(body):
            return "First thing?\nSecond thing?"
        choices = [
            {"index": i, "message": {"role": "assistant", "content": f"Said {i}."}, "finish_reason": "stop"}
            for i in range(body["n"])
        ]
        return {"choices": choices, "model": "w", "usage": {"prompt_tokens": 1, "completion_tokens": 3}}

    server.script = says
    recipe = written(server.url, "SelfInstruct", tmp_path, ("An app.",), settings={"num_instructions": 2})
    recipe["stages"].append(
        {"sample": {"use": "distilabel", "task": "TextGeneration", "model": "writer", "n": 3}}
    )

    outcome = await run(recipe, tmp_path / "out")

    assert outcome.complete
    found = list(read_records(tmp_path / "out"))
    assert [r.prompt.text for r in found] == ["First thing?", "Second thing?"]
    assert all(len({r.text for r in record.responses}) == 3 for record in found)
    assert {r.finish_reason for record in found for r in record.responses} == {"stop"}


async def test_a_task_is_suspended_like_any_plug_in(tmp_path, server):
    server.script = evolved
    recipe = written(server.url, "EvolInstruct", tmp_path, settings={"num_evolutions": 2})

    outcome = await run(recipe, tmp_path / "out", live=False)

    assert outcome.exit_code == 3
    assert outcome.waiting == 3
    assert (await run(recipe, tmp_path / "out")).complete


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "UltraFedback"}, "Did you mean 'UltraFeedback'"),
        ({"task": "UltraFeedback", "settings": {"aspect": "beauty"}}, "aspect"),
        ({"task": "TextGeneration"}, "which of its outputs"),
        ({"task": "TextGeneration", "output": "generation"}, "takes no answers"),
        ({"task": "UltraFeedback", "settings": {"num_generations": 2}}, "not for a recipe to give"),
        ({"task": "StructuredGeneration"}, "structured output"),
        ({"task": "UltraFeedback", "scale": [5, 1]}, "the lower first"),
    ],
)
def test_a_task_or_setting_that_there_is_not_is_named_before_anything_is_asked(tmp_path, fields, message):
    with pytest.raises(RecipeError, match=message):
        build(recipe_from_data(judged("http://localhost:1/v1", **fields), tmp_path))


PIPELINE = """
import json, sys
from distilabel.models.llms import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from prefgen.integrations.distilabel import PrefgenJudge

if __name__ == "__main__":
    rows = [{"instruction": f"Question {i}?", "generations": [sys.argv[2], sys.argv[3]]} for i in range(3)]
    with Pipeline(name="with-prefgen", cache_dir=sys.argv[4]) as pipeline:
        load = LoadDataFromDicts(data=rows)
        judge = PrefgenJudge(
            judge="aspect",
            settings={"aspect": "tact", "samples": 1},
            llm=OpenAILLM(model="g", base_url=sys.argv[1], api_key="none"),
        )
        load >> judge
    dataset = pipeline.run(use_cache=False)
    print(json.dumps([[r["ratings"], r["rationales"], r["unread"]] for r in dataset["default"]["train"]]))
"""


async def test_a_judge_of_prefgen_is_a_step_of_a_distilabel_pipeline(tmp_path, server):
    import asyncio

    server.script = lambda body, _: f"Words.\nRating: {5 if GOOD in body['messages'][-1]['content'] else 2}"
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    command = [sys.executable, "pipeline.py", server.url, GOOD, POOR, str(tmp_path / "cache")]

    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, cwd=tmp_path, timeout=240
    )

    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout.strip().splitlines()[-1])
    assert [ratings for ratings, _, _ in rows] == [[5.0, 2.0]] * 3
    assert all(unread is None for _, _, unread in rows)


def test_they_are_found_by_name():
    assert [find(role, "distilabel", Path()).role for role in ("synthesizer", "sampler", "judge")] == [
        "synthesizer",
        "sampler",
        "judge",
    ]
