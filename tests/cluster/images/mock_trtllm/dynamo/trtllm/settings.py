"""What a worker is told: the command line and engine file of AIConfigurator's manifests, and switches from the environment."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

# TensorRT-LLM's own defaults, used where the engine file is silent.
DEFAULT_MAX_BATCH_SIZE = 2048
DEFAULT_MAX_NUM_TOKENS = 8192

DISAGGREGATION_MODES = ("agg", "prefill", "decode")


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what was found."""


@dataclass(frozen=True)
class Engine:
    """The part of a TensorRT-LLM engine file that decides latency and admission."""

    tensor_parallel_size: int
    max_batch_size: int
    max_num_tokens: int
    chunked_prefill: bool


@dataclass(frozen=True)
class Faults:
    """Ways in which this worker misbehaves on purpose; the default is none."""

    honours_ignore_eos: bool = True
    error_rate: float = 0.0
    prefix_cache: bool = False
    prefix_cache_is_blind: bool = False
    die_after_requests: int | None = None
    die_once: bool = False
    crash_at_start: bool = False
    oom_at_start: bool = False
    register: bool = True


@dataclass(frozen=True)
class Settings:
    served_model_name: str
    mode: str
    engine: Engine
    faults: Faults
    tokenizer: Path
    table: Path
    ttft_factor: float
    tpot_factor: float
    startup_seconds: float


def parse(argv: list[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the flags and the engine file they name; raises `SettingsError`."""
    parser = argparse.ArgumentParser(prog="dynamo.trtllm")
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--served-model-name")
    parser.add_argument("--extra-engine-args", type=Path)
    parser.add_argument("--disaggregation-mode", choices=DISAGGREGATION_MODES, default="agg")
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        print(f"mock: flags without effect here: {' '.join(unknown)}", flush=True)

    source = _Environment(environment)
    return Settings(
        served_model_name=arguments.served_model_name or arguments.model_path,
        mode=arguments.disaggregation_mode,
        engine=read_engine_file(arguments.extra_engine_args),
        faults=Faults(
            honours_ignore_eos=source.switch("BCMP_MOCK_IGNORE_EOS", True),
            error_rate=source.number("BCMP_MOCK_ERROR_RATE", 0.0, 0.0, 1.0),
            prefix_cache=source.switch("BCMP_MOCK_PREFIX_CACHE", False),
            prefix_cache_is_blind=source.switch("BCMP_MOCK_PREFIX_CACHE_BLIND", False),
            die_after_requests=source.count("BCMP_MOCK_DIE_AFTER_REQUESTS"),
            die_once=source.switch("BCMP_MOCK_DIE_ONCE", False),
            crash_at_start=source.switch("BCMP_MOCK_CRASH_AT_START", False),
            oom_at_start=source.switch("BCMP_MOCK_OOM_AT_START", False),
            register=not source.switch("BCMP_MOCK_NO_REGISTER", False),
        ),
        tokenizer=Path(environment.get("BCMP_MOCK_TOKENIZER", "/opt/tokenizer")),
        table=Path(environment.get("BCMP_MOCK_TABLE", "/opt/mock/latency.json")),
        ttft_factor=source.number("BCMP_MOCK_TTFT_FACTOR", 1.0, 0.01, 100.0),
        tpot_factor=source.number("BCMP_MOCK_TPOT_FACTOR", 1.0, 0.01, 100.0),
        startup_seconds=source.number("BCMP_MOCK_STARTUP_SECONDS", 0.0, 0.0, 3600.0),
    )


def read_engine_file(path: Path | None) -> Engine:
    """Limits at the top level (Dynamo 1.x) or below `build_config` (Dynamo 0.x)."""
    if path is None:
        content = {}
    else:
        try:
            content = yaml.safe_load(path.read_text()) or {}
        except (OSError, yaml.YAMLError) as error:
            raise SettingsError(f"engine file {path}: {error}") from error
    limits = content.get("build_config") or content
    if content.get("pipeline_parallel_size", 1) != 1:
        raise SettingsError(f"engine file {path}: pipeline_parallel_size must be 1, the latency table knows no other")
    return Engine(
        tensor_parallel_size=int(content.get("tensor_parallel_size", 1)),
        max_batch_size=int(limits.get("max_batch_size", DEFAULT_MAX_BATCH_SIZE)),
        max_num_tokens=int(limits.get("max_num_tokens", DEFAULT_MAX_NUM_TOKENS)),
        chunked_prefill=bool(content.get("enable_chunked_prefill", False)),
    )


class _Environment:
    """Typed reading of environment variables; an empty value counts as unset."""

    def __init__(self, environment: Mapping[str, str]):
        self.environment = environment

    def switch(self, name: str, default: bool) -> bool:
        words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
        value = self.environment.get(name, "")
        if not value:
            return default
        if value.lower() not in words:
            raise SettingsError(f"{name}={value}: want on or off")
        return words[value.lower()]

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self.environment.get(name, "")
        if not value:
            return default
        try:
            number = float(value)
        except ValueError as error:
            raise SettingsError(f"{name}={value}: want a number") from error
        if not least <= number <= most:
            raise SettingsError(f"{name}={value}: want a number from {least} to {most}")
        return number

    def count(self, name: str) -> int | None:
        value = self.environment.get(name, "")
        if not value:
            return None
        if not value.isdecimal() or int(value) < 1:
            raise SettingsError(f"{name}={value}: want a whole number, at least 1")
        return int(value)
