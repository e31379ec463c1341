-- The registered devices, with the columns that MySQL and PostgreSQL have, and
-- those of tig_push_device_data: a look-up is to read one page. For that rows lie
-- by their node: node_key begins with 47 bits of node_sha1, and 16 bits count the
-- devices that have the same.

CREATE TABLE tig_push_devices (
    node_key INTEGER PRIMARY KEY,
    service_jid TEXT NOT NULL, service_jid_sha1 TEXT NOT NULL,
    user_jid TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
    node TEXT NOT NULL, node_sha1 TEXT NOT NULL,
    provider TEXT NOT NULL,
    device_id TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (unixepoch()),
    updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
    device_second_id TEXT NULL,
    registered_ms INTEGER NOT NULL DEFAULT 0,
    accepted_ms INTEGER NOT NULL DEFAULT 0,
    failed_ms INTEGER NOT NULL DEFAULT 0,
    failed_reason TEXT NOT NULL DEFAULT '',
    failed_push_id TEXT NOT NULL DEFAULT '',
    sandbox INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX tig_push_devices_row ON tig_push_devices (service_jid_sha1, user_jid_sha1, provider, device_id_sha1);
CREATE INDEX tig_push_devices_device ON tig_push_devices (device_id_sha1);
-- Rows that another program has put in lie anywhere until their users register again.
CREATE INDEX tig_push_devices_strays ON tig_push_devices (node_sha1) WHERE registered_ms = 0;

-- What a table of devices of another's making lacks.

CREATE TABLE tig_push_device_data (
    service_jid_sha1 TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
    provider TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
    device_second_id TEXT NULL,
    registered_ms INTEGER NOT NULL DEFAULT 0,
    accepted_ms INTEGER NOT NULL DEFAULT 0,
    failed_ms INTEGER NOT NULL DEFAULT 0,
    failed_reason TEXT NOT NULL DEFAULT '',
    failed_push_id TEXT NOT NULL DEFAULT '',
    sandbox INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device_id_sha1, user_jid_sha1, provider, service_jid_sha1)
) STRICT, WITHOUT ROWID;

CREATE TABLE tig_push_tombstones (
    service_jid_sha1 TEXT NOT NULL, user_jid_sha1 TEXT NOT NULL,
    provider TEXT NOT NULL, device_id_sha1 TEXT NOT NULL,
    service_jid TEXT NOT NULL, user_jid TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    why TEXT NOT NULL,
    removed_ms INTEGER NOT NULL,
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)
) STRICT;
CREATE INDEX tig_push_tombstones_removed ON tig_push_tombstones (removed_ms);
