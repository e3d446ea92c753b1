"""LitServe as its guide to fast serving recommends: batches, workers, API servers."""

import os

import litserve as ls
import torch

CORES = os.cpu_count() or 1


class DoubleIt(ls.LitAPI):
    """Batches by concatenation: the requests' lists may differ in length."""

    def setup(self, device):
        """Load the model, once in each worker."""
        self.model = torch.jit.load(os.environ["MODEL"], map_location=device).eval()

    def decode_request(self, request):
        """Return a request's list as a tensor."""
        return torch.tensor(request)

    def batch(self, inputs):
        """Return the tensors of a batch."""
        self.sizes = [len(numbers) for numbers in inputs]
        return torch.cat(inputs)

    def predict(self, x):
        """Call the model."""
        with torch.inference_mode():
            return self.model(x)

    def unbatch(self, output):
        """Return the part of each request."""
        return output.split(self.sizes)

    def encode_response(self, output):
        """Return an object that LitServe serializes as JSON."""
        return output.tolist()


if __name__ == "__main__":
    server = ls.LitServer(
        DoubleIt(max_batch_size=64, batch_timeout=0.001),
        accelerator="cpu",
        workers_per_device=CORES,
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=CORES,
        log_level="warning",
        generate_client_file=False,
    )
