"""What an object store's failures mean to the user, and which may pass by themselves."""

from __future__ import annotations

import errno

from pose_contract.errors import StageError, UsageError, WorkspaceError
from pose_contract.names import printable

INSTALL = {
    "s3": "make setup CLUSTER=1, on all nodes",
    "gs": "on all nodes: uv pip install --python .venv gcsfs",
    "gcs": "on all nodes: uv pip install --python .venv gcsfs",
    "az": "on all nodes: uv pip install --python .venv adlfs",
    "abfs": "on all nodes: uv pip install --python .venv adlfs",
}
LOGIN = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the machine's role",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or the machine's service account",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
CLIENTS = {"aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "requests", "urllib3"}
NOT_PASSING = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "ParamValidationError"}
REFUSED = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
FULL = {errno.ENOSPC, errno.EDQUOT}
LASTING = {*FULL, errno.EROFS, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EINVAL}
MOST_LETTERS = 300


def is_of_a_store(error: BaseException) -> bool:
    """Whether an error is the store's or the network's doing, and not a bug of ours."""
    return isinstance(error, OSError | EOFError) or type(error).__module__.partition(".")[0] in CLIENTS


def is_full(error: BaseException) -> bool:
    """Whether a disk is full."""
    return isinstance(error, OSError) and error.errno in FULL


def may_pass(error: BaseException) -> bool:
    """Whether the same may succeed a little later."""
    if not is_of_a_store(error) or type(error).__name__ in NOT_PASSING:
        return False
    if isinstance(error, FileNotFoundError | PermissionError | FileExistsError):
        return False
    return not (isinstance(error, OSError) and error.errno in LASTING)


def not_opened(uri: str, error: Exception) -> UsageError:
    """Why no store is at that URI."""
    scheme = uri.partition("://")[0]
    if isinstance(error, ImportError):
        remedy = INSTALL.get(scheme, "install it on all nodes")
        return UsageError(f"{scheme}:// needs a package that is not installed: {first_line(error)}", remedy)
    if isinstance(error, ValueError) and "rotocol" in str(error):
        return UsageError(
            f"--workspace {uri}: no storage is called {scheme}://", "s3:// gs:// az:// file://, or a path"
        )
    return UsageError(f"--workspace {uri}: {first_line(error)}", "s3://BUCKET/FOLDER, for example")


def meant(uri: str, doing: str, error: Exception) -> StageError:
    """What a failure that stays means.

    Args:
        uri: of the workspace.
        doing: what was tried: `read images/a.jpg`.
        error: what the store's client, or the disk, raised.
    """
    scheme = uri.partition("://")[0]
    what = f"cannot {printable(doing)} in {uri}: {first_line(error)}"
    if isinstance(error, PermissionError) or type(error).__name__ in REFUSED:
        known = LOGIN.get(scheme, "its rights, and who asks for it")
        return WorkspaceError(what, f"check who may: {known}; on every node")
    if isinstance(error, FileNotFoundError):
        return WorkspaceError(what, "check the bucket's name, and that it was not emptied meanwhile")
    if isinstance(error, NotImplementedError):
        return WorkspaceError(what, "it can be read only: take a copy of the workspace elsewhere")
    return WorkspaceError(what, "run again when it answers: what is done is kept, the run goes on from there")


def scratch_failed(scratch: str, error: OSError) -> WorkspaceError:
    """Why the local disk did not take what was fetched."""
    if is_full(error):
        remedy = "say --scratch DIR, on a larger disk of every node, or a smaller --shard-size; what is done is kept"
        return WorkspaceError(f"the scratch folder {scratch} is full", remedy)
    return WorkspaceError(
        f"cannot write the scratch folder {scratch}: {error.strerror}", "say --scratch DIR, one that is yours"
    )


def first_line(error: Exception) -> str:
    """The beginning of what an error says, in printable letters."""
    told = (error.strerror if isinstance(error, OSError) else None) or str(error)
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return printable(lines[0])[:MOST_LETTERS] if lines else type(error).__name__
