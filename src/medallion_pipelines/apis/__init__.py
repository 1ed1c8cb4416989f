"""APIs over gold tables, from their contracts: OpenAPI, GraphQL, and the function behind them."""
