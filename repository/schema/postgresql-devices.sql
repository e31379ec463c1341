-- The registered devices. tig_push_devices has the columns of Tigase's own push
-- component as far as they are public; what it lacks is in
-- tig_push_device_data. Keys are SHA-1 in hex: a long token fits in no index.

CREATE TABLE tig_push_devices (
    service_jid varchar(2049) NOT NULL, service_jid_sha1 char(40) NOT NULL,
    user_jid varchar(2049) NOT NULL, user_jid_sha1 char(40) NOT NULL,
    node varchar(255) NOT NULL, node_sha1 char(40) NOT NULL,
    provider varchar(255) NOT NULL,
    device_id varchar(4096) NOT NULL, device_id_sha1 char(40) NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)
);
CREATE INDEX tig_push_devices_node ON tig_push_devices (node_sha1, service_jid_sha1);
CREATE INDEX tig_push_devices_device ON tig_push_devices (device_id_sha1, provider);

CREATE TABLE tig_push_device_data (
    service_jid_sha1 char(40) NOT NULL, user_jid_sha1 char(40) NOT NULL,
    provider varchar(255) NOT NULL, device_id_sha1 char(40) NOT NULL,
    device_second_id varchar(4096) NULL,
    registered_ms bigint NOT NULL DEFAULT 0,
    accepted_ms bigint NOT NULL DEFAULT 0,
    failed_ms bigint NOT NULL DEFAULT 0,
    failed_reason varchar(255) NOT NULL DEFAULT '',
    failed_push_id varchar(64) NOT NULL DEFAULT '',
    sandbox boolean NOT NULL DEFAULT false,
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)
);

CREATE TABLE tig_push_tombstones (
    service_jid_sha1 char(40) NOT NULL, user_jid_sha1 char(40) NOT NULL,
    provider varchar(255) NOT NULL, device_id_sha1 char(40) NOT NULL,
    service_jid varchar(2049) NOT NULL, user_jid varchar(2049) NOT NULL,
    token_hash char(8) NOT NULL,
    why varchar(64) NOT NULL,
    removed_ms bigint NOT NULL,
    PRIMARY KEY (service_jid_sha1, user_jid_sha1, provider, device_id_sha1)
);
CREATE INDEX tig_push_tombstones_removed ON tig_push_tombstones (removed_ms);
