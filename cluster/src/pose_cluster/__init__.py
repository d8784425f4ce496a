"""pose-cluster: the unchanged stages on many machines. Ray schedules and retries; a shared folder is the workspace."""

COMMAND = "pose-cluster"
__version__ = "0.1.0"
