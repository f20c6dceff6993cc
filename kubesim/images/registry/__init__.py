"""Images from real registries, over HTTP and HTTPS.

    settings.py     what a user says: the file of `--registries`, Docker's config.json
    pull.py         a reference -> its manifest and blobs in a BlobDirectory, checked
    session.py      whom to ask, again or not: mirrors, redirections, retries, resumed transfers
    tokens.py       logins and bearer tokens
    connection.py   one request over one connection, bounded in time and size
    patience.py     how long is waited for what; stopping a pull from another thread
    incoming.py     what a pull has so far, which gets its place as a whole or goes
    errors.py       RegistryError: the reference, the step, and the facts of the failure

The rules are pure and lie in `policy`: registry_endpoints, registry_challenge, registry_retry, docker_cli_config.
Registries live in real time: a pull blocks the thread that it runs in, and no kernel runs in that.

Rejected: one connection for several requests. It would save a few round trips of a pull that is measured in seconds,
and every answer that was not read to its end would have to be told from the next one.
"""
