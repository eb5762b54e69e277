"""How near `prefgen eval win` comes to AlpacaEval 2's published length-controlled win rates: the table of
docs/bench.md.

python tests/bench/bench_winrate.py ALPACA_EVAL [--draws 3]

ALPACA_EVAL is a clone of github.com/tatsu-lab/alpaca_eval (a bare one will do), whose judgments are read with
git and copied nowhere. Counted are the models that are there with their judgments and a published rate, but
for the baseline and two attacks on the judge.
"""

import argparse
import csv
import io
import json
import random
import subprocess
from collections.abc import Mapping, Sequence

import numpy as np

from prefgen.evaluation.games import Game
from prefgen.stats.item_difficulty import ModelGames, fit_difficulty
from prefgen.stats.length_control import equal_length_rate

ANNOTATOR = "weighted_alpaca_eval_gpt4_turbo"
LEADERBOARD = f"src/alpaca_eval/leaderboards/data_AlpacaEval_2/{ANNOTATOR}_leaderboard.csv"
WEIGHTS = f"src/alpaca_eval/metrics/weights/{ANNOTATOR}/length_controlled_v1/baseline_gpt4_1106_preview.csv"
BASELINE = "gpt4_1106_preview"
ATTACKS = ("NullModel", "gpt4_gamed")
Games = Mapping[str, Sequence[Game]]


def git(repository: str, *arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def table(repository: str, path: str) -> dict[str, list[str]]:
    rows = csv.reader(io.StringIO(git(repository, "show", f"HEAD:{path}").decode()))
    return {row[0]: row for row in rows}


def read_games(repository: str) -> Games:
    """{model: its games} of the models whose judgments are there."""
    names = git(repository, "ls-tree", "-r", "--name-only", "HEAD", "results").decode().splitlines()
    played = {}
    for name in names:
        parts = name.split("/")
        if parts[2:] != [ANNOTATOR, "annotations.json"]:
            continue
        text = git(repository, "cat-file", "blob", f"HEAD:{name}")
        if text:  # the largest files may be listed and not be there
            played[parts[1]] = [game_of(row) for row in json.loads(text) if row["preference"] is not None]
    return played


def game_of(row: Mapping[str, object]) -> Game:
    preference = float(str(row["preference"]))
    longer = len(str(row["output_2"])) - len(str(row["output_1"]))
    return Game(str(row["instruction"]), preference - 1 if preference else 0.5, longer)


def rate(games: Sequence[Game], difficulty: Mapping[str, float] | None, effect: float | None = None) -> float:
    """In per cent."""
    values = None
    if difficulty is not None:
        values = np.array([difficulty.get(game.prompt_id, 0.0) for game in games])
    won = np.array([game.probability for game in games])
    longer = np.array([game.longer for game in games], dtype=float)
    return 100 * equal_length_rate(won, longer, values, expected_effect=effect)


def model_games(games: Sequence[Game]) -> ModelGames:
    return ModelGames(
        [game.prompt_id for game in games],
        [game.probability for game in games],
        [game.longer for game in games],
    )


def fitted(played: Games, others: Sequence[str]) -> Mapping[str, float]:
    return fit_difficulty([model_games(played[name]) for name in others])


def show(name: str, rates: Mapping[str, float], published: Mapping[str, float]) -> None:
    found = np.array([rates[model] for model in published])
    wanted = np.array(list(published.values()))
    errors = found - wanted
    ranks = [np.argsort(np.argsort(values)) for values in (found, wanted)]
    largest = int(np.abs(errors).argmax())
    worst = f"{abs(errors[largest]):.1f} ({list(published)[largest]})"
    print(
        f"| {name} | {np.abs(errors).mean():.2f} | {errors.mean():+.2f} | {worst}",
        f"| {np.corrcoef(*ranks)[0, 1]:.3f} | {np.corrcoef(found, wanted)[0, 1]:.3f} |",
        flush=True,
    )


def show_fair_judge(played: Games, models: Sequence[str]) -> None:
    """What expecting a length effect costs where there is none: wins of 30 % drawn at random, with the
    lengths of real answers.
    """
    rng = np.random.default_rng(0)
    for count in (300, 805):
        errors: dict[float | None, list[float]] = {None: [], 1.4: []}
        for model in models:
            at = rng.permutation(len(played[model]))[:count]
            drawn = [Game(str(i), float(rng.random() < 0.3), played[model][i].longer) for i in at]
            for effect, found in errors.items():
                found.append(abs(rate(drawn, None, effect) - 30))
        told = ", ".join(f"{effect}: {np.mean(found):.1f}" for effect, found in errors.items())
        print(f"a judge without a length effect, {count} prompts, mean error by expected effect: {told}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("repository")
    parser.add_argument("--draws", type=int, default=3, help="random choices of the other models")
    options = parser.parse_args()
    played = read_games(options.repository)
    leaderboard = table(options.repository, LEADERBOARD)
    column = leaderboard[""].index("length_controlled_winrate")
    weights = table(options.repository, WEIGHTS)
    models = [m for m in sorted(played) if m in leaderboard and m not in (BASELINE, *ATTACKS)]
    published = {model: float(leaderboard[model][column]) for model in models}
    effects = [-float(weights[m][1]) for m in weights if m and m != BASELINE and m not in models]
    effect, spread = float(np.mean(effects)), float(np.std(effects, ddof=1))
    print(
        f"{len(models)} models; length effects of {len(effects)} others: {effect:.2f}, deviation {spread:.2f}"
    )
    print("| | MAE | mean error | largest | Spearman | Pearson |\n|---|---|---|---|---|---|")
    show("raw", {m: 100 * float(np.mean([g.probability for g in played[m]])) for m in models}, published)
    show("without difficulty", {m: rate(played[m], None) for m in models}, published)
    show("--length-effect 1.4", {m: rate(played[m], None, 1.4) for m in models}, published)
    halves = models[::2], models[1::2]
    files = [fitted(played, half) for half in reversed(halves)]
    by_file = {m: rate(played[m], files[i]) for i, half in enumerate(halves) for m in half}
    show("difficulty of the other half", by_file, published)
    for count in (4, 8, 16, 24, 32, 40, len(models) - 1):
        for draw in range(1 if count == len(models) - 1 else options.draws):
            found = {}
            for model in models:
                others = [m for m in models if m != model]
                chosen = random.Random(f"{draw} {model}").sample(others, count)
                found[model] = rate(played[model], fitted(played, chosen))
            show(f"difficulty of {count} others, draw {draw}", found, published)
    show_fair_judge(played, models)
    everyone = fitted(played, models)
    for attack in ATTACKS:
        if attack in played and attack in leaderboard:
            wanted = float(leaderboard[attack][column])
            plain, known = rate(played[attack], None), rate(played[attack], everyone)
            print(f"{attack}: published {wanted:.1f}, without {plain:.1f}, with difficulty {known:.1f}")


if __name__ == "__main__":
    main()
