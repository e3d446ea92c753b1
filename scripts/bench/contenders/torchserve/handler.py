"""TorchServe's BaseHandler with the one method that tabular input needs."""

import torch
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    """Loads the model, calls it and renders the response as BaseHandler does."""

    def preprocess(self, data):
        """Return the requests' lists, which TorchServe has parsed already, as one tensor."""
        rows = [row.get("data") or row.get("body") for row in data]
        return torch.as_tensor(rows, device=self.device)
