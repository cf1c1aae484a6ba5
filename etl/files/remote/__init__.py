"""Files on any storage that fsspec reaches: s3, gs, hf, https, sftp, memory and more.

A module may enter if it sends requests to a storage or understands its errors. It may import what
`etl.files` may. Every request is retried while its error may pass, and a file that breaks off is
read on from the same byte. No remembered listing is trusted, because other processes write to the
storage too.

In November 2026 we compared fsspec with other libraries, and kept it. obstore (MIT, 0.12, Rust) has
conditional puts and typed errors, and is lighter than s3fs with botocore. But it reaches s3, gs and
azure only, so we would need both. Its errors do not say whether they may pass, and it needs boto3
for profiles and single sign-on. Its fsspec adapter ignores the conditions of a put, on which our
locks rely. fsspec's own caches have no size limit, and two processes that want the same file fetch
it twice. universal_pathlib gives paths their names and parents; its ``exists`` and ``read_bytes``
do not retry.
"""
