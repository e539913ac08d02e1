import tempfile
import unittest
from pathlib import Path

from dynamo.trtllm.settings import Engine, SettingsError, parse, read_engine_file

DYNAMO_1 = """
backend: pytorch
tensor_parallel_size: 8
pipeline_parallel_size: 1
enable_chunked_prefill: False
max_batch_size: 12
max_num_tokens: 4512
kv_cache_config: {free_gpu_memory_fraction: 0.8, dtype: auto}
"""
DYNAMO_0 = """
backend: pytorch
tensor_parallel_size: 8
pipeline_parallel_size: 1
enable_chunked_prefill: False
build_config:
  max_batch_size: 12
  max_num_tokens: 4512
"""


def written(content: str) -> Path:
    file = tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False)
    with file:
        file.write(content)
    return Path(file.name)


class EngineFile(unittest.TestCase):
    def test_both_formats_mean_the_same(self):
        for content in (DYNAMO_1, DYNAMO_0):
            with self.subTest(content):
                self.assertEqual(read_engine_file(written(content)), Engine(8, 12, 4512, False))

    def test_what_it_does_not_say_is_the_engines_default(self):
        self.assertEqual(read_engine_file(written("")), Engine(1, 2048, 8192, False))

    def test_what_cannot_be_read_is_named(self):
        for content, word in (("a: [", "engine file"), ("pipeline_parallel_size: 2", "pipeline_parallel_size")):
            with self.subTest(content), self.assertRaisesRegex(SettingsError, word):
                read_engine_file(written(content))
        with self.assertRaisesRegex(SettingsError, "/no/such/file"):
            read_engine_file(Path("/no/such/file"))


class CommandLine(unittest.TestCase):
    def test_the_flags_of_the_manifests(self):
        path = str(written(DYNAMO_1))
        argv = ["--model-path", "/models/q", "--served-model-name", "Qwen/Qwen3-32B", "--extra-engine-args", path]
        settings = parse([*argv, "--disaggregation-mode", "decode"], {})
        self.assertEqual((settings.served_model_name, settings.mode), ("Qwen/Qwen3-32B", "decode"))
        self.assertEqual(parse(["--model-path", "q"], {}).served_model_name, "q")

    def test_switches(self):
        environment = {
            "BCMP_MOCK_IGNORE_EOS": "off",
            "BCMP_MOCK_ERROR_RATE": "0.33",
            "BCMP_MOCK_DIE_AFTER_REQUESTS": "7",
            "BCMP_MOCK_NO_REGISTER": "on",
            "BCMP_MOCK_TPOT_FACTOR": "2.5",
            "BCMP_MOCK_PREFIX_CACHE": "",
        }
        settings = parse(["--model-path", "q"], environment)
        self.assertFalse(settings.faults.honours_ignore_eos)
        self.assertFalse(settings.faults.register)
        self.assertFalse(settings.faults.prefix_cache)
        self.assertEqual((settings.faults.error_rate, settings.faults.die_after_requests), (0.33, 7))
        self.assertEqual((settings.tpot_factor, settings.ttft_factor), (2.5, 1.0))

    def test_a_misspelt_value_is_refused(self):
        for name, value in (
            ("BCMP_MOCK_IGNORE_EOS", "no way"),
            ("BCMP_MOCK_ERROR_RATE", "33"),
            ("BCMP_MOCK_DIE_AFTER_REQUESTS", "0"),
            ("BCMP_MOCK_TPOT_FACTOR", "fast"),
        ):
            with self.subTest(name), self.assertRaisesRegex(SettingsError, f"{name}={value}"):
                parse(["--model-path", "q"], {name: value})
