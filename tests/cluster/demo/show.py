"""Prints a comparison's conditions, deltas and verdict from its JSON on standard input."""

import json
import sys

status = json.load(sys.stdin)["status"]


def table(rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


table(
    [("CONDITION", "STATUS", "REASON", "MESSAGE")]
    + [(c["type"], c["status"], c["reason"], c.get("message", "")) for c in status["conditions"]]
)
print("\nestimated and measured (error = measured against estimated)")
rows = [("VARIANT", "CONCURRENCY", "TRIALS", "TTFT ms", "ERROR %", "TPOT ms", "ERROR %", "tokens/s/GPU", "ERROR %", "SLA", "EVIDENCE")]
for variant in status["variants"]:
    for level in variant.get("levels", []):
        estimated, measured = level.get("estimated", {}), level.get("measured", {})
        error = level.get("errorPercent", {})
        cells = [variant["name"], level["concurrency"], level["evidence"].get("accepted", 0)]
        for metric, delta in (("ttftMilliseconds", "ttft"), ("tpotMilliseconds", "tpot"), ("tokensPerSecondPerGpu", "tokensPerSecondPerGpu")):
            cells += [f"{estimated.get(metric, '-')} → {measured.get(metric, '-')}", error.get(delta, "-")]
        reasons = sorted({reason["code"] for reason in level.get("evidence", {}).get("reasons", [])})
        rows.append((*cells, level.get("sla", "-"), ", ".join(reasons) or "good"))
table(rows)
print()
for variant in status["variants"]:
    at_sla = variant.get("atSla", {"kind": "Unknown", "reason": "not judged"})
    bound = {"AtLeast": "at least ", "AtMost": "at most "}.get(at_sla["kind"], "")
    if "tokensPerSecondPerGpu" in at_sla:
        print(f"{variant['name']}: {bound}{at_sla['tokensPerSecondPerGpu']} tokens/s/GPU at the SLA")
    else:
        print(f"{variant['name']}: {at_sla.get('reason', 'misses the SLA at every level')}")
    for finding in variant.get("findings", []):
        print(f"  {finding['severity']} {finding['code']}: {finding['message']}")
verdict = status.get("verdict", {})
print(f"\nverdict: {verdict.get('result', 'none')}\n{verdict.get('summary', '')}")
