from .activation import Swish
from .compatibility import Dropout
from .conv_norm_act import Conv2dNormActivation
from .drop_path import DropPath
from .identity import Identity
from .pooling import GlobalAvgPooling
from .squeeze_excite import SqueezeExcite, SqueezeExciteV2
