"""Argo CD's health check and actions, in the interpreter they are written for, on objects in every state.

`python3 test_argocd.py --write` makes the expected outputs of the actions anew.
"""

import copy
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from kube import BIN, CUSTOMIZATION, TOP, documents, mapping, run

LUA = shutil.which("lua5.1") or "lua5.1"
HERE = Path(__file__).resolve().parent
RUN_REQUESTED, CANCEL_REQUESTED = "bcmp.dev/run-requested", "bcmp.dev/cancel-requested"


def literal(value):
    """A value of JSON as a Lua expression."""
    if isinstance(value, dict):
        return "{" + ",".join(f"[{literal(k)}]={literal(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list):
        return "{" + ",".join(literal(item) for item in value) + "}"
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03d}" for byte in value.encode()) + '"'
    return {True: "true", False: "false", None: "nil"}.get(value) if value is None or isinstance(value, bool) else repr(value)


def lua(script, thing):
    """What the script returns for that object, within Argo CD's one second."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as given:
        given.write("return " + literal(thing))
        given.flush()
        command = [LUA, HERE / "sandbox.lua", script, given.name]
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=10)
    if done.returncode:
        raise AssertionError(f"{script}: {done.stderr}")
    return json.loads(done.stdout)


def read(path):
    (thing,) = documents(Path(path).read_text())
    return thing


def bare(value):
    """Without empty parts: Lua knows no difference between an empty list and an empty map."""
    if isinstance(value, dict):
        parts = {key: bare(inner) for key, inner in value.items()}
        return {key: inner for key, inner in parts.items() if inner not in (None, {}, [])}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


class Sandbox(unittest.TestCase):
    def test_it_withholds_what_argo_cd_withholds(self):
        for forbidden in ('string.format("x")', "math.floor(1)", "os.time()", "io.read()", '("x"):upper()',
                          'require("os")', 'loadstring("x")'):
            with self.subTest(forbidden), tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
                script.write(f"return {{ {forbidden} }}")
                script.flush()
                with self.assertRaises(AssertionError):
                    lua(script.name, {})

    def test_it_hands_over_what_it_is_given(self):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write("return obj")
            script.flush()
            thing = {"a": [1, 2.5, True, False, 'quo"te\\ …'], "b": {"c": "x\ny"}}
            self.assertEqual(lua(script.name, thing), thing)


class Health(unittest.TestCase):
    maxDiff = None

    def test_every_state(self):
        tests = mapping((CUSTOMIZATION / "health_test.yaml").read_text())["tests"]
        for test in tests:
            with self.subTest(test["inputPath"]):
                found = lua(CUSTOMIZATION / "health.lua", read(CUSTOMIZATION / test["inputPath"]))
                self.assertEqual(found, test["healthStatus"])
        self.assertEqual(
            sorted(test["inputPath"] for test in tests),
            sorted(f"testdata/{path.name}" for path in (CUSTOMIZATION / "testdata").glob("*.yaml")))

    def test_the_files_name_says_the_health(self):
        for path in (CUSTOMIZATION / "testdata").glob("*.yaml"):
            if path.stem != "progressing-deleted":
                status = lua(CUSTOMIZATION / "health.lua", read(path))["status"]
                self.assertEqual(status.lower(), path.stem.split("-")[0], path.name)

    def test_whatever_is_missing_it_answers(self):
        """Any error would show as Unknown."""
        whole = read(CUSTOMIZATION / "testdata/progressing-measuring.yaml")
        for field in whole["status"]:
            less = copy.deepcopy(whole)
            del less["status"][field]
            self.assertEqual(lua(CUSTOMIZATION / "health.lua", less)["status"], "Progressing", field)
        for status in (None, {}, {"observedGeneration": -1}, {"observedGeneration": 1, "conditions": []}):
            thing = {**whole, "status": status}
            self.assertEqual(lua(CUSTOMIZATION / "health.lua", thing)["status"], "Progressing", status)

    def test_a_change_that_nobody_has_looked_at_is_never_healthy(self):
        for path in (CUSTOMIZATION / "testdata").glob("*.yaml"):
            thing = read(path)
            thing["metadata"]["generation"] += 1
            self.assertEqual(lua(CUSTOMIZATION / "health.lua", thing)["status"], "Progressing", path.name)


class Actions(unittest.TestCase):
    maxDiff = None
    directory = CUSTOMIZATION / "actions"

    def test_offered(self):
        for test in mapping((self.directory / "action_test.yaml").read_text())["discoveryTests"]:
            with self.subTest(test["inputPath"]):
                found = lua(self.directory / "discovery.lua", read(self.directory / test["inputPath"]))
                self.assertEqual({n: a["disabled"] for n, a in found.items()},
                                 {a["name"]: a["disabled"] for a in test["result"]})
                for offered in test["result"]:
                    self.assertEqual(found[offered["name"]].get("displayName"), offered.get("displayName"))

    def test_done(self):
        tests = mapping((self.directory / "action_test.yaml").read_text())["actionTests"]
        for test in tests:
            with self.subTest(test["action"]):
                found = lua(self.directory / test["action"] / "action.lua", read(self.directory / test["inputPath"]))
                self.assertEqual(bare(found), bare(read(self.directory / test["expectedOutputPath"])))
        scripts = sorted(path.parent.name for path in self.directory.glob("*/action.lua"))
        self.assertEqual(scripts, sorted({test["action"] for test in tests}))

    def test_asking_twice_starts_one_run_and_asking_again_later_another(self):
        thing = read(CUSTOMIZATION / "testdata/healthy-succeeded.yaml")
        script = self.directory / "rerun/action.lua"
        once = lua(script, thing)
        twice = lua(script, once)
        self.assertEqual(once["metadata"]["annotations"], twice["metadata"]["annotations"])
        token = once["metadata"]["annotations"][RUN_REQUESTED]
        self.assertNotEqual(token, thing["status"].get("lastHandledRunRequest"))
        thing["status"]["run"]["number"] += 1
        self.assertNotEqual(lua(script, thing)["metadata"]["annotations"][RUN_REQUESTED], token)

    def test_the_first_run_can_be_asked_for(self):
        thing = read(CUSTOMIZATION / "testdata/suspended-not-requested.yaml")
        self.assertFalse(lua(self.directory / "discovery.lua", thing)["rerun"]["disabled"])
        self.assertEqual(lua(self.directory / "rerun/action.lua", thing)["metadata"]["annotations"][RUN_REQUESTED],
                         "argocd-run-1")

    def test_the_annotations_are_the_operators(self):
        source = (TOP / "src/api/mod.rs").read_text()
        for name in (RUN_REQUESTED, CANCEL_REQUESTED):
            self.assertIn(f'"{name}"', source)


def changed(action, thing):
    """What the action should make of the object."""
    number = thing["status"]["run"]["number"]
    annotations = thing["metadata"].get("annotations", {})
    if action == "rerun":
        thing["metadata"]["annotations"] = {**annotations, RUN_REQUESTED: f"argocd-run-{number + 1}"}
    elif action == "cancel":
        thing["metadata"]["annotations"] = {**annotations, CANCEL_REQUESTED: str(number)}
    else:
        thing["spec"]["suspend"] = action == "suspend"
    return thing


def write_expected():
    for test in mapping((Actions.directory / "action_test.yaml").read_text())["actionTests"]:
        thing = changed(test["action"], read(Actions.directory / test["inputPath"]))
        text = run(BIN / "kubectl", "patch", "--local", "--type=merge", "-p", "{}", "-o", "yaml", "-f", "-",
                   stdin=json.dumps(thing))
        target = Actions.directory / test["expectedOutputPath"]
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    sys.exit(write_expected() if sys.argv[1:] == ["--write"] else unittest.main())
