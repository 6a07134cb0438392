"""The contract as data: two operations cut out of a document, compared, reported, edited."""
