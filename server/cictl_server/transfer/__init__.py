"""Copying everything that a server keeps from one place to another: from a data directory into a database and a bucket, or back.

```
place     one end: its records, logs and files, opened as a server would, and the proof that no server has it
records   every table, in batches
files     artifacts, reports and icons, a folder at a time
logs      each log with its times and steps
copy      all of them, in an order that can be interrupted anywhere and done again
```
"""
