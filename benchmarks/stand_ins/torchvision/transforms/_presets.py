"""Stands in for torchvision.transforms._presets: names in the tables of trained weights."""
import enum


class InterpolationMode(enum.Enum):
    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


class ImageClassification:
    def __init__(self, **settings):
        self.settings = settings


class SemanticSegmentation(ImageClassification):
    pass


class VideoClassification(ImageClassification):
    pass
