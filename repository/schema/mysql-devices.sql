-- The registered devices. tig_push_devices has the columns of Tigase's own push
-- component as far as they are public; what it lacks is in
-- tig_push_device_data. Keys are SHA-1 in hex: a collation would merge tokens
-- that differ in case.

CREATE TABLE tig_push_devices (
    service_jid varchar(2049) NOT NULL, service_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
    user_jid varchar(2049) NOT NULL, user_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
    node varchar(255) NOT NULL, node_sha1 char(40) CHARACTER SET ascii NOT NULL,
    provider varchar(255) NOT NULL,
    device_id varchar(4096) NOT NULL, device_id_sha1 char(40) CHARACTER SET ascii NOT NULL,
    created_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1),
    KEY tig_push_devices_node (node_sha1, service_jid_sha1),
    KEY tig_push_devices_device (device_id_sha1, provider)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;

CREATE TABLE tig_push_device_data (
    service_jid_sha1 char(40) CHARACTER SET ascii NOT NULL, user_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
    provider varchar(255) NOT NULL, device_id_sha1 char(40) CHARACTER SET ascii NOT NULL,
    device_second_id varchar(4096) NULL,
    registered_ms bigint NOT NULL DEFAULT 0,
    accepted_ms bigint NOT NULL DEFAULT 0,
    failed_ms bigint NOT NULL DEFAULT 0,
    failed_reason varchar(255) NOT NULL DEFAULT '',
    failed_push_id varchar(64) NOT NULL DEFAULT '',
    sandbox tinyint NOT NULL DEFAULT 0,
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;

CREATE TABLE tig_push_tombstones (
    service_jid_sha1 char(40) CHARACTER SET ascii NOT NULL, user_jid_sha1 char(40) CHARACTER SET ascii NOT NULL,
    provider varchar(255) NOT NULL, device_id_sha1 char(40) CHARACTER SET ascii NOT NULL,
    service_jid varchar(2049) NOT NULL, user_jid varchar(2049) NOT NULL,
    token_hash char(8) NOT NULL,
    why varchar(64) NOT NULL,
    removed_ms bigint NOT NULL,
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1),
    KEY tig_push_tombstones_removed (removed_ms)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ROW_FORMAT=DYNAMIC;
