"""Times of CUDA graph replays."""

import torch


def replay_ms(run, wanted_ms=20.0, rounds=5):
    """Milliseconds of one run: the best of some rounds of graph replays."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()

    def timed(replays):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(replays):
            graph.replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / replays

    replays = int(max(1, min(2000, wanted_ms / max(timed(1), 1e-3))))
    return min(timed(replays) for _ in range(rounds))
