"""A client of published models, for asyncio and without it.

    with Client("https://models.example.com", key=KEY) as client:
        client.predict("half_plus_two", TensorFlowServing(instances=[1.0, 2.0, 5.0])).values

formats/          a request and its answer in each wire format
asynchronous.py   how requests are sent          blocking.py   the same without asyncio
retries.py        when they are sent again       files.py      pictures, sounds and tables
errors.py         what can go wrong              cvtk.py       the names of Azure's computer vision package
"""

from modelport.client.asynchronous import AsyncClient
from modelport.client.blocking import Client
from modelport.client.errors import BadAnswer, ClientError, InvalidCall, Refused, TimedOut, Unreachable
from modelport.client.formats import FORMATS, AzureMl, Nexus, Nnc, OpenInference, PredictionOne, TensorFlowServing
from modelport.client.formats.azureml import Scores
from modelport.client.formats.base import Request, Served
from modelport.client.formats.nexus import Prediction, Predictions
from modelport.client.formats.nnc import Layer, Layers
from modelport.client.formats.open_inference import Tensors
from modelport.client.formats.prediction_one import TablePredictions
from modelport.client.formats.tensorflow_serving import Values
from modelport.client.retries import Retries

__all__ = [
    "FORMATS",
    "AsyncClient",
    "AzureMl",
    "BadAnswer",
    "Client",
    "ClientError",
    "InvalidCall",
    "Layer",
    "Layers",
    "Nexus",
    "Nnc",
    "OpenInference",
    "Prediction",
    "PredictionOne",
    "Predictions",
    "Refused",
    "Request",
    "Retries",
    "Scores",
    "Served",
    "TablePredictions",
    "TensorFlowServing",
    "Tensors",
    "TimedOut",
    "Unreachable",
    "Values",
]
