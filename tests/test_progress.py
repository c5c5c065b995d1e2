from rag.progress import progress_line


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    # 1 MB of 4 in 100 s: 10 kB/s, and 3 MB more take 300 s.
    assert progress_line("Indexing notes", 1_000_000, 4_000_000, 100) == (
        "Indexing notes: 25 % of 4.0 MB, 10 kB/s, 5 min left"
    )
