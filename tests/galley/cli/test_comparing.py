from __future__ import annotations

from tests.galley.cli.command_line import CommandLine


def test_runs_are_compared_and_versions_tried(galley: CommandLine) -> None:
    galley.approved()
    ids = []
    for alpha, auc in (("1", 0.9), ("7", 0.8)):
        ids.append(galley.read("run", "daily-report", "-p", "alpha", alpha)["id"])
        galley.platform.run_through("oncology", metrics={"auc": auc})
    told = galley("compare", *ids)
    assert told.exit_code == 0, told.output
    assert "  alpha  1 → 7" in told.stdout
    assert "  auc  0.9 → 0.8" in told.stdout
    assert galley.read("compare", ids[1])["left"]["id"] == ids[0]
    assert "no successful run before" in galley("compare", ids[0]).stderr

    tried = galley.read("try", "daily-report", "--version", "1", "-p", "alpha", "5")
    assert (tried["kind"], tried["parameters"]) == ("trial", {"alpha": 5})
    assert "leave --version out" in galley("try", "daily-report@1", "--version", "1").stderr
    assert "its parameters: alpha" in galley("try", "daily-report", "-p", "beta", "1").stderr
    listed = galley("runs", "--kind", "trial").stdout.splitlines()
    assert len(listed) == 2
