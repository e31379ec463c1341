-- Tigase's user repository in an embedded database: the same tables; what the
-- routines do is done by the program.

CREATE TABLE tig_users (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    sha1_user_id TEXT NOT NULL UNIQUE,
    user_pw TEXT NULL,
    acc_create_time INTEGER NOT NULL DEFAULT (unixepoch()),
    last_used INTEGER NULL,
    failed_logins INTEGER NOT NULL DEFAULT 0,
    account_status INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE tig_nodes (
    nid INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_nid INTEGER NULL,
    uid INTEGER NOT NULL REFERENCES tig_users (uid),
    node TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX tig_nodes_tnode ON tig_nodes (parent_nid, uid, node) WHERE parent_nid IS NOT NULL;
CREATE UNIQUE INDEX tig_nodes_root ON tig_nodes (uid) WHERE parent_nid IS NULL;
CREATE INDEX tig_nodes_uid ON tig_nodes (uid);

CREATE TABLE tig_pairs (
    pid INTEGER PRIMARY KEY AUTOINCREMENT,
    nid INTEGER NULL REFERENCES tig_nodes (nid),
    uid INTEGER NOT NULL REFERENCES tig_users (uid),
    pkey TEXT NOT NULL,
    pval TEXT NULL
) STRICT;
CREATE INDEX tig_pairs_nid ON tig_pairs (nid, pkey);
CREATE INDEX tig_pairs_uid ON tig_pairs (uid);
