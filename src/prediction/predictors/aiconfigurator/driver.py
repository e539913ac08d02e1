"""Talks to AIConfigurator on behalf of `bcmp agent generate`.

One JSON object a line on stdin, one a line on stdout:

    {"id": 1, "operation": "search", ...}   ->   {"id": 1, "result": {...}} or {"id": 1, "error": "..."}

The tool is loaded once. Whatever it prints goes to stderr, whatever it writes goes below the directory that is the
first argument. It is driven through its own command line, but for estimates, which only its Python API gives as data.
"""

import argparse
import json
import logging
import math
import os
import sys
import tempfile

# What is read of a run's directory, and how much of it.
KEPT = ("best_config_topn.csv", "pareto.csv", "k8s_deploy.yaml")
# Columns of an estimate that are read; prefill's and decode's have a prefix.
COLUMNS = (
    "isl osl concurrency bs workers ttft tpot request_latency seq/s tokens/s tokens/s/gpu num_total_gpus "
    "tp pp dp moe_tp moe_ep gemm kvcache num_tokens ctx_tokens backend version"
).split()
LARGEST_FILE = 4 << 20
LARGEST_ANSWER = 32 << 20


class Refused(Exception):
    """The tool does not do what is asked, and says why."""


class Parser(argparse.ArgumentParser):
    """Raises what argparse would print and exit with."""

    def error(self, message):
        raise Refused(message)


class Messages(logging.Handler):
    """Collects the errors of the tool as it wrote them, and whether one of them is that nothing meets the SLA."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []
        self.infeasible = False

    def emit(self, record):
        from aiconfigurator.sdk.errors import NoFeasibleConfigError

        arguments = record.args if isinstance(record.args, tuple) else ()
        self.infeasible |= any(isinstance(argument, NoFeasibleConfigError) for argument in arguments)
        line = record.getMessage().strip()
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}: {message_of(record.exc_info[1])}"
        if len(self.lines) < 20:
            self.lines.append(line[:1000])


def versions(_directory, request):
    import aiconfigurator
    from aiconfigurator.generator.utils import (
        DEFAULT_BACKEND_VERSION_MATRIX_PATH,
        get_default_dynamo_version_mapping,
        load_backend_version_matrix,
    )
    from aiconfigurator.sdk import common
    from aiconfigurator.sdk.perf_database import get_latest_database_version

    default, _ = get_default_dynamo_version_mapping()
    matrix = load_backend_version_matrix(DEFAULT_BACKEND_VERSION_MATRIX_PATH)
    backend = request["backend"]
    return {
        "tool": aiconfigurator.__version__,
        "defaultRuntime": default,
        "runtimes": {
            str(version): str(backends[backend]) for version, backends in matrix.items() if backends.get(backend)
        },
        "systems": sorted(common.SupportedSystems),
        "database": get_latest_database_version(system=request["system"], backend=backend),
    }


def search(directory, request):
    """Ranked configurations, with their manifests."""
    arguments = ["default", "--serving-mode", request["servingMode"], "--top-n", str(request["topN"])]
    for name in ("isl", "osl", "ttft", "tpot"):
        arguments += [f"--{name}", str(request[name])]
    if request["strict"]:
        arguments.append("--strict-sla")
    arguments += ["--perf-db-version", request["databaseVersion"]]
    return command_line(directory, arguments, request, KEPT)


def naive(directory, request):
    """The smallest shape that holds the model. The tool takes the workload from the generator's settings here."""
    settings = [f"SlaConfig.isl={request['isl']}", f"SlaConfig.osl={request['osl']}"]
    request = dict(request, settings=settings + request["settings"])
    return command_line(directory, ["generate"], request, ("k8s_deploy.yaml",))


def command_line(directory, arguments, request, kept):
    """Runs `aiconfigurator cli …` in this process."""
    from aiconfigurator.cli.main import configure_parser, main

    place = tempfile.mkdtemp(prefix="run-", dir=directory)
    arguments = arguments + ["--model-path", request["model"], "--system", request["system"]]
    arguments += ["--backend", request["backend"], "--total-gpus", str(request["gpus"])]
    arguments += ["--save-dir", place, "--no-color"]
    if request.get("runtimeVersion"):
        arguments += ["--dynamo-version", request["runtimeVersion"]]
    for setting in request["settings"]:
        arguments += ["--generator-set", setting]
    parser = Parser(prog="aiconfigurator cli")
    configure_parser(parser)
    parsed = parser.parse_args(arguments)
    messages = Messages()
    # The tool removes the root logger's handlers, so its own loggers are listened to.
    loggers = [logging.getLogger(name) for name in ("aiconfigurator", "aiconfigurator_core")]
    failed = None
    for logger in loggers:
        logger.addHandler(messages)
    try:
        main(parsed)
    except SystemExit as end:
        if end.code not in (None, 0):
            failed = end.code if isinstance(end.code, str) else f"exit code {end.code}"
    except Exception as error:  # the tool's own errors have many types
        logging.getLogger("aiconfigurator").exception("failed")
        failed = message_of(error)
    finally:
        for logger in loggers:
            logger.removeHandler(messages)
    return {
        "files": read(place, kept),
        "messages": messages.lines,
        "failed": failed,
        "infeasible": messages.infeasible,
    }


def read(place, kept):
    """Text of the files that are wanted, by their path below the directory."""
    files, size = {}, 0
    for parent, directories, names in os.walk(place):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            if name not in kept or os.path.islink(path) or not os.path.isfile(path):
                continue
            size += os.path.getsize(path)
            if os.path.getsize(path) > LARGEST_FILE or size > LARGEST_ANSWER:
                raise Refused(f"{path} is larger than any file of this kind should be")
            with open(path, encoding="utf-8", errors="replace") as file:
                files[os.path.relpath(path, place).replace(os.sep, "/")] = file.read()
    return files


def estimate(_directory, request):
    """Estimates of one replica at several operating points, in the columns of the tool's tables."""
    from aiconfigurator.cli.api import cli_estimate

    common = dict(
        model_path=request["model"],
        system_name=request["system"],
        backend_name=request["backend"],
        # Left to itself the tool looks for the newest at every call, which takes a hundred times the estimate.
        backend_version=request["databaseVersion"],
        isl=request["isl"],
        osl=request["osl"],
        **quantization(request),
    )
    disaggregated = "decode" in request
    if disaggregated:
        common.update(mode="disagg", **role("prefill", request), **role("decode", request))
    else:
        common.update(role("", request))
    points = []
    for point in request["points"]:
        if disaggregated:
            batches = {"prefill_batch_size": point["prefillBatch"], "decode_batch_size": point["batch"]}
        else:
            batches = {"batch_size": point["batch"], "ctx_tokens": point["contextTokens"]}
        points.append(estimate_point(cli_estimate, {**common, **batches}))
    return {"points": points}


def estimate_point(cli_estimate, arguments):
    try:
        result = cli_estimate(**arguments)
    except RuntimeError as error:
        # The tool's word for what does not fit, for both the weights and the cache of disaggregated workers.
        if str(error).startswith("OOM"):
            return {"full": True, "row": None}
        raise
    read = {prefix + column for column in COLUMNS for prefix in ("", "(p)", "(d)")}
    row = {key: plain(value) for key, value in result.raw.items() if key in read}
    return {"full": bool(result.kv_cache_warning), "row": row}


def role(name, request):
    """Arguments for one kind of workers."""
    workers = request[name or "workers"]
    prefix = f"{name}_" if name else ""
    data, tensor = workers["dataParallel"], workers["tensorParallel"]
    expert, split = workers.get("moeExpertParallel"), workers.get("moeTensorParallel")
    if expert is None and split is None and is_moe(request["model"]):
        split = max(1, data * tensor)
    arguments = {
        "tp_size": tensor,
        "pp_size": workers["pipelineParallel"],
        "attention_dp_size": data,
        "moe_ep_size": expert,
        "moe_tp_size": split,
        "free_gpu_memory_fraction": workers.get("kvCacheFraction"),
    }
    if name:
        arguments["num_workers"] = workers["count"]
    return {prefix + key: value for key, value in arguments.items()}


def is_moe(model):
    from aiconfigurator.sdk.models import check_is_moe

    return check_is_moe(model)


def quantization(request):
    """Types by the tool's names. What it has no name for is left to what the checkpoint says."""
    from aiconfigurator.sdk import common

    def known(name, names):
        name = (name or "").lower()
        if name in ("bf16", "float16", "fp16", "half"):
            name = "bfloat16"
        return name if name in names.__members__ else None

    return {
        "gemm_quant_mode": known(request.get("weights"), common.GEMMQuantMode),
        "kvcache_quant_mode": known(request.get("kvCache"), common.KVCacheQuantMode),
    }


def plain(value):
    """A value JSON can hold; the tool's numbers may be numpy's."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def message_of(error):
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


OPERATIONS = {"versions": versions, "search": search, "naive": naive, "estimate": estimate}


def answer(directory, line):
    request = json.loads(line)
    reply = {"id": request.get("id")}
    try:
        reply["result"] = OPERATIONS[request["operation"]](directory, request)
    except Refused as error:
        reply["error"] = str(error)
    except SystemExit as end:
        reply["error"] = str(end.code)
    except Exception as error:
        logging.getLogger("aiconfigurator").exception("failed")
        reply["error"] = message_of(error)
    return json.dumps(reply, allow_nan=False, separators=(",", ":"))


def serve(directory):
    # The tool prints; answers keep a channel of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(answer(directory, line) + "\n")
        answers.flush()


def prepare(directory):
    """Keeps all that the tool and its libraries write below the directory."""
    directory = os.path.abspath(directory)
    for name in ("TMPDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        os.environ[name] = directory
    os.environ.setdefault("HF_HOME", os.path.join(directory, "huggingface"))
    os.environ["MPLBACKEND"] = "Agg"
    sys.dont_write_bytecode = True
    # Nothing is imported from the working directory.
    sys.path[:] = [path for path in sys.path if path]
    tempfile.tempdir = None
    return directory


if __name__ == "__main__":
    serve(prepare(sys.argv[1]))
