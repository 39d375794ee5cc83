"""A Parquet table of any size in chunks of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rarecall.data.table_files import refuse_duplicates, told_as_data_errors
from rarecall.delivery.csv_chunks import Chunk
from rarecall.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class ParquetChunks:
    """Rows of a Parquet file, in order.

    Args:
        path: The file.
        rows: At most as many rows come at once.

    Raises:
        DataError: It is damaged, or has two columns of one name.
    """

    typed = True
    comma = False

    def __init__(self, path: Path, rows: int) -> None:
        import pyarrow
        from pyarrow import parquet

        self.path, self.rows = path, rows
        with told_as_data_errors(path):
            try:
                self.columns = [str(name) for name in parquet.read_schema(path).names]
            except pyarrow.ArrowException as error:
                raise OSError(str(error).splitlines()[0]) from error
        refuse_duplicates(path, self.columns)

    def chunks(self, columns: Sequence[str], numbers: Sequence[str]) -> Iterator[Chunk]:
        """Give the rows.

        Args:
            columns: Names of those to give.
            numbers: Not needed: the file knows its types.

        Raises:
            DataError: The file is damaged.
        """
        import pyarrow
        from pyarrow import parquet

        del numbers
        try:
            with parquet.ParquetFile(self.path, pre_buffer=False) as file:
                total, read = max(1, file.metadata.num_rows), 0
                for batch in file.iter_batches(self.rows, columns=list(columns), use_threads=False):
                    read += len(batch)
                    table = batch.to_pandas().reset_index(drop=True)
                    yield Chunk(table[list(columns)], {}, read / total)
        except (pyarrow.ArrowException, OSError) as error:
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{self.path} cannot be read as Parquet: {told}.") from error
