-- Tigase's user repository: what tpush needs of it. A Tigase server that loads
-- its own schema afterwards finds its tables, and replaces the routines by its own.
-- tig_users has the columns of Tigase 8.0: its files are loaded one after another,
-- and that of 8.0 stops at a column that is missing.

CREATE TABLE tig_users (
    uid bigserial PRIMARY KEY,
    user_id varchar(2049) NOT NULL,
    user_pw varchar(255) DEFAULT NULL,
    acc_create_time timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    last_login timestamp with time zone,
    last_logout timestamp with time zone,
    online_status int DEFAULT 0,
    failed_logins int DEFAULT 0,
    account_status int DEFAULT 1
);
CREATE UNIQUE INDEX user_id ON tig_users (lower(user_id));
CREATE INDEX user_pw ON tig_users (user_pw);
CREATE INDEX account_status ON tig_users (account_status);

CREATE TABLE tig_nodes (
    nid bigserial PRIMARY KEY,
    parent_nid bigint,
    uid bigint NOT NULL REFERENCES tig_users (uid),
    node varchar(255) NOT NULL
);
CREATE UNIQUE INDEX tnode ON tig_nodes (parent_nid, uid, node);
CREATE INDEX node ON tig_nodes (node);
CREATE INDEX nuid ON tig_nodes (uid);
CREATE INDEX parent_nid ON tig_nodes (parent_nid);

CREATE TABLE tig_pairs (
    pid bigserial PRIMARY KEY,
    nid bigint REFERENCES tig_nodes (nid),
    uid bigint NOT NULL REFERENCES tig_users (uid),
    pkey varchar(255) NOT NULL,
    pval text
);
CREATE INDEX pkey ON tig_pairs (pkey);
CREATE INDEX puid ON tig_pairs (uid);
CREATE INDEX pnid ON tig_pairs (nid);

CREATE TABLE tig_user_credentials (
    uid bigint NOT NULL REFERENCES tig_users (uid),
    username varchar(2049) NOT NULL,
    mechanism varchar(128) NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (uid, username, mechanism)
);

CREATE FUNCTION TigGetUserDBUid(varchar(2049)) RETURNS bigint AS $$
    SELECT uid FROM tig_users WHERE lower(user_id) = lower($1);
$$ LANGUAGE sql;

CREATE FUNCTION TigAddUserPlainPw(_user_id varchar(2049), _user_pw varchar(255)) RETURNS bigint AS $$
DECLARE
    _uid bigint;
BEGIN
    INSERT INTO tig_users (user_id, account_status) VALUES (_user_id, CASE WHEN _user_pw IS NULL THEN -1 ELSE 1 END)
        RETURNING uid INTO _uid;
    INSERT INTO tig_nodes (parent_nid, uid, node) VALUES (NULL, _uid, 'root');
    IF _user_pw IS NOT NULL THEN
        INSERT INTO tig_user_credentials (uid, username, mechanism, value) VALUES (_uid, 'default', 'PLAIN', _user_pw);
    END IF;
    RETURN _uid;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION TigAddNode(bigint, bigint, varchar(255)) RETURNS bigint AS $$
    INSERT INTO tig_nodes (parent_nid, uid, node) VALUES ($1, $2, $3) RETURNING nid;
$$ LANGUAGE sql;

CREATE FUNCTION TigUpdatePairs(bigint, bigint, varchar(255), text) RETURNS void AS $$
BEGIN
    UPDATE tig_pairs SET pval = $4 WHERE nid = $1 AND uid = $2 AND pkey = $3;
    IF NOT FOUND THEN
        INSERT INTO tig_pairs (nid, uid, pkey, pval) VALUES ($1, $2, $3, $4);
    END IF;
END;
$$ LANGUAGE plpgsql;

CREATE FUNCTION TigRemoveUser(_user_id varchar(2049)) RETURNS void AS $$
DECLARE
    _uid bigint;
BEGIN
    SELECT u.uid INTO _uid FROM tig_users u WHERE lower(u.user_id) = lower(_user_id);
    DELETE FROM tig_user_credentials WHERE uid = _uid;
    DELETE FROM tig_pairs WHERE uid = _uid;
    DELETE FROM tig_nodes WHERE uid = _uid;
    DELETE FROM tig_users WHERE uid = _uid;
END;
$$ LANGUAGE plpgsql;
