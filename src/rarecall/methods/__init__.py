"""Method names: one grammar in Python, YAML and on the command line.

``[pretrain>]loss[+term...][+lct|+lct-nofilm][+sam|+pesg][+balanced][+blend][+swa]``, as in ``bce``,
``a-fl+alm``, ``vs+sam+lct``, ``bce>auc-margin+pesg``. Nothing heavy is imported until a method is
built.
"""

from rarecall.methods.components import Component, Parameter
from rarecall.methods.grammar import Method, all_methods, parse

__all__ = ["Component", "Method", "Parameter", "all_methods", "parse"]
