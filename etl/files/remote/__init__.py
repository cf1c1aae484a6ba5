"""Files on anything that fsspec reaches: s3, gs, hf, https, sftp, memory, ...

Every request is tried again while its error may pass, and a file that is being read goes on at the
byte where it was. What listings and servers remember is not believed: others write there too.

What was looked at in November 2026, and why it is fsspec still. obstore (MIT, 0.12, Rust) has
conditional puts and typed errors, and is lighter than s3fs with botocore; but it reaches s3, gs and
azure alone, so that it would stand beside fsspec; its errors do not say what may pass; of profiles
and single sign-on it knows nothing without boto3; and its fsspec adapter ignores the conditions of
a put, by which a lock is one. fsspec's own caches know neither a limit of size nor two processes
that want one file. universal_pathlib gives paths their names and parents; its ``exists`` or
``read_bytes`` try once.
"""
