-- Tigase's user repository: what tpush needs of it. A Tigase server that loads
-- its own schema afterwards finds its tables, and replaces the routines by its own.

CREATE TABLE tig_users (
    uid bigint unsigned NOT NULL AUTO_INCREMENT,
    user_id varchar(2049) NOT NULL,
    sha1_user_id char(128) NOT NULL,
    user_pw varchar(255) DEFAULT NULL,
    acc_create_time timestamp NULL DEFAULT CURRENT_TIMESTAMP,
    last_used timestamp NULL DEFAULT NULL,
    failed_logins int DEFAULT 0,
    account_status int DEFAULT 1,
    PRIMARY KEY (uid),
    UNIQUE KEY sha1_user_id (sha1_user_id),
    KEY user_pw (user_pw),
    KEY part_of_user_id (user_id(255)),
    KEY account_status (account_status)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8 ROW_FORMAT=DYNAMIC;

CREATE TABLE tig_nodes (
    nid bigint unsigned NOT NULL AUTO_INCREMENT,
    parent_nid bigint unsigned,
    uid bigint unsigned NOT NULL,
    node varchar(255) NOT NULL,
    PRIMARY KEY (nid),
    UNIQUE KEY tnode (parent_nid, uid, node),
    KEY node (node),
    KEY uid (uid),
    KEY parent_nid (parent_nid),
    CONSTRAINT tig_nodes_constr FOREIGN KEY (uid) REFERENCES tig_users (uid)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8 ROW_FORMAT=DYNAMIC;

CREATE TABLE tig_pairs (
    pid int NOT NULL AUTO_INCREMENT,
    nid bigint unsigned,
    uid bigint unsigned NOT NULL,
    pkey varchar(255) NOT NULL,
    pval mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
    PRIMARY KEY (pid),
    KEY pkey (pkey),
    KEY uid (uid),
    KEY nid (nid),
    CONSTRAINT tig_pairs_constr_1 FOREIGN KEY (uid) REFERENCES tig_users (uid),
    CONSTRAINT tig_pairs_constr_2 FOREIGN KEY (nid) REFERENCES tig_nodes (nid)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8 ROW_FORMAT=DYNAMIC;

CREATE TABLE tig_user_credentials (
    uid bigint unsigned NOT NULL,
    username varchar(2049) NOT NULL,
    username_sha1 char(128) NOT NULL,
    mechanism varchar(128) NOT NULL,
    value mediumtext NOT NULL,
    PRIMARY KEY (uid, username_sha1, mechanism),
    CONSTRAINT tig_user_credentials_uid FOREIGN KEY (uid) REFERENCES tig_users (uid)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8 ROW_FORMAT=DYNAMIC;

delimiter //

CREATE PROCEDURE TigGetUserDBUid(_user_id varchar(2049) CHARACTER SET utf8)
    SELECT uid FROM tig_users WHERE sha1_user_id = sha1(lower(_user_id))//

CREATE PROCEDURE TigAddUserPlainPw(_user_id varchar(2049) CHARACTER SET utf8, _user_pw varchar(255) CHARACTER SET utf8)
BEGIN
    DECLARE _uid bigint unsigned;
    INSERT INTO tig_users (user_id, sha1_user_id, account_status)
        VALUES (_user_id, sha1(lower(_user_id)), IF(_user_pw IS NULL, -1, 1));
    SET _uid = LAST_INSERT_ID();
    INSERT INTO tig_nodes (parent_nid, uid, node) VALUES (NULL, _uid, 'root');
    IF _user_pw IS NOT NULL THEN
        INSERT INTO tig_user_credentials (uid, username, username_sha1, mechanism, value)
            VALUES (_uid, 'default', sha1('default'), 'PLAIN', _user_pw);
    END IF;
    SELECT _uid AS uid;
END//

CREATE PROCEDURE TigAddNode(_parent_nid bigint, _uid bigint, _node varchar(255) CHARACTER SET utf8)
BEGIN
    DECLARE _nid bigint unsigned;
    IF _parent_nid IS NULL THEN
        SELECT min(nid) INTO _nid FROM tig_nodes WHERE parent_nid IS NULL AND uid = _uid AND node = _node;
    ELSE
        SELECT min(nid) INTO _nid FROM tig_nodes WHERE parent_nid = _parent_nid AND uid = _uid AND node = _node;
    END IF;
    IF _nid IS NULL THEN
        INSERT INTO tig_nodes (parent_nid, uid, node) VALUES (_parent_nid, _uid, _node);
        SET _nid = LAST_INSERT_ID();
    END IF;
    SELECT _nid AS nid;
END//

CREATE PROCEDURE TigUpdatePairs(_nid bigint, _uid bigint, _tkey varchar(255) CHARACTER SET utf8, _tval mediumtext CHARACTER SET utf8mb4)
BEGIN
    IF EXISTS (SELECT 1 FROM tig_pairs WHERE nid = _nid AND uid = _uid AND pkey = _tkey) THEN
        UPDATE tig_pairs SET pval = _tval WHERE nid = _nid AND uid = _uid AND pkey = _tkey;
    ELSE
        INSERT INTO tig_pairs (nid, uid, pkey, pval) VALUES (_nid, _uid, _tkey, _tval);
    END IF;
END//

CREATE PROCEDURE TigRemoveUser(_user_id varchar(2049) CHARACTER SET utf8)
BEGIN
    DECLARE _uid bigint unsigned;
    SELECT uid INTO _uid FROM tig_users WHERE sha1_user_id = sha1(lower(_user_id));
    DELETE FROM tig_user_credentials WHERE uid = _uid;
    DELETE FROM tig_pairs WHERE uid = _uid;
    DELETE FROM tig_nodes WHERE uid = _uid;
    DELETE FROM tig_users WHERE uid = _uid;
END//

delimiter ;
