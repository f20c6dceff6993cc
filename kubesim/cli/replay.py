"""`kubesim replay`."""

from __future__ import annotations

import argparse
from pathlib import Path

from kubesim.cli.not_available import add_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `replay`."""
    parser.add_argument("scenarios", nargs="*", type=Path, metavar="SCENARIO.yaml", help="scenario documents")
    parser.add_argument("--seed", type=int, help="instead of the scenario's own")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit file")
    add_option(parser, "--html", "HTML reports", metavar="FILE", hint="use --junit FILE or -o json")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of scenarios and exit")


def run(options: argparse.Namespace) -> int:
    """Replay scenarios; 1 when an expectation failed."""
    import json

    from kubesim.cli.progress import working
    from kubesim.errors import InputError
    from kubesim.model.scenario import scenario_schema
    from kubesim.scenario.replay import load_scenarios, replay
    from kubesim.scenario.report import json_report, junit_report, text_reports

    if options.schema:
        print(json.dumps(scenario_schema(), indent=2))
        return 0
    if not options.scenarios:
        raise InputError("no scenario is named", hint="kubesim replay SCENARIO.yaml ...")
    loaded = [(path, scenario) for path in options.scenarios for scenario in load_scenarios(path)]
    with working(f"replaying {len(loaded)} scenarios"):
        results = [replay(scenario, folder=path.parent, seed=options.seed) for path, scenario in loaded]
    if options.junit is not None:
        try:
            options.junit.write_text(junit_report(results), encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", where=str(options.junit)) from error
    print(json_report(results) if options.output == "json" else text_reports(results))
    return 0 if all(result.passed for result in results) else 1
