"""The only home of SQL on the writing side: tables, migrations, COPY, publishing, the ledger."""
