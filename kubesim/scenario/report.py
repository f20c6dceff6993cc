"""The outcome of scenarios as text, JSON or JUnit; and shutdown timelines as tables."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from kubesim.scenario.replay import ScenarioResult, StepResult, expectations

SECOND_NS = 1_000_000_000

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Mirrors XML 1.0, production Char."""


def text_report(result: ScenarioResult) -> str:
    """One line per step, and the timeline of a shutdown as a table."""
    verdict = "passed" if result.passed else "FAILED"
    lines = [
        f"{result.name}: {verdict} (kubelet {result.kubelet_version}, {result.profile}, seed {result.seed})",
        *(_step_line(step) for step in result.steps),
    ]
    if result.timeline:
        lines += ["", timeline_table(result.timeline, start_ns=result.start_ns)]
    return "\n".join(lines)


def text_reports(results: Sequence[ScenarioResult]) -> str:
    """All of them, and of several how many passed and which did not."""
    texts = [text_report(result) for result in results]
    failed = [result.name for result in results if not result.passed]
    if len(results) > 1:
        verdict = f"{len(results) - len(failed)} of {len(results)} passed"
        texts.append(verdict + "".join(f"\n  FAILED {name}" for name in failed))
    return "\n\n".join(texts)


def _step_line(step: StepResult) -> str:
    mark = {True: "ok  ", False: "FAIL", None: "    "}[step.passed]
    place = f"  [{step.where}]" if step.passed is False else ""
    return f"  {mark} {step.at_ns / SECOND_NS:8.3f}s  {_named(step.name, step)}: {step.text}{place}"


def _named(name: str, step: StepResult) -> str:
    return f"{name} ({step.note})" if step.note else name


def timeline_table(rows: Sequence[dict[str, Any]], *, start_ns: int) -> str:
    """Who did what to whom, when, and why."""
    headers = ("TIME", "ACTOR", "WHAT", "TO", "BAND", "GRACE", "WHY")
    cells = [headers]
    for row in rows:
        band, grace = row.get("band"), row.get("grace_seconds")
        cells.append(
            (
                f"{(row['time_ns'] - start_ns) / SECOND_NS:.3f}s",
                row["actor"],
                row["what"],
                row["subject"] or "-",
                "-" if band is None else str(band),
                "-" if grace is None else f"{grace}s",
                row["reason"] or "-",
            )
        )
    widths = [max(len(line[column]) for line in cells) for column in range(len(headers))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def json_report(results: Sequence[ScenarioResult]) -> str:
    """All scenarios as one JSON list; times in ns since the start of the scenario."""
    return json.dumps(
        [
            {
                "name": result.name,
                "path": result.path,
                "seed": result.seed,
                "kubeletVersion": result.kubelet_version,
                "profile": result.profile,
                "sweep": dict(result.swept),
                "passed": result.passed,
                "steps": [
                    {
                        "atNs": one.at_ns,
                        "step": one.name,
                        "note": one.note,
                        "where": one.where,
                        "text": one.text,
                        "passed": one.passed,
                    }
                    for one in result.steps
                ],
                "timeline": [{**row, "time_ns": row["time_ns"] - result.start_ns} for row in result.timeline],
            }
            for result in results
        ],
        indent=2,
    )


def junit_report(results: Sequence[ScenarioResult]) -> str:
    """All scenarios as a JUnit file: one suite per scenario, one case per expectation."""
    root = ET.Element("testsuites")
    for result in results:
        cases = expectations(result)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=result.name,
            tests=str(len(cases)),
            failures=str(sum(case.passed is False for case in cases)),
        )
        for case in cases:
            element = ET.SubElement(suite, "testcase", classname=result.name, name=_named(case.where, case))
            if case.passed is False:
                ET.SubElement(element, "failure", message=_xml_text(case.text))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _xml_text(text: str) -> str:
    """The text with an escape for what no XML document can hold: a container may print anything."""
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
