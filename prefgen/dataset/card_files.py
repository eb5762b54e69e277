"""Which files of a cloned repository hold rows, and of which split, as the header of its README says.

The Hub's library goes by that header before it looks at the names of files, and so does whoever wrote it: a
file that it does not name is no data, and one that it calls train is train whatever its name is.
"""

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from prefgen.dataset.cells import describe
from prefgen.dataset.class_labels import LabelNames
from prefgen.errors import RecipeError

CARD = "README.md"


class CardFiles(NamedTuple):
    """What a README says of one configuration: the `folder` of its data, and (file, split) of each of its
    files; None where files and splits go by their names.
    """

    folder: Path
    files: list[tuple[Path, str]] | None


def card_files(folder: Path, display_path: str, config: str | None = None) -> CardFiles | None:
    """The files of a configuration, or of the default one; None where no README has `configs`. Raises
    RecipeError for a header that cannot be read, for several configurations of which none is the default, and
    where not one of the files is there.
    """
    where = f"{display_path}/{CARD}"
    configs = _configs(folder / CARD, where)
    if not configs:
        return None
    chosen = _chosen(configs, config, where)
    data_folder = _within(folder, chosen.get("data_dir") or ".", where)
    if not chosen.get("data_files"):
        return CardFiles(data_folder, None)
    named = list(_named_files(chosen["data_files"], where))
    files = [(file, split) for split, pattern in named for file in _matches(data_folder, pattern, where)]
    if not files:
        patterns = ", ".join(dict.fromkeys(pattern for _, pattern in named))
        raise RecipeError(f"names files that are not here ({patterns}): are they downloaded?", where)
    return CardFiles(data_folder, files)


def label_names_of_card(folder: Path, display_path: str, config: str | None = None) -> LabelNames:
    """Numbers to which `dataset_info` of a README gives names, of one configuration; nothing where several
    are there and none is meant. Raises RecipeError for a header that cannot be read.
    """
    infos = _header(folder / CARD, f"{display_path}/{CARD}", "dataset_info").get("dataset_info")
    infos = [info for info in (infos if isinstance(infos, list) else [infos]) if isinstance(info, Mapping)]
    if len(infos) > 1:
        infos = [info for info in infos if info.get("config_name") == (config or "default")]
    features = infos[0].get("features") if infos else None
    names: dict[str, Sequence[str]] = {}
    for feature in features if isinstance(features, list) else ():
        match feature:
            case {"name": str(column), "dtype": {"class_label": {"names": named}}} if named:
                names[column] = _in_order(named, column, f"{display_path}/{CARD}")
            case _:
                pass
    return names


def _in_order(named: Any, column: str, where: str) -> Sequence[str]:
    """The names of 0, 1, 2 and so on."""
    listed = named
    if isinstance(named, Mapping):
        by_number = {str(number): name for number, name in named.items()}
        listed = [by_number.get(str(number)) for number in range(len(by_number))]
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if not names or len(names) != len(listed):
        raise RecipeError(
            f"class_label of {column}: expected a name for each of 0, 1, 2 ..., found {describe(named)}",
            where,
        )
    return names


def _header(card: Path, where: str, wanted: str) -> Mapping[str, Any]:
    """The YAML header of a README; nothing where it does not hold what is wanted."""
    text = card.read_text(encoding="utf-8-sig", errors="replace") if card.is_file() else ""
    if not text.startswith("---"):
        return {}
    header = text.replace("\r\n", "\n")[3:].partition("\n---")[0]
    if f"{wanted}:" not in header:
        return {}
    try:
        said = yaml.safe_load(header)
    except yaml.YAMLError as error:
        raise RecipeError(f"its header is no YAML ({str(error).splitlines()[0]})", where) from None
    return said if isinstance(said, Mapping) else {}


def _configs(card: Path, where: str) -> Sequence[Mapping[str, Any]]:
    """`configs` of the YAML header of a README; nothing where it has none."""
    configs = _header(card, where, "configs").get("configs")
    if not configs:
        return ()
    if not isinstance(configs, Sequence) or not all(isinstance(config, Mapping) for config in configs):
        raise RecipeError(f"configs must be a list of mappings, found {describe(configs)}", where)
    return configs


def _chosen(configs: Sequence[Mapping[str, Any]], name: str | None, where: str) -> Mapping[str, Any]:
    by_name = {str(config.get("config_name", "default")): config for config in configs}
    if name is not None:
        if name not in by_name:
            raise RecipeError(f"has no config {name!r}; it has {', '.join(by_name)}", where)
        return by_name[name]
    if len(by_name) == 1:
        return configs[-1]
    default = [config for config in configs if config.get("default") is True] or [
        config for name, config in by_name.items() if name == "default"
    ]
    if len(default) != 1:
        raise RecipeError(
            f"names several sets of rows ({', '.join(by_name)}), and none is the default: give the file or "
            "the folder that is meant",
            where,
        )
    return default[0]


def _named_files(data_files: Any, where: str) -> Iterator[tuple[str, str]]:
    """(split, pattern); what names no split is train, as on the Hub."""
    for entry in data_files if isinstance(data_files, list) else [data_files]:
        split, paths = "train", entry
        if isinstance(entry, Mapping) and "path" in entry:
            split, paths = entry.get("split", "train"), entry["path"]
        patterns = paths if isinstance(paths, list) else [paths]
        if not isinstance(split, str) or not all(isinstance(p, str) and p for p in patterns):
            raise RecipeError(f"data_files must be paths, or split and path, found {describe(entry)}", where)
        for pattern in patterns:
            yield split, pattern


def _matches(folder: Path, pattern: str, where: str) -> list[Path]:
    _within(folder, pattern, where)
    pattern = pattern.removeprefix("./")
    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))
    return [folder / name for name in found if (folder / name).is_file()]


def _within(folder: Path, path: Any, where: str) -> Path:
    plain = PurePosixPath(str(path))
    if plain.is_absolute() or ".." in plain.parts or "://" in str(path):
        raise RecipeError(f"{path!r} is no path within the folder", where)
    return folder / plain
