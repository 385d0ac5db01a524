"""The report of `Panel.check`: what usually goes wrong with data, in words."""

import re
from dataclasses import asdict

import numpy as np
import pandas as pd

from stefaland_sk.data._facts import gather, record_table
from stefaland_sk.data._finding import Finding
from stefaland_sk.data._findings import RULES
from stefaland_sk.data._findings_target import TARGET_RULES
from stefaland_sk.data._target import align_target, name_of_target

_SEVERITIES = ("error", "warning", "note")
_MOST_ALIKE = 3  # findings that are written out although they differ by the variable alone


class PanelReport:
    """What was found in a panel; prints as text.

    Parameters
    ----------
    findings : list of Finding
        Everything that was found.
    title : str
        The panel in a few words.
    records : DataFrame
        The record of each site.

    Attributes
    ----------
    records : DataFrame indexed by site
        ``n_steps`` with forcing, ``first`` and ``last`` of them, ``n_absent`` steps between
        these two in ``n_gaps`` runs, the ``longest_gap``; with a target ``n_target``
        observations, ``n_usable`` of them at a step with forcing.

    Examples
    --------
    >>> from stefaland_sk.datasets import make_catchments
    >>> X, y = make_catchments(n_sites=4, n_years=1, n_regions=2, random_state=0)
    >>> report = X.check(y)
    >>> report.ok, list(report.frame().columns)
    (True, ['severity', 'kind', 'variable', 'site', 'n', 'message'])
    """

    def __init__(self, findings, title, records):
        self.findings = sorted(findings, key=lambda found: _SEVERITIES.index(found.severity))
        self.title = title
        self.records = records

    @property
    def ok(self):
        """Whether nothing serious (no error) was found."""
        return not any(found.severity == "error" for found in self.findings)

    def frame(self):
        """Give the findings as a table.

        Returns
        -------
        DataFrame
            One row per finding, worst first, with the columns ``severity``, ``kind``,
            ``variable``, ``site``, ``n`` and ``message``.
        """
        columns = ["severity", "kind", "variable", "site", "n", "message"]
        return pd.DataFrame([asdict(found) for found in self.findings], columns=columns)

    def __str__(self):
        counts = dict.fromkeys(_SEVERITIES, 0)
        for found in self.findings:
            counts[found.severity] += 1
        summary = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items())
        lines = [self.title, summary]
        for severity in _SEVERITIES:
            found = [found for found in self.findings if found.severity == severity]
            if found:
                messages = _in_few_lines(found)
                lines += ["", f"{severity.capitalize()}{'' if len(found) == 1 else 's'}:"]
                lines += [f"  - {message}" for message in messages]
        return "\n".join(lines)

    __repr__ = __str__


def _in_few_lines(findings):
    """Give the messages; of many that differ by the variable alone, one for all."""
    alike = {}
    for found in findings:
        name = found.variable
        key = re.sub(rf"\b{re.escape(name)}\b", "", found.message) if name else found.message
        alike.setdefault((found.kind, key), []).append(found)
    lines = []
    for group in alike.values():
        if len(group) <= _MOST_ALIKE:
            lines += [found.message for found in group]
            continue
        names = [found.variable for found in group[1:]]
        more = f" and {len(names) - 3} more, which frame() names" if len(names) > 3 else ""
        lines.append(f"{group[0].message} So it is with {', '.join(names[:3])}{more}.")
    return lines


def check_panel(panel, target=None):
    """Look for what usually goes wrong with data; see `Panel.check`.

    Parameters
    ----------
    panel : Panel
        The inputs.
    target : DataFrame, DataArray or array-like, default=None
        Target to check with the inputs; without a time axis, one or several columns. One that
        does not fit the panel is reported, not raised.

    Returns
    -------
    PanelReport
        What was found.
    """
    facts, found, targets = gather(panel), [], []
    title = repr(panel)
    if panel.n_sites == 0:
        nothing = Finding("error", "empty", "The panel has no sites.")
        return PanelReport([nothing], title, record_table(panel, facts))
    if target is not None:
        for one in _one_by_one(target, panel):
            name, unit = name_of_target(one, panel)
            try:
                targets.append(
                    (name, unit, align_target(one, panel, "y").reshape(panel.n_sites, -1))
                )
            except (TypeError, ValueError) as error:
                found.append(Finding("error", "target", f"The target does not fit: {error}", name))
    facts.target = np.hstack([values for _, _, values in targets]) if targets else None
    records = record_table(panel, facts)
    for rule in RULES:
        found += rule(panel, facts, records)
    for name, unit, facts.target in targets:
        own = records if len(targets) == 1 else record_table(panel, facts)
        for rule in TARGET_RULES:
            found += rule(panel, facts, own, name, unit)
    return PanelReport(found, title, records)


def _one_by_one(target, panel):
    """Give the targets of sites, such as fractions of a soil, one after the other."""
    if panel.time is None and isinstance(target, pd.DataFrame) and target.shape[1] > 1:
        for name in target:
            yield target[name].copy()
    else:
        yield target
