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
-- A row that another program puts in gets its place here: the first twelve hex
-- digits of node_sha1 as a number, without its last bit.
CREATE TRIGGER tig_push_devices_place AFTER INSERT ON tig_push_devices
    WHEN new.node_key >> 16 <> (
          (instr('0123456789abcdef', substr(lower(new.node_sha1), 1, 1)) - 1 << 44)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 2, 1)) - 1 << 40)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 3, 1)) - 1 << 36)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 4, 1)) - 1 << 32)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 5, 1)) - 1 << 28)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 6, 1)) - 1 << 24)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 7, 1)) - 1 << 20)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 8, 1)) - 1 << 16)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 9, 1)) - 1 << 12)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 10, 1)) - 1 << 8)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 11, 1)) - 1 << 4)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 12, 1)) - 1 << 0)) >> 1
BEGIN
    UPDATE tig_push_devices SET node_key = (
        SELECT coalesce(max(d.node_key) + 1, w.first) FROM
            (SELECT (
          (instr('0123456789abcdef', substr(lower(new.node_sha1), 1, 1)) - 1 << 44)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 2, 1)) - 1 << 40)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 3, 1)) - 1 << 36)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 4, 1)) - 1 << 32)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 5, 1)) - 1 << 28)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 6, 1)) - 1 << 24)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 7, 1)) - 1 << 20)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 8, 1)) - 1 << 16)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 9, 1)) - 1 << 12)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 10, 1)) - 1 << 8)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 11, 1)) - 1 << 4)
        + (instr('0123456789abcdef', substr(lower(new.node_sha1), 12, 1)) - 1 << 0)) >> 1 << 16 AS first) w
            LEFT JOIN tig_push_devices d ON d.node_key BETWEEN w.first AND w.first + 65535)
    WHERE node_key = new.node_key; END;

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
