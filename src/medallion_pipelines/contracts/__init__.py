"""ODCS contracts: read, checked and compiled to what the layers need."""

from .model import Product, Table
from .problems import Problem
from .product import check_product, load_product

__all__ = ["Problem", "Product", "Table", "check_product", "load_product"]
