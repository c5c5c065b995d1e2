"""Objects of the S3 server that the tests run (tests/object_storage.py)."""

from pyarrow.fs import S3FileSystem

from index.object_storage import endpoint


def storage() -> S3FileSystem:
    """Return the server that the environment names."""
    scheme, _, place = endpoint().partition("://")
    return S3FileSystem(endpoint_override=place, scheme=scheme, region="us-east-1")


def put(address: str, text: str | bytes) -> None:
    with storage().open_output_stream(address.removeprefix("s3://")) as file:
        file.write(text.encode() if isinstance(text, str) else text)


def delete(address: str) -> None:
    storage().delete_file(address.removeprefix("s3://"))
