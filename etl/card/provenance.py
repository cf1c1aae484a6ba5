"""Properties of ``croissant.json`` on where a dataset comes from and how to use it with care.

They are in the W3C's PROV-O and in the vocabulary of responsible AI
(mlcommons.org/croissant/RAI/1.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.card import licenses, words
from etl.dataset.manifest import Manifest
from etl.terminal.words import counted


def provenance(manifest: Manifest) -> dict[str, Any]:
    """What the dataset was derived from, by what, and who is responsible, where that is known."""
    recipe = f"stepmill, recipe {manifest.recipe}"
    derived: list[dict[str, Any]] = [
        {
            "@type": "prov:Entity",
            "@id": f"https://huggingface.co/datasets/{name.removeprefix('extended|')}",
        }
        for name in manifest.settings["card"].get("source_datasets", ())
        if name != "original"
    ]
    for each in words.sources(manifest):
        link = licenses.text_of(each["license"]) or each["license"]
        counts = f"{counted(each['files'], 'file')}, {counted(each['samples'], 'sample')}"
        about = f"recordings in the format {each['format']}: {counts}"
        derived.append(
            {"@type": "prov:Entity", "prov:label": about, **({"license": link} if link else {})}
        )
    activities = [
        {"@type": "prov:Activity", "prov:label": f"{name}: {plain(text)}"}
        for name, text in words.stages(manifest)
    ]
    agents = [
        {"@type": "prov:Agent", "prov:label": name}
        for name in manifest.settings["card"].get("creators", ())
    ]
    properties = {
        "prov:wasDerivedFrom": derived,
        "prov:wasGeneratedBy": [
            {
                "@type": "prov:Activity",
                "prov:label": recipe,
                "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": "stepmill"},
            },
            *activities,
        ],
        "prov:wasAttributedTo": agents,
    }
    return {name: value for name, value in properties.items() if value}


def responsible(manifest: Manifest) -> dict[str, Any]:
    """The card's sections as properties of the vocabulary of responsible AI."""
    shares = manifest.figures.domain_shares
    biases = [f"{share:.1%} of the samples are of {name}." for name, share in _largest(shares)]
    formats = ", ".join(sorted({each["format"] for each in words.sources(manifest)}))
    reads = manifest.accounting["step"]
    left_out = f"{reads.dropped:,} of {reads.read:,} recorded steps"
    missing = f"{left_out} are not in the dataset; stats/drops.parquet says why."
    collection = (
        f"Recordings of people or agents using websites, in the formats {formats}."
        if formats
        else ""
    )
    limits = [*words.limits(manifest), *words.contamination(manifest)]
    properties: dict[str, Any] = {
        "rai:dataCollection": collection,
        "rai:dataCollectionType": ["Software Collection"],
        "rai:dataCollectionMissingData": missing,
        "rai:dataPreprocessingProtocol": [
            f"{name}: {plain(text)}." for name, text in words.stages(manifest)
        ],
        "rai:dataBiases": biases,
        "rai:dataLimitations": [plain(text) for text in limits],
        "rai:dataUseCases": [
            "Fine-tuning of models that predict the next step of a task on a web page."
        ],
        "rai:personalSensitiveInformation": [plain(text) for text in words.privacy(manifest)],
    }
    return {name: value for name, value in properties.items() if value}


def _largest(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:5]


def plain(text: str) -> str:
    """A sentence without Markdown's backticks."""
    return text.replace("`", "")
