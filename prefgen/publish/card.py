"""The dataset card: written from the manifest, around what somebody wrote by hand, which is kept.

What prefgen writes stands between two marks; text outside of them, and whatever the YAML header says that
prefgen does not, stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prefgen.dataset.manifest import Manifest, RunYield, ServedBy
from prefgen.dataset.mix_manifest import MixManifest
from prefgen.dataset.pair_rules import RULES
from prefgen.dataset.terms import HARM_TAG
from prefgen.errors import RecipeError
from prefgen.publish.licenses import license_of, non_commercial
from prefgen.publish.split_shards import WrittenRelease
from prefgen.publish.stages_in_words import stages_in_words
from prefgen.transport.server_names import UNDISCLOSED

BEGIN, END = (
    "<!-- prefgen: written from the manifest; what stands outside of these marks is yours -->",
    "<!-- prefgen: end -->",
)
TAGS = ("synthetic", "preference", "dpo", "rlaif", "prefgen")
TAGS_OF_UNKNOWN = ("preference", "dpo", "prefgen")
"""Of pairs of which nobody knows here whether people or models wrote and judged them."""
HARM_TAGS = (HARM_TAG,)
CONFIGS = {
    "preferences": "a pair",
    "candidates": "an answer, with everything that was said of it",
    "judgments": "a judgment",
    "failures": "something that was lost",
}
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
MAX_PLAIN_LENGTH = 400
LISTED_ROWS = 5
"""Of the rows that break a rule and were left out, so many are named."""


def merge_card(
    old_card: str | None, header: Mapping[str, Any], body: str, generated_header: Mapping[str, Any]
) -> str:
    """The card with a new header and body; of the card that stood there before, whatever is not prefgen's
    stays.

    `generated_header` is what prefgen put into the header before: a key that still has that value is
    prefgen's, and follows the data. Raises RecipeError for a card that cannot be read.
    """
    old_header, old_text = _split_card(old_card or "")
    manual_header = {
        k: v
        for k, v in old_header.items()
        if k not in DERIVED_KEYS and (k not in generated_header or generated_header[k] != v)
    }
    merged = {**header, **manual_header}
    tags = [
        tag for tag in _as_list(old_header.get("tags")) if tag not in _as_list(generated_header.get("tags"))
    ]
    merged["tags"] = list(dict.fromkeys([*tags, *header["tags"]]))
    generated_text = f"{BEGIN}\n{body.strip()}\n{END}"
    start, end = old_text.find(BEGIN), old_text.rfind(END)
    if (start < 0) != (end < 0) or start > end:
        raise RecipeError(
            "the card on the Hub has lost one of the marks around what prefgen writes; put it back "
            f"({BEGIN!r} ... {END!r})"
        )
    text = (
        old_text[:start] + generated_text + old_text[end + len(END) :]
        if start >= 0
        else f"{generated_text}\n\n{old_text.strip()}"
    )
    return f"---\n{yaml.safe_dump(merged, sort_keys=False, allow_unicode=True)}---\n\n{text.strip()}\n"


DERIVED_KEYS = ("configs", "dataset_info", "size_categories", "tags")
"""Keys of the header that follow from the data, and are written anew each time."""


def _split_card(text: str) -> tuple[dict[str, Any], str]:
    """(the YAML header, the rest). Raises RecipeError for a header that cannot be read: it is somebody's
    work.
    """
    match = re.match(r"\A---\r?\n(.*?)\r?\n---\r?\n?(.*)\Z", text, re.DOTALL)
    if not match:
        return {}, text
    try:
        header = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        raise RecipeError(
            "the card's YAML header on the Hub cannot be read, and is not overwritten: "
            f"{str(error).splitlines()[0]}"
        ) from None
    return (header if isinstance(header, dict) else {}), match[2]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def of_runs(manifest: Manifest) -> bool:
    """Whether runs of prefgen are known to have made all of the pairs."""
    parts = manifest.mixed_of if isinstance(manifest, MixManifest) else ()
    return all(part.of_run for part in parts if part.left)


def header_of(written: WrittenRelease, manifest: Manifest, *, gated: bool) -> dict[str, Any]:
    """The YAML header: configs with their splits and features, size, languages, license, tags."""
    table = manifest.yields
    languages = sorted(v for v in table.groups.get("language", {}) if re.fullmatch(r"[a-z]{2,3}", v))
    pairs = sum(written.counts["preferences"].values())
    license = license_of(list(table.licenses))
    header: dict[str, Any] = {
        "pretty_name": manifest.name,
        **({"language": languages} if languages else {}),
        **license,
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in SIZES if pairs < limit), "n>10M")],
        "tags": [
            *(TAGS if of_runs(manifest) else TAGS_OF_UNKNOWN),
            *(["simulated"] if manifest.simulated else []),
            *(HARM_TAGS if gated else []),
        ],
        "configs": [
            {
                "config_name": config,
                **({"default": True} if config == "preferences" else {}),
                "data_files": [
                    {"split": split, "path": f"data/{config}/{split}-*.parquet"}
                    for split in sorted(counts, reverse=True)
                ],
            }
            for config, counts in written.counts.items()
            if counts
        ],
        "dataset_info": [
            _dataset_info(config, written) for config in written.counts if written.counts[config]
        ],
    }
    if gated:
        header["extra_gated_prompt"] = (
            "This dataset holds or is derived from harmful texts. It is for research on the safety of "
            "language models."
        )
        header["extra_gated_fields"] = {"I will use it for research on safety only": "checkbox"}
    return header


def _dataset_info(config: str, written: WrittenRelease) -> dict[str, Any]:
    import datasets  # 0.5 s

    features = datasets.Features.from_arrow_schema(written.schemas[config])
    return {
        "config_name": config,
        "features": features._to_yaml_list(),
        "splits": [
            {"name": split, "num_bytes": written.sizes[config][split], "num_examples": rows}
            for split, rows in written.counts[config].items()
        ],
        "download_size": sum(written.sizes[config].values()),
        "dataset_size": sum(written.sizes[config].values()),
    }


def values_of(
    written: WrittenRelease,
    manifest: Manifest,
    report: Mapping[str, Any],
    samples: Sequence[Mapping[str, Any]],
    *,
    repo: str,
    version: str,
    harm_words: str,
    previous_version: str | None,
    changes: str,
    pictures: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """What the template of any card is given; everything that a model or a user wrote is escaped."""
    return {
        "name": manifest.name,
        "version": version,
        "repo": repo,
        "description": manifest.description.replace("<", "&lt;"),
        "simulated": manifest.simulated,
        "seed": manifest.seed,
        "libraries": manifest.libraries,
        "row_digest": manifest.row_digest,
        "harm_words": harm_words,
        "before": previous_version,
        "changes": changes,
        "pictures": pictures,
        "measures": _measures(report, manifest),
        "samples": [
            {
                name: escape_markdown(text) if name in ("prompt", "chosen", "rejected") else text
                for name, text in sample.items()
            }
            for sample in samples
        ],
        **_content_values(written),
    }


def run_values(manifest: Manifest, recipe: str | None) -> dict[str, Any]:
    """What the template of a run's card is given beside them; `recipe` is its text."""
    in_words = [] if recipe is None else stages_in_words(yaml.safe_load(recipe), asked_models(manifest))
    stages = [(stage, "; ".join(map(escape_markdown, plugins))) for stage, plugins in in_words]
    return {"stages": stages, **_model_values(manifest), **_yield_values(manifest.yields)}


def asked_models(manifest: Manifest) -> set[str]:
    """The models of the recipe that a stage has asked; all of them where no request is noted."""
    return {row.model for row in manifest.cost.by_stage if row.requests} or {*manifest.models}


def _measures(report: Mapping[str, Any], manifest: Manifest) -> list[tuple[str, str]]:
    """What was measured of the pairs and prompts: (name, value in words)."""
    longer, repeated = report["longer_chosen"], report["repeated_chosen_share"] or None
    probe = "a probe that sees only length, form and model name tells held-out pairs apart"
    return [
        ("chosen is the longer one", f"{longer:.0%} of the pairs" if longer is not None else "-"),
        (probe, _format_share(report["probe_auc"], "in {:.0%} (chance: 50 %)")),
        *(("alarm", escape_markdown(_what_is_wrong(alarm))) for alarm in report["alarms"]),
        ("most frequent chosen answer", _format_share(repeated, "{:.1%} of the chosen answers")),
        *((name, f"{value:.3g}") for name, value in (manifest.prompts or {}).items() if value is not None),
    ]


def _what_is_wrong(alarm: str) -> str:
    """An alarm without what makers can do about it."""
    return ". ".join(alarm.split(". ")[:2])


def _content_values(written: WrittenRelease) -> dict[str, Any]:
    return {
        "harmful": written.harmful,
        "content_hash": written.content_hash,
        "splits": sorted({split for counts in written.counts.values() for split in counts}, reverse=True),
        "configs": [(config, CONFIGS[config]) for config, counts in written.counts.items() if counts],
        "counts": written.counts,
        "between_splits": written.between_splits,
        "left_out": [
            (rule, RULES[rule], len(places), escape_markdown(_some_of(places)))
            for rule, places in sorted(written.left_out.items(), key=lambda item: list(RULES).index(item[0]))
        ],
    }


def _some_of(places: Sequence[str]) -> str:
    """The first rows that were left out, by their places: not by their texts, which may be why they were."""
    more = f" and {len(places) - LISTED_ROWS:,} more" if len(places) > LISTED_ROWS else ""
    return ", ".join(places[:LISTED_ROWS]) + more


def _model_values(manifest: Manifest) -> dict[str, Any]:
    """Who wrote and who judged, and what it cost."""
    cost, asked = manifest.cost, asked_models(manifest)
    return {
        "models": [
            escape_markdown(_model_text(name, model))
            for name, model in manifest.models.items()
            if name in asked
        ],
        "served_by": list(map(_server_text, manifest.served_by)),
        "judges": manifest.judges,
        "order_effects": [
            effect.in_words(judge) for judge, effect in manifest.order_effects.items() if effect.pairs
        ],
        "order_matrices": [
            (judge, effect.matrix.rows())
            for judge, effect in manifest.order_effects.items()
            if effect.matrix and effect.pairs
        ],
        "principles": [
            Path(name).stem for name in manifest.template_digests if name.startswith("constitutions/")
        ],
        "unvalidated_judges": manifest.unvalidated_judges,
        "cost_usd": cost.full_usd,
        "models_without_price": [
            escape_markdown(name) for name in manifest.models_without_price if name in asked
        ],
        "tokens": sum(row.prompt_tokens + row.completion_tokens for row in cost.by_stage),
    }


def _server_text(server: ServedBy) -> str:
    host = "a server that is not named" if server.host == UNDISCLOSED else server.host
    return f"{host} ({server.model or server.backend}, {server.first[:10]} to {server.last[:10]})"


def _yield_values(yields: RunYield) -> dict[str, Any]:
    """What became of the prompts, and on which terms they are there."""
    sources = {
        f"source {escape_markdown(name)}": group["all"]
        for name, group in yields.groups.get("source", {}).items()
    }
    licenses = {f"license {escape_markdown(name)}": count for name, count in yields.licenses.items()}
    return {
        "pairs": yields.pairs,
        "prompts": yields.prompts,
        "outcomes": sorted(yields.prompts_by_outcome.items()),
        "dropped_by_curators": sorted(yields.dropped_by_curators.items()),
        "high_loss_groups": yields.high_loss_groups,
        "failures": sorted(yields.failures.items()),
        "non_commercial": [escape_markdown(name) for name in non_commercial(list(yields.licenses))],
        "terms": [*sorted(sources.items()), *sorted(licenses.items())],
    }


def _format_share(value: float | None, template: str) -> str:
    return "too few pairs to say" if value is None else template.format(value)


def _model_text(name: str, model: Mapping[str, Any]) -> str:
    revision = f" at {model['revision']}" if model.get("revision") else ""
    return (
        f"{name}: {'simulated/' if model.get('simulated') else ''}{model['name']}{revision} ({model['use']})"
    )


def escape_markdown(text: str) -> str:
    """A text as one line of markdown that is shown and not read: no markup, no address, no image of it
    works.
    """
    line = " ".join(text.split())
    line = line if len(line) <= MAX_PLAIN_LENGTH else line[:MAX_PLAIN_LENGTH] + " ..."
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#!|])", r"\\\1", line).replace("://", ":&#47;&#47;")
