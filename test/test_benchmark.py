"""The benchmark of latency, as a user starts it, for some rows."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_and_the_json_have_each_row_with_its_ratio_and_the_nodes_profile(tmp_path):
    out = tmp_path / "latency.json"
    command = [sys.executable, str(ROOT / "benchmark" / "latency.py"), "--isa", "avx2", "--precision", "f32"]
    options = ["--rows", "network", "detector", "node30", "--seconds", "2", "--json", str(out)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["conditions"]["environment"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    network, detector, node = report["rows"]
    assert network["ratio"] + detector["ratio"] > 0.98 and node["engine"].endswith("f32")
    assert node["answered"] > 0 and 0 < node["ms"]["p50"] <= node["ms"]["p99"] and node["hands"] > 0.5
    assert node["answered"] + node["dropped"] in range(50, 70)  # two seconds at 30 Hz
    parts = node["profile_ms"]
    networks = parts["detection: networks"] + parts["pose network, after detection"]
    assert all(value >= 0 for value in parts.values()) and networks > 0.2 * node["ms"]["p50"]
    assert all(f" {row['ms']['p50']:.1f} | " in done.stdout for row in report["rows"])
