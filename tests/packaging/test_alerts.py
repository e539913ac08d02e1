"""The alerts, in Prometheus' own tool: when they fire and when they do not."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from kube import TOP, chart, one

found = subprocess.run([TOP / "tests/packaging/packages", "--promtool"], text=True, capture_output=True, check=False)
PROMTOOL = found.stdout.strip()
OF = 'job="bcmp-operator",namespace="bcmp-system"'


def held(phase, values, instance="a"):
    return {"series": f'bcmp_gpus_held{{{OF},instance="{instance}",phase="{phase}"}}', "values": values}


def up(values):
    return {"series": f'up{{{OF},instance="a"}}', "values": values}


@unittest.skipUnless(PROMTOOL, "promtool is not here")
class Alerts(unittest.TestCase):
    def setUp(self):
        rule = one(chart("metrics.prometheusRule.enabled=true"), "PrometheusRule")
        self.groups = rule["spec"]["groups"]

    def check(self, series, at, alert, value):
        """At that time the alert fires if a value is given, and with it; one sample a minute."""
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "rules.yaml").write_text(json.dumps({"groups": self.groups}))
            rule = next(r for g in self.groups for r in g["rules"] if r.get("alert") == alert)
            # PromQL, so that no word of the annotations has to be repeated here.
            labels = f'{{__name__="ALERTS",alertname="{alert}",alertstate="firing",{OF},severity="{rule["labels"]["severity"]}"}}'
            test = {
                "rule_files": ["rules.yaml"], "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [{
                    "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}', "eval_time": at,
                    "exp_samples": [{"labels": labels, "value": 1}] if value else [],
                }]}],
            }
            (Path(directory) / "test.yaml").write_text(json.dumps(test))
            done = subprocess.run([PROMTOOL, "test", "rules", f"{directory}/test.yaml"], text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_syntax(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as rules:
            rules.write(json.dumps({"groups": self.groups}))
            rules.flush()
            done = subprocess.run([PROMTOOL, "check", "rules", rules.name], text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_teardown_stuck(self):
        series = [{"series": f"bcmp_teardowns_overdue{{{OF}}}", "values": "0x10 1x10 0x10"}]
        self.check(series, "10m", "BcmpTeardownStuck", False)
        self.check(series, "13m", "BcmpTeardownStuck", True)
        self.check(series, "25m", "BcmpTeardownStuck", False)

    def test_leaked_children(self):
        series = [{"series": f"bcmp_leaked_children{{{OF}}}", "values": "0x10 2x5 0x10 2x20"}]
        # As long as a usual teardown takes.
        self.check(series, "15m", "BcmpLeakedChildren", False)
        self.check(series, "44m", "BcmpLeakedChildren", True)

    def test_held_without_load(self):
        loading = [held("Deploying", "8x30 0x60"), held("Measuring", "0x30 8x60")]
        self.check(loading, "80m", "BcmpGpusHeldWithoutLoad", False)
        idle = [held("Deploying", "8x100"), held("Measuring", "8x100")]
        self.check(idle, "40m", "BcmpGpusHeldWithoutLoad", False)
        self.check(idle, "50m", "BcmpGpusHeldWithoutLoad", True)

    def test_measuring_without_record(self):
        name = f"bcmp_last_record_timestamp_seconds{{{OF}}}"
        self.check([{"series": name, "values": "600x120"}], "80m", "BcmpMeasuringWithoutRecord", False)
        self.check([{"series": name, "values": "600x120"}], "90m", "BcmpMeasuringWithoutRecord", True)
        # A record comes now and then.
        self.check([{"series": name, "values": "600x60 4200x60"}], "110m", "BcmpMeasuringWithoutRecord", False)
        # 0: nothing is measured.
        self.check([{"series": name, "values": "0x120"}], "110m", "BcmpMeasuringWithoutRecord", False)

    def test_operator_away(self):
        gone = [held("Measuring", "8x20"), up("1x20 0x60")]
        self.check(gone, "15m", "BcmpOperatorAwayWhileGpusHeld", False)
        self.check(gone, "40m", "BcmpOperatorAwayWhileGpusHeld", True)
        # Not scraped at all, as with no replica.
        self.check([held("Measuring", "8x20"), up("1x20")], "40m", "BcmpOperatorAwayWhileGpusHeld", True)
        # It went when nothing was held; what an earlier pod of it held does not matter.
        idle = [held("Measuring", "8x10", "earlier"), held("Measuring", "_x15 0x20", "later"), up("1x30")]
        self.check(idle, "60m", "BcmpOperatorAwayWhileGpusHeld", False)

    def test_over_deadline(self):
        name = f"bcmp_next_look_timestamp_seconds{{{OF}}}"
        self.check([{"series": name, "values": "600x60"}], "20m", "BcmpRunOverDeadline", False)
        self.check([{"series": name, "values": "600x60"}], "28m", "BcmpRunOverDeadline", True)
        self.check([{"series": name, "values": "600+60x60"}], "50m", "BcmpRunOverDeadline", False)
        # 0: nothing is to be looked at.
        self.check([{"series": name, "values": "0x60"}], "50m", "BcmpRunOverDeadline", False)

    def test_errors(self):
        name = f'controller_runtime_reconcile_errors_total{{{OF},controller="benchmarkcomparison",category="api"}}'
        self.check([{"series": name, "values": "0+1x60"}], "40m", "BcmpReconcileErrors", True)
        self.check([{"series": name, "values": "0+1x5 5x60"}], "40m", "BcmpReconcileErrors", False)


if __name__ == "__main__":
    unittest.main()
